"""What the home pages draw: the way of a student's requests, and sums by program. One query each, plain tuples."""

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, func, select

from careercenter import db
from careercenter.catalog import Course, Program
from careercenter.credit.model import Approval, CreditRequest


class Step(NamedTuple):
    """One approval of the round under way; several supervisors make several of one step."""

    request_id: int
    step: str
    state: str
    opened_at: datetime | None
    decided_at: datetime | None
    submitted_at: datetime | None


def ways(student_id: int) -> list[Step]:
    """The steps of a student's requests in review, request by request, in order."""
    return [Step._make(row) for row in db.ask(_ways(), whose=student_id)]


def credits_by_program(term_id: int) -> list[tuple[str, Decimal]]:
    """Credits that are registered or completed in a term, by name of the course's program, the most first."""
    return [(row[0], row[1]) for row in db.ask(_credits(), term=term_id)]


@cache
def _ways() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Approval.request_id, Approval.step, Approval.state, Approval.opened_at, Approval.decided_at, CreditRequest.submitted_at
        )
        .join(CreditRequest, CreditRequest.id == Approval.request_id)
        .where(
            CreditRequest.student_id == bindparam("whose"), CreditRequest.state == "in_review",
            Approval.round == CreditRequest.round,
        )
        .order_by(Approval.request_id, Approval.position, Approval.id)
    )


@cache
def _credits() -> Select[*tuple[Any, ...]]:
    total = func.sum(CreditRequest.credits)
    return (
        select(Program.name, total).select_from(CreditRequest).join(Course, Course.id == CreditRequest.course_id)
        .join(Program, Program.id == Course.program_id)
        .where(CreditRequest.term_id == bindparam("term"), CreditRequest.state.in_(("registered", "completed")))
        .group_by(Program.name).order_by(total.desc(), Program.name)
    )
