"""Runs one claimed run: lease it, keep the lease while its function works, note how it ended."""

import threading
from datetime import timedelta

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from careercenter import db, logs, work
from careercenter.jobs import table
from careercenter.jobs.table import Clock, Job

MOST_ATTEMPTS = 5
RENEW_SECONDS = 20.0
REPORT_SECONDS = 1.0
log = logs.get("jobs")


def execute(app: Flask, run_id: int, worker: str, now: Clock) -> str | None:
    """Run it unless somebody else does. Returns the state it ended in, None when it was not ours to run."""
    with app.app_context():
        with db.transaction():
            held = work.lease(worker, now(), run_id)
        if held is None:
            return None
        job = table.find(held.job)
        if job is None:
            return _end(held, now, work.FAILED, f'No job is called "{held.job}".')
        if held.attempt > MOST_ATTEMPTS:
            return _end(held, now, work.FAILED, f"Given up: {MOST_ATTEMPTS} workers ended while they ran it.")
        return _run(app, job, held, now)


def _run(app: Flask, job: Job, held: work.Lease, now: Clock) -> str | None:
    seen = {"job": held.job, "argument": held.argument, "run": held.run_id, "attempt": held.attempt}
    log.info("run started", **seen)
    try:
        with Keeper(app, held, now, job.limit) as keeper:
            message = job.function(now, held.argument, keeper.note)
    except work.LeaseLost:
        log.warning("run was taken over by another worker", **seen)
        return None
    except Exception as error:
        log.error("run failed", exc_info=error, **seen)
        sentence = str(error) if isinstance(error, (db.Refused, db.Conflict, db.NotFound)) else type(error).__name__
        return _end(held, now, work.FAILED, f"It failed: {sentence}")
    log.info("run finished", **seen)
    return _end(held, now, work.DONE, message)


def _end(held: work.Lease, now: Clock, state: str, message: str) -> str | None:
    try:
        with db.transaction():
            work.finish(held, now(), state, message)
    except work.LeaseLost:
        return None
    return state


class Keeper:
    """Keeps a lease in a thread of its own, and writes progress at most once a second.

    `note` only remembers, so a job may call it anywhere, inside its own transaction too.
    """

    def __init__(self, app: Flask, held: work.Lease, now: Clock, limit: timedelta):
        self._app, self._held, self._now = app, held, now
        self._until = now() + limit
        self._stop, self._lost = threading.Event(), threading.Event()
        self._news: tuple[int, int | None, str] | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True, name=f"keeper-{held.run_id}")

    def note(self, done: int, total: int | None = None, message: str = "") -> None:
        """How far the run is. Raises `LeaseLost` when another worker has taken it over."""
        if self._lost.is_set():
            raise work.LeaseLost(f"run {self._held.run_id}")
        self._news = (done, total, message)

    def _keep(self) -> None:
        quiet = 0.0
        while not self._stop.wait(REPORT_SECONDS) and self._now() < self._until:
            quiet += REPORT_SECONDS
            news, self._news = self._news, None
            if news is None and quiet < RENEW_SECONDS:
                continue
            quiet = 0.0
            try:
                self._write(news)
            except work.LeaseLost:
                self._lost.set()
                return
            except SQLAlchemyError as error:  # a busy or absent database; the next second tries again
                self._news = self._news or news
                log.warning("progress could not be written", run=self._held.run_id, error=type(error).__name__)

    def _write(self, news: tuple[int, int | None, str] | None) -> None:
        with self._app.app_context(), db.transaction():
            if news is None:
                work.renew(self._held, self._now())
            else:
                work.progress(self._held, self._now(), *news)

    def __enter__(self) -> "Keeper":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=15)
        if self._news is not None and not self._lost.is_set():
            self._write_last()

    def _write_last(self) -> None:
        try:
            self._write(self._news)
        except (work.LeaseLost, SQLAlchemyError):
            log.warning("last progress could not be written", run=self._held.run_id)
