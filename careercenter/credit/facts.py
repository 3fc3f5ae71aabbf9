"""What the rules look at, in one frozen value: the request, its placements, the student's record, other requests."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from careercenter import catalog, db, placements
from careercenter.catalog import StudentRecord, Term
from careercenter.credit.model import CreditRequest, CreditRequestPlacement
from careercenter.people.model import Person
from careercenter.placements.model import Placement

CLAIMING = ("in_review", "returned", "registered", "completed")
"""States in which a request holds its hours: no other request may count them."""


@dataclass(frozen=True)
class StudentFacts:
    """None means that the student record does not say."""

    email: str = ""
    class_standing: str | None = None
    gpa: Decimal | None = None
    credits_earned: Decimal | None = None
    good_standing: bool | None = None
    international: bool | None = None


@dataclass(frozen=True)
class PlacementFacts:
    """`minutes` are those that can count: planned while the work lies ahead, logged once it is over."""

    title: str
    employer: str
    starts_on: date
    ends_on: date
    minutes: int
    supervisor_email: str = ""
    supervisor_related: bool | None = None
    unpaid: bool = False
    hourly: Decimal | None = None
    claimed_by: int | None = None


@dataclass(frozen=True)
class TermFacts:
    name: str
    starts_on: date
    ends_on: date
    register_by: date


@dataclass(frozen=True)
class Facts:
    """Everything that a policy can ask about a request on the day `on`."""

    credits: Decimal
    academic_minutes: int
    objectives: int
    term: TermFacts
    student: StudentFacts
    on: date
    placements: tuple[PlacementFacts, ...] = field(default=())
    other_credits_this_term: Decimal = Decimal(0)
    other_credits_ever: Decimal = Decimal(0)

    @property
    def site_minutes(self) -> int:
        """Minutes at the site that no other request holds."""
        return sum(p.minutes for p in self.placements if p.claimed_by is None)


def gather(request: CreditRequest, on: date) -> Facts:
    """The facts of a request, read from the database. `on` is the campus's day."""
    ids = [p.id for p in request.placements]
    logged = placements.logged_minutes(ids)
    claims = _claims(ids, request.id)
    this_term, ever = _other_credits(request)
    return Facts(
        credits=request.credits, academic_minutes=request.academic_minutes,
        objectives=len(objectives(request.objectives)), term=_term(request.term),
        student=student_facts(request.student, catalog.record_of(request.student_id)), on=on,
        placements=tuple(_placement(p, logged[p.id], claims.get(p.id)) for p in request.placements),
        other_credits_this_term=this_term, other_credits_ever=ever,
    )


def objectives(text: str) -> list[str]:
    """The learning objectives: one on each line."""
    return [line.strip(" -*•\t") for line in text.splitlines() if line.strip(" -*•\t")]


def student_facts(student: Person, record: StudentRecord | None) -> StudentFacts:
    if record is None:
        return StudentFacts(email=student.email)
    return StudentFacts(
        email=student.email, class_standing=record.class_standing, gpa=record.gpa,
        credits_earned=record.credits_earned, good_standing=record.good_standing, international=record.international,
    )


def _term(term: Term) -> TermFacts:
    return TermFacts(term.name, term.starts_on, term.ends_on, term.register_by)


def _placement(placement: Placement, logged: int, claimed_by: int | None) -> PlacementFacts:
    over = placement.state in ("completed", "cancelled")
    return PlacementFacts(
        title=placement.title, employer=placement.employer.name, starts_on=placement.starts_on,
        ends_on=placement.ends_on, minutes=logged if over else placement.planned_minutes,
        supervisor_email=placement.supervisor.email, supervisor_related=placement.supervisor_related,
        unpaid=placement.pay_kind == "unpaid", claimed_by=claimed_by,
        hourly=placements.hourly_pay(placement.pay_kind, placement.pay_amount, placement.planned_minutes, logged),
    )


def _claims(placement_ids: Iterable[int], request_id: int | None) -> dict[int, int]:
    """Which other request holds the hours of each placement."""
    found = db.session.execute(
        select(CreditRequestPlacement.placement_id, CreditRequest.id)
        .join(CreditRequest, CreditRequest.id == CreditRequestPlacement.request_id)
        .where(CreditRequestPlacement.placement_id.in_(list(placement_ids)))
        .where(CreditRequest.state.in_(CLAIMING), CreditRequest.id != (request_id or 0))
    )
    return {row.placement_id: row.id for row in found}


def _other_credits(request: CreditRequest) -> tuple[Decimal, Decimal]:
    """Credits of the student's other requests, in the same term and in all terms."""
    found = db.session.execute(
        select(CreditRequest.term_id, CreditRequest.credits)
        .where(CreditRequest.student_id == request.student_id, CreditRequest.id != (request.id or 0))
        .where(CreditRequest.state.in_(CLAIMING))
    ).all()
    same = sum((each for term, each in found if term == request.term_id), Decimal(0))
    return same, sum((each for _, each in found), Decimal(0))
