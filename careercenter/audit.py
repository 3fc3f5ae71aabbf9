"""Who did what to which record, when and why: append only, each row chained to the one before it by HMAC.

The chain shows edits, deletions and reordering; `verify()` names the first row that does not fit. Cutting off the
newest rows is shown only by a head kept elsewhere, which `head()` gives.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text, select, text
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db

_GENESIS = "0" * 64
_LOCK = 71_230_011  # pg advisory lock: one writer appends to the chain at a time


@dataclass(frozen=True)
class Actor:
    """Who acts. `person_id` is None for a supervisor by link and for the system itself."""

    label: str
    person_id: int | None = None
    via: str = "session"

    def __post_init__(self) -> None:
        """A name of 200 and an employer of 200 meet in one signature; the columns that keep it hold 200."""
        object.__setattr__(self, "label", self.label[:200])


SYSTEM = Actor("careercenter", via="system")


class AuditEvent(db.Model):
    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_about", "about_kind", "about_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor_id: Mapped[int | None]
    actor_label: Mapped[str] = mapped_column(String(200))
    via: Mapped[str] = mapped_column(String(20))
    action: Mapped[str] = mapped_column(String(60))
    about_kind: Mapped[str] = mapped_column(String(40))
    about_id: Mapped[int | None]
    reason: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


def record(
    action: str, about_kind: str, about_id: int | None, *, by: Actor, now: datetime, reason: str = "",
    detail: dict[str, Any] | None = None,
) -> AuditEvent:
    """Append one event inside the caller's transaction. `detail` must be plain JSON."""
    if db.is_postgresql():
        db.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    event = AuditEvent(
        at=now, actor_id=by.person_id, actor_label=by.label, via=by.via, action=action, about_kind=about_kind,
        about_id=about_id, reason=reason, detail=detail or {}, previous=head(),
    )
    event.hash = _seal(event)
    db.session.add(event)
    db.session.flush()
    return event


def head() -> str:
    """The hash of the newest event; keep it outside the database to show truncation."""
    newest = db.session.scalar(select(AuditEvent.hash).order_by(AuditEvent.id.desc()).limit(1))
    return newest or _GENESIS


def verify() -> int | None:
    """The id of the first event that was changed, moved or whose predecessor is gone; None when all fit."""
    previous = _GENESIS
    for event in db.session.scalars(select(AuditEvent).order_by(AuditEvent.id).execution_options(yield_per=500)):
        if event.previous != previous or not hmac.compare_digest(event.hash, _seal(event)):
            return event.id
        previous = event.hash
    return None


def history(about_kind: str, about_id: int) -> list[AuditEvent]:
    """Every event about one record, oldest first."""
    found = select(AuditEvent).where(AuditEvent.about_kind == about_kind, AuditEvent.about_id == about_id)
    return list(db.session.scalars(found.order_by(AuditEvent.id)))


def _seal(event: AuditEvent) -> str:
    content = [
        event.previous, event.at.isoformat(), event.actor_id, event.actor_label, event.via, event.action,
        event.about_kind, event.about_id, event.reason, event.detail,
    ]
    key = db.settings().server.secret_key.get_secret_value()
    body = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hmac.new(f"audit:{key}".encode(), body.encode(), hashlib.sha256).hexdigest()
