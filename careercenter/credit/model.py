"""The request that placements carry academic credit, the approvals that decide it, and every state it was in."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from careercenter import db
from careercenter.catalog import Course, Section, Term
from careercenter.people.model import Person
from careercenter.placements.model import Placement

STATES = {
    "draft": "Draft", "in_review": "In review", "returned": "Returned to student", "denied": "Denied",
    "withdrawn": "Withdrawn", "registered": "Registered", "completed": "Completed",
}
OPEN_STATES = ("draft", "in_review", "returned")
STEPS = {
    "supervisor": "Site supervisor", "faculty": "Faculty sponsor", "advisor": "Career advisor", "registrar": "Registrar",
}


class CreditRequest(db.Model):
    """Asks that one or several placements carry `credits` of a course in a term.

    `version` rises with every change; a decision names the version it was made on. `policy` and `policy_version` are
    those that the request was made under.
    """

    __tablename__ = "credit_request"
    __table_args__ = (CheckConstraint("credits >= 0", "credits"), Index("ix_credit_request_state", "state", "term_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    term_id: Mapped[int] = mapped_column(ForeignKey("term.id"))
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id"), index=True)
    section_id: Mapped[int | None] = mapped_column(ForeignKey("section.id"))
    sponsor_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    """The faculty member whom the student asked; decides the faculty step and sees the work."""
    credits: Mapped[Decimal]
    objectives: Mapped[str] = mapped_column(Text, default="")
    academic_minutes: Mapped[int] = mapped_column(default=0)
    """Planned academic work beside the site hours: reflection, papers, meetings with the sponsor."""
    note: Mapped[str] = mapped_column(Text, default="")
    policy: Mapped[str] = mapped_column(String(40))
    policy_version: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(12), default="draft")
    round: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    saved_from: Mapped[str] = mapped_column(String(24), default="")
    """The form, as opened in one window, that saved last: its next save follows its own, whatever version it names."""
    grade: Mapped[str] = mapped_column(String(4), default="")
    what: Mapped[str] = mapped_column(String(300), default="")
    """The work in a few words, for lists: "Data internship at Harbor Bay Health", "3 projects at 2 employers"."""
    verdict: Mapped[str] = mapped_column(String(10), default="")
    """What the rules said when it was submitted: clean, look (something to look at), blocked; empty before."""
    verdict_text: Mapped[str] = mapped_column(String(200), default="")
    student: Mapped[Person] = relationship(foreign_keys=student_id)
    sponsor: Mapped[Person | None] = relationship(foreign_keys=sponsor_id)
    term: Mapped[Term] = relationship()
    course: Mapped[Course] = relationship()
    section: Mapped[Section | None] = relationship()
    placements: Mapped[list[Placement]] = relationship(secondary="credit_request_placement", order_by=Placement.starts_on)
    approvals: Mapped[list["Approval"]] = relationship(
        back_populates="request", order_by="Approval.round, Approval.position, Approval.id"
    )

    __mapper_args__ = {"version_id_col": version}


class CreditRequestPlacement(db.Model):
    __tablename__ = "credit_request_placement"

    request_id: Mapped[int] = mapped_column(ForeignKey("credit_request.id"), primary_key=True)
    placement_id: Mapped[int] = mapped_column(ForeignKey("placement.id"), primary_key=True, index=True)


class Approval(db.Model):
    """One step of one round of a request. A supervisor's step stands once for each placement.

    state: waiting (not its turn), open (its turn since `opened_at`), approved, returned, denied, void.
    """

    __tablename__ = "approval"
    __table_args__ = (
        UniqueConstraint("request_id", "round", "step", "placement_id"),
        Index("ix_approval_open", "step", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("credit_request.id"), index=True)
    round: Mapped[int]
    position: Mapped[int]
    step: Mapped[str] = mapped_column(String(20))
    placement_id: Mapped[int | None] = mapped_column(ForeignKey("placement.id"))
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    opened_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decided_by: Mapped[str] = mapped_column(String(200), default="")
    decided_version: Mapped[int | None]
    reason: Mapped[str] = mapped_column(Text, default="")
    agreed: Mapped[str] = mapped_column(String(64), default="")
    """Fingerprint of the terms that the supervisor was asked to confirm; unchanged terms stay confirmed."""
    reminded_at: Mapped[datetime | None]
    request: Mapped[CreditRequest] = relationship(back_populates="approvals")
    placement: Mapped[Placement | None] = relationship()


class CreditRequestState(db.Model):
    """Every state a request was in, since when, with the content and findings of that moment: the past stays readable."""

    __tablename__ = "credit_request_state"
    __table_args__ = (Index("ix_credit_request_state_at", "request_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("credit_request.id"))
    at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(12))
    version: Mapped[int]
    by: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text, default="")
    snapshot: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """credits, academic_minutes, placements (ids), section (crn), grade, findings: as text and integers."""
