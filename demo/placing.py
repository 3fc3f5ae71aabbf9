"""Work on the demo campus: placements made by their students, and the hours they log."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import insert

from careercenter import placements
from careercenter.db import session
from careercenter.people.model import Person
from careercenter.placements.model import HourEntry, Placement
from demo import remarks
from demo.diary import Diary
from demo.plans import Work


def terms_of(work: Work) -> placements.Terms:
    """The plan in the words of the product."""
    return placements.Terms(
        title=work.title, kind=work.kind, employer=work.host.name, supervisor_name=work.host.supervisor,
        supervisor_email=work.host.supervisor_email, supervisor_title=work.host.supervisor_title, supervisor_related=False,
        starts_on=work.starts_on, ends_on=work.ends_on, planned_minutes=work.minutes, pay_kind=work.pay_kind,
        pay_amount=work.pay_amount, duties=work.duties, workplace=work.workplace,
    )


def place(student: Person, work: Work, now: datetime) -> Placement:
    """The student enters the placement."""
    return placements.create(student.id, terms_of(work), by=student.actor, now=now)


def log_all(placement_id: int, work: Work, diary: Diary, rng: Random, now: datetime) -> None:
    """The hours worked so far in one go, dated as if logged each evening: quick, but without an audit event for each."""
    rows = entries(work, diary, rng, now)
    if rows:
        session.execute(insert(HourEntry), [{"placement_id": placement_id, **row} for row in rows])


def log_one(placement_id: int, row: dict[str, Any], now: datetime) -> None:
    """One day's hours as the student logs them."""
    placement = session.get_one(Placement, placement_id)
    placements.log_hours(placement, row["worked_on"], row["minutes"], row["note"], by=placement.student.actor, now=now)


def entries(work: Work, diary: Diary, rng: Random, now: datetime) -> list[dict[str, Any]]:
    """Rows of the hours log up to an instant: worked_on, minutes, note, logged_at."""
    today = now.astimezone(diary.zone).date()
    days_in_all = (work.ends_on - work.starts_on).days + 1
    over = today >= work.ends_on
    days_so_far = days_in_all if over else max(0, (today - work.starts_on).days)
    workdays = [d for d in (work.starts_on + timedelta(days=n) for n in range(days_so_far)) if d.weekday() < 5]
    total = work.logged if over and work.logged else round(work.minutes * rng.uniform(0.985, 1.06) * days_so_far / days_in_all / 15) * 15
    if not workdays or total < 15:
        return []
    length = 150 if work.kind == "micro_internship" else 390
    chosen = sorted(rng.sample(workdays, min(len(workdays), max(2, round(total / length)))))
    notes = remarks.MICRO_NOTES if work.kind == "micro_internship" else remarks.HOUR_NOTES
    rows = []
    for n, day in enumerate(chosen):
        left = len(chosen) - n
        minutes = total if left == 1 else min(total, max(15, round(total / left * rng.uniform(0.8, 1.2) / 15) * 15))
        total -= minutes
        note = notes[min(n * len(notes) // len(chosen), len(notes) - 1)] if length == 150 else rng.choice(notes)
        if minutes > 0:
            logged = min(now, diary.any_hour(day, rng) + timedelta(hours=1))
            rows.append({"worked_on": day, "minutes": minutes, "note": note, "logged_at": logged})
    return rows
