"""Mailed codes: who gets one, what it opens and for how long, what guessing gets, and two at once."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from bs4 import BeautifulSoup
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from careercenter import audit, db, evaluations, links
from careercenter.audit import AuditEvent
from careercenter.jobs import table
from careercenter.outbox import OutboxMessage
from careercenter.people import codes
from careercenter.people.model import Person
from careercenter.people.sessions import LoginSession
from careercenter.people.waiting import MailCode
from careercenter.settings.signon import OidcProvider
from tests import credit_story as story
from tests.attack import world
from tests.test_credit_race import at_once

OWN = "maya.chen@home.example"


@pytest.fixture(autouse=True)
def _in_the_term(now):  # type: ignore[no-untyped-def]
    with time_machine.travel(now, tick=True):
        yield


def token(client: FlaskClient, path: str) -> str:
    g.pop("csrf_token", None)  # requests of one test share it; those of different browsers must not
    return str(BeautifulSoup(client.get(path).text, "html.parser").select_one("main [name=csrf_token]")["value"])  # type: ignore[index]


def ask(client: FlaskClient, address: str, path: str = "/sign-in/code") -> Any:
    return client.post(path, data={"csrf_token": token(client, path), "address": address})


def enter(client: FlaskClient, code: str, path: str = "/sign-in/code/enter") -> Any:
    return client.post(path, data={"csrf_token": token(client, path), "code": code})


def deliver() -> None:
    table.deliver_mail(lambda: datetime.now(UTC), "", lambda *_, **__: None)


def mailed(mailbox, address: str) -> str:  # type: ignore[no-untyped-def]
    """The code of the newest mail to an address, after the worker's turn."""
    deliver()
    (code,) = re.findall(r"^ +(\d{8})\r?$", mailbox.to(address)[-1].get_content(), re.MULTILINE)
    return str(code)


@pytest.fixture
def former(factory, now):  # type: ignore[no-untyped-def]
    """Somebody who has left, and confirmed an address before."""
    return factory.person("alumni", name="Maya Chen", own_email=OWN, own_email_confirmed_at=now)


def rows(model: Any) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


# Former students


def test_a_former_student_signs_in_by_a_mailed_code(app, client, former, mailbox) -> None:  # type: ignore[no-untyped-def]
    number = former.id
    assert "sign in with a mailed code" in client.get("/sign-in").text
    assert ask(client, f"  {OWN.upper()} ").location == "/sign-in/code/enter"
    code = mailed(mailbox, OWN)
    answer = enter(client, f"{code[:4]} {code[4:]}")
    assert answer.status_code == 303 and answer.location == "/"
    assert client.get("/me/sessions").status_code == 200 and "Code by mail" in client.get("/me/sessions").text
    opened = db.session.scalars(select(LoginSession)).one()
    assert (opened.person_id, opened.provider, opened.acting_role) == (number, "mail", "alumni")
    assert db.session.scalar(select(AuditEvent.detail).where(AuditEvent.action == "person.signed_in")) == {"provider": "mail"}
    assert audit.verify() is None
    assert client.post("/sign-out", data={"csrf_token": world.token(client)}).status_code == 303
    assert client.get("/me/sessions").status_code == 302


def test_the_code_works_once_and_in_its_browser_only(app, client, former, mailbox) -> None:  # type: ignore[no-untyped-def]
    ask(client, OWN)
    code = mailed(mailbox, OWN)
    elsewhere = app.test_client()
    ask(elsewhere, "nobody@home.example")
    assert enter(elsewhere, code).status_code == 422
    kept = client.get_cookie("careercenter-code").value
    assert enter(client, code).status_code == 303
    again = app.test_client()
    again.set_cookie("careercenter-code", kept)
    assert enter(again, code).status_code == 422 and rows(LoginSession) == 1


def test_five_tries_and_ten_minutes(app, former, mailbox, now) -> None:  # type: ignore[no-untyped-def]
    first, late = app.test_client(), app.test_client()
    ask(first, OWN)
    code = mailed(mailbox, OWN)
    wrong = f"{(int(code) + 1) % 10**8:08}"
    assert [enter(first, wrong).status_code for _ in range(5)] == [422] * 5
    assert enter(first, code).status_code == 422, "the sixth try is one too many, though it is right"
    ask(late, OWN)
    code = mailed(mailbox, OWN)
    with time_machine.travel(now + timedelta(minutes=10, seconds=30), tick=True):
        assert enter(late, code).status_code == 422
    assert rows(LoginSession) == 0


@pytest.mark.parametrize("case", ["unknown", "unconfirmed", "student", "disabled", "campus address"])
def test_nobody_else_gets_a_mail_and_the_answers_are_alike(app, former, factory, mailbox, now, case: str) -> None:  # type: ignore[no-untyped-def]
    values = {"own_email": "x@home.example", "own_email_confirmed_at": now, "email": "campus@example.edu"}
    if case != "unknown":
        values |= {"unconfirmed": {"own_email_confirmed_at": None}, "disabled": {"disabled_at": now}}.get(case, {})
        factory.person("student" if case == "student" else "alumni", **values)
    known, unknown, texts = app.test_client(), app.test_client(), []
    for one, address in ((known, OWN), (unknown, "campus@example.edu" if case == "campus address" else "x@home.example")):
        asked = ask(one, address)
        shown, refused = one.get("/sign-in/code/enter"), enter(one, "12345678")
        texts.append((asked.status_code, asked.location, refused.status_code, world.body(shown), world.body(refused)))
    assert _alike(texts[0]) == _alike(texts[1])
    deliver()
    assert len(mailbox.to(OWN)) == 1 and len(mailbox.messages) == 1
    row = db.session.scalars(select(MailCode).where(MailCode.subject_id.is_(None))).one()
    guess = links.digits(row.browser_hash)
    assert enter(unknown, guess).status_code == 422, "even the right digits open nothing for nobody"


def _alike(answer: tuple[Any, ...]) -> str:
    return re.sub(r"value=\"[^\"]*\"", "", repr(answer))


def test_the_work_is_the_same_for_known_and_unknown_addresses(app, former, factory, now) -> None:  # type: ignore[no-untyped-def]
    """What takes the same statements takes the same time; the mail is the worker's."""
    factory.placement()
    said: list[str] = []

    def hear(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(db.db.engine, "before_cursor_execute", hear)
    try:
        heard: dict[str, list[str]] = {}
        for path, addresses in (("/sign-in/code", (OWN, "x@home.example")), ("/sign-in/supervisor", ("sup1@employer1.example", "x@home.example"))):
            for address in addresses:
                client = app.test_client()
                form = {"csrf_token": token(client, path), "address": address}
                said.clear()
                client.post(path, data=form)
                heard.setdefault(path, []).append("\n".join(said))
    finally:
        event.remove(db.db.engine, "before_cursor_execute", hear)
    assert all(one == other and "mail_code" in one for one, other in heard.values())


def test_asking_and_guessing_are_limited(app, former, mailbox) -> None:  # type: ignore[no-untyped-def]
    limits = db.settings().signon.limits
    clients = [app.test_client() for _ in range(limits.tries_per_account + 1)]
    answers = [ask(client, OWN) for client in clients]
    assert [a.status_code for a in answers] == [303] * limits.tries_per_account + [429]
    assert "then try again" in answers[-1].text and int(answers[-1].headers["Retry-After"]) <= 900
    deliver()
    assert len(mailbox.to(OWN)) == limits.tries_per_account
    ends = [enter(clients[0], "00000000").status_code for _ in range(limits.tries_per_address + 1)]
    assert ends[-1] == 429 and ends.count(422) == limits.tries_per_address


def test_the_session_is_for_alumni_only_whatever_other_roles_there_are(app, client, factory, mailbox, now) -> None:  # type: ignore[no-untyped-def]
    factory.person("alumni", "advisor", "admin", own_email=OWN, own_email_confirmed_at=now)
    ask(client, OWN)
    enter(client, mailed(mailbox, OWN))
    assert client.get("/queue").status_code == client.get("/admin/people").status_code == 404
    assert client.post("/act-as", data={"csrf_token": world.token(client), "role": "admin"}).status_code == 404
    assert "Work as" not in client.get("/").text


def test_switched_off_there_is_no_such_page(app, client, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    settings = app.extensions["careercenter"]
    off = settings.model_copy(update={"signon": settings.signon.model_copy(update={"alumni_codes": False})})
    monkeypatch.setitem(app.extensions, "careercenter", off)
    assert client.get("/sign-in/code").status_code == client.get("/sign-in/code/enter").status_code == 404
    assert "mailed code" not in client.get("/sign-in").text


def test_neither_code_nor_address_rests_in_the_database(app, client, former, mailbox) -> None:  # type: ignore[no-untyped-def]
    ask(client, OWN)
    code = mailed(mailbox, OWN)
    row, message = db.session.scalars(select(MailCode)).one(), db.session.scalars(select(OutboxMessage)).one()
    assert code not in message.body and "$code" in message.body
    assert OWN not in row.address and len(row.address) == 64
    assert client.get_cookie("careercenter-code").value not in (row.browser_hash, message.code_of)


def test_names_of_providers_do_not_collide() -> None:
    for name in ("mail", "code", "supervisor"):
        with pytest.raises(ValueError, match="choose another name"):
            OidcProvider(kind="oidc", name=name, label="X", issuer="https://x.example", client_id="x")


def test_of_two_uses_at_once_one_wins(app: Flask, former, now) -> None:  # type: ignore[no-untyped-def]
    number = former.id
    for _ in range(6):
        with db.transaction():
            browser = codes.ask("alumni", OWN, number, now)
            row = db.session.scalars(select(MailCode.id).order_by(MailCode.id.desc())).first()
        right = links.digits(codes.hashed(browser))
        with db.transaction():
            assert codes.attempt("alumni", browser, right, now)
        ends = _both(app, lambda row=row: codes.sign_in(row, now))  # type: ignore[misc]
        assert ends == ["CodeUnusable", "won"]


def test_control_without_the_guard_both_would_win(app: Flask, former, now, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(codes, "_use", lambda row_id, now, **_: db.session.get_one(MailCode, row_id))
    with db.transaction():
        codes.ask("alumni", OWN, former.id, now)
    row = db.session.scalars(select(MailCode.id)).one()
    db.session.rollback()
    assert _both(app, lambda: codes.sign_in(row, now)) == ["won", "won"]


def _both(app: Flask, act: Callable[[], object]) -> list[str]:
    ends: list[str] = []

    def one() -> None:
        try:
            act()
            ends.append("won")
        except codes.CodeUnusable:
            ends.append("CodeUnusable")

    at_once(app, one, one)
    return sorted(ends)


# Supervisors


@pytest.fixture
def asked(factory, now):  # type: ignore[no-untyped-def]
    """A supervisor of two students: one asks for terms to be confirmed, the other's work is over. (address, the other's address)."""
    sam, other = factory.supervisor(email="Sam@Works.example"), factory.supervisor(email="olga@else.example")
    request = factory.credit_request(student := factory.student(name="Maya Chen"), factory.placement(student, sam, title="Archive internship"))
    story.submit(request, now)
    factory.placement(factory.student(name="Omar Haddad"), sam, title="Radio project", ends_on=date(2026, 11, 13), state="completed")
    factory.placement(factory.student(name="Not Shown"), other, ends_on=date(2026, 11, 13), state="completed")
    with db.transaction():
        evaluations.invite_due(now)
    return "sam@works.example"


def test_a_supervisor_sees_what_waits_after_a_code(app, client, asked, mailbox) -> None:  # type: ignore[no-untyped-def]
    mailbox.messages.clear()
    assert client.get("/supervising").location == "/sign-in/supervisor"
    page = _readable(client, mailbox, asked)
    assert "2 forms wait for you." in page and "Maya Chen" in page and "Omar Haddad" in page and "Not Shown" not in page
    soup = BeautifulSoup(page, "html.parser")
    for link in soup.select(".task a"):
        assert client.get(str(link["href"])).status_code == 200
    assert rows(LoginSession) == 0 and client.get("/placements").status_code == 302


def _readable(client: FlaskClient, mailbox, address: str) -> str:  # type: ignore[no-untyped-def]
    path = "/sign-in/supervisor"
    ask(client, address, path)
    deliver()
    (mail,) = [m for m in mailbox.messages if "Your code" in str(m["Subject"])]
    assert str(mail["To"]).lower() == address
    (code,) = re.findall(r"^ +(\d{8})\r?$", mail.get_content(), re.MULTILINE)
    assert enter(client, code, f"{path}/enter").location == "/supervising"
    answer = client.get("/supervising")
    assert answer.headers["Referrer-Policy"] == "no-referrer" and answer.headers["Cache-Control"] == "no-store"
    return str(answer.text)


def test_the_page_closes_after_half_an_hour_or_at_once(app, client, asked, mailbox, now) -> None:  # type: ignore[no-untyped-def]
    _readable(client, mailbox, asked)
    with time_machine.travel(now + timedelta(minutes=31), tick=True):
        assert client.get("/supervising").location == "/sign-in/supervisor"
    page = client.get("/supervising").text
    form = BeautifulSoup(page, "html.parser").select_one("main [name=csrf_token]")["value"]  # type: ignore[index]
    secret = client.get_cookie("careercenter-supervisor").value
    client.post("/supervising/close", data={"csrf_token": form})
    client.set_cookie("careercenter-supervisor", secret)
    assert client.get("/supervising").location == "/sign-in/supervisor"


def test_a_supervisors_code_opens_no_session_and_an_alumni_code_no_list(app, asked, former, mailbox) -> None:  # type: ignore[no-untyped-def]
    one, two = app.test_client(), app.test_client()
    ask(one, asked, "/sign-in/supervisor")
    ask(two, OWN)
    deliver()
    found = {m["Subject"]: re.findall(r"^ +(\d{8})\r?$", m.get_content(), re.MULTILINE) for m in mailbox.messages}
    supervisor = next(c for s, c in found.items() if "Your code to see" in s)[0]
    alumni = next(c for s, c in found.items() if "Your sign-in code" in s)[0]
    assert enter(one, supervisor).status_code == 422
    assert enter(two, alumni, "/sign-in/supervisor/enter").status_code == 422


def test_dead_links_and_other_peoples_show_nothing(app, client, asked, mailbox, now) -> None:  # type: ignore[no-untyped-def]
    with db.transaction():
        for link in db.session.scalars(select(links.MagicLink).where(links.MagicLink.purpose == "approval")):
            links.revoke(link.purpose, link.record_id, now)
    mailbox.messages.clear()
    page = _readable(client, mailbox, asked)
    assert "1 form waits for you." in page and "Maya Chen" not in page


# One's own address


@pytest.fixture
def student(app, factory, sign_in):  # type: ignore[no-untyped-def]
    person = factory.student(name="Maya Chen")
    return person, sign_in(app.test_client(), person)


def test_a_student_confirms_an_address(student, mailbox) -> None:  # type: ignore[no-untyped-def]
    person, client = student
    number, campus = person.id, person.email
    assert 'href="/me/address"' in client.get("/").text
    assert ask(client, "Maya.Chen@Home.example", "/me/address").location == "/me/address/code"
    assert db.session.get_one(Person, number).own_email is None
    assert enter(client, mailed(mailbox, OWN), "/me/address/code").location == "/me/address"
    db.session.rollback()
    person = db.session.get_one(Person, number)
    assert person.own_email == OWN and person.own_email_confirmed_at
    assert "you sign in by maya.chen@home.example" in client.get("/me/address").text
    deliver()
    assert "is now maya.chen@home.example" in mailbox.to(campus)[-1].get_content()
    client.post("/me/address/remove", data={"csrf_token": world.token(client)})
    db.session.rollback()
    assert db.session.get_one(Person, number).own_email is None


def test_an_address_of_somebody_else_or_a_forged_one_is_not_taken(student, former, mailbox) -> None:  # type: ignore[no-untyped-def]
    person, client = student
    number = person.id
    ask(client, OWN, "/me/address")
    refused = enter(client, mailed(mailbox, OWN), "/me/address/code")
    assert refused.status_code == 422 and "Another account uses this address" in refused.text
    ask(client, "mine@home.example", "/me/address")
    code = mailed(mailbox, "mine@home.example")
    with client.session_transaction() as cookie:
        cookie["address"] = "victim@home.example"
    assert enter(client, code, "/me/address/code").status_code == 422
    assert db.session.get_one(Person, number).own_email is None


def test_another_persons_browser_cannot_confirm(student, app, factory, sign_in, mailbox) -> None:  # type: ignore[no-untyped-def]
    _, client = student
    ask(client, "mine@home.example", "/me/address")
    code, other = mailed(mailbox, "mine@home.example"), sign_in(app.test_client(), factory.student())
    other.set_cookie("careercenter-code", client.get_cookie("careercenter-code").value)
    with other.session_transaction() as cookie:
        cookie["address"] = "mine@home.example"
    assert enter(other, code, "/me/address/code").status_code == 422


def test_who_signed_in_by_mail_cannot_move_the_account(client, former, mailbox) -> None:  # type: ignore[no-untyped-def]
    ask(client, OWN)
    enter(client, mailed(mailbox, OWN))
    assert "cannot be changed here" in client.get("/me/address").text
    answer = client.post("/me/address", data={"csrf_token": world.token(client), "address": "thief@home.example"})
    assert answer.status_code == 404 and rows(MailCode) == 1


def test_a_changed_address_ends_what_the_old_one_opened(app, client, former, sign_in, mailbox) -> None:  # type: ignore[no-untyped-def]
    ask(client, OWN)
    enter(client, mailed(mailbox, OWN))
    by_campus = sign_in(app.test_client(), former)
    by_campus.post("/me/address/remove", data={"csrf_token": world.token(by_campus)})
    assert client.get("/me/sessions").status_code == 302 and by_campus.get("/me/sessions").status_code == 200


def test_old_codes_are_tidied_but_an_open_page_stays(app, client, asked, mailbox, now) -> None:  # type: ignore[no-untyped-def]
    _readable(client, mailbox, asked)
    ask(app.test_client(), "x@home.example")
    with time_machine.travel(now + timedelta(minutes=20), tick=True):
        table.tidy(lambda: datetime.now(UTC), "", lambda *_, **__: None)
        assert client.get("/supervising").status_code == 200 and rows(MailCode) == 1
    with time_machine.travel(now + timedelta(minutes=45), tick=True):
        table.tidy(lambda: datetime.now(UTC), "", lambda *_, **__: None)
    assert rows(MailCode) == 0
