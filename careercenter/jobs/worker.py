"""The worker process: executes runs, and schedules them while it leads. Start as many as you like.

SIGTERM and SIGINT drain: no new runs, up to 30 s for those under way, then what is left is given back. A worker that
is killed loses nothing: its leases run out and others take its runs.
"""

import os
import secrets
import signal
import socket
import threading
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from careercenter import db, logs, work
from careercenter.jobs import table, wake
from careercenter.jobs.leader import leadership
from careercenter.jobs.runner import runner
from careercenter.jobs.table import Clock
from careercenter.listings import stored
from careercenter.steady import settle

TICK_SECONDS = 0.5
BEAT_SECONDS = 5
DRAIN_SECONDS = 30.0
log = logs.get("worker")


class Worker:
    def __init__(self, app: Flask, now: Clock = lambda: datetime.now(UTC)):
        self._app, self._now = app, now
        with app.app_context():
            self._settings = db.settings()
        self.name = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(3)}"
        self._started = now()
        self._beaten: datetime | None = None
        self._stop = threading.Event()
        self._leadership = leadership(self._settings)
        self._runner = runner(app, self._settings, self.name, now)
        self._scheduler: Any = None
        self._planned = ""

    def run(self, drain_seconds: float = DRAIN_SECONDS) -> bool:
        """Work until SIGTERM or SIGINT. Returns False when runs had to be given back unfinished."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        settle()
        self._runner.start()
        log.info("worker started", worker=self.name)
        while not self._stop.wait(TICK_SECONDS):
            self._tick()
        return self._drain(drain_seconds)

    def _tick(self) -> None:
        with self._app.app_context():
            try:
                leading = self._lead()
                self._beat(leading)
                self._runner.tick(leading)
            except Exception as error:  # noqa: BLE001 - the database may be away for a moment; the worker outlives it
                log.warning("worker could not look for work", worker=self.name, error=type(error).__name__)
                self._stop.wait(2)

    def _lead(self) -> bool:
        """Hold or try the leadership, and schedule exactly while it is held."""
        leading = self._leadership.hold()
        if leading and self._scheduler is None:
            self._planned = stored.stamp()
            self._scheduler = wake.start(self._app, self._settings, self._plan(), self._now)
            self._beaten = None
            log.info("worker leads", worker=self.name)
        elif not leading and self._scheduler is not None:
            self._unschedule()
            log.warning("worker leads no more", worker=self.name)
        return leading

    def _plan(self) -> list[table.Planned]:
        return list(table.plan(self._settings, stored.every()))

    def _replan(self) -> None:
        """Staff add, change and remove sources on a page while we run."""
        stamp = stored.stamp()
        if self._scheduler is not None and stamp != self._planned:
            wake.replan(self._scheduler, self._app, self._settings, self._plan(), self._now)
            self._planned = stamp
            log.info("sources have changed", worker=self.name)

    def _unschedule(self) -> None:
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            scheduler.shutdown(wait=True)

    def _beat(self, leading: bool) -> None:
        now = self._now()
        if self._beaten is None or (now - self._beaten).total_seconds() >= BEAT_SECONDS:
            with db.transaction():
                work.beat(self.name, self._started, now, leading)
            self._beaten = now
            self._replan()

    def _drain(self, seconds: float) -> bool:
        log.info("worker drains", worker=self.name)
        self._unschedule()
        self._leadership.release()
        drained = self._runner.stop(seconds)
        try:
            with self._app.app_context(), db.transaction():
                given = work.give_back(self.name)
                work.leave(self.name)
            log.info("worker stopped", worker=self.name, count=given)
        except SQLAlchemyError as error:
            log.warning("worker stopped without the database", worker=self.name, error=type(error).__name__)
        return drained
