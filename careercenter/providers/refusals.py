"""Refused sign-ins, kept for a month so that campus IT can look up the reference that a person gives."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, or_, select

from careercenter import db
from careercenter.providers.model import SignOnRefusal, SignOnTrial

MOST_PER_HOUR = 500
KEPT = timedelta(days=30)
TRIAL_KEPT = timedelta(hours=1)


def room(now: datetime) -> bool:
    """Whether one more may be kept: a flood of forged answers must not fill the database. Reads only."""
    last_hour = select(func.count()).select_from(SignOnRefusal).where(SignOnRefusal.at > now - timedelta(hours=1))
    return (db.session.scalar(last_hour) or 0) < MOST_PER_HOUR


def note(reference: str, provider: str, issuer: str, code: str, detail: str, now: datetime) -> None:
    """Keep one refusal, in the caller's transaction."""
    db.session.add(SignOnRefusal(
        at=now, reference=reference[:64], provider=provider[:32], issuer=issuer[:400], reason_code=code[:40],
        detail=detail.replace("\x00", "")[:500],
    ))


def look_up(
    reference: str = "", provider: str = "", code: str = "", before: int = 0, limit: int = 50
) -> list[SignOnRefusal]:
    """Refusals, newest first; `reference` may be the beginning of one."""
    found: Select[Any] = select(SignOnRefusal).order_by(SignOnRefusal.id.desc()).limit(limit)
    if reference:
        word = reference.strip().replace("%", "").replace("_", r"\_")
        found = found.where(SignOnRefusal.reference.like(f"{word}%", escape="\\"))
    if provider:
        found = found.where(SignOnRefusal.provider == provider)
    if code:
        found = found.where(SignOnRefusal.reason_code == code)
    if before:
        found = found.where(SignOnRefusal.id < before)
    return list(db.session.scalars(found))


def by_reason() -> dict[str, int]:
    """How many of each code are kept, the most frequent first."""
    found = select(SignOnRefusal.reason_code, func.count()).group_by(SignOnRefusal.reason_code).order_by(func.count().desc())
    return {row[0]: row[1] for row in db.session.execute(found)}


def by_provider(now: datetime) -> dict[str, int]:
    """How many each provider had in the last 24 hours."""
    found = select(SignOnRefusal.provider, func.count()).where(SignOnRefusal.at > now - timedelta(hours=24))
    return {row[0]: row[1] for row in db.session.execute(found.group_by(SignOnRefusal.provider))}


def forget_old(now: datetime) -> None:
    """Refusals after a month, trial sign-ins after an hour."""
    db.session.execute(delete(SignOnRefusal).where(SignOnRefusal.at < now - KEPT))
    db.session.execute(delete(SignOnTrial).where(or_(SignOnTrial.at < now - TRIAL_KEPT, SignOnTrial.at > now + TRIAL_KEPT)))
