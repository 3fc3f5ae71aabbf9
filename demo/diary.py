"""The diary of the demo campus: what happens when, played in order of time through the product's own rules.

Everything is entered first and played afterwards, so that audit log, outbox and histories read as they would have
been written. An entry may enter later ones while it is played.
"""

import heapq
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

Happening = Callable[[datetime], None]


class Diary:
    """Entries up to `until`; what is entered for later never happens in this seed."""

    def __init__(self, until: datetime, zone: ZoneInfo):
        self.until = until
        self.zone = zone
        self._entries: list[tuple[datetime, int, Happening]] = []
        self._order = count()

    @property
    def today(self) -> date:
        """The campus's day of the seed."""
        return self.until.astimezone(self.zone).date()

    def enter(self, at: datetime, happening: Happening) -> None:
        """Something happens at an instant; it is called with that instant."""
        if at <= self.until:
            heapq.heappush(self._entries, (at, next(self._order), happening))

    def play(self) -> int:
        """Let everything happen, oldest first. Returns how many entries there were."""
        played = 0
        while self._entries:
            at, _, happening = heapq.heappop(self._entries)
            happening(at)
            played += 1
        return played

    def office_hour(self, day: date, rng: Random) -> datetime:
        """A moment within office hours of a day, or of the Monday after a weekend."""
        day += timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
        return self._moment(day, rng.randrange(9 * 60, 17 * 60))

    def any_hour(self, day: date, rng: Random) -> datetime:
        """A moment of a student's day, weekends included."""
        return self._moment(day, rng.randrange(10 * 60, 22 * 60))

    def after(self, at: datetime, days: tuple[int, int], rng: Random) -> datetime:
        """An office hour some days after an instant, never before it."""
        day = at.astimezone(self.zone).date() + timedelta(days=rng.randint(*days))
        found = self.office_hour(day, rng)
        return found if found > at else at + timedelta(minutes=rng.randint(8, 55))

    def by_now(self, at: datetime, days: tuple[int, int], rng: Random) -> datetime:
        """Like `after`, for what has to have happened before the seed: then on the last working day, if there is one."""
        found = self.after(at, days, rng)
        for back in range(5):
            if found <= self.until:
                return found
            found = self.office_hour(self.today - timedelta(days=back), rng)
            found = found if found > at else self.until + timedelta(days=1)
        return at + (self.until - at) * rng.uniform(0.3, 0.8)

    def _moment(self, day: date, minute: int) -> datetime:
        return datetime.combine(day, time(minute // 60, minute % 60), self.zone).astimezone(UTC)
