"""On PostgreSQL: claimed runs go through Procrastinate, a distributed queue, to every worker. The only importer of it.

The queue holds no truth: it carries run numbers, and the run's row decides. So a run may be handed over twice, a
killed worker's run is handed over again, and the queue's tables (in a schema of their own) may be dropped and made anew.
"""

import asyncio
import hashlib
import threading
from typing import Any

import procrastinate
import psycopg
from flask import Flask
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.schema import SchemaManager
from psycopg import sql
from psycopg.conninfo import make_conninfo

from careercenter import db, logs, work
from careercenter.jobs.execute import execute
from careercenter.jobs.table import Clock

SCHEMA = "procrastinate"
QUEUE = "careercenter"
THREADS = 4
_LOCK = 71_230_013
log = logs.get("jobs")


def conninfo(url: str) -> str:
    """The database address as psycopg takes it, looking into the queue's schema."""
    return make_conninfo(url.replace("postgresql+psycopg://", "postgresql://", 1), options=f"-c search_path={SCHEMA}")


def prepare(url: str) -> bool:
    """Make the queue's tables for the installed Procrastinate unless they are there. Returns whether it had to.

    Tables of another version are dropped: what they held is handed over again from the runs' own rows.
    """
    wanted = SchemaManager.get_schema()
    mark = f"procrastinate {hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
    with psycopg.connect(conninfo(url)) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if prepared(connection) == mark:
            return False
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(SCHEMA)))
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SCHEMA)))
        connection.execute(wanted)
        connection.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(SCHEMA), sql.Literal(mark)))
    return True


def prepared(connection: "psycopg.Connection[Any]") -> str | None:
    """The mark of the queue's tables; None when there are none."""
    row = connection.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s", (SCHEMA,)
    ).fetchone()
    return row[0] if row else None


class QueueRunner:
    """The leader hands claimed runs over; every worker takes them from the queue."""

    def __init__(self, app: Flask, url: str, worker: str, now: Clock):
        self._app, self._url, self._worker, self._now = app, url, worker, now
        self._sender = _queue(procrastinate.SyncPsycopgConnector(conninfo=conninfo(url), min_size=0, max_size=2), self._execute)
        self._stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True, name="queue")

    def start(self) -> None:
        prepare(self._url)
        self._sender.open()
        self._thread.start()

    def tick(self, leading: bool) -> None:
        if leading:
            hand_over(self._sender, self._now)

    def stop(self, seconds: float) -> bool:
        self._stopping.set()
        loop, task = self._loop, getattr(self, "_task", None)
        if loop and task and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)
        self._thread.join(timeout=seconds)
        self._sender.close()
        return not self._thread.is_alive()

    def _execute(self, run: int) -> None:
        execute(self._app, run, self._worker, self._now)

    def _serve(self) -> None:
        """Take runs until told to stop; a lost database ends the inner worker, and it is started again."""
        while not self._stopping.is_set():
            try:
                asyncio.run(self._work())
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it was, begin again
                if not self._stopping.is_set():
                    log.warning("the queue's worker ended and is started again", error=type(error).__name__)
            self._stopping.wait(0 if self._stopping.is_set() else 2)

    async def _work(self) -> None:
        connector = procrastinate.PsycopgConnector(conninfo=conninfo(self._url), min_size=1, max_size=THREADS + 2)
        queue = _queue(connector, self._execute)
        async with queue.open_async():
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
            if self._stopping.is_set():
                return
            await _forget_stalled(queue)
            await queue.run_worker_async(
                queues=[QUEUE], name=self._worker, concurrency=THREADS, install_signal_handlers=False, delete_jobs="always",
                fetch_job_polling_interval=2.0,
            )


def _queue(connector: Any, function: Any) -> procrastinate.App:
    queue = procrastinate.App(connector=connector)
    queue.task(name="run", queue=QUEUE)(lambda run: function(run))
    return queue


def hand_over(sender: procrastinate.App, now: Clock) -> int:
    """Tell the queue of the runs it does not know; a crash before the note only repeats it. Returns how many."""
    runs = work.to_hand_over(now())
    db.session.rollback()  # the read is over: hold no transaction while the queue is told
    for run in runs:
        try:
            sender.configure_task("run", queue=QUEUE, queueing_lock=f"run-{run}").defer(run=run)
        except AlreadyEnqueued:
            continue
    if runs:
        with db.transaction():
            work.handed_over(runs, now())
    return len(runs)


async def _forget_stalled(queue: procrastinate.App) -> None:
    """Jobs of workers that were killed: their runs are handed over again by their rows, the job may go."""
    for job in await queue.job_manager.get_stalled_jobs(queue=QUEUE):
        await queue.job_manager.finish_job(job, procrastinate.jobs.Status.FAILED, delete_job=True)
