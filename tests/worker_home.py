"""An installation in a folder of its own, with real worker processes that tests start, stop and kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from flask import Flask

from careercenter import create_app, db, outbox, work
from careercenter.jobs import queue
from careercenter.settings import load

ROOT = Path(__file__).parent.parent
MAIL = "Subject: $subject\n\nDear reader of $campus, here is $what.\n"


class Home:
    """`database_url` "" means SQLite in the folder."""

    def __init__(self, folder: Path, smtp_port: int, database_url: str = ""):
        self.folder, self.processes = folder, []
        (folder / "mail").mkdir(parents=True)
        (folder / "mail" / "note.txt").write_text(MAIL)
        (folder / "careercenter.toml").write_text(
            f'data_dir = "var"\n[server]\nsecret_key = {{ file = "key" }}\n[database]\nurl = "{database_url}"\n'
            f'[mail]\nhost = "127.0.0.1"\nport = {smtp_port}\n'
        )
        (folder / "key").write_text("a key for these tests only, long enough")
        self.app: Flask = create_app(load(folder))
        with self.app.app_context():
            db.upgrade()
            if database_url:
                queue.prepare(db.settings().database_url)

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        log = (self.folder / f"worker{len(self.processes)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "careercenter.cli", "--config", str(self.folder), "worker", *arguments],
            cwd=ROOT, stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        self.processes.append(process)
        return process

    def heartbeats(self) -> dict[int, bool]:
        """Worker process id -> whether it leads."""
        with self.app.app_context():
            return {int(found.worker.rsplit("-", 2)[1]): found.leader for found in work.workers()}

    def post(self, dedupe: str) -> None:
        with self.app.app_context(), db.transaction():
            outbox.post(
                "note", to=("Ada Reader", "ada@example.edu"), values={"subject": dedupe, "what": "a note"},
                about=("test", 1), dedupe=dedupe, now=datetime.now(UTC),
            )

    def ask(self, query: Callable[[], Any]) -> Any:
        with self.app.app_context():
            return query()

    def logs(self) -> str:
        return "\n".join(p.read_text(errors="replace")[-3000:] for p in sorted(self.folder.glob("worker*.log")))

    def until(self, what: Callable[[], Any], seconds: float = 25) -> Any:
        """The first true answer; fails with the workers' logs when it does not come in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = what()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"it did not happen in {seconds} s\n{self.logs()}")

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def new_database(url: str) -> str:
    """A fresh database on the same server; its address."""
    name = f"home_{uuid4().hex[:8]}"
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        old = connection.info.dbname
    return plain.replace(f"/{old}", f"/{name}", 1)
