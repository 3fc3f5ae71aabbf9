"""Credit requests by students: draft, save, submit, withdraw; and the grade that ends one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select

from careercenter import audit, db, placements
from careercenter.audit import Actor
from careercenter.catalog import Course, Term
from careercenter.credit import facts, findings, notices, policy, states, steps
from careercenter.credit.findings import Finding
from careercenter.credit.model import OPEN_STATES, CreditRequest
from careercenter.people.model import Person
from careercenter.people.sessions import Viewer, scopes_now
from careercenter.placements.model import Placement

GRADES = ("A", "A-", "B+", "B", "B-", "C+", "C", "C-", "D", "F", "S", "U", "P", "I", "W")


@dataclass(frozen=True)
class Draft:
    """What a student fills in. Minutes are integers; objectives stand one on each line."""

    term_id: int
    course_id: int
    credits: Decimal
    placement_ids: tuple[int, ...] = ()
    academic_minutes: int = 0
    objectives: str = ""
    note: str = ""
    sponsor_id: int | None = None


class NotReady(db.Refused):
    """Rules stand in the way of submitting; `findings` are those that do."""

    def __init__(self, blocking: Sequence[Finding]):
        self.findings = list(blocking)
        super().__init__(" ".join(f.sentence or f"{f.title} is not met." for f in blocking))


def create_draft(student_id: int, draft: Draft, *, by: Actor, now: datetime) -> CreditRequest:
    """A new draft, under the policy version of today."""
    request = CreditRequest(student_id=student_id, created_at=now, updated_at=now, policy="", policy_version="")
    with db.session.no_autoflush:
        _fill(request, draft, now)
    db.session.add(request)
    db.session.flush()
    audit.record("credit.drafted", "credit_request", request.id, by=by, now=now)
    return request


def save_draft(
    request_id: int, version: int, draft: Draft, *, by: Actor, now: datetime, window: str = ""
) -> CreditRequest:
    """Save a draft or a returned request. Raises `db.Conflict` when it is no longer at `version`.

    `window` names the open form: a save that follows its own earlier one is no conflict, even if the answer that
    told it the new version is still on its way.
    """
    request = _mine(request_id, None, by)
    if not (window and request.saved_from == window):
        request = _mine(request_id, version, by)
    if request.state not in ("draft", "returned"):
        raise db.Refused("This request is under review, so it cannot be changed. Withdraw it to start again.")
    with db.session.no_autoflush:  # one change, one version
        _fill(request, draft, now)
        request.saved_from = window[:24]
    states.touch(request, now)
    return request


def submit(request_id: int, version: int, *, by: Actor, now: datetime) -> CreditRequest:
    """Send it on its way. Raises `NotReady` with what stands in the way; the second of two equal clicks does nothing."""
    states.lock_student(by.person_id or 0)
    request = _mine(request_id, None, by)
    if request.state == "in_review" and request.version == version + 1:
        return request
    request = _mine(request_id, version, by)
    if request.state not in ("draft", "returned"):
        raise db.Refused("This request was submitted already.")
    edition = policy.kept(request.policy, request.policy_version)
    if "faculty" in edition.steps and request.sponsor_id is None:
        raise db.Refused("Choose the faculty sponsor who will guide this work, then submit.")
    found = evaluate(request, now)
    blocking = [f for f in found if f.blocks]
    if blocking or not request.placements:
        raise NotReady(blocking or [f for f in found if f.earns is not None])
    request.verdict, request.verdict_text = findings.verdict(found), findings.verdict_text(found)
    request.submitted_at = request.submitted_at or now
    request.round += 1
    placements.fix_terms(request.placements, now)
    states.move(request, "in_review", "submitted", by=by, now=now, findings=found)
    steps.begin_round(request, now)
    notices.submitted(request, now)
    return request


def withdraw(request_id: int, version: int, *, reason: str = "", by: Actor, now: datetime) -> CreditRequest:
    """The student takes it back. Supervisors who were asked are told."""
    request = _mine(request_id, version, by)
    if request.state not in OPEN_STATES:
        raise db.Refused("This request is decided. Talk to your advisor to change what is registered.")
    asked = steps.close(request, now)
    steps.free_terms(request)
    states.move(request, "withdrawn", "withdrawn", by=by, now=now, reason=reason)
    notices.not_needed(request, asked, now)
    return request


def record_grade(request_id: int, grade: str, version: int, *, by: Viewer, now: datetime) -> CreditRequest:
    """The grade that ends a registered request; by the registrar or the faculty sponsor."""
    request = states.hold(request_id, version)
    held = replace(by, scopes=scopes_now(by.person_id, by.role, now))
    if not held.scopes or not may_see(by, request) or not may_see(held, request) or by.role not in ("registrar", "faculty"):
        raise db.NotFound
    if request.student_id == by.person_id:
        raise db.Refused("You cannot grade your own request. Somebody else in the office has to.")
    if request.state != "registered":
        raise db.Refused("Only a registered request takes a grade.")
    if grade not in GRADES:
        raise db.Refused("Choose a grade from the list.")
    request.grade = grade
    states.move(request, "completed", "graded", by=Actor(by.name, by.person_id), now=now)
    return request


def evaluate(request: CreditRequest, now: datetime) -> list[Finding]:
    """What the rules say of a request today, under the version that it was made under."""
    edition = policy.kept(request.policy, request.policy_version)
    return findings.evaluate(facts.gather(request, _campus_day(now)), edition)


def visible(request_id: int, viewer: Viewer) -> CreditRequest:
    """The request, if this person may see it. Raises `db.NotFound`."""
    request = db.session.get(CreditRequest, request_id)
    if request is None or not may_see(viewer, request):
        raise db.NotFound
    return request


def may_see(viewer: Viewer, request: CreditRequest) -> bool:
    """Students see their own; staff those of their programs, never a draft; sponsors those who asked them.

    Alumni see their own as it was left, but no draft: they could not finish it.
    """
    if viewer.role == "student":
        return request.student_id == viewer.person_id
    if request.state == "draft":
        return False
    if viewer.role == "alumni":
        return request.student_id == viewer.person_id
    if viewer.role == "faculty":
        teaches = request.section is not None and request.section.instructor_id == viewer.person_id
        return request.sponsor_id == viewer.person_id or teaches
    in_scope = "" in viewer.scopes or request.course.program.code in viewer.scopes
    return viewer.role in ("advisor", "registrar") and in_scope


def _mine(request_id: int, version: int | None, by: Actor) -> CreditRequest:
    request = states.hold(request_id, None)
    if request.student_id != by.person_id:
        raise db.NotFound
    return request if version is None else states.hold(request_id, version)


def _fill(request: CreditRequest, draft: Draft, now: datetime) -> None:
    course, term = db.session.get(Course, draft.course_id), db.session.get(Term, draft.term_id)
    if course is None or term is None:
        raise db.Refused("Choose a term and a course from the lists.")
    if draft.credits < 0 or draft.academic_minutes < 0 or draft.credits > 99 or draft.academic_minutes > 60_000:
        raise db.Refused("Enter credits and hours of academic work as numbers from 0.")
    if draft.credits * 100 != (draft.credits * 100).to_integral_value():
        raise db.Refused("Enter credits with two decimal places at most.")
    request.course, request.term = course, term
    if request.policy != course.policy:
        request.policy = course.policy
        request.policy_version = policy.of_course(course.policy, _campus_day(now)).version
    request.placements = _chosen(draft.placement_ids, request.student_id)
    request.sponsor = _sponsor(draft.sponsor_id, request.student_id, now) if draft.sponsor_id else None
    request.credits, request.academic_minutes = draft.credits, draft.academic_minutes
    request.objectives, request.note, request.updated_at = draft.objectives.strip(), draft.note.strip(), now
    request.what = what_text(request.placements)


def _sponsor(person_id: int, student_id: int, now: datetime) -> Person:
    """Somebody who is faculty today: only they may be asked, and only their name is shown to a student."""
    if person_id == student_id or not scopes_now(person_id, "faculty", now):
        raise db.Refused("Choose the faculty sponsor from the list.")
    return db.session.get_one(Person, person_id)


def _chosen(ids: Sequence[int], student_id: int) -> list[Placement]:
    """A student's own placements only; others are as if they were not there."""
    found = select(Placement).where(Placement.id.in_(ids), Placement.student_id == student_id)
    return list(db.session.scalars(found.order_by(Placement.starts_on, Placement.id)))


def what_text(chosen: Sequence[Placement]) -> str:
    """The work in a few words: "Data internship at Harbor Bay Health", "3 projects at 2 employers"."""
    if not chosen:
        return ""
    if len(chosen) == 1:
        return f"{chosen[0].title} at {chosen[0].employer.name}"[:300]
    employers = {p.employer_id for p in chosen}
    where = chosen[0].employer.name if len(employers) == 1 else f"{len(employers)} employers"
    return f"{len(chosen)} projects at {where}"[:300]


def _campus_day(now: datetime) -> date:
    return now.astimezone(db.settings().campus.zone).date()
