"""The credit request's form: what it asks, what was typed, and how a request is shown step by step."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from flask import url_for
from sqlalchemy import select

from careercenter import catalog, credit, db
from careercenter.catalog import Course, StudentRecord
from careercenter.credit import Draft, Finding
from careercenter.credit.model import STATES, STEPS, Approval, CreditRequest, CreditRequestState
from careercenter.people.model import Person, RoleGrant
from careercenter.placements.model import Employer, Placement
from careercenter.web import formats
from careercenter.web.typed import Typed, hours_text, number

MEANINGS = {
    "draft": "needs", "in_review": "waiting", "returned": "needs", "denied": "stopped", "withdrawn": "stopped",
    "registered": "good", "completed": "good",
}
VERDICTS = {"clean": ("good", "All rules met"), "look": ("needs", "Needs a look"), "blocked": ("stopped", "Not met")}


def read(form: Mapping[str, str], placement_ids: Sequence[str]) -> tuple[Draft, dict[str, str]]:
    """The draft as typed. What is missing is left for the findings; only what cannot be read is an error."""
    typed = Typed(form)
    credits_asked = typed.amount("credits", "Enter how many credits you ask for, as 3.")
    draft = Draft(
        term_id=typed.number("term_id"), course_id=typed.number("course_id"), credits=credits_asked or Decimal(0),
        placement_ids=tuple(filter(None, map(number, placement_ids[:100]))),
        academic_minutes=typed.minutes("academic", "Enter hours of academic work, as 15 or 7.5.", empty=0),
        objectives=typed.text("objectives"), note=typed.text("note"), sponsor_id=typed.number("sponsor_id") or None,
    )
    if not draft.term_id:
        typed.errors["term_id"] = "Choose a term."
    if not draft.course_id:
        typed.errors["course_id"] = "Choose the course that carries the credit."
    return draft, typed.errors


def typed_again(request: CreditRequest) -> dict[str, Any]:
    """A stored request as its form shows it."""
    return {
        "term_id": request.term_id, "course_id": request.course_id, "credits": formats.number(request.credits),
        "academic": hours_text(request.academic_minutes) if request.academic_minutes else "",
        "objectives": request.objectives, "note": request.note, "sponsor_id": request.sponsor_id or "",
        "placements": [str(p.id) for p in request.placements],
    }


def first_guess(student_id: int, chosen: list[str], today: Any) -> dict[str, Any]:
    """What a new request most likely asks: the course of the student's program, this term, three credits."""
    record, term = catalog.record_of(student_id), catalog.term_on(today)
    course = db.session.scalar(
        select(Course.id).where(Course.program_id == record.program_id).order_by(Course.id).limit(1)
    ) if record else None
    return {"term_id": term.id if term else "", "course_id": course or "", "credits": "3", "placements": chosen}


def options(student_id: int) -> dict[str, Any]:
    """The choices of the form: (value, label) pairs."""
    return {
        "terms": [(term.id, term.name) for term in catalog.terms()], "courses": _courses(student_id),
        "sponsors": _sponsors(), "placements": _placements(student_id),
    }


def _courses(student_id: int) -> list[tuple[int, str]]:
    """Courses that carry credit, those of the student's program first."""
    own = select(StudentRecord.program_id).where(StudentRecord.person_id == student_id).scalar_subquery()
    found = db.session.execute(
        select(Course.id, Course.subject, Course.number, Course.title)
        .order_by((Course.program_id == own).desc(), Course.subject, Course.number)
    )
    return [(number, f"{subject} {code}, {title}") for number, subject, code, title in found]


def _sponsors() -> list[tuple[int, str]]:
    found = db.session.execute(
        select(Person.id, Person.given_name, Person.family_name).join(RoleGrant, RoleGrant.person_id == Person.id)
        .where(RoleGrant.role == "faculty", Person.disabled_at.is_(None))
        .order_by(Person.family_name, Person.given_name).distinct()
    )
    return [(number, f"{given} {family}") for number, given, family in found]


def _placements(student_id: int) -> list[tuple[int, str, str]]:
    found = db.session.execute(
        select(Placement.id, Placement.title, Employer.name, Placement.planned_minutes, Placement.starts_on, Placement.ends_on)
        .join(Employer, Employer.id == Placement.employer_id)
        .where(Placement.student_id == student_id, Placement.state != "cancelled").order_by(Placement.starts_on.desc(), Placement.id)
    )
    return [
        (number, title, f"{employer}, {formats.minutes(planned)}, {formats.day(first)} to {formats.day(last)}")
        for number, title, employer, planned, first, last in found
    ]


def findings_view(found: Sequence[Finding], for_student: bool = True) -> list[dict[str, Any]]:
    """Findings as the macro shows them. What would mend it is said to the student."""
    return [
        {
            "result": f.verdict, "severity": f.severity, "rule": f.title, "numbers": f.numbers,
            "reason": " ".join(part for part in (f.sentence, f.mend if for_student else "") if part),
            "source": f.citation, "source_url": f.citation_url or None,
        }
        for f in found
    ]


def steps_view(request: CreditRequest) -> list[dict[str, str]]:
    """The way of a request: submitted, each step with who and since when, registered."""
    current = credit.of_round(request)
    sent_back = [a.decided_at for a in current if a.state == "returned" and a.decided_at]
    since = max(sent_back, default=request.submitted_at) if request.state == "returned" else request.submitted_at
    shown = [{
        "name": "Correction" if request.state == "returned" else "You" if not current else "Submitted", "who": request.student.name,
        "state": "now" if request.state in ("draft", "returned") else "done",
        "when": f"{'since ' if sent_back and request.state == 'returned' else ''}{formats.day(since)}" if since else "",
    }]
    for step in dict.fromkeys(approval.step for approval in current):
        shown.append(_step_view(request, step, [a for a in current if a.step == step]))
    return shown


def _step_view(request: CreditRequest, step: str, group: list[Approval]) -> dict[str, str]:
    states = {approval.state for approval in group}
    turn = next((a for a in group if a.state == "open"), None)
    decided = [a.decided_at for a in group if a.decided_at]
    if states == {"approved"}:
        state, when = "done", formats.day(max(decided)) if decided else ""
    elif turn is not None and request.state == "in_review":
        state, when = "now", f"since {formats.day(turn.opened_at)}"
    elif states & {"denied", "returned"}:
        state, when = "stopped", formats.day(max(decided)) if decided else ""
    else:
        state, when = "next", ""
    return {"name": STEPS[step], "who": _who(request, step, group, turn), "state": state, "when": when}


def _who(request: CreditRequest, step: str, group: list[Approval], turn: Approval | None) -> str:
    if step == "supervisor":
        asked = [a.placement.supervisor.name for a in group if a.placement and (turn is None or a.state == "open")]
        names = list(dict.fromkeys(asked))
        return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
    if step == "faculty" and request.sponsor:
        return request.sponsor.name
    return next((a.decided_by for a in group if a.decided_by), "")


def held_by(request: CreditRequest) -> tuple[str, str] | None:
    """Who holds a request in review, and since when: for the line under its title."""
    now = next((step for step in steps_view(request) if step["state"] == "now"), None)
    if now is None or request.state != "in_review":
        return None
    return now["who"] or f"the {now['name'].lower()}", now["when"].removeprefix("since ")


def history_view(states: Sequence[CreditRequestState]) -> list[dict[str, Any]]:
    """What happened, newest first."""
    return [
        {
            "when": formats.moment(kept.at), "iso": formats.iso(kept.at), "who": kept.by,
            "what": credit.words(kept.snapshot.get("action", "")) or STATES[kept.state].lower(), "note": kept.reason or None,
            "meaning": {"returned": "needs", "denied": "stopped", "registered": "good"}.get(kept.state),
        }
        for kept in reversed(states)
    ]


def queue_address(**changes: str) -> str:
    """The address of the queue with these filters; empty ones are left out."""
    chosen = urlencode({name: value for name, value in changes.items() if value})
    return url_for("credit.queue") + (f"?{chosen}" if chosen else "")


def answer(request: CreditRequest, now: datetime) -> str:
    """The one sentence a student came for."""
    held = held_by(request)
    if held:
        return f"Your request is with {held[0]}."
    return {
        "draft": "This is a draft.", "returned": "Your request came back for a correction.",
        "denied": "Your request was denied.", "withdrawn": "You withdrew this request.",
        "registered": f"You are registered for {credit.credits_text(request.credits)}.",
        "completed": f"Completed with the grade {request.grade}.",
    }.get(request.state, f"Your request is {STATES[request.state].lower()}.")
