"""How often a host may be asked, by all boards and processes of this installation together; and who asked to be left alone.

The parent of a plugin's process keeps it, in one SQLite file of the data folder: the process itself may write no file, and
asks by the pipe before each request (`Turns`). Hosts that a source names under `allow_hosts` are the campus's own and have no
budget; when they ask for rest, they get it too.
"""

import contextlib
import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careercenter.platforms import frames
from careercenter.platforms.contract import RateLimited

A_SECOND = 5
LONGEST_REST = 86_400.0
LONGEST_WAIT = 75.0
FREE_SECONDS = 1.0
_threads = threading.Lock()
_files: dict[str, tuple[sqlite3.Connection, tuple[int, ...]]] = {}
logger = logging.getLogger("careercenter.platforms")


@dataclass(frozen=True)
class Budget:
    """`path`: the file that all processes share. `own`: hosts without a budget. At most five requests in one second."""

    path: str
    per_minute: int
    own: tuple[str, ...] = ()

    def turn(self, host: str) -> dict[str, float]:
        """May this host be asked now? {} yes, and the request is counted; {"free": seconds} yes, and for so long without asking here
        again; {"wait": seconds}; {"rest": seconds} that it asked for."""
        now = time.time()
        try:
            with self._file() as file:
                row = file.execute("SELECT until FROM rest WHERE host = ?", (host,)).fetchone()
                if row and row[0] > now:
                    return {"rest": row[0] - now}
                return {"free": FREE_SECONDS} if host in self.own else self._counted(file, host, now)
        except (sqlite3.Error, OSError) as error:  # politeness must not stop the reading
            logger.warning("The budgets of hosts cannot be kept in %s: %s", self.path, error)
            return {}

    def enter(self, host: str) -> None:
        """See `http.Gate`: for a client in this process."""
        enter(self.turn, host)

    def rest(self, host: str, seconds: float) -> None:
        """The host asks to be left alone; for a day at the most."""
        until = time.time() + min(max(seconds, 0.0), LONGEST_REST)
        try:
            with self._file() as file:
                file.execute("INSERT OR REPLACE INTO rest VALUES (?, ?)", (host, until))
                file.execute("DELETE FROM rest WHERE until < ?", (time.time(),))
        except (sqlite3.Error, OSError) as error:
            logger.warning("That %s asked for rest cannot be kept in %s: %s", host, self.path, error)

    def _counted(self, file: sqlite3.Connection, host: str, now: float) -> dict[str, float]:
        from pyrate_limiter import Duration, Rate, RateItem, SQLiteBucket

        table = "host_" + hashlib.blake2b(host.encode(), digest_size=12).hexdigest()
        file.execute(f"CREATE TABLE IF NOT EXISTS {table} (name VARCHAR, item_timestamp INTEGER)")
        rates = [Rate(self.per_minute, Duration.MINUTE)]
        if self.per_minute > A_SECOND:
            rates.insert(0, Rate(max(A_SECOND, self.per_minute // 60 + 1), Duration.SECOND))
        bucket = SQLiteBucket(rates, file, table)
        item = RateItem("", int(now * 1000))
        bucket.leak(item.timestamp)
        if bucket.put(item):
            return {}
        wait = bucket.waiting(item)
        return {"wait": max(wait if isinstance(wait, int) else 0, 10) / 1000}

    @contextlib.contextmanager
    def _file(self) -> Iterator[sqlite3.Connection]:
        from fasteners import InterProcessLock

        with _threads:
            file = _opened(self.path)
            try:
                with InterProcessLock(f"{self.path}.lock"):
                    yield file
                    file.commit()
            except BaseException:
                _files.pop(self.path)[0].close()
                raise


def _opened(path: str) -> sqlite3.Connection:
    """The file, opened once in a process's life; anew after a fork, and when it was taken away."""
    mark: tuple[int, ...] = (os.getpid(), *_place(path))
    file, of = _files.get(path, (None, None))
    if file is None or of != mark:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(path, timeout=5, check_same_thread=False)
        file.execute("PRAGMA synchronous = OFF")
        file.execute("CREATE TABLE IF NOT EXISTS rest (host TEXT PRIMARY KEY, until REAL NOT NULL)")
        _files[path] = file, (os.getpid(), *_place(path))
    return file


def _place(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return ()
    return found.st_dev, found.st_ino


class Turns:
    """The other end of the pipe: the client's gate inside a plugin's process."""

    def __init__(self, told: Any, out: Any):
        self._told, self._out = told, out
        self._lock = threading.Lock()
        self._free: dict[str, float] = {}

    def enter(self, host: str) -> None:
        """See `http.Gate`."""
        if time.monotonic() >= self._free.get(host, 0.0):
            enter(self._turn, host)

    def _turn(self, host: str) -> dict[str, float]:
        with self._lock:
            self._say("turn", host)
            said: dict[str, float] = frames.read(self._told.read)[1]
            self._free[host] = time.monotonic() + said.get("free", 0.0)
            return said

    def rest(self, host: str, seconds: float) -> None:
        """See `http.Gate`."""
        with self._lock:
            self._free.pop(host, None)
            self._say("rest", [host, seconds])

    def _say(self, kind: str, content: Any) -> None:
        self._out.write(frames.pack(kind, content))
        self._out.flush()


def enter(turn: Callable[[str], dict[str, float]], host: str) -> None:
    """Wait for a host's turn. Raises RateLimited when it asked for rest, or when the turn is too far away."""
    waited = 0.0
    while True:
        said = turn(host)
        if "rest" in said:
            raise RateLimited(f"{host} asked us to come back later; {_span(said['rest'])} are left.", said["rest"])
        wait = said.get("wait", 0.0)
        if not wait:
            return
        waited += wait
        if waited > LONGEST_WAIT:
            raise RateLimited(f"{host} is asked as often as we may ask it; the rest has to wait.", wait)
        time.sleep(wait)


def _span(seconds: float) -> str:
    return f"{seconds:,.0f} seconds" if seconds < 120 else f"{seconds / 60:,.0f} minutes"
