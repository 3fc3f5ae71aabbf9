"""One worker leads: it alone schedules. Two leaders would do no harm, since claims are unique, but waste work.

On PostgreSQL the leader holds an advisory lock on a connection of its own, which ends with the process; the server
also ends it when the leader falls silent. On SQLite it holds a lock file in the data folder, freed by the kernel.
"""

from pathlib import Path
from typing import Protocol

import fasteners
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from careercenter.settings import Settings

LOCK = 71_230_012
SILENCE_SECONDS = 30


class Leadership(Protocol):
    def hold(self) -> bool:
        """Become leader, or confirm it. Called each second; False when another worker leads or the database is away."""
        ...

    def release(self) -> None:
        """Let another worker lead."""
        ...


class FileLeadership:
    def __init__(self, data_dir: Path):
        self._lock = fasteners.InterProcessLock(data_dir / "leader.lock")

    def hold(self) -> bool:
        return bool(self._lock.acquired or self._lock.acquire(blocking=False))

    def release(self) -> None:
        if self._lock.acquired:
            self._lock.release()


class DatabaseLeadership:
    def __init__(self, url: str):
        self._engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._connection: Connection | None = None

    def hold(self) -> bool:
        try:
            if self._connection is not None:
                self._connection.execute(text("SELECT 1"))
                return True
            return self._try()
        except SQLAlchemyError:
            self.release()
            return False

    def _try(self) -> bool:
        connection = self._engine.connect()
        if connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
            self._connection = connection
            silence = {"limit": f"{SILENCE_SECONDS}s"}
            connection.execute(text("SELECT set_config('idle_session_timeout', :limit, false)"), silence)
            return True
        connection.close()
        return False

    def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()  # ends the session at the server, and the lock with it
            connection.close()


def leadership(settings: Settings) -> Leadership:
    url = settings.database_url
    return DatabaseLeadership(url) if url.startswith("postgresql") else FileLeadership(settings.data_dir)
