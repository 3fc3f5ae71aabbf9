"""Handing over to Procrastinate on PostgreSQL: repeats are harmless, nothing is lost, its tables can be made anew."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import procrastinate
import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from careercenter import db, work
from careercenter.jobs import queue

pytestmark = pytest.mark.parametrize("app", ["postgresql"], indirect=True)


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def url(app: Flask) -> str:
    address = db.settings().database_url
    queue.prepare(address)
    with psycopg.connect(queue.conninfo(address)) as connection:
        connection.execute("DELETE FROM procrastinate_jobs")
    return address


@pytest.fixture
def sender(url: str) -> Iterator[procrastinate.App]:
    connector = procrastinate.SyncPsycopgConnector(conninfo=queue.conninfo(url), min_size=0, max_size=2)
    with queue._queue(connector, lambda run: None).open() as opened:
        yield opened


def _queued(url: str) -> list[tuple[int, str]]:
    with psycopg.connect(queue.conninfo(url)) as connection:
        return connection.execute("SELECT (args->>'run')::int, status::text FROM procrastinate_jobs ORDER BY id").fetchall()


def _claim(count: int = 1) -> list[int]:
    with db.transaction():
        runs = [work.claim("tidy", clock() - timedelta(hours=n)) for n in range(count)]
    return [run for run in runs if run]


def test_the_queues_tables_stay_out_of_the_programs_own(url: str) -> None:
    public = db.session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
    assert not [name for name in public if "procrastinate" in name]


def test_preparing_twice_does_nothing_and_another_version_is_made_anew(url: str) -> None:
    assert queue.prepare(url) is False
    with psycopg.connect(queue.conninfo(url)) as connection:
        connection.execute("COMMENT ON SCHEMA procrastinate IS 'procrastinate of last year'")
    assert queue.prepare(url) is True
    assert queue.prepare(url) is False


def test_handing_over_twice_is_harmless(url: str, sender: procrastinate.App) -> None:
    runs = _claim(3)
    assert queue.hand_over(sender, clock) == 3
    assert queue.hand_over(sender, clock) == 0
    assert queue.hand_over(sender, lambda: clock() + timedelta(minutes=2)) == 3  # nobody took them: told again
    assert _queued(url) == [(run, "todo") for run in sorted(runs)]


def test_a_crash_between_telling_and_noting_repeats_the_telling(url: str, sender: procrastinate.App) -> None:
    (run,) = _claim()
    sender.configure_task("run", queue=queue.QUEUE, queueing_lock=f"run-{run}").defer(run=run)
    assert queue.hand_over(sender, clock) == 1
    assert _queued(url) == [(run, "todo")]


def test_runs_go_through_the_queue_to_their_end(app: Flask, url: str) -> None:
    runs = _claim(4)
    runner = queue.QueueRunner(app, url, "w", clock)
    runner.start()
    try:
        runner.tick(leading=False)
        assert _queued(url) == []  # only the leader hands over
        runner.tick(leading=True)
        end = time.monotonic() + 15
        while time.monotonic() < end and len(_ended()) < len(runs):
            time.sleep(0.1)
    finally:
        assert runner.stop(10)
    assert sorted(_ended()) == sorted(runs)
    assert _queued(url) == []


def _ended() -> list[int]:
    db.session.rollback()
    found = db.session.execute(text("SELECT id FROM job_run WHERE state = 'done'"))
    return [row.id for row in found]


def test_a_run_taken_while_its_hand_over_is_noted_is_not_dropped(app: Flask, url: str) -> None:
    """The note locks the row for a moment; whoever leases the run then must wait instead of passing it over."""
    (run,) = _claim()
    engine = db.db.engine
    with engine.connect() as noting:
        noting.execute(text("UPDATE job_run SET handed_at = now() WHERE id = :run"), {"run": run})
        threading.Timer(0.5, noting.commit).start()
        with db.transaction():
            assert work.lease("w", clock(), run) is not None
