"""Mail is a row of its change, delivered afterwards over real SMTP: never lost, never twice but under one Message-ID."""

import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from careercenter import db, links, outbox
from careercenter.outbox import OutboxMessage
from careercenter.settings import Settings
from tests.smtp_server import Mailbox

TEXT = "Subject: $topic\n\nDear $who at $campus,\n\n$link\n"


@pytest.fixture
def texts(app: Flask, tmp_path: Any) -> Any:
    """Mail texts of this test's own."""
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "note.txt").write_text(TEXT)
    real: Settings = app.extensions["careercenter"]
    app.extensions["careercenter"] = real.model_copy(update={"folder": tmp_path})
    yield tmp_path / "mail"
    app.extensions["careercenter"] = real


def post(now: datetime, dedupe: str = "one", to: tuple[str, str] = ("Ada Lovelace", "ada@example.edu"), **more: Any) -> None:
    values = {"topic": "A note", "who": "Ada", **more.pop("values", {})}
    outbox.post("note", to=to, values=values, about=("test", 1), dedupe=dedupe, now=now, **more)


def _rows() -> list[OutboxMessage]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def test_a_mail_goes_out_once(texts, mailbox: Mailbox, now: datetime) -> None:  # type: ignore[no-untyped-def]
    with db.transaction():
        post(now)
    assert outbox.deliver(lambda: now) == {"sent": 1, "later": 0, "dead": 0}
    assert outbox.deliver(lambda: now) == {"sent": 0, "later": 0, "dead": 0}
    (mail,) = mailbox.messages
    assert (mail["Subject"], mail["To"], mail["Auto-Submitted"]) == ("A note", "Ada Lovelace <ada@example.edu>", "auto-generated")
    assert "Dear Ada at Our University" in mail.get_content()


def test_a_change_that_fails_sends_nothing(texts, mailbox: Mailbox, now: datetime) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RuntimeError), db.transaction():
        post(now)
        raise RuntimeError("the change failed")
    assert outbox.deliver(lambda: now)["sent"] == 0 and mailbox.messages == []


def test_one_cause_makes_one_mail(texts, mailbox: Mailbox, now: datetime) -> None:  # type: ignore[no-untyped-def]
    for _ in range(2):
        with db.transaction():
            post(now)
            post(now)
    assert len(_rows()) == 1


def test_a_link_is_filled_in_at_delivery_and_never_stored(texts, mailbox: Mailbox, now: datetime) -> None:  # type: ignore[no-untyped-def]
    with db.transaction():
        link = links.issue("approval", 7, "ada@example.edu", now)
        post(now, link=link, link_path="/approve/")
    token = links.token(link)
    (row,) = _rows()
    assert token not in row.body
    outbox.deliver(lambda: now)
    assert f"http://127.0.0.1:8000/approve/{token}" in mailbox.messages[0].get_content()


@pytest.mark.parametrize("nasty", ["a\r\nBcc: eve@evil.example", "a\nBcc: eve@evil.example", "a\x0bBcc: x", "a\u2028Bcc: x"])
def test_line_breaks_in_values_add_no_header_and_no_reader(texts, mailbox: Mailbox, now: datetime, nasty: str) -> None:  # type: ignore[no-untyped-def]
    with db.transaction():
        post(now, values={"topic": nasty})
    outbox.deliver(lambda: now)
    (mail,) = mailbox.messages
    assert mail["Bcc"] is None and mail["To"].addresses[0].addr_spec == "ada@example.edu"


def test_a_dollar_in_a_value_is_text(texts, mailbox: Mailbox, now: datetime) -> None:  # type: ignore[no-untyped-def]
    with db.transaction():
        link = links.issue("approval", 7, "ada@example.edu", now)
        post(now, values={"who": "$campus and 20 $ an hour"}, link=link, link_path="/approve/")
    outbox.deliver(lambda: now)
    assert "Dear $campus and 20 $ an hour at Our" in mailbox.messages[0].get_content()


def test_an_address_that_does_not_exist_is_given_up_at_once(texts, mailbox: Mailbox, now: datetime) -> None:  # type: ignore[no-untyped-def]
    mailbox.refuse["gone@example.edu"] = "550 no such user"
    try:
        with db.transaction():
            post(now, to=("Gone", "gone@example.edu"))
        assert outbox.deliver(lambda: now)["dead"] == 1
    finally:
        mailbox.refuse.clear()
    (row,) = _rows()
    assert row.dead_at == now and row.sent_at is None and "550" in row.last_error


def test_a_busy_server_is_tried_again_by_the_campus_schedule(texts, mailbox: Mailbox, now: datetime) -> None:  # type: ignore[no-untyped-def]
    mailbox.refuse["busy@example.edu"] = "450 try later"
    with db.transaction():
        post(now, to=("Busy", "busy@example.edu"))
    try:
        assert outbox.deliver(lambda: now)["later"] == 1
        assert _rows()[0].next_attempt_at == now + timedelta(minutes=1)
        assert outbox.deliver(lambda: now + timedelta(seconds=59)) == {"sent": 0, "later": 0, "dead": 0}
        assert outbox.deliver(lambda: now + timedelta(minutes=1))["later"] == 1
        assert _rows()[0].next_attempt_at == now + timedelta(minutes=6)
    finally:
        mailbox.refuse.clear()
    assert outbox.deliver(lambda: now + timedelta(minutes=6))["sent"] == 1


def test_after_the_last_try_a_mail_is_given_up_and_stays_to_be_seen(texts, app: Flask, now: datetime) -> None:  # type: ignore[no-untyped-def]
    def closed(message: object) -> None:
        raise ConnectionRefusedError("ada@example.edu")

    with db.transaction():
        post(now)
    at, outcomes = now, []
    for _ in range(12):
        counts = outbox.deliver(lambda: at, transport=closed)  # noqa: B023
        outcomes += [name for name, count in counts.items() if count]
        at = _rows()[0].next_attempt_at or at
    assert outcomes == ["later"] * len(db.settings().mail.attempt_minutes) + ["dead"]
    assert _rows()[0].last_error == "The mail server could not be reached (ConnectionRefusedError)."


def test_one_bad_mail_does_not_stop_the_others(texts, mailbox: Mailbox, now: datetime) -> None:  # type: ignore[no-untyped-def]
    mailbox.refuse["gone@example.edu"] = "550 no such user"
    try:
        with db.transaction():
            post(now, "bad", to=("Gone", "gone@example.edu"))
            post(now, "good")
        assert outbox.deliver(lambda: now) == {"sent": 1, "later": 0, "dead": 1}
    finally:
        mailbox.refuse.clear()


@pytest.mark.parametrize("address", ["not an address", "a@b@c.example", "ada@exa mple.edu"])
def test_an_impossible_address_does_not_block_the_queue(texts, mailbox: Mailbox, now: datetime, address: str) -> None:  # type: ignore[no-untyped-def]
    with db.transaction():
        post(now, "bad", to=("Odd", address))
        post(now, "good")
    counts = outbox.deliver(lambda: now)
    assert counts["sent"] == 1 and counts["dead"] == 1


def test_a_killed_sender_repeats_under_the_same_message_id(texts, mailbox: Mailbox, now: datetime) -> None:  # type: ignore[no-untyped-def]
    with db.transaction():
        post(now)
    real = outbox.smtp(db.settings().mail)

    def sent_then_killed(message: Any) -> None:
        real(message)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outbox.deliver(lambda: now, transport=sent_then_killed)
    assert outbox.deliver(lambda: now)["sent"] == 0, "the lease of the dead sender still holds"
    assert outbox.deliver(lambda: now + outbox.LEASE)["sent"] == 1
    assert len({str(m["Message-ID"]) for m in mailbox.messages}) == 1 and len(mailbox.messages) == 2


def test_mail_is_stamped_with_when_it_was_caused(texts, mailbox: Mailbox, now: datetime) -> None:  # type: ignore[no-untyped-def]
    with db.transaction():
        post(now)
    outbox.deliver(lambda: now + timedelta(hours=3))
    assert mailbox.messages[0]["Date"].datetime.astimezone(UTC) == now
    assert db.session.scalar(select(func.count()).where(OutboxMessage.sent_at == now + timedelta(hours=3))) == 1


def test_a_certificate_that_fails_is_tried_again(texts, app: Flask, now: datetime) -> None:  # type: ignore[no-untyped-def]
    """It is a ValueError to Python like a malformed address is, but the mail itself is fine."""

    def mistrusted(message: object) -> None:
        raise ssl.SSLCertVerificationError(1, "certificate verify failed")

    with db.transaction():
        post(now)
    assert outbox.deliver(lambda: now, transport=mistrusted)["later"] == 1


def test_what_people_typed_comes_through_unchanged(texts: Any, mailbox: Mailbox, now: datetime) -> None:
    """A mail with a link is filled twice; dollars and placeholders that somebody typed stay what they are."""
    with db.transaction():
        link = links.issue("approval", 1, "sam@employer.example", now)
        outbox.post(
            "note", to=("Sam", "sam@employer.example"), values={"topic": "Pay $20 or $$", "who": "Sam $link $campus $$5"},
            about=("approval", 1), dedupe="typed", now=now, link=link, link_path="/approve/",
        )
    outbox.deliver(lambda: now)
    mail = mailbox.messages[-1]
    assert mail["Subject"] == "Pay $20 or $$"
    assert "Dear Sam $link $campus $$5 at" in mail.get_content()
    assert mail.get_content().count(links.token(link)) == 1
