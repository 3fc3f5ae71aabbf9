"""Changing a request: hold it for this version, move it to a state, and keep what it was at that moment."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm.attributes import flag_modified

from careercenter import audit, db
from careercenter.audit import Actor
from careercenter.credit import amounts, policy
from careercenter.credit.findings import Finding, summary
from careercenter.credit.model import STATES, CreditRequest, CreditRequestState
from careercenter.people.model import Person


def hold(request_id: int, version: int | None) -> CreditRequest:
    """The request, held until the end of the transaction, if it is still at `version` (None: whatever it is at).

    Raises `db.NotFound`, or `db.Conflict` that names who was first.
    """
    request = db.session.get(CreditRequest, request_id, with_for_update=True, populate_existing=True)
    if request is None:
        raise db.NotFound
    if version is not None and request.version != version:
        raise db.Conflict(_who_was_first(request))
    return request


def lock_student(student_id: int) -> None:
    """Caps and hours are counted over a student's requests, so those are submitted one after the other."""
    db.session.execute(select(Person.id).where(Person.id == student_id).with_for_update(key_share=True))


def touch(request: CreditRequest, now: datetime) -> None:
    """Raise the version, also where only rows beside the request change."""
    request.updated_at = now
    flag_modified(request, "updated_at")
    db.session.flush()


def move(
    request: CreditRequest, state: str, action: str, *, by: Actor, now: datetime, reason: str = "",
    findings: Sequence[Finding] = (),
) -> None:
    """Put the request in a state and keep its content of this moment; one audit event with it."""
    before = request.state
    request.state = state
    touch(request, now)
    kept = snapshot(request, findings) | {"action": action}
    db.session.add(CreditRequestState(
        request_id=request.id, at=now, state=state, version=request.version, by=by.label, reason=reason, snapshot=kept,
    ))
    audit.record(
        f"credit.{action}", "credit_request", request.id, by=by, now=now, reason=reason,
        detail={"from": before, "to": state, "version": request.version},
    )


def snapshot(request: CreditRequest, findings: Sequence[Finding] = ()) -> dict[str, Any]:
    """What the request says now, as plain JSON: credits as text, minutes as integers, placements as ids."""
    edition = policy.kept(request.policy, request.policy_version)
    return {
        "credits": str(request.credits), "academic_minutes": request.academic_minutes,
        "required_minutes": amounts.required_minutes(edition.work, request.credits),
        "placements": [p.id for p in request.placements], "course": request.course.code, "term": request.term.code,
        "section": request.section.crn if request.section else "", "grade": request.grade,
        "objectives": request.objectives, "policy": request.policy, "policy_version": request.policy_version,
        "round": request.round, "summary": summary(findings) if findings else "",
        "waived": [finding.rule for finding in findings if finding.verdict == "waived"],
        "findings": [finding.as_dict() for finding in findings],
    }


def history(request_id: int) -> list[CreditRequestState]:
    """Every moment of a request that was kept, oldest first."""
    found = select(CreditRequestState).where(CreditRequestState.request_id == request_id)
    return list(db.session.scalars(found.order_by(CreditRequestState.at, CreditRequestState.id)))


def _who_was_first(request: CreditRequest) -> str:
    latest = db.session.scalar(
        select(CreditRequestState).where(CreditRequestState.request_id == request.id)
        .order_by(CreditRequestState.id.desc()).limit(1)
    )
    if latest is None or latest.version < request.version:
        return "This request was changed in another window in the meantime. Look at it again before you go on."
    at = latest.at.astimezone(db.settings().campus.zone)
    clock = f"{at.hour % 12 or 12}:{at:%M} {'am' if at.hour < 12 else 'pm'}"
    return (
        f"{latest.by} was first, on {at:%a} {at.day} {at:%b} at {clock}; the request is now “{STATES[latest.state].lower()}”. "
        "Look at it again before you go on."
    )
