"""What grouping keeps: what each listing is compared by, pairs that are alike, staff's word on them, and every move."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db

SAME, APART = "same", "apart"
"""Staff's word on a pair."""
LINKED, SUGGESTED, OUTRANKED = "linked", "suggested", "outranked"
"""How a pair stands: its listings are grouped; a person is asked; another pair fits better."""


class WorkProfile(db.Model):
    """One listing as it is compared. The keys are equal for listings that are surely the same work: `twin` (same text),
    `requisition` (employer and number), `address` (where one applies). `facts` are those of `profile.Facts`.

    An empty `digest` asks for the listing to be compared again.
    """

    __tablename__ = "work_profile"
    __table_args__ = (Index("ix_work_profile_company", "company", "platform"),)

    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id"), primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(400))
    """Platform, board and post id: an order that does not depend on when a listing came."""
    platform: Mapped[str] = mapped_column(String(40))
    company: Mapped[str] = mapped_column(String(120))
    twin: Mapped[str | None] = mapped_column(String(32), index=True)
    requisition: Mapped[str | None] = mapped_column(String(360), index=True)
    address: Mapped[str | None] = mapped_column(String(200), index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(32))


class WorkCompany(db.Model):
    """An employer's normal name, found by each of its words."""

    __tablename__ = "work_company"

    token: Mapped[str] = mapped_column(String(60), primary_key=True)
    company: Mapped[str] = mapped_column(String(120), primary_key=True)


class WorkPair(db.Model):
    """Two listings that may be the same work, `a_id` < `b_id`. `ground` says why they were put side by side (alike,
    requisition, address); `score` is how likely the method thinks it, 0 to 1. A decision stays whatever the listings become.
    """

    __tablename__ = "work_pair"
    __table_args__ = (
        UniqueConstraint("a_id", "b_id"),
        Index("ix_work_pair_waiting", "score", "id", sqlite_where=text("state = 'suggested' AND decision IS NULL"),
              postgresql_where=text("state = 'suggested' AND decision IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    a_id: Mapped[int] = mapped_column(ForeignKey("listing.id"))
    b_id: Mapped[int] = mapped_column(ForeignKey("listing.id"), index=True)
    ground: Mapped[str] = mapped_column(String(20))
    score: Mapped[float] = mapped_column(Float)
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(12))
    decision: Mapped[str | None] = mapped_column(String(10))
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    version: Mapped[int] = mapped_column(default=1)


class WorkFigures(db.Model):
    """One row: the word for the figures that listings are grouped by (see `figures`)."""

    __tablename__ = "work_figures"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    word: Mapped[str] = mapped_column(String(32))


class WorkMove(db.Model):
    """A listing went from one opportunity to another, with what it was decided on. Never changed, never removed."""

    __tablename__ = "work_move"

    id: Mapped[int] = mapped_column(primary_key=True)
    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id"), index=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    from_id: Mapped[int]
    to_id: Mapped[int]
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON)
