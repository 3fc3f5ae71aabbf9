"""Boards we read, the listings they show, what happened to each, and the report of every run."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, literal_column, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from careercenter import db

OPEN, CLOSED = "open", "closed"
_DATED = text("state = 'open' AND deadline_at IS NOT NULL")


class Board(db.Model):
    """One stream of a platform with its own health. `cursor` is the plugin's, stored with the page it belongs to."""

    __tablename__ = "board"
    __table_args__ = (UniqueConstraint("platform", "board"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[str] = mapped_column(String(40))
    board: Mapped[str] = mapped_column(String(120))
    label: Mapped[str] = mapped_column(String(200))
    paused_at: Mapped[datetime | None]
    cursor: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    last_run_at: Mapped[datetime | None]
    believed_at: Mapped[datetime | None]
    """When the last complete run ended: what its listings' freshness is counted from."""


class Listing(db.Model):
    """One posting as a platform shows it. `draft` is its normal form without the description, which has a column of its own as
    has what lists and filters read."""

    __tablename__ = "listing"
    __table_args__ = (
        UniqueConstraint("board_id", "post_id"), CheckConstraint("opportunity_id <= id", "called_by_its_first"),
        Index("ix_listing_board_open", "board_id", sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
        Index("ix_listing_deadline", "deadline_at", sqlite_where=_DATED, postgresql_where=_DATED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    board_id: Mapped[int] = mapped_column(ForeignKey("board.id"))
    post_id: Mapped[str] = mapped_column(String(200))
    requisition_id: Mapped[str | None] = mapped_column(String(200))
    opportunity_id: Mapped[int] = mapped_column(index=True)
    """The same for all listings that are the same work, which a student sees once: the id of the first of them."""
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    shown: Mapped[bool] = mapped_column(default=True, server_default=true())
    """False for a listing whose opportunity students see by another, more direct one."""
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(300))
    employer: Mapped[str] = mapped_column(String(200))
    place: Mapped[str] = mapped_column(String(200), default="")
    workplace: Mapped[str] = mapped_column(String(10))
    pay_kind: Mapped[str] = mapped_column(String(20))
    pay_text: Mapped[str] = mapped_column(String(120), default="")
    hourly_cents: Mapped[int | None]
    """Pay per hour in cents where it is stated, or follows from a fixed fee and stated hours; never guessed."""
    min_minutes: Mapped[int | None]
    max_minutes: Mapped[int | None]
    hours_per: Mapped[str] = mapped_column(String(10), default="")
    hours_text: Mapped[str] = mapped_column(String(80), default="")
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    weeks: Mapped[int | None]
    deadline_at: Mapped[datetime | None]
    posted_at: Mapped[datetime]
    apply_url: Mapped[str] = mapped_column(String(2000), default="")
    raw_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    content_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    first_seen_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    misses: Mapped[int] = mapped_column(default=0)
    first_missed_at: Mapped[datetime | None]
    last_missed_on: Mapped[date | None]
    # Long texts stand last: SQLite reads a row from its beginning.
    description_html: Mapped[str] = mapped_column(Text, default="")
    draft: Mapped[dict[str, Any]] = mapped_column(JSON)
    board: Mapped[Board] = relationship()


IS_OPEN = Listing.state == literal_column(f"'{OPEN}'")
"""For a SELECT that runs often: written out, since for a parameter SQLite looks at the partial index anew and plans each time."""


class ListingEvent(db.Model):
    """One transition of a listing (opened, changed, missed, returned, closed, reopened) with its evidence."""

    __tablename__ = "listing_event"

    id: Mapped[int] = mapped_column(primary_key=True)
    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id"), index=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("sync_run.id"))
    at: Mapped[datetime]
    change: Mapped[str] = mapped_column(String(12))
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON)


class SyncRun(db.Model):
    """The report of one run of one board. received = new + changed + unchanged + quarantined + duplicates.

    `beat_at` is when the run last wrote; one that stays silent too long is lost. `seen` counts the different posts of a
    whole snapshot and stays empty where the platform answered that nothing changed. `board` can have one running run.
    """

    __tablename__ = "sync_run"
    __table_args__ = (
        Index("uq_sync_run_running", "board_id", unique=True,
              sqlite_where=text("outcome = 'running'"), postgresql_where=text("outcome = 'running'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    board_id: Mapped[int] = mapped_column(ForeignKey("board.id"), index=True)
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(20), default="running")
    completeness: Mapped[str] = mapped_column(String(10), default="")
    declared_total: Mapped[int | None]
    seen: Mapped[int | None]
    received: Mapped[int] = mapped_column(default=0)
    new: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    quarantined: Mapped[int] = mapped_column(default=0)
    duplicates: Mapped[int] = mapped_column(default=0)
    vanished: Mapped[int] = mapped_column(default=0)
    closed: Mapped[int] = mapped_column(default=0)
    reopened: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(Text, default="")
    board: Mapped[Board] = relationship()


class Quarantined(db.Model):
    """A record that could not become a listing, kept with its reason until a run reads it well."""

    __tablename__ = "quarantined"
    __table_args__ = (UniqueConstraint("board_id", "post_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    board_id: Mapped[int] = mapped_column(ForeignKey("board.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("sync_run.id"))
    post_id: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    raw: Mapped[str] = mapped_column(Text)
