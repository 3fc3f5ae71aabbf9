"""Placements by students: from a listing or found by themselves; employers and supervisors are found or made."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from careercenter import audit, db
from careercenter.audit import Actor
from careercenter.placements.model import KINDS, PAY_KINDS, Employer, HourEntry, Placement, Supervisor


@dataclass(frozen=True)
class Terms:
    """What student and supervisor agree on. Dates are campus days, both inclusive; `pay_amount` is in dollars."""

    title: str
    kind: str
    employer: str
    supervisor_name: str
    supervisor_email: str
    starts_on: date
    ends_on: date
    planned_minutes: int
    pay_kind: str
    pay_amount: Decimal | None = None
    supervisor_title: str = ""
    supervisor_related: bool | None = None
    duties: str = ""
    workplace: str = "unknown"


class Row(NamedTuple):
    """A placement in a student's list."""

    id: int
    title: str
    kind: str
    employer: str
    state: str
    starts_on: date
    ends_on: date
    planned_minutes: int
    logged_minutes: int


def create(student_id: int, terms: Terms, *, by: Actor, now: datetime, listing_id: int | None = None) -> Placement:
    """A new placement, proposed until its first day. Raises `db.Refused` with what is wrong with the terms."""
    _check(terms)
    placement = Placement(student_id=student_id, listing_id=listing_id, created_at=now)
    _apply(placement, terms)
    db.session.add(placement)
    db.session.flush()
    audit.record("placement.created", "placement", placement.id, by=by, now=now)
    return placement


def edit(placement: Placement, terms: Terms, *, by: Actor, now: datetime) -> None:
    """Change the terms; refused while a credit request stands on them."""
    if placement.fixed_at:
        raise db.Refused("A credit request stands on these terms. Withdraw it, or ask for it to be returned, to change them.")
    _check(terms)
    before = _readable(placement)
    _apply(placement, terms)
    db.session.flush()
    audit.record(
        "placement.edited", "placement", placement.id, by=by, now=now,
        detail={"before": before, "after": _readable(placement)},
    )


def cancel(placement: Placement, *, reason: str, by: Actor, now: datetime) -> None:
    """The work will not happen, or stopped. Hours that were logged stay and count."""
    if placement.state in ("cancelled", "completed"):
        raise db.Refused(f"This placement is {placement.state} already.")
    placement.state = "cancelled"
    audit.record("placement.cancelled", "placement", placement.id, by=by, now=now, reason=reason)


def own(placement_id: int, student_id: int) -> Placement:
    """A student's own placement. Raises `db.NotFound`."""
    placement = db.session.get(Placement, placement_id)
    if placement is None or placement.student_id != student_id:
        raise db.NotFound
    return placement


def of_student(student_id: int) -> list[Row]:
    """A student's placements, newest first, with the minutes logged in each."""
    logged = (
        select(func.coalesce(func.sum(HourEntry.minutes), 0))
        .where(HourEntry.placement_id == Placement.id, HourEntry.removed_at.is_(None)).scalar_subquery()
    )
    found = db.session.execute(
        select(
            Placement.id, Placement.title, Placement.kind, Employer.name, Placement.state, Placement.starts_on,
            Placement.ends_on, Placement.planned_minutes, logged,
        )
        .join(Employer, Employer.id == Placement.employer_id).where(Placement.student_id == student_id)
        .order_by(Placement.starts_on.desc(), Placement.id.desc())
    )
    return [Row(*row) for row in found]


def advance(now: datetime) -> int:
    """Placements run and end by their own dates, in the campus's days. Returns how many changed."""
    today = now.astimezone(db.settings().campus.zone).date()
    started = db.changed(
        update(Placement).where(Placement.state == "proposed", Placement.starts_on <= today).values(state="running")
    )
    ended = db.changed(
        update(Placement).where(Placement.state == "running", Placement.ends_on < today).values(state="completed")
    )
    return started + ended


def fix_terms(placements: list[Placement], now: datetime) -> None:
    """From now on a credit request stands on these terms."""
    for placement in placements:
        placement.fixed_at = placement.fixed_at or now


def free_terms(placements: list[Placement]) -> None:
    """No credit request stands on these terms any more."""
    for placement in placements:
        placement.fixed_at = None


def find_employer(name: str) -> Employer:
    """The employer of that name, whatever its capitals; made when there is none."""
    name = " ".join(name.split())
    found = select(Employer).where(func.lower(Employer.name) == name.lower()).order_by(Employer.id).limit(1)
    known = db.session.scalar(found)
    if known:
        return known
    db.session.execute(_insert(Employer).values(name=name).on_conflict_do_nothing(index_elements=["name"]))
    return db.session.scalars(found).one()


def find_supervisor(employer: Employer, name: str, email: str, title: str = "") -> Supervisor:
    """The contact at an employer with that address; made when there is none."""
    email = email.strip().lower()
    found = select(Supervisor).where(Supervisor.employer_id == employer.id, Supervisor.email == email)
    known = db.session.scalar(found)
    if known:
        return known
    values = {"employer_id": employer.id, "email": email, "name": " ".join(name.split()), "title": title.strip()}
    db.session.execute(
        _insert(Supervisor).values(values).on_conflict_do_nothing(index_elements=["employer_id", "email"])
    )
    return db.session.scalars(found).one()


def _insert(model: type[Employer] | type[Supervisor]) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(model) if db.is_postgresql() else sqlite.insert(model)


def _check(terms: Terms) -> None:
    if terms.kind not in KINDS or terms.pay_kind not in PAY_KINDS:
        raise db.Refused("Choose a kind of work and a kind of pay from the lists.")
    if terms.ends_on < terms.starts_on:
        raise db.Refused("The last day lies before the first day.")
    if terms.planned_minutes <= 0:
        raise db.Refused("Enter how many hours the work takes in all.")
    days = (terms.ends_on - terms.starts_on).days + 1
    if terms.planned_minutes > days * 16 * 60:
        raise db.Refused("That is more hours than these days hold. Check the dates and the hours.")
    if terms.pay_amount is not None and (terms.pay_amount < 0 or terms.pay_amount > 1_000_000):
        raise db.Refused("Enter the pay as an amount of dollars.")


def _apply(placement: Placement, terms: Terms) -> None:
    employer = find_employer(terms.employer)
    placement.employer_id = employer.id
    placement.supervisor_id = find_supervisor(
        employer, terms.supervisor_name, terms.supervisor_email, terms.supervisor_title
    ).id
    for name in ("title", "kind", "duties", "workplace", "starts_on", "ends_on", "planned_minutes", "pay_kind"):
        setattr(placement, name, getattr(terms, name))
    placement.pay_amount = None if terms.pay_kind == "unpaid" else terms.pay_amount
    placement.supervisor_related = terms.supervisor_related


def _readable(placement: Placement) -> dict[str, str]:
    names = ("title", "kind", "starts_on", "ends_on", "planned_minutes", "pay_kind", "pay_amount", "supervisor_id")
    return {name: str(getattr(placement, name)) for name in names}
