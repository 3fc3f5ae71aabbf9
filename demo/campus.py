"""The demo campus in the database: Hollis State University, invented, the same every time for a given day.

`seed()` writes everything in one transaction, once. `python -m demo.campus --config DIR` migrates and seeds.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from careercenter.migrations import HEAD
from demo import roster

POLICIES = {"PSY": "faculty", "BIO": "table"}
SEEDED = "campus.seeded"
_LOADED = ("pending_to_persistent", "loaded_as_persistent")
_HELD = {"placement", "employer", "supervisor", "course", "program", "section", "term"}
LOOK_BACK_DAYS = 3  # mail younger than this is left for the worker, so that the mailbox is not empty


@dataclass(frozen=True)
class Counted:
    """What the seed made."""

    people: int
    placements: int
    requests: int
    happenings: int


def is_prepared(folder: Path) -> bool:
    """Whether the last preparation ended well and belongs to this version of the program."""
    mark = folder / "prepared"
    return mark.is_file() and mark.read_text().strip() == HEAD and (folder / "careercenter.db").is_file()


def is_seeded() -> bool:
    """Whether this database holds the demo campus already."""
    from sqlalchemy import select

    from careercenter import audit, db

    return db.session.scalar(select(audit.AuditEvent.id).where(audit.AuditEvent.action == SEEDED).limit(1)) is not None


def seed(now: datetime) -> Counted | None:
    """Fill an empty database; None when it was filled before. Opens its own transaction."""
    from careercenter import audit, db

    with db.transaction():
        if is_seeded():
            return None
        counted = _fill(now)
        audit.record(SEEDED, "campus", None, by=audit.SYSTEM, now=now, detail={"people": counted.people})
    return counted


def _fill(now: datetime) -> Counted:
    from sqlalchemy import func, select

    from careercenter import db
    from careercenter.credit.model import CreditRequest
    from careercenter.placements.model import Placement
    from demo import academics, by_hand, employers
    from demo.asking import Offices
    from demo.diary import Diary
    from demo.plans import Planner

    zone = db.settings().campus.zone
    diary = Diary(now, zone)
    terms, programs = academics.add_terms(diary.today), academics.add_programs()
    people = _add_people({code: program.id for code, program in programs.items()}, now)
    courses = academics.add_courses(programs, POLICIES)
    sponsors = {entry.program: people[entry.uid].id for entry in roster.STAFF if entry.role == "faculty"}
    offices = Offices(people, terms, courses, academics.add_sections(terms, courses, sponsors), sponsors)
    hosts = employers.add_employers(Random(roster.SEED + 2))
    cases = Planner(academics.term_plans(diary.today), hosts, diary.today).everything()
    for case in cases:
        _enter(case, people[case.student.uid], offices, diary)
    _daily_jobs(diary, min(work.starts_on for case in cases for work in case.works) - timedelta(days=30))
    everything = _Held()
    happenings = diary.play()
    everything.release()
    _settle_mail(now)
    by_hand.enter(now)
    _ask_for_listings(now)
    _make_a_file(people, academics.term_plans(diary.today)[0].code, now)
    counts = [db.session.scalar(select(func.count()).select_from(model)) or 0 for model in (Placement, CreditRequest)]
    return Counted(len(people), counts[0], counts[1], happenings)


def _make_a_file(people: dict[str, Any], term_code: str, now: datetime) -> None:
    """The registrar has made last term's evidence already, so that the history of files is not empty."""
    from careercenter import accreditation

    registrar = next(entry for entry in roster.STAFF if entry.role == "registrar")
    accreditation.make("r3", term_code, now, people[registrar.uid].actor, now)


class _Held:
    """Keeps placements and what they lead to in memory while the diary is played: most rules look at them again and
    again. Not more than that: every UPDATE of a rule looks through what is in memory."""

    def __init__(self) -> None:
        from sqlalchemy import event

        from careercenter import db

        self._session = db.session()
        self._rows: dict[int, Any] = {}
        for name in _LOADED:
            event.listen(self._session, name, self._keep)

    def _keep(self, _session: Any, row: Any) -> None:
        if row.__tablename__ in _HELD:
            self._rows[id(row)] = row

    def release(self) -> None:
        """Listen no more."""
        from sqlalchemy import event

        for name in _LOADED:
            event.remove(self._session, name, self._keep)


def _add_people(programs: dict[str, int], now: datetime) -> dict[str, Any]:
    from careercenter.catalog import StudentRecord
    from careercenter.db import session
    from careercenter.people.model import Person, RoleGrant

    since = now - timedelta(days=400)
    rows = {}
    for entry in roster.everybody():
        rows[entry.uid] = Person(
            given_name=entry.given_name, family_name=entry.family_name, email=entry.email, campus_id=entry.campus_id,
            created_at=since, roles=[RoleGrant(role=entry.role, scope=entry.scope, source="signon", granted_at=since)],
        )
    session.add_all(rows.values())
    session.flush()
    session.add_all(
        StudentRecord(
            person_id=rows[e.uid].id, program_id=programs[e.program], class_standing=e.standing, gpa=e.gpa,
            credits_earned=e.credits, good_standing=e.good_standing, international=e.international,
            as_of=now - timedelta(hours=9),
        )
        for e in roster.everybody() if e.role == "student"
    )
    session.flush()
    return rows


def _enter(case: Any, student: Any, offices: Any, diary: Any) -> None:
    """Write one case into the diary: its placements, then its request, if credit is asked for."""
    from demo.asking import Asking

    rng = case.rng()
    ids: list[int] = []
    asking = Asking(case, student, ids, offices, diary, rng)
    sent = asking.submitted_on()
    for work in case.works:
        agreed = diary.any_hour(work.starts_on - timedelta(days=rng.randint(3, 9)), rng)
        _enter_work(work, student, ids, min(agreed, sent - timedelta(days=2)), rng, diary, careful=bool(case.student.persona))
    if case.fate:
        begun = sent - timedelta(hours=rng.randint(2, 40))
        diary.enter(begun, asking.draft)
        if case.fate != "draft":
            diary.enter(sent, asking.submit)


def _enter_work(work: Any, student: Any, ids: list[int], at: datetime, rng: Random, diary: Any, careful: bool) -> None:
    from demo import placing, rating

    mine: list[int] = []

    def place(now: datetime) -> None:
        mine.append(placing.place(student, work, now).id)
        ids.extend(mine)

    diary.enter(at, place)
    if work.starts_on >= diary.today:
        return
    over = diary.any_hour(work.ends_on, rng) + timedelta(hours=1)
    logged = min(over, diary.until)
    if careful:
        for row in placing.entries(work, diary, rng, logged):
            diary.enter(row["logged_at"], lambda now, row=row: placing.log_one(mine[0], row, now))
    else:
        diary.enter(logged, lambda now: placing.log_all(mine[0], work, diary, rng, now))
    if careful or rng.random() < 0.86:
        diary.enter(diary.after(over, (1, 8), rng), lambda now: rating.by_supervisor(mine[0], rng, now))
    if careful or rng.random() < 0.62:
        diary.enter(diary.after(over, (1, 12), rng), lambda now: rating.by_student(mine[0], rng, now))


def _daily_jobs(diary: Any, first: date) -> None:
    """What the worker would have done every morning; reminders, which cost most, twice a week."""
    from careercenter import evaluations, placements
    from careercenter.credit import reminders

    jobs: tuple[tuple[int, Callable[[datetime], Any], tuple[int, ...]], ...] = (
        (5, placements.advance, (0, 1, 2, 3, 4, 5, 6)), (6, evaluations.invite_due, (0, 1, 2, 3, 4, 5, 6)),
        (7, evaluations.remind_due, (1, 4)), (8, reminders.remind_overdue, (1, 4)),
    )
    for n in range((diary.today - first).days + 1):
        day = first + timedelta(days=n)
        for hour, job in ((hour, job) for hour, job, weekdays in jobs if day.weekday() in weekdays):
            diary.enter(datetime(day.year, day.month, day.day, hour, tzinfo=diary.zone).astimezone(UTC), job)


def _settle_mail(now: datetime) -> None:
    """Old mail counts as delivered in its day; recent mail, and every link that still opens, goes out now."""
    from sqlalchemy import select, update

    from careercenter import links, outbox
    from careercenter.db import session

    living = select(links.MagicLink.id).where(
        links.MagicLink.used_at.is_(None), links.MagicLink.revoked_at.is_(None), links.MagicLink.expires_at > now,
    )
    message = outbox.OutboxMessage
    session.execute(
        update(message).where(message.created_at < now - timedelta(days=LOOK_BACK_DAYS))
        .where(message.link_id.is_(None) | message.link_id.not_in(living))
        .values(sent_at=message.created_at, next_attempt_at=None, attempts=1)
    )
    session.execute(update(message).where(message.sent_at.is_(None)).values(next_attempt_at=now))


def _ask_for_listings(now: datetime) -> None:
    """The worker reads every board as soon as it runs."""
    from careercenter import db, work

    for source in db.settings().platforms.sources:
        for board in source.boards:
            work.request("sync", now, f"{source.platform}/{board}")


def seed_moment(folder: Path) -> datetime:
    """The moment for which a folder's campus is made: now, on the day that was written down at its first start."""
    day = date.fromisoformat((folder / "seeded-on").read_text().strip())
    now = datetime.now(UTC)
    return now if abs((now.date() - day).days) <= 1 else datetime(day.year, day.month, day.day, 21, tzinfo=UTC)


def prepare(config: Path) -> Counted | None:
    """Migrate and seed the campus that a configuration describes; raises what the program raises."""
    from careercenter import create_app, db
    from careercenter.settings import load
    from demo import earlier

    settings = load(config)
    app = create_app(settings)
    with app.app_context():
        db.upgrade()
        now = seed_moment(settings.data_dir)
        if counted := seed(now):
            earlier.read(now, date.fromisoformat((settings.data_dir / "seeded-on").read_text().strip()))
    (settings.data_dir / "prepared").write_text(HEAD)
    return counted


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="demo.campus", description="Migrate the demo database and fill it once.")
    parser.add_argument("--config", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        counted = prepare(chosen.config)
    except Exception as error:
        from careercenter.cli import failures

        told = failures.sentences(error)
        if told is None:
            raise
        print("\n".join(told), file=sys.stderr)
        return 1
    if counted:
        print(f"Made {counted.people} people, {counted.placements} placements and {counted.requests} credit requests "
              f"in {time.monotonic() - began:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
