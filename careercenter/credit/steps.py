"""The steps of a round: made from the policy's data, opened in order; a supervisor's step once for each placement."""

import hashlib
import json
from datetime import datetime, timedelta

from sqlalchemy import select

from careercenter import db, links, placements
from careercenter.credit import notices, policy
from careercenter.credit.model import Approval, CreditRequest, CreditRequestPlacement
from careercenter.placements.model import Placement

DECIDED = ("approved", "returned", "denied")
STANDING = ("in_review", "registered", "completed")


def begin_round(request: CreditRequest, now: datetime) -> None:
    """Make the approvals of the round that began and open the first. What a supervisor confirmed and nobody changed stays."""
    edition = policy.kept(request.policy, request.policy_version)
    confirmed = _confirmed(request)
    for position, step in enumerate(edition.steps):
        about: list[Placement | None] = list(request.placements) if step == "supervisor" else [None]
        for placement in about:
            approval = Approval(
                request=request, round=request.round, position=position, step=step, state="waiting", placement=placement,
                agreed=terms_of(request, placement) if placement else "",
            )
            _carry(approval, confirmed.get((placement.id, approval.agreed)) if placement else None)
            db.session.add(approval)
    db.session.flush()
    open_next(request, now)


def open_next(request: CreditRequest, now: datetime) -> list[Approval]:
    """Open the first position that is not decided; returns what is open now, nothing when all is approved."""
    current = of_round(request)
    undecided = [a for a in current if a.state in ("waiting", "open")]
    if not undecided:
        return []
    position = min(a.position for a in undecided)
    turn = [a for a in undecided if a.position == position]
    days = policy.kept(request.policy, request.policy_version).due_days
    for approval in (a for a in turn if a.state == "waiting"):
        approval.state, approval.opened_at = "open", now
        approval.due_at = now + timedelta(days=days[approval.step])  # type: ignore[index]
        db.session.flush()
        notices.step_opened(request, approval, now)
    return turn


def close(request: CreditRequest, now: datetime) -> list[Approval]:
    """Nobody needs to decide any more: void what is open or to come; returns what was open."""
    was_open = []
    for approval in of_round(request):
        if approval.state in ("waiting", "open"):
            was_open += [approval] if approval.state == "open" else []
            approval.state = "void"
            links.revoke("approval", approval.id, now)
    return was_open


def free_terms(request: CreditRequest) -> None:
    """The terms may change again, save where another request stands on them: a second draft taken back frees nothing."""
    link = CreditRequestPlacement
    others = (
        select(link.placement_id).join(CreditRequest, CreditRequest.id == link.request_id)
        .where(link.placement_id.in_([p.id for p in request.placements]), link.request_id != request.id)
        .where(CreditRequest.state.in_(STANDING))
    )
    held = set(db.session.scalars(others))
    placements.free_terms([p for p in request.placements if p.id not in held])


def of_round(request: CreditRequest) -> list[Approval]:
    """The approvals of the round under way, in order."""
    return [a for a in request.approvals if a.round == request.round]


def opened(request: CreditRequest) -> list[Approval]:
    """Whose turn it is."""
    return [a for a in of_round(request) if a.state == "open"] if request.state == "in_review" else []


def terms_of(request: CreditRequest, placement: Placement) -> str:
    """Fingerprint of what a supervisor confirms: the placement's terms and the objectives."""
    content = [
        placement.title, placement.duties, placement.starts_on, placement.ends_on, placement.planned_minutes,
        placement.pay_kind, placement.pay_amount, placement.supervisor_id, request.objectives,
    ]
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()


def _confirmed(request: CreditRequest) -> dict[tuple[int, str], Approval]:
    earlier = [a for a in request.approvals if a.round == request.round - 1 and a.state == "approved"]
    return {(a.placement_id, a.agreed): a for a in earlier if a.placement_id is not None}


def _carry(approval: Approval, earlier: Approval | None) -> None:
    if earlier is None:
        return
    approval.state, approval.opened_at, approval.due_at = "approved", earlier.opened_at, earlier.due_at
    approval.decided_at, approval.decided_by = earlier.decided_at, earlier.decided_by
    approval.decided_version, approval.reason = earlier.decided_version, earlier.reason
