"""Evaluations of placements: invited, answered on one version of an instrument, then fixed."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from careercenter import db
from careercenter.placements.model import Placement

KINDS = {"midterm": "Midterm evaluation", "final": "Final evaluation", "debrief": "Debrief"}
RATERS = {"supervisor": "Site supervisor", "student": "Student", "faculty": "Faculty sponsor"}


class Evaluation(db.Model):
    """state: planned (its date has not come), invited, submitted, cancelled."""

    __tablename__ = "evaluation"
    __table_args__ = (UniqueConstraint("placement_id", "kind", "rater"), Index("ix_evaluation_due", "state", "due_on"))

    id: Mapped[int] = mapped_column(primary_key=True)
    placement_id: Mapped[int] = mapped_column(ForeignKey("placement.id"))
    kind: Mapped[str] = mapped_column(String(10))
    rater: Mapped[str] = mapped_column(String(12))
    instrument: Mapped[str] = mapped_column(String(40))
    instrument_version: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10), default="planned")
    due_on: Mapped[date]
    invited_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    rater_name: Mapped[str] = mapped_column(String(200), default="")
    placement: Mapped[Placement] = relationship()
    answers: Mapped[list["Answer"]] = relationship(order_by="Answer.position", cascade="all, delete-orphan")


class Answer(db.Model):
    """One item's answer: `rating` (1 is the lowest level) or `not_observed`, `choice` (a code), `minutes` (hours that the
    rater names instead of the logged ones), and `text`."""

    __tablename__ = "evaluation_answer"
    __table_args__ = (
        UniqueConstraint("evaluation_id", "item"),
        # Few answers name other hours; the count of concerns asks for them at every visit of a home page.
        Index(
            "ix_evaluation_answer_disputed", "evaluation_id", sqlite_where=text("minutes IS NOT NULL"),
            postgresql_where=text("minutes IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    evaluation_id: Mapped[int] = mapped_column(ForeignKey("evaluation.id"))
    position: Mapped[int]
    item: Mapped[str] = mapped_column(String(40))
    rating: Mapped[int | None]
    not_observed: Mapped[bool] = mapped_column(default=False)
    choice: Mapped[str] = mapped_column(String(40), default="")
    minutes: Mapped[int | None]
    text: Mapped[str] = mapped_column(Text, default="")
