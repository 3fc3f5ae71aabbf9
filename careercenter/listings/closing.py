"""When a listing that is no longer shown may be closed. Pure policy: it reads no database and no clock.

Almost every feed says "gone" by silence, and silence is often a mistake: in two measured feeds a third of the closings
were undone within a day. So absence counts only after a complete run, at most once per campus day, and closes after
several misses and a waiting time. Two guards hold everything back for a person: a snapshot far under what the latest
complete runs showed, and closings of a large part of a board. The figures are the campus's (`[closing]` of
config/platforms.toml); docs/decisions/0007-closing.md says why the defaults are what they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median

from careercenter.settings import Closing


@dataclass(frozen=True, slots=True)
class Absent:
    """An open listing that a complete run did not show, with the misses counted before this run."""

    id: int
    misses: int
    first_missed_at: datetime | None
    last_missed_on: date | None


@dataclass(frozen=True, slots=True)
class Miss:
    """The counters of a listing after this run; `counted` is false when the day's miss had been counted before."""

    id: int
    misses: int
    first_missed_at: datetime
    counted: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a complete run leads to. While something is held nothing closes; `reason` says why, for the run report."""

    vanished: int = 0
    missed: tuple[Miss, ...] = ()
    close: tuple[Miss, ...] = ()
    held_ids: tuple[int, ...] = ()
    guard: str = ""
    reason: str = ""
    evidence: dict[str, int] = field(default_factory=dict)
    kept: bool = False
    """A person has looked at this and wants these listings kept open for now."""

    @property
    def held(self) -> int:
        return len(self.held_ids)


def judge(
    absent: Sequence[Absent], rule: Closing, *, active: int, seen: int | None, history: Sequence[int], now: datetime, today: date
) -> Verdict:
    """Judge one complete run.

    `active`: the board's open listings, the absent ones included. `seen`: different posts in this snapshot, None when
    the platform answered "not modified". `history`: `seen` of earlier believed runs, newest first. `today`: campus day.
    """
    if seen is not None and dropped(seen, history, rule):
        usual = median(history[: rule.drop_runs])
        return Verdict(
            vanished=len(absent), held_ids=tuple(a.id for a in absent), guard="drop",
            evidence={"seen": seen, "usual": round(usual), "active": active},
            reason=f"The board shows {seen:,} listings where {usual:,.0f} are usual. "
            "Nothing was closed; a person has to look at it.",
        )
    counted = [miss(a, now, today) for a in absent]
    due = tuple(m for m in counted if is_due(m, rule, now))
    missed = tuple(m for m in counted if m.counted)
    if due and len(due) > active * rule.blast_share:
        return Verdict(
            vanished=len(absent), missed=missed, held_ids=tuple(m.id for m in due), guard="blast",
            evidence={"active": active} | ({"seen": seen} if seen is not None else {}),
            reason=f"{len(due):,} of {active:,} listings would close at once. "
            "Nothing was closed; a person has to look at it.",
        )
    return Verdict(vanished=len(absent), missed=missed, close=due)


def dropped(seen: int, history: Sequence[int], rule: Closing) -> bool:
    """The drop guard: far fewer listings than the believed runs before showed."""
    recent = history[: rule.drop_runs]
    return len(recent) >= rule.drop_history and seen < median(recent) * rule.drop_share


def miss(absent: Absent, now: datetime, today: date) -> Miss:
    counted = absent.last_missed_on is None or absent.last_missed_on < today
    return Miss(absent.id, absent.misses + counted, absent.first_missed_at or now, counted)


def is_due(m: Miss, rule: Closing, now: datetime) -> bool:
    return m.misses >= rule.misses and now - m.first_missed_at >= timedelta(hours=rule.wait_hours)
