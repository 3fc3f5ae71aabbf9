"""What platforms push: who is let in, what counts once, what reaches a listing. On both databases."""

import gzip
import io
import json
import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from careercenter import db, listings
from careercenter.jobs import table
from careercenter.listings import arrivals, report
from careercenter.listings.arrivals import Arrival
from careercenter.listings.model import Board, Listing, ListingEvent, Quarantined, SyncRun
from careercenter.metrics import _events
from careercenter.platforms import hooks
from careercenter.platforms.contract import Hook
from careercenter.web import hooks as door
from tests.pushing_platform import EVENT, HOOK, Portal, portal_over, sign


@pytest.fixture
def portal(app: Flask, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    with portal_over(app, monkeypatch) as found:
        yield found


@pytest.fixture
def read(portal: Portal) -> Portal:
    """A portal whose one project of 42 hours was read whole."""
    portal.rows = [portal.project()]
    assert portal.sync().outcome == "complete"
    portal.later(minutes=1)
    return portal


def take(portal: Portal) -> str:
    portal.later(minutes=1)
    return table.take_pushed(lambda: portal.clock, "", lambda *_: None)


# ---- who is let in


def test_a_signed_event_is_kept_and_changes_the_listing_without_another_look_at_the_platform(read: Portal) -> None:
    assert read.hours() == 42
    asked = read.asked
    answer = read.push(read.event("e1", hours=50))
    assert (answer.status_code, answer.mimetype, answer.text) == (202, "text/plain", "Kept.\n")
    assert "Set-Cookie" not in answer.headers
    assert read.arrivals() == {"e1": "waiting"}
    assert take(read) == "1 boards had something waiting."
    assert (read.hours(), read.asked, read.arrivals()) == (50, asked, {"e1": "taken"})
    run = db.session.scalars(select(SyncRun).order_by(SyncRun.id.desc())).first()
    assert run and (run.outcome, run.received, run.changed) == ("pushed", 1, 1)
    assert report.OUTCOMES[run.outcome][0] == "good"
    assert take(read) == "0 boards had something waiting."


def test_a_bad_signature_is_refused_counted_and_logged(portal: Portal, lines: io.StringIO) -> None:
    body, before = portal.event("e1"), _events.labels("riipen", "signature")._value.get()
    wrong = ("", "0" * 64, f"sha256={sign(body)}", sign(b"other"), sign(body, "other"), "é" * 64, "x" * 5000, sign(body)[:-1])
    for signature in wrong:
        answer = portal.push(body, signature)
        assert (answer.status_code, answer.text) == (401, "The signature does not fit the event.\n")
    assert portal.arrivals() == {}
    assert _events.labels("riipen", "signature")._value.get() == before + len(wrong)
    assert lines.getvalue().count('"reason_code": "signature"') == len(wrong)


def test_one_changed_byte_is_refused(portal: Portal) -> None:
    body = portal.event("e1")
    assert portal.push(body.replace(b"42", b"43"), sign(body)).status_code == 401
    assert portal.push(body + b" ", sign(body)).status_code == 401
    assert portal.push(body, sign(body).upper()).status_code == 202, "hexadecimal has two spellings"


@pytest.mark.parametrize("address", [
    "/platforms/hooks/riipen/other", "/platforms/hooks/other/portal", "/platforms/hooks/greenhouse/portal", "/platforms/hooks/adzuna/us",
])
def test_where_nobody_takes_events_there_is_no_address(portal: Portal, address: str) -> None:
    answer = portal.push(portal.event("e1"), address=address)
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")


def test_without_a_secret_nothing_is_taken(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with portal_over(app, monkeypatch, signing_secret=None) as portal:
        assert portal.push(portal.event("e1"), sign(portal.event("e1"), "")).status_code == 401


class Untouched(io.RawIOBase):
    """A body that nobody may begin to read."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        raise AssertionError("the body was read")


def test_fifty_megabytes_are_refused_before_a_byte_is_read(portal: Portal, app: Flask) -> None:
    for size in (50_000_000, 256 * 1024 + 1):
        sent = {"wsgi.input": Untouched(), "CONTENT_LENGTH": str(size)}
        answer = app.test_client().post(HOOK, content_type="application/json", environ_overrides=sent)
        assert (answer.status_code, answer.mimetype) == (413, "text/plain")


def test_a_body_of_untold_length_is_read_up_to_the_limit(portal: Portal, app: Flask) -> None:
    stream = io.BytesIO(b"x" * 2_000_000)
    answer = app.test_client().post(
        HOOK, input_stream=stream, content_type="application/json", environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
    assert stream.tell() < 400_000


def test_a_packed_body_is_refused(portal: Portal) -> None:
    body = gzip.compress(portal.event("e1"))
    answer = portal.push(body, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.text) == (415, "Send the event as it is, without compression.\n")


def test_a_signed_body_that_calls_itself_a_form_is_read_as_it_is(portal: Portal) -> None:
    assert portal.push(portal.event("e1"), **{"Content-Type": "application/x-www-form-urlencoded"}).status_code == 202
    body = portal.event("e2") + b"\x00"
    assert portal.push(body, **{"Content-Type": "application/x-www-form-urlencoded"}).status_code == 202


def test_too_many_from_one_address_wait(app: Flask, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = app.extensions["careercenter"]
    few = settings.platforms.hooks.model_copy(update={"per_quarter_hour": 2})
    platforms = settings.platforms.model_copy(update={"hooks": few})
    monkeypatch.setitem(app.extensions, "careercenter", settings.model_copy(update={"platforms": platforms}))
    answers = [portal.push(portal.event(f"e{n}")) for n in range(3)]
    assert [a.status_code for a in answers] == [202, 202, 429]
    assert int(answers[-1].headers["Retry-After"]) <= 900 and answers[-1].mimetype == "text/plain"


def test_an_event_that_is_not_about_listings_is_thanked_for_and_not_kept(portal: Portal) -> None:
    body = json.dumps({**json.loads(portal.event("e1")), "type": "match_request.requested"}).encode()
    assert portal.push(body).status_code == 202
    assert portal.arrivals() == {}


# ---- what counts once


def test_a_replay_counts_once(read: Portal) -> None:
    body = read.event("e1", hours=50)
    assert [read.push(body).text for _ in range(3)] == ["Kept.\n", "Had this one before.\n", "Had this one before.\n"]
    take(read)
    assert read.push(body).text == "Had this one before.\n"
    runs = read.runs()
    take(read)
    assert (read.hours(), read.runs()) == (50, runs)


def test_of_events_out_of_order_the_newest_stands(read: Portal) -> None:
    read.push(read.event("new", 2, hours=60))
    read.push(read.event("old", 1, hours=50))
    read.later(minutes=5)
    take(read)
    assert (read.hours(), read.arrivals()) == (60, {"new": "taken", "old": "older"})
    read.push(read.event("older still", -4.5, hours=55))
    take(read)
    assert read.hours() == 60
    assert read.arrivals()["older still"] == "older"


def test_an_event_from_before_the_whole_board_was_read_does_not_undo_it(read: Portal) -> None:
    read.push(read.event("late", -2, hours=7))
    take(read)
    assert (read.hours(), read.arrivals()) == (42, {"late": "older"})


def within(portal: Portal, event_id: str, fraction: str, hours: int) -> bytes:
    """An event of the next full minute after the test's clock, its second told as finely as `fraction` says."""
    at = (portal.clock + timedelta(minutes=1)).replace(second=0, microsecond=0)
    told = {"id": event_id, "created_at": f"{at:%Y-%m-%dT%H:%M:%S}{fraction}+00:00", "data": {"object": portal.project(hours=hours)}}
    return json.dumps(EVENT | told).encode()


SAME_SECOND = [  # what arrives first, what arrives second, and the hours that stand
    ("", "", 60), (".100", ".900", 60), (".900", ".100", 50), (".000001", ".000002", 60), (".000002", ".000001", 50), ("", ".5", 60),
]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("first", "second", "stands"), SAME_SECOND)
def test_of_two_events_of_one_second_the_later_stands(read: Portal, first: str, second: str, stands: int, together: bool) -> None:
    """As finely as the platform says when; where it says no more than the second, the later arrival is the later event."""
    one, other = within(read, "a", first, 50), within(read, "b", second, 60)
    read.push(one)
    read.later(minutes=2)
    if not together:
        take(read)
        assert read.hours() == 50
    read.push(other)
    take(read)
    assert read.hours() == stands
    assert sorted(read.arrivals().values()) == (["older", "taken"] if together or stands == 50 else ["taken", "taken"])


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_without_the_order_of_arrival_the_earlier_of_one_second_stands(read: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the same two events, sorted by their stamps alone."""
    whole = arrivals._newest
    monkeypatch.setattr(arrivals, "_newest", lambda rows, *rest: whole(sorted(rows, key=lambda r: (r.occurred_at, -r.id)), *rest))
    read.push(within(read, "a", "", 50))
    read.push(within(read, "b", "", 60))
    read.later(minutes=2)
    take(read)
    assert read.hours() == 50


def test_an_event_of_the_second_in_which_the_board_was_read_still_counts(portal: Portal) -> None:
    """The platform says no more than the second; what it tells of may have happened after the board was asked."""
    portal.rows = [portal.project()]
    portal.clock = portal.clock.replace(second=0, microsecond=400_000)
    assert portal.sync().outcome == "complete"
    at = f"{portal.clock:%Y-%m-%dT%H:%M:%S}+00:00"
    portal.push(json.dumps(EVENT | {"id": "e1", "created_at": at, "data": {"object": portal.project(hours=50)}}).encode())
    take(portal)
    assert portal.hours() == 50


def test_a_stamp_from_the_future_does_not_keep_true_ones_out(read: Portal) -> None:
    read.push(read.event("future", 60 * 24 * 365, hours=50))
    read.later(minutes=5)
    take(read)
    read.push(read.event("true", hours=60))
    assert db.session.scalar(select(func.max(Arrival.occurred_at))) < datetime.now(UTC) + timedelta(minutes=10)


def test_killed_between_keeping_and_answering(read: Portal, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform hears nothing and sends again; the event counts once."""
    body = read.event("e1", hours=50)
    db.session.remove()
    db.db.engine.dispose()
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(door, "_taken", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        read.push(body)
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert read.arrivals() == {"e1": "waiting"}
    assert read.push(body).text == "Had this one before.\n"
    take(read)
    assert read.hours() == 50
    assert db.session.scalar(select(func.count()).select_from(ListingEvent).where(ListingEvent.change == "changed")) == 1


def test_a_run_that_was_killed_leaves_its_events_to_the_next(read: Portal) -> None:
    read.push(read.event("e1", hours=50))
    plugin_spec = listings.sources.open_source("riipen", "portal").spec
    with db.transaction():
        board_id = db.session.scalars(select(Board.id)).one()
        db.session.add(SyncRun(board_id=board_id, started_at=read.clock, beat_at=read.clock))
    assert [event.event_id for event in arrivals.hand_over(plugin_spec, "portal")] == ["e1"]
    read.later(minutes=11)
    take(read)
    assert (read.hours(), read.arrivals()) == (50, {"e1": "taken"})


def test_a_dry_run_tells_of_what_was_pushed_and_takes_nothing_from_a_run_beside_it(read: Portal) -> None:
    read.push(read.event("e1", 1, hours=50))
    read.later(minutes=2)
    with db.transaction():
        board_id = db.session.scalars(select(Board.id)).one()
        db.session.add(SyncRun(board_id=board_id, started_at=read.clock, beat_at=read.clock))
    told: list[Any] = []
    listings.preview("riipen", "portal", now=lambda: read.clock, tell=told.append)
    assert [(change.what, change.post_id) for change in told] == [("changed", "8mepY2aV")]
    assert db.session.scalars(select(Arrival.run_id)).one() is None
    read.later(minutes=11)
    take(read)
    assert read.hours() == 50


def at_once(portal: Portal, body: bytes) -> list[int]:
    start, codes = threading.Barrier(4), []

    def send() -> None:
        start.wait()
        codes.append(portal.push(body).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return codes


def test_four_deliveries_at_once_count_once(read: Portal) -> None:
    assert at_once(read, read.event("e1", hours=50)) == [202] * 4
    assert read.arrivals() == {"e1": "waiting"}


def test_without_the_events_own_id_the_same_four_are_four(read: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: it is the id that holds them back."""
    whole, names = hooks.envelope, iter("abcdefgh")
    monkeypatch.setattr(hooks, "envelope", lambda hook, body, now: hooks.Pushed(
        next(names), (e := whole(hook, body, now)).type, e.post_id, e.body, e.occurred_at, e.arrived_at))
    assert at_once(read, read.event("e1", hours=50)) == [202] * 4
    assert len(read.arrivals()) == 4


# ---- what reaches a listing


def test_closed_and_opened_by_the_platforms_own_word(read: Portal) -> None:
    read.push(read.event("shut", 1, open=False))
    read.later(minutes=2)
    take(read)
    assert read.state() == "closed"
    evidence = db.session.scalars(select(ListingEvent.evidence).where(ListingEvent.change == "closed")).one()
    assert evidence == {"by": "platform", "says": "The platform's own state is false."}
    read.push(read.event("open", 1))
    read.later(minutes=2)
    take(read)
    assert read.state() == "open"


def test_a_new_project_arrives_by_push(read: Portal) -> None:
    read.push(read.event("n", 1, post_id="newOne1", name="Accessible Website Review"))
    read.later(minutes=2)
    take(read)
    assert db.session.scalars(select(Listing.title).where(Listing.post_id == "newOne1")).one() == "Accessible Website Review"


NOT_UNDERSTOOD = (
    b"", b"null", b"[]", b"7", b"{", b'{"id": "x"}', b'{"data": {"object": []}}', b'{"a": NaN}', b"[" * 5000, b"\xff\xfe", b"\x00",
    b'{"data": {"object": {"id": "x\\u0000y", "name": "z"}}}', b'{"data": {"object": {"id": "a", "name": [], "open": true}}}',
    b'{"id": "\\ud800", "data": {"object": {"id": "b", "name": "\\ud800"}}}',
)


def test_signed_events_that_nobody_understands_are_set_aside_and_stop_no_other(read: Portal) -> None:
    read.push(read.event("good", 1, hours=50))
    for body in NOT_UNDERSTOOD:
        assert read.push(body).status_code == 202, body
    read.later(minutes=2)
    take(read)
    assert read.hours() == 50
    kept = db.session.scalars(select(Quarantined)).all()
    assert len(kept) == len(NOT_UNDERSTOOD) and all(row.reason for row in kept)
    assert set(read.arrivals().values()) == {"taken"}
    run = db.session.scalars(select(SyncRun).order_by(SyncRun.id.desc())).first()
    assert run and run.received == run.new + run.changed + run.unchanged + run.quarantined + run.duplicates == len(kept) + 1


def overdue(portal: Portal) -> None:
    """As if the whole board had been read two days ago."""
    with db.transaction():
        board = db.session.scalars(select(Board)).one()
        assert board.cursor
        old = (datetime.now(UTC) - timedelta(days=2)).isoformat()
        board.cursor = {**board.cursor, "state": {**board.cursor["state"], "whole_at": old}}


def test_the_whole_board_is_read_again_when_it_is_time(read: Portal) -> None:
    asked = read.asked
    assert read.sync().outcome == "pushed"
    assert read.asked == asked
    overdue(read)
    read.rows = [read.project(hours=44), read.project("second1")]
    read.push(read.event("e1", 1, post_id="third1"))
    read.later(minutes=2)
    report = read.sync()
    assert (report.outcome, report.counts.new, report.counts.changed) == ("complete", 2, 1), report.message
    assert read.hours() == 44
    asked = read.asked
    assert read.sync().outcome == "pushed" and read.asked == asked


def test_after_a_week_the_whole_board_is_read_once_and_not_for_ever(read: Portal) -> None:
    read.later(days=8)
    assert read.sync().outcome == "complete"
    assert read.sync().outcome == "pushed"


def test_a_platform_that_is_down_costs_no_pushed_event(read: Portal) -> None:
    overdue(read)
    read.down = True
    read.push(read.event("e1", 1, hours=50))
    read.later(minutes=2)
    report = read.sync()
    assert report.outcome == "partial" and "could not be read" in report.message
    assert (read.hours(), read.arrivals()) == (50, {"e1": "taken"})


def test_an_event_in_flight_while_the_whole_board_was_read_still_counts(read: Portal) -> None:
    """The run took an event of the post; what happened after that event, before the run began, comes later."""
    overdue(read)
    read.push(read.event("first", 1, hours=50))
    second = read.event("second", 2, hours=60)
    read.later(minutes=3)
    assert read.sync().outcome == "complete"
    read.push(second)
    read.later(minutes=1)
    take(read)
    assert read.hours() == 60


def test_a_paused_board_keeps_what_comes_and_reads_it_later(read: Portal) -> None:
    with db.transaction():
        db.session.scalars(select(Board)).one().paused_at = read.clock
    assert read.push(read.event("e1", 1, hours=50)).status_code == 202
    assert take(read) == "0 boards had something waiting."
    with db.transaction():
        db.session.scalars(select(Board)).one().paused_at = None
    read.later(minutes=2)
    take(read)
    assert read.hours() == 50


def test_old_events_are_forgotten_and_the_newest_of_each_post_stays(read: Portal) -> None:
    for n in (1, 2):
        read.push(read.event(f"e{n}", n, hours=50 + n))
        read.later(minutes=3)
        take(read)
    with db.transaction():
        arrivals.forget_old(datetime.now(UTC) + timedelta(days=100))
    assert read.arrivals() == {"e2": "taken"}
    read.push(read.event("e1", -30, hours=51))
    take(read)
    assert (read.hours(), read.arrivals()) == (52, {"e2": "taken", "e1": "older"})


# ---- signatures of other platforms

@pytest.mark.parametrize(("hook", "given"), [
    (Hook("S", "", "id"), "b82fcb791acec57859b989b430a826488ce2e479fdf92326bd0a2e8375a42ba4"),
    (Hook("S", "", "id", encoding="base64"), "uC/LeRrOxXhZuYm0MKgmSIzi5Hn9+SMmvQoug3WkK6Q="),
    (Hook("S", "", "id", prefix="sha256="), "sha256=b82fcb791acec57859b989b430a826488ce2e479fdf92326bd0a2e8375a42ba4"),
])
def test_signatures_as_they_are_written(hook: Hook, given: str) -> None:
    body = b"payload"
    assert hooks.signed(hook, "secret", given, body)
    assert not hooks.signed(hook, "secret", given, body + b" ")
    assert not hooks.signed(hook, "secret", given.replace("b", "c").replace("u", "v"), body)
    assert not hooks.signed(Hook("S", "", "id", algorithm="hmac-sha512"), "secret", given, body)
