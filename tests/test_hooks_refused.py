"""Pushed events that were not taken: what staff read of them, and what a flood of them cannot do. On both databases."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import event, func, select

from careercenter import db
from careercenter.jobs import table
from careercenter.listings import refused
from careercenter.listings.model import Board
from careercenter.listings.refused import RefusedEvent
from careercenter.settings import Source
from tests.listing_board import configure
from tests.pushing_platform import Portal, portal_over


@pytest.fixture
def portal(app: Flask, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    with portal_over(app, monkeypatch) as found:
        yield found


def rows() -> dict[tuple[str, str, str], tuple[int, int]]:
    db.session.rollback()
    return {(r.platform, r.board, r.reason): (r.times, r.largest) for r in db.session.scalars(select(RefusedEvent))}


def text_of(page: str) -> str:
    return " ".join(BeautifulSoup(page, "html.parser").get_text(" ").split())


def test_staff_read_when_which_why_and_what_to_do(portal: Portal, client, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    portal.rows = [portal.project()]
    portal.sync()
    portal.push(b'{"whose": "secret words"}', "0" * 64)
    portal.push(portal.event("e1"), "0" * 64)
    staff = sign_in(client, factory.person("advisor"))
    board = db.session.scalars(select(Board)).one()
    for address in (f"/platforms/boards/{board.id}", "/platforms/sources"):
        page = staff.get(address).text
        told = text_of(page)
        assert "Riipen, portal" in told and "The signature does not fit." in told and "2 times" in told, address
        assert "Enter the platform's signing key again in the source's settings" in told and "today" in told
        assert "secret words" not in page
    assert rows().keys() == {("riipen", "portal", "signature")}


def test_a_board_whose_events_were_all_taken_says_nothing_of_it(portal: Portal, client, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    portal.rows = [portal.project()]
    portal.sync()
    portal.push(portal.event("e1"))
    board = db.session.scalars(select(Board)).one()
    assert "Events not taken" not in sign_in(client, factory.person("advisor")).get(f"/platforms/boards/{board.id}").text


def test_events_that_came_too_late_are_told_of_on_the_board(portal: Portal, client, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    portal.rows = [portal.project()]
    portal.sync()
    portal.later(minutes=1)
    portal.push(portal.event("new", 2, hours=60))
    portal.push(portal.event("old", 1, hours=50))
    portal.later(minutes=5)
    portal.sync()
    board = db.session.scalars(select(Board)).one()
    told = text_of(sign_in(client, factory.person("advisor")).get(f"/platforms/boards/{board.id}").text)
    assert "Something newer was read already." in told and "once" in told


def test_a_record_that_nobody_understands_stands_on_its_board(portal: Portal, client, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    portal.rows = [portal.project()]
    portal.sync()
    portal.push(b'{"id": "x1", "data": {"object": {"id": "a", "name": []}}}')
    portal.later(minutes=1)
    assert portal.sync().counts.quarantined == 1
    board = db.session.scalars(select(Board)).one()
    page = sign_in(client, factory.person("advisor")).get(f"/platforms/boards/{board.id}").text
    assert "Records set aside" in page and "Events not taken" not in page


def test_addresses_that_nobody_has_are_one_line(portal: Portal, client, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    for n in range(20):
        assert portal.push(b"x", address=f"/platforms/hooks/riipen/made-up-{n}").status_code == 404
    portal.push(b"x", address="/platforms/hooks/<b>evil/<script>")
    assert rows() == {("", "", "no_source"): (21, 1)}
    page = sign_in(client, factory.person("advisor")).get("/platforms/sources").text
    assert "No source has this address." in text_of(page) and "made-up" not in page and "evil" not in page


def test_every_way_to_be_refused_has_words(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with portal_over(app, monkeypatch) as portal:
        portal.push(portal.event("e1"), "no")
        portal.push(portal.event("e1"), **{"Content-Encoding": "gzip"})
        portal.push(b"x" * 300_000)
        settings = app.extensions["careercenter"]
        few = settings.platforms.hooks.model_copy(update={"per_quarter_hour": 1})
        with monkeypatch.context() as once:
            platforms = settings.platforms.model_copy(update={"hooks": few})
            once.setitem(app.extensions, "careercenter", settings.model_copy(update={"platforms": platforms}))
            portal.push(portal.event("e1"))
    with portal_over(app, monkeypatch, signing_secret=None) as portal:
        portal.push(portal.event("e1"))
    configure(app, monkeypatch, Source(platform="riipen", boards=("portal",), enabled=False))
    portal.push(portal.event("e1"))
    portal.push(portal.event("e1"), address="/platforms/hooks/riipen/other")
    found = rows()
    assert {reason for _, _, reason in found} == refused.REASONS.keys() - {"older"}
    assert found["riipen", "portal", "too_large"] == (1, 300_000)
    assert all(words and advice for words, advice in (each.words for each in refused.recent()))


def writes(app: Flask) -> Any:
    """Counts the writes to the table."""
    seen: list[str] = []

    def look(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO refused_event"):
            seen.append(statement)

    event.listen(db.db.engine, "before_cursor_execute", look)
    return seen, lambda: event.remove(db.db.engine, "before_cursor_execute", look)


def test_a_flood_writes_little_and_keeps_one_row(portal: Portal, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "MOST", 10)
    seen, stop = writes(app)
    start = datetime(2026, 11, 26, 10, tzinfo=UTC)
    for second in range(60):
        with time_machine.travel(start + timedelta(seconds=second / 2), tick=False):
            assert portal.push(b"x", "no").status_code == 401
            portal.push(b"x", address=f"/platforms/hooks/x/{second}")
    stop()
    assert len(rows()) == 2 and len(seen) <= 2 * (10 + 3)
    assert all(found.more and found.times >= 10 for found in refused.recent())


def test_two_at_once_are_both_counted(portal: Portal) -> None:
    start = threading.Barrier(4)

    def send() -> None:
        start.wait()
        portal.push(b"x", "no")

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows() == {("riipen", "portal", "signature"): (4, 1)}


def test_after_a_month_they_are_forgotten(portal: Portal) -> None:
    portal.push(b"x", "no")
    later = datetime.now(UTC) + timedelta(days=29)
    table.tidy(lambda: later, "", lambda *_: None)
    assert len(rows()) == 1
    table.tidy(lambda: later + timedelta(days=3), "", lambda *_: None)
    assert rows() == {}


def test_the_days_of_one_reason_are_one_line(portal: Portal) -> None:
    now = datetime.now(UTC)
    with db.transaction():
        for days in range(3):
            refused.note("riipen", "portal", "signature", 5 * days, now - timedelta(days=days))
    (found,) = refused.recent("riipen", ["portal"])
    assert (found.times, found.largest, found.last_at, found.since) == (3, 10, now, (now - timedelta(days=2)).astimezone(db.settings().campus.zone).date())
    assert refused.recent("riipen", ["other"]) == []
    assert db.session.scalar(select(func.count()).select_from(RefusedEvent)) == 3


