"""Kills, races and plugins that misbehave: nothing is lost, nothing happens twice, one run per board."""

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from careercenter import db, listings
from careercenter.listings.model import Listing, ListingEvent, SyncRun
from careercenter.listings.sources import open_source
from careercenter.listings.sync import reader_of
from careercenter.platforms import apart, registry
from careercenter.platforms.contract import Completeness, End, Page, Record, State, Tombstone, Transient
from tests.board_feed import post
from tests.listing_board import Board, board_over

ROOT = Path(__file__).parent.parent


@pytest.fixture
def board(app, monkeypatch: pytest.MonkeyPatch, now: datetime):  # type: ignore[no-untyped-def]
    with board_over(app, monkeypatch, now) as found:
        yield found


class Scripted:
    """A plugin that says what a test wrote down; an exception among the messages is raised."""

    def __init__(self, real, *messages):  # type: ignore[no-untyped-def]
        self.real, self.messages = real, messages

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        return getattr(self.real, name)

    def read(self, cfg, board, state, http):  # type: ignore[no-untyped-def]
        self.state = state
        for message in self.messages:
            if isinstance(message, BaseException):
                raise message
            yield message


@pytest.fixture
def script(board: Board, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    real, board.beside = registry.get("greenhouse"), True

    def say(*messages):  # type: ignore[no-untyped-def]
        plugin = Scripted(real, *messages)
        monkeypatch.setattr(registry, "get", lambda name: plugin)
        return plugin

    return say


def record(number: int, **values: object) -> Record:
    import json

    return Record(str(number), json.dumps(post(number, **values)).encode(), None, datetime.now(UTC))


def run_in_thread(app: Flask, board: Board, reports: list[listings.SyncReport]) -> threading.Thread:
    def run() -> None:
        with app.app_context():
            reports.append(board.sync())
            db.session.remove()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def race(app: Flask, board: Board) -> list[listings.SyncReport]:
    """Two syncs of one board, the second begun while the first waits for the platform."""
    inside, go = threading.Event(), threading.Event()
    reports: list[listings.SyncReport] = []

    def hold() -> None:
        inside.set()
        go.wait(5)

    board.feed.before = hold
    first = run_in_thread(app, board, reports)
    assert inside.wait(5)
    board.feed.before = None
    second = run_in_thread(app, board, reports)
    second.join(8)
    go.set()
    first.join(8)
    return reports


def test_one_of_two_concurrent_runs_wins(app: Flask, board: Board) -> None:
    board.feed.posts = [post(n) for n in range(1, 6)]
    reports = race(app, board)
    assert sorted(r.outcome for r in reports) == ["busy", "complete"]
    assert board.feed.requests == 1 and len(board.states()) == 5


def test_without_the_unique_index_both_would_run(app: Flask, board: Board) -> None:
    """The negative control: it is the index that decides, not luck."""
    board.feed.posts = [post(1)]
    with db.transaction():
        db.session.execute(text("DROP INDEX uq_sync_run_running"))
    try:
        reports = race(app, board)
    finally:
        db.session.remove()
        with db.db.engine.begin() as connection:
            next(i for i in SyncRun.__table__.indexes if i.name == "uq_sync_run_running").create(connection)
    assert [r.outcome for r in reports] == ["complete", "complete"]
    assert board.feed.requests == 2


def test_silent_run_is_lost_and_can_write_no_more(app: Flask, board: Board) -> None:
    board.feed.posts = [post(n) for n in range(1, 4)]
    inside, go = threading.Event(), threading.Event()
    reports: list[listings.SyncReport] = []

    def hold() -> None:
        inside.set()
        go.wait(5)

    board.feed.before = hold
    sleeper = run_in_thread(app, board, reports)
    assert inside.wait(5)
    board.feed.before = None
    board.later(minutes=9)
    assert board.sync().outcome == "busy"
    board.later(minutes=2)
    assert board.sync().outcome == "complete"
    go.set()
    sleeper.join(8)
    assert reports[0].outcome == "lost"
    outcomes = db.session.scalars(select(SyncRun.outcome).order_by(SyncRun.id)).all()
    assert outcomes == ["lost", "complete"]
    opened = db.session.scalars(select(ListingEvent.run_id).where(ListingEvent.change == "opened")).all()
    assert len(opened) == 3


def test_platform_failing_midway_keeps_what_came(board: Board, script) -> None:  # type: ignore[no-untyped-def]
    script(record(1), record(2), Page(1, 2, "a"), record(3), Transient("The platform cannot be reached."))
    report = board.sync()
    assert (report.outcome, report.counts.new, report.counts.add_up) == ("unreachable", 3, True)
    assert set(board.states().values()) == {"open"}


def slow_storing(monkeypatch: pytest.MonkeyPatch, store):  # type: ignore[no-untyped-def]
    """Batches of two records, each stored by what a test gives."""
    module = importlib.import_module("careercenter.listings.sync")
    monkeypatch.setattr(module, "BATCH", 2)
    real = module.store
    monkeypatch.setattr(module, "store", lambda run, batch, now: store(lambda: real(run, batch, now)))


def test_the_platform_is_read_on_while_a_batch_is_stored(board: Board, script, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    read, waited = threading.Event(), []

    def store(really) -> None:  # type: ignore[no-untyped-def]
        waited.append(read.wait(10))
        really()

    class Told(list):  # type: ignore[type-arg]
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield from map(record, range(1, 5))
            read.set()  # four were taken: the first two are being stored
            yield from map(record, (5, 6))
            yield from (Page(1, 6, "a"), End(Completeness.COMPLETE, 6, 6))

    slow_storing(monkeypatch, store)
    script().messages = Told()
    assert (board.sync().counts.new, waited) == (6, [True] * 3)


@pytest.mark.parametrize("between", [0, 2, 4])
def test_a_post_that_is_shown_after_its_end_is_open_however_soon(
    board: Board, script, monkeypatch: pytest.MonkeyPatch, between: int  # type: ignore[no-untyped-def]
) -> None:
    """The batch with its end may not be stored yet when the post is looked up; it comes byte for byte as it was."""
    slow_storing(monkeypatch, lambda really: (time.sleep(0.05), really()))
    posts = [record(n) for n in range(1, 11)]
    script(*posts, Page(1, 10, "a"), End(Completeness.COMPLETE, 10, 10))
    board.sync()
    board.later(hours=30)
    others = posts[1:]
    again = (others[0], *others[1 : 1 + between], posts[0], *others[1 + between :])
    script(Tombstone("1", "gone"), *again, Page(1, 10, "b"), End(Completeness.COMPLETE, 10, 10))
    report = board.sync()
    assert (report.counts.closed, report.counts.reopened, report.counts.add_up) == (1, 1, True)
    assert board.states()["1"] == "open"


def test_what_breaks_the_storing_ends_the_run_and_what_was_stored_stands(
    board: Board, script, monkeypatch: pytest.MonkeyPatch  # type: ignore[no-untyped-def]
) -> None:
    stored: list[int] = []

    def store(really) -> None:  # type: ignore[no-untyped-def]
        if stored:
            raise OSError("The disk is full.")
        stored.append(1)
        really()

    slow_storing(monkeypatch, store)
    script(*map(record, range(1, 9)), Page(1, 8, "a"), End(Completeness.COMPLETE, 8, 8))
    with pytest.raises(OSError, match="disk is full"):
        board.sync()
    assert board.states() == {"1": "open", "2": "open"}
    assert db.session.scalars(select(SyncRun.outcome)).all() == ["lost"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("store")]


def test_crash_after_each_message_then_a_full_run(board: Board, script) -> None:  # type: ignore[no-untyped-def]
    whole = [record(1), record(2), Page(1, 2, "a"), record(3), Page(2, 1, "b"), State({"etag": '"x"'}), End(Completeness.COMPLETE, 3, 3)]
    for n in range(len(whole)):
        plugin = script(*whole[:n], KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            board.sync()
        assert plugin.state is None, "the cursor of a broken run is never used"
    script(*whole)
    report = board.sync()
    assert (report.outcome, report.counts.received) == ("complete", 3)
    changes = db.session.scalars(select(ListingEvent.change)).all()
    assert changes == ["opened"] * 3
    assert db.session.scalars(select(SyncRun.id).where(SyncRun.outcome == "running")).all() == []


def test_no_end_and_repeating_pages_are_partial(board: Board, script) -> None:  # type: ignore[no-untyped-def]
    script(record(1), Page(1, 1, "a"))
    assert board.sync().outcome == "partial"
    script(*[m for n in range(50) for m in (record(1), Page(n, 1, "same"))])
    report = board.sync()
    assert (report.outcome, report.counts.received) == ("partial", 2)
    assert "same page" in report.message


def test_crashing_plugin_is_a_plain_outcome(board: Board, script) -> None:  # type: ignore[no-untyped-def]
    script(record(1), ZeroDivisionError("secret detail"))
    report = board.sync()
    assert report.outcome == "plugin" and "secret" not in report.message
    assert board.states() == {"1": "open"}


def test_tombstone_closes_at_once(board: Board, script) -> None:  # type: ignore[no-untyped-def]
    script(record(1), record(2), Page(1, 2, "a"), End(Completeness.COMPLETE, 2, 2))
    board.sync()
    script(record(2), Tombstone("1", "status: filled"), Tombstone("77", "unknown"), Page(1, 1, "b"), End(Completeness.COMPLETE, 1, 1))
    report = board.sync()
    assert (report.counts.closed, report.counts.vanished) == (1, 0)
    assert board.last_change("1") == ("closed", {"by": "platform", "says": "status: filled"})


def test_post_ids_that_no_database_takes(board: Board, script) -> None:  # type: ignore[no-untyped-def]
    raw = record(1).raw
    odd = [Record(p, raw, None, datetime.now(UTC)) for p in ("x" * 300, "nul\x00", "half\ud800")]
    script(record(1), *odd, Page(1, 4, "a"), End(Completeness.COMPLETE, 4, 4))
    report = board.sync()
    assert (report.counts.new, report.counts.quarantined, report.counts.add_up) == (1, 3, True)
    assert report.outcome == "partial", "nobody can say which listings the odd ones are"


CHILD = """
import importlib, sys, time
from datetime import datetime
from pydantic import SecretStr
from careercenter import create_app, listings
from careercenter.settings import Platforms, Source, load
data, url, host, moment = sys.argv[1:5]
source = Source(platform="greenhouse", boards=("alderfinch",), base_url=f"http://{host}", allow_hosts=(host,))
app = create_app(load(
    "config", data_dir=data, database={"url": url}, platforms=Platforms(sources=(source,)),
    server={"secret_key": SecretStr("for tests only " * 4)},
))
importlib.import_module("careercenter.listings.sync").BATCH = 20
def slow(done, total, words):
    print(done, flush=True)
    time.sleep(0.05)
with app.app_context():
    listings.sync("greenhouse", "alderfinch", now=lambda: datetime.fromisoformat(moment), progress=slow)
"""


@pytest.mark.parametrize("after", [1, 5])
def test_killed_process_is_resumed_without_loss_or_double_effect(app: Flask, board: Board, after: int) -> None:
    """SIGKILL in the middle of storing 200 posts; ten minutes later the next run finishes the work."""
    board.feed.posts = [post(n) for n in range(1, 201)]
    settings = app.extensions["careercenter"]
    url = settings.database.url.replace("postgresql+psycopg", "postgresql")
    arguments = [str(settings.data_dir), url, board.feed.host, board.clock.isoformat()]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert child.stdout is not None
    for _ in range(after):
        assert child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    _wait_until_released(app)
    stored = len(board.states())
    assert 0 < stored < 200
    assert board.sync().outcome == "busy"
    board.clock += timedelta(minutes=11)
    report = board.sync()
    assert (report.outcome, report.counts.new, report.counts.unchanged) == ("complete", 200 - stored, stored)
    assert len(board.states()) == 200
    assert board.events() == 200
    assert db.session.scalars(select(SyncRun.outcome).order_by(SyncRun.id)).all() == ["lost", "complete"]
    assert db.session.scalar(select(Listing.id).where(Listing.state != "open")) is None


def _wait_until_released(app: Flask) -> None:
    """PostgreSQL may take a moment to notice that the client is gone."""
    time.sleep(0.3)


def test_a_run_that_ends_waits_for_no_drafts(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that was lost, or that somebody stops by Ctrl-C, while the plugin hangs."""
    class Hanging(apart.Normalizer):
        def drafts(self, raws):  # type: ignore[no-untyped-def]
            while not self._over and time.monotonic() < began + 5:
                time.sleep(0.01)
            return []

    began = time.monotonic()
    monkeypatch.setattr(apart, "Normalizer", Hanging)
    with pytest.raises(KeyboardInterrupt), reader_of(open_source("greenhouse", "alderfinch"), None) as reader:
        reader.drafts([{"id": n} for n in range(500)])
        raise KeyboardInterrupt
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("many", [1, 100, 101, 199, 201, 2001])
def test_every_record_gets_the_draft_that_was_made_of_it(board: Board, many: int) -> None:
    """Several processes share a batch, and their shares are of different sizes."""
    board.feed.posts = [post(n, title=f"Intern {n}") for n in range(1, many + 1)]
    assert board.sync().counts.new == many
    titles = dict(db.session.execute(select(Listing.post_id, Listing.title)).all())
    assert titles == {str(n): f"Intern {n}" for n in range(1, many + 1)}
