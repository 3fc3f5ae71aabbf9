"""When a job is due. A schedule gives the newest instant at or before now; that instant is the run's key.

Every process computes the same instant whenever it wakes, so late, doubled or missed wakes make at most one run. A
daily instant follows from the civil date: 01:30 happens twice when summer time ends, the date does not.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Every:
    """Each `seconds`, on a grid that all processes share."""

    seconds: int

    def latest(self, now: datetime, zone: ZoneInfo) -> datetime:
        return _EPOCH + timedelta(seconds=(now - _EPOCH) // timedelta(seconds=self.seconds) * self.seconds)

    @property
    def epoch(self) -> datetime:
        return _EPOCH


@dataclass(frozen=True)
class Daily:
    """Once per civil date of the campus, at a wall time; one that is skipped in spring counts as an hour later."""

    hour: int
    minute: int = 0

    def latest(self, now: datetime, zone: ZoneInfo) -> datetime:
        local = now.astimezone(zone)
        due = self._on(local, zone)
        return due if due <= now else self._on(local - timedelta(days=1), zone)

    def _on(self, local: datetime, zone: ZoneInfo) -> datetime:
        wall = datetime(local.year, local.month, local.day, self.hour, self.minute, tzinfo=zone)  # the first of two
        return wall.astimezone(UTC)


Schedule = Every | Daily
