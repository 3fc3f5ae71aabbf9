"""What waits for whom, and how far each request is: rows as plain tuples from one query each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, func, or_, select

from careercenter import db
from careercenter.catalog import Course, Program, Section, Term
from careercenter.credit.model import Approval, CreditRequest
from careercenter.people.model import Person
from careercenter.people.sessions import Viewer
from careercenter.placements.model import Placement, Supervisor

SOON = timedelta(days=7)
DUE = {"overdue": timedelta(0), "week": SOON}  # the choices of due: how long from now


class Waiting(NamedTuple):
    """An approval that waits for somebody of a role."""

    approval_id: int
    request_id: int
    version: int
    given_name: str
    family_name: str
    program: str
    what: str
    course: str
    credits: Decimal
    verdict: str
    verdict_text: str
    waiting_since: datetime
    due_at: datetime
    register_by: date

    @property
    def student(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    def risk(self, now: datetime) -> str:
        """overdue, soon (the registration deadline is near), or empty."""
        if self.due_at < now:
            return "overdue"
        return "soon" if self.register_by - now.date() <= SOON else ""


@dataclass(frozen=True)
class Filter:
    """Chips over the queue; empty means all."""

    verdict: str = ""
    program: str = ""
    due: str = ""


def queue(viewer: Viewer, step: str, now: datetime, chosen: Filter = Filter(), limit: int = 200) -> list[Waiting]:
    """What waits for this person at a step, the earliest due first."""
    asked = _rows_of(step == "faculty", _programs_of(viewer, step), chosen)
    given = {"step": step, "me": viewer.person_id, "most": limit}
    if chosen.program:
        given["program"] = chosen.program
    found = db.ask(asked, **given, **({"before": now + DUE[chosen.due]} if chosen.due in DUE else {}))
    return [Waiting._make(row) for row in found]


class Tally(NamedTuple):
    """How many requests of one program wait: all, overdue, those that meet every rule, those that ask for a look."""

    code: str
    name: str
    all: int
    overdue: int
    clean: int
    look: int


def tally(viewer: Viewer, step: str, now: datetime) -> list[Tally]:
    """What waits for this person at a step, program by program, in the order of their codes."""
    asked = _tally_of(step == "faculty", _programs_of(viewer, step))
    return [Tally._make(row) for row in db.ask(asked, step=step, me=viewer.person_id, now=now)]


def total(tallies: Sequence[Tally]) -> Tally:
    """All programs together."""
    counts = [each[2:] for each in tallies] or [(0, 0, 0, 0)]
    return Tally("", "", *map(sum, zip(*counts, strict=True)))


def _programs_of(viewer: Viewer, step: str) -> tuple[str, ...]:
    """The programs that limit what the viewer sees at a step; () for the whole campus, and where the sponsor decides."""
    return () if step == "faculty" or "" in viewer.scopes else viewer.scopes or ("",)


@lru_cache(maxsize=128)
def _rows_of(sponsored: bool, codes: tuple[str, ...], chosen: Filter) -> Select[*tuple[Any, ...]]:
    found = select(
        Approval.id, CreditRequest.id, CreditRequest.version, Person.given_name, Person.family_name, Program.code,
        CreditRequest.what, Course.subject + " " + Course.number, CreditRequest.credits, CreditRequest.verdict,
        CreditRequest.verdict_text, Approval.opened_at, Approval.due_at, Term.register_by,
    )
    found = _waiting(found, sponsored, codes).join(Person, Person.id == CreditRequest.student_id)
    found = _narrow(found.join(Term, Term.id == CreditRequest.term_id), chosen)
    return found.order_by(Approval.due_at, Approval.id).limit(bindparam("most"))


@lru_cache(maxsize=64)
def _tally_of(sponsored: bool, codes: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    overdue = func.count().filter(Approval.due_at < bindparam("now", type_=Approval.due_at.type))
    clean, look = (func.count().filter(CreditRequest.verdict == word) for word in ("clean", "look"))
    found = _waiting(select(Program.code, Program.name, func.count(), overdue, clean, look), sponsored, codes)
    return found.group_by(Program.code, Program.name).order_by(Program.code)


def _waiting(found: Select[*tuple[Any, ...]], sponsored: bool, codes: tuple[str, ...]) -> Select[*tuple[Any, ...]]:
    """Open approvals of `step` that are not the viewer's (`me`) own: those they sponsor, or those of some programs."""
    me = bindparam("me", type_=CreditRequest.student_id.type)
    found = (
        found.select_from(Approval).join(CreditRequest, CreditRequest.id == Approval.request_id)
        .join(Course, Course.id == CreditRequest.course_id).join(Program, Program.id == Course.program_id)
        .where(Approval.step == bindparam("step"), Approval.state == "open", CreditRequest.student_id != me)
    )
    if sponsored:
        return found.where(CreditRequest.sponsor_id == me)
    return found.where(Program.code.in_(codes)) if codes else found


def _narrow(found: Select[*tuple[Any, ...]], chosen: Filter) -> Select[*tuple[Any, ...]]:
    if chosen.verdict:
        found = found.where(CreditRequest.verdict == chosen.verdict)
    if chosen.program:
        found = found.where(Program.code == bindparam("program"))
    if chosen.due in DUE:
        found = found.where(Approval.due_at < bindparam("before", type_=Approval.due_at.type))
    return found


class Progress(NamedTuple):
    """A request in a list: how far it is. `step` and `since` say who holds it, while it is in review."""

    id: int
    given_name: str
    family_name: str
    what: str
    course: str
    term: str
    credits: Decimal
    state: str
    updated_at: datetime
    step: str | None
    since: datetime | None

    @property
    def student(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()


def student_overview(student_id: int) -> list[Progress]:
    """A student's requests, the newest first."""
    return _progress(_of_student(), student_id)


def of_faculty(person_id: int) -> list[Progress]:
    """Requests that a faculty member sponsors or whose section they teach; drafts stay private."""
    return _progress(_of_faculty(), person_id)


def guided_by(person_id: int) -> frozenset[int]:
    """The placements whose work a faculty member sponsors or grades: those of the requests in `of_faculty`."""
    mine = or_(CreditRequest.sponsor_id == person_id, Section.instructor_id == person_id)
    found = (
        select(Placement.id).join(CreditRequest.placements).outerjoin(Section, Section.id == CreditRequest.section_id)
        .where(mine, CreditRequest.state != "draft")
    )
    return frozenset(db.session.scalars(found))


def of_placement(placement_id: int) -> list[Progress]:
    """The requests that a placement belongs to."""
    return _progress(_of_placement(), placement_id)


def _progress(asked: Select[*tuple[Any, ...]], whose: int) -> list[Progress]:
    return [Progress._make(row) for row in db.ask(asked, whose=whose)]


@cache
def _of_student() -> Select[*tuple[Any, ...]]:
    return _requests(CreditRequest.student_id == bindparam("whose"))


@cache
def _of_faculty() -> Select[*tuple[Any, ...]]:
    mine = or_(CreditRequest.sponsor_id == bindparam("whose"), Section.instructor_id == bindparam("whose"))
    return _requests(and_(mine, CreditRequest.state != "draft"))


@cache
def _of_placement() -> Select[*tuple[Any, ...]]:
    return _requests(CreditRequest.placements.any(Placement.id == bindparam("whose")))


def _requests(condition: Any) -> Select[*tuple[Any, ...]]:
    """Requests that meet a condition, each with the step that holds it."""
    step, since = (
        select(func.min(column)).where(Approval.request_id == CreditRequest.id, Approval.state == "open").scalar_subquery()
        for column in (Approval.step, Approval.opened_at)
    )
    return (
        select(
            CreditRequest.id, Person.given_name, Person.family_name, CreditRequest.what, Course.subject + " " + Course.number,
            Term.name, CreditRequest.credits, CreditRequest.state, CreditRequest.updated_at, step, since,
        )
        .join(Person, Person.id == CreditRequest.student_id).join(Course, Course.id == CreditRequest.course_id)
        .join(Term, Term.id == CreditRequest.term_id)
        .outerjoin(Section, Section.id == CreditRequest.section_id)
        .where(condition).order_by(CreditRequest.updated_at.desc(), CreditRequest.id.desc()).limit(200)
    )


def similar(request: CreditRequest, viewer: Viewer, limit: int = 4) -> list[tuple[int, str, str, Decimal, str]]:
    """Decided requests for the same course, the same supervisor's first: (id, student, what, credits, state). Sponsors see
    their own only."""
    same = select(Supervisor.id).where(Supervisor.id.in_([p.supervisor_id for p in request.placements]))
    with_same = CreditRequest.placements.any(Placement.supervisor_id.in_(same))
    found = (
        select(CreditRequest.id, Person.given_name, Person.family_name, CreditRequest.what, CreditRequest.credits, CreditRequest.state)
        .join(Person, Person.id == CreditRequest.student_id)
        .where(CreditRequest.course_id == request.course_id, CreditRequest.id != request.id)
        .where(CreditRequest.state.in_(("registered", "completed", "denied")))
        .order_by(with_same.desc(), CreditRequest.updated_at.desc(), CreditRequest.id.desc()).limit(limit)
    )
    if viewer.role == "faculty":
        taught = CreditRequest.section.has(Section.instructor_id == viewer.person_id)
        found = found.where(or_(CreditRequest.sponsor_id == viewer.person_id, taught))
    return [(i, f"{given} {family}", what, carried, state) for i, given, family, what, carried, state in db.session.execute(found)]
