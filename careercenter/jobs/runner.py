"""How claimed runs get executed: the one interface, and the way of an installation on SQLite."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Protocol

from flask import Flask

from careercenter import logs, work
from careercenter.jobs.execute import execute
from careercenter.jobs.table import Clock
from careercenter.settings import Settings

THREADS = 2
log = logs.get("jobs")


class Runner(Protocol):
    def start(self) -> None: ...

    def tick(self, leading: bool) -> None:
        """Look for claimed runs; called twice a second inside an application context."""
        ...

    def stop(self, seconds: float) -> bool:
        """Take no more runs and wait for those under way. False when some did not end in time."""
        ...


class ThreadRunner:
    """Each worker takes free runs from the database into its own few threads. Right for one machine."""

    def __init__(self, app: Flask, worker: str, now: Clock):
        self._app, self._worker, self._now = app, worker, now
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="run")
        self._under_way: dict[int, Future[None]] = {}
        self._guard = threading.Lock()

    def start(self) -> None:
        log.info("runs are executed in this worker", worker=self._worker)

    def tick(self, leading: bool) -> None:
        with self._guard:
            self._under_way = {run: future for run, future in self._under_way.items() if not future.done()}
            room = THREADS - len(self._under_way)
            wanted = [run for run in work.free(self._now()) if run not in self._under_way][:room] if room else []
            for run in wanted:
                self._under_way[run] = self._pool.submit(self._execute, run)

    def _execute(self, run: int) -> None:
        try:
            execute(self._app, run, self._worker, self._now)
        except Exception as error:  # the lease runs out and the run is taken again
            log.error("run could not be executed", run=run, exc_info=error)

    def stop(self, seconds: float) -> bool:
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._guard:
            return not wait(self._under_way.values(), timeout=seconds).not_done


def runner(app: Flask, settings: Settings, worker: str, now: Clock) -> Runner:
    """The way to execute runs on this installation's database."""
    if not settings.database_url.startswith("postgresql"):
        return ThreadRunner(app, worker, now)
    from careercenter.jobs.queue import QueueRunner

    return QueueRunner(app, settings.database_url, worker, now)
