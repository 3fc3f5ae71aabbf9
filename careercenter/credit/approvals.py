"""Decisions on a request: by staff on the version that they saw, by a supervisor through a mailed link."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from careercenter import db, links
from careercenter.audit import Actor
from careercenter.catalog import Section
from careercenter.credit import findings, notices, requests, states, steps
from careercenter.credit.model import STEPS, Approval, CreditRequest
from careercenter.people.sessions import Viewer, scopes_now

Outcome = Literal["approve", "return", "deny"]
_STATE = {"approve": "approved", "return": "returned", "deny": "denied"}


@dataclass(frozen=True)
class Bulk:
    """What approving several did: ids of the requests approved, and a sentence for each that was left."""

    done: tuple[int, ...]
    left: tuple[tuple[int, str], ...]


def decide(
    approval_id: int, outcome: Outcome, version: int, *, reason: str = "", by: Viewer, now: datetime,
    section_id: int | None = None,
) -> CreditRequest:
    """Decide a step as a person signed in. `version` is the request's that the page showed.

    Raises `db.Conflict` when somebody was first, `db.NotFound` for whoever may not decide this, `db.Refused` for one's
    own request, a second step by the same person, a missing reason, or a registration without a section.
    """
    approval = _claim(approval_id, version)
    request = approval.request
    _entitled(approval, by, now)
    _sensible(outcome, reason)
    registers = approval.step == "registrar" and outcome == "approve"
    section = _section(request, section_id) if registers else None
    _settle(approval, outcome, reason, Actor(by.name, by.person_id), version, now, section)
    return request


def decide_by_link(secret: str, outcome: Outcome, *, reason: str = "", now: datetime) -> Approval:
    """A supervisor decides; the link is used up with it. Raises `links.LinkUnusable` for every dead state."""
    link = links.find(secret, "approval", now)
    found = db.session.get_one(Approval, link.record_id)
    request = states.hold(found.request_id, None)
    approval = db.session.get_one(Approval, found.id, populate_existing=True)
    if approval.state != "open" or request.state != "in_review" or approval.placement is None:
        raise links.LinkUnusable
    _sensible(outcome, reason)
    links.consume(link, now)
    supervisor = approval.placement.supervisor
    actor = Actor(f"{supervisor.name}, {approval.placement.employer.name}", via="link")
    _settle(approval, outcome, reason, actor, request.version, now)
    notices.receipt(request, approval, now)
    return approval


def asked_by_link(secret: str, now: datetime) -> Approval:
    """What a link asks about; changes nothing. Raises `links.LinkUnusable`."""
    approval = db.session.get_one(Approval, links.find(secret, "approval", now).record_id)
    if approval.state != "open":
        raise links.LinkUnusable
    return approval


def bulk_approve(chosen: list[tuple[int, int]], *, by: Viewer, now: datetime) -> Bulk:
    """Approve several (approval id, version) whose rules are all met; whatever is not so is left with its reason."""
    done, left = [], []
    for approval_id, version in chosen:
        approval = db.session.get(Approval, approval_id)
        if approval is None:
            continue
        try:
            judged = findings.verdict(requests.evaluate(approval.request, now))  # again: a placement may have been cancelled
            if (approval.request.verdict, judged) != ("clean", "clean") or approval.step == "registrar":
                raise db.Refused("This one needs a look of its own.")
            done.append(decide(approval_id, "approve", version, by=by, now=now).id)
        except (db.Refused, db.Conflict) as error:
            left.append((approval.request_id, str(error)))
    return Bulk(tuple(done), tuple(left))


def open_for(request: CreditRequest, viewer: Viewer) -> Approval | None:
    """The step of this request that this person may decide now."""
    for approval in steps.opened(request):
        if _may_decide(approval, viewer) and request.student_id != viewer.person_id:
            return approval
    return None


def _claim(approval_id: int, version: int) -> Approval:
    """Hold the request at the version seen, and the step while it is still open: of two deciders one gets it."""
    known = db.session.get(Approval, approval_id)
    if known is None:
        raise db.NotFound
    request = states.hold(known.request_id, version)
    approval = db.session.get_one(Approval, approval_id, populate_existing=True)
    if approval.state == "waiting" and request.state == "in_review":
        raise db.Conflict("It is not this step's turn yet: an earlier step has not been decided.")
    if approval.state != "open" or request.state != "in_review":
        raise db.Conflict(f"This step was decided already{f' by {approval.decided_by}' if approval.decided_by else ''}.")
    return approval


def _entitled(approval: Approval, by: Viewer, now: datetime) -> None:
    request, held = approval.request, replace(by, scopes=scopes_now(by.person_id, by.role, now))
    if request.student_id == by.person_id:
        raise db.Refused("You cannot decide on your own request. Somebody else in the office has to.")
    if not held.scopes or not _may_decide(approval, by) or not _may_decide(approval, held):
        raise db.NotFound
    if any(a.decided_by_id == by.person_id for a in steps.of_round(request)):
        raise db.Refused("You decided an earlier step of this request. Another person has to decide this one.")


def _may_decide(approval: Approval, by: Viewer) -> bool:
    if approval.step != by.role or approval.step == "supervisor":
        return False
    if approval.step == "faculty":
        return approval.request.sponsor_id == by.person_id
    return "" in by.scopes or approval.request.course.program.code in by.scopes


def _sensible(outcome: str, reason: str) -> None:
    if outcome not in _STATE:
        raise db.Refused("Choose what to do: approve, return or deny.")
    if outcome != "approve" and not reason.strip():
        raise db.Refused("Write a reason, so that the student knows what to do.")


def _section(request: CreditRequest, section_id: int | None) -> Section:
    section = db.session.get(Section, section_id) if section_id else None
    if section is None or section.course_id != request.course_id or section.term_id != request.term_id:
        raise db.Refused("Choose the section of this course and term in which the credit is registered.")
    return section


def _settle(
    approval: Approval, outcome: Outcome, reason: str, by: Actor, version: int, now: datetime, section: Section | None = None,
) -> None:
    """Write the decision and carry the request on: to the next step, back to the student, or to its end."""
    request = approval.request
    approval.state, approval.decided_at, approval.reason = _STATE[outcome], now, reason.strip()
    approval.decided_by, approval.decided_by_id, approval.decided_version = by.label, by.person_id, version
    db.session.flush()
    asked: list[Approval] = []
    if outcome == "approve":
        state = "in_review" if steps.open_next(request, now) else "registered"
    else:
        state = _STATE[outcome]
        asked = steps.close(request, now)
        steps.free_terms(request)
    found = requests.evaluate(request, now)
    request.section = section or request.section
    states.move(request, state, f"{approval.step}_{_STATE[outcome]}", by=by, now=now, reason=reason.strip(), findings=found)
    notices.not_needed(request, asked, now)
    notices.decided(request, approval, now)


def words(action: str) -> str:
    """A kept action in words: "advisor_approved" is "approved as career advisor"."""
    step, _, done = action.partition("_")
    if step in STEPS:
        return {"approved": "approved", "returned": "returned it", "denied": "denied it"}[done] + f" as {STEPS[step].lower()}"
    return {"submitted": "submitted the request", "withdrawn": "withdrew the request", "graded": "entered the grade"}.get(action, action)
