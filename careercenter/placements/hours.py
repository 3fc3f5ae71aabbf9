"""The hours log of a placement: minutes of a day, by the student; the supervisor confirms them in the evaluation."""

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import func, select

from careercenter import audit, db
from careercenter.audit import Actor
from careercenter.people.model import Person
from careercenter.placements.model import HourEntry, Placement

DAY_MINUTES = 16 * 60


class DayHours(NamedTuple):
    """One entry of the log, newest day first."""

    id: int
    worked_on: date
    minutes: int
    note: str
    verified: bool


def log_hours(
    placement: Placement, worked_on: date, minutes: int, note: str, *, by: Actor, now: datetime
) -> HourEntry:
    """Log minutes of one day. Raises `db.Refused` for a day outside the placement, in the future, or over-full."""
    if minutes <= 0:
        raise db.Refused("Enter how long you worked, as 2:30 or 2.5 hours.")
    if worked_on > now.astimezone(db.settings().campus.zone).date():
        raise db.Refused("That day is still to come. Log hours after you have worked them.")
    if not placement.starts_on <= worked_on <= placement.ends_on:
        raise db.Refused("That day lies outside this placement. Check the day, or change the placement's dates.")
    if placement.state == "cancelled":
        raise db.Refused("This placement was cancelled. Its hours are closed.")
    _lock(placement.student_id)
    if minutes + _minutes_on(placement.student_id, worked_on) > DAY_MINUTES:
        raise db.Refused("That makes more than 16 hours on one day. Check the entries of that day.")
    entry = HourEntry(placement_id=placement.id, worked_on=worked_on, minutes=minutes, note=note.strip()[:300], logged_at=now)
    db.session.add(entry)
    db.session.flush()
    audit.record("hours.logged", "placement", placement.id, by=by, now=now, detail={"day": str(worked_on), "minutes": minutes})
    return entry


def remove_entry(entry_id: int, student_id: int, *, by: Actor, now: datetime) -> HourEntry:
    """Take an entry out of the log; it stays readable in the past. Verified hours stay."""
    entry = db.session.get(HourEntry, entry_id)
    placement = db.session.get(Placement, entry.placement_id) if entry else None
    if entry is None or placement is None or placement.student_id != student_id:
        raise db.NotFound
    if entry.verified_at:
        raise db.Refused("Your supervisor has confirmed these hours, so they stay. Ask the Career Center to correct them.")
    if entry.removed_at is None:
        entry.removed_at = now
        audit.record("hours.removed", "placement", placement.id, by=by, now=now, detail={"entry": entry.id})
    return entry


def hours_of(placement_id: int) -> list[DayHours]:
    """The entries of a placement, newest day first."""
    found = db.session.execute(
        select(HourEntry.id, HourEntry.worked_on, HourEntry.minutes, HourEntry.note, HourEntry.verified_at.is_not(None))
        .where(HourEntry.placement_id == placement_id, HourEntry.removed_at.is_(None))
        .order_by(HourEntry.worked_on.desc(), HourEntry.id.desc())
    )
    return [DayHours(*row) for row in found]


def logged_minutes(placement_ids: list[int]) -> dict[int, int]:
    """Minutes in the log of each placement; 0 for an empty log."""
    found = db.session.execute(
        select(HourEntry.placement_id, func.sum(HourEntry.minutes))
        .where(HourEntry.placement_id.in_(placement_ids), HourEntry.removed_at.is_(None))
        .group_by(HourEntry.placement_id)
    )
    return dict.fromkeys(placement_ids, 0) | {placement: int(minutes) for placement, minutes in found}


def _lock(student_id: int) -> None:
    """Two entries at once are added one after the other, so that a student's day is never over-full."""
    db.session.execute(select(Person.id).where(Person.id == student_id).with_for_update(key_share=True))


def _minutes_on(student_id: int, day: date) -> int:
    total = (
        select(func.coalesce(func.sum(HourEntry.minutes), 0))
        .join(Placement, Placement.id == HourEntry.placement_id)
        .where(Placement.student_id == student_id, HourEntry.worked_on == day, HourEntry.removed_at.is_(None))
    )
    return int(db.session.scalar(total) or 0)
