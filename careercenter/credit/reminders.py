"""Approvals that are late: a reminder every few days, to whoever holds them. Nothing halts."""

from datetime import datetime, timedelta

from sqlalchemy import or_, select

from careercenter import audit, db
from careercenter.credit import notices
from careercenter.credit.model import Approval, CreditRequest

EVERY = timedelta(days=3)


def remind_overdue(now: datetime) -> int:
    """Remind of what is open past its day; at most once in three days each. Returns how many were reminded of."""
    late = (
        select(Approval).join(CreditRequest, CreditRequest.id == Approval.request_id)
        .where(Approval.state == "open", Approval.due_at < now, CreditRequest.state == "in_review")
        .where(or_(Approval.reminded_at.is_(None), Approval.reminded_at <= now - EVERY)).order_by(Approval.id)
    )
    found = list(db.session.scalars(late))
    for approval in found:
        approval.reminded_at = now
        db.session.flush()
        notices.remind(approval.request, approval, now)
        audit.record("credit.reminded", "credit_request", approval.request_id, by=audit.SYSTEM, now=now, detail={"step": approval.step})
    return len(found)
