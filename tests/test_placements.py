"""Placements, their hours and their pay, on both databases."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from flask import Flask

from careercenter import audit, db, placements
from careercenter.placements import Terms, hourly_pay
from careercenter.placements.model import Employer, Placement, Supervisor
from tests.factories import Factory

TERMS = Terms(
    title="Survey analysis", kind="micro_internship", employer="Harbor Bay Health", supervisor_name="Ana Ruiz",
    supervisor_email="Ana.Ruiz@harbor.example", starts_on=date(2026, 11, 2), ends_on=date(2026, 11, 27),
    planned_minutes=18 * 60, pay_kind="fixed_fee", pay_amount=Decimal("360.00"), supervisor_related=False,
)


def test_a_student_enters_a_placement(factory: Factory, now: datetime) -> None:
    student = factory.student()
    with db.transaction():
        made = placements.create(student.id, TERMS, by=student.actor, now=now)
    row = placements.of_student(student.id)[0]
    assert (row.title, row.employer, row.state, row.logged_minutes) == ("Survey analysis", "Harbor Bay Health", "proposed", 0)
    assert made.supervisor.email == "ana.ruiz@harbor.example"
    assert [e.action for e in audit.history("placement", made.id)] == ["placement.created"]


def test_employer_and_supervisor_are_found_again(factory: Factory, now: datetime) -> None:
    student = factory.student()
    with db.transaction():
        placements.create(student.id, TERMS, by=student.actor, now=now)
        again = replace(TERMS, employer="  harbor bay  HEALTH", supervisor_email="ANA.RUIZ@harbor.example")
        placements.create(student.id, again, by=student.actor, now=now)
    assert db.session.scalar(db.db.select(db.db.func.count()).select_from(Employer)) == 1
    assert db.session.scalar(db.db.select(db.db.func.count()).select_from(Supervisor)) == 1


@pytest.mark.parametrize("wrong", [
    {"ends_on": date(2026, 11, 1)}, {"planned_minutes": 0}, {"kind": "holiday"}, {"pay_kind": "gold"},
    {"pay_amount": Decimal(-1)}, {"planned_minutes": 26 * 17 * 60},
])
def test_terms_that_cannot_be_are_refused(factory: Factory, now: datetime, wrong: dict[str, object]) -> None:
    student = factory.student()
    with pytest.raises(db.Refused), db.transaction():
        placements.create(student.id, replace(TERMS, **wrong), by=student.actor, now=now)  # type: ignore[arg-type]
    assert placements.of_student(student.id) == []


def test_terms_stay_while_a_request_stands_on_them(factory: Factory, now: datetime) -> None:
    placement = factory.placement()
    with db.transaction():
        row = db.session.get_one(Placement, placement.id)
        placements.edit(row, TERMS, by=audit.SYSTEM, now=now)
        placements.fix_terms([row], now)
    with pytest.raises(db.Refused), db.transaction():
        placements.edit(db.session.get_one(Placement, placement.id), TERMS, by=audit.SYSTEM, now=now)


def test_nobody_opens_somebody_elses_placement(factory: Factory) -> None:
    placement, other = factory.placement(), factory.student()
    assert placements.own(placement.id, placement.student_id).id == placement.id
    with pytest.raises(db.NotFound):
        placements.own(placement.id, other.id)


def test_hours_are_logged_and_taken_out(factory: Factory, now: datetime) -> None:
    placement = factory.placement()
    with db.transaction():
        row = db.session.get_one(Placement, placement.id)
        first = placements.log_hours(row, date(2026, 11, 10), 135, "Interviews", by=audit.SYSTEM, now=now)
        placements.log_hours(row, date(2026, 11, 11), 60, "", by=audit.SYSTEM, now=now)
    assert placements.logged_minutes([placement.id]) == {placement.id: 195}
    assert [entry.minutes for entry in placements.hours_of(placement.id)] == [60, 135]
    with db.transaction():
        placements.remove_entry(first.id, placement.student_id, by=audit.SYSTEM, now=now)
    assert placements.logged_minutes([placement.id]) == {placement.id: 60}


@pytest.mark.parametrize(("day", "minutes"), [
    (date(2026, 11, 17), 60), (date(2026, 8, 31), 60), (date(2026, 11, 10), 0), (date(2026, 11, 10), 16 * 60 + 1),
])
def test_hours_that_cannot_be_are_refused(factory: Factory, now: datetime, day: date, minutes: int) -> None:
    placement = factory.placement()
    with pytest.raises(db.Refused), db.transaction():
        placements.log_hours(db.session.get_one(Placement, placement.id), day, minutes, "", by=audit.SYSTEM, now=now)


def test_hours_of_others_and_verified_hours_stay(factory: Factory, now: datetime) -> None:
    placement = factory.placement()
    entry, sure = factory.hours(placement, 60), factory.hours(placement, 60, verified=True)
    with pytest.raises(db.NotFound), db.transaction():
        placements.remove_entry(entry.id, placement.student_id + 1, by=audit.SYSTEM, now=now)
    with pytest.raises(db.Refused), db.transaction():
        placements.remove_entry(sure.id, placement.student_id, by=audit.SYSTEM, now=now)


def test_a_day_is_not_overfilled_by_two_entries_at_once(app: Flask, factory: Factory, now: datetime) -> None:
    student = factory.student()
    both = [factory.placement(student).id, factory.placement(student).id]
    gate, refused = Barrier(2), []

    def log(placement_id: int) -> None:
        with app.app_context():
            gate.wait()
            try:
                with db.transaction():
                    row = db.session.get_one(Placement, placement_id)
                    placements.log_hours(row, date(2026, 11, 10), 9 * 60, "", by=audit.SYSTEM, now=now)
            except db.Refused:
                refused.append(placement_id)

    threads = [Thread(target=log, args=(each,)) for each in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    assert len(refused) == 1
    assert sum(placements.logged_minutes(both).values()) == 9 * 60


def test_placements_run_and_end_by_their_own_dates(factory: Factory, now: datetime) -> None:
    early = factory.placement(state="proposed", starts_on=date(2026, 11, 16), ends_on=date(2026, 11, 20))
    late = factory.placement(state="proposed", starts_on=date(2026, 11, 17))
    with db.transaction():
        assert placements.advance(now) == 1
    assert (db.session.get_one(Placement, early.id).state, db.session.get_one(Placement, late.id).state) == ("running", "proposed")
    with db.transaction():
        assert placements.advance(now + timedelta(days=5)) == 2
        assert placements.advance(now + timedelta(days=5)) == 0
    assert db.session.get_one(Placement, early.id).state == "completed"


@pytest.mark.parametrize(("kind", "amount", "planned", "logged", "hourly"), [
    ("fixed_fee", "360", 18 * 60, 0, "20.00"), ("fixed_fee", "360", 18 * 60, 31 * 60, "11.61"),
    ("fixed_fee", "360", 18 * 60, 5 * 60, "20.00"), ("hourly", "18.50", 600, 900, "18.50"), ("unpaid", None, 600, 0, "0"),
    ("stipend", None, 600, 0, None),
])
def test_pay_for_an_hour(kind: str, amount: str | None, planned: int, logged: int, hourly: str | None) -> None:
    found = hourly_pay(kind, Decimal(amount) if amount else None, planned, logged)
    assert found == (Decimal(hourly) if hourly is not None else None)
