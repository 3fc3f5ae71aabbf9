"""Employers, supervisors, placements and the hours worked in them."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from careercenter import db
from careercenter.listings.model import Listing
from careercenter.people.model import Person

KINDS = {
    "micro_internship": "Micro-internship", "internship": "Internship", "co_op": "Co-op", "practicum": "Practicum",
    "field_education": "Field education", "clinical": "Clinical placement", "research": "Research",
}
PAY_KINDS = {
    "hourly": "Paid by the hour", "stipend": "Stipend", "fixed_fee": "Fixed fee", "unpaid": "Unpaid",
}
STATES = {
    "proposed": "Proposed", "running": "Running", "completed": "Completed", "cancelled": "Cancelled",
}


class Employer(db.Model):
    __tablename__ = "employer"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    domain: Mapped[str] = mapped_column(String(200), default="")
    sector: Mapped[str] = mapped_column(String(80), default="")
    city: Mapped[str] = mapped_column(String(120), default="")
    state: Mapped[str] = mapped_column(String(40), default="")


class Supervisor(db.Model):
    """A contact at an employer. No account: they act by mailed links."""

    __tablename__ = "supervisor"
    __table_args__ = (UniqueConstraint("employer_id", "email"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    employer_id: Mapped[int] = mapped_column(ForeignKey("employer.id"))
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254))
    title: Mapped[str] = mapped_column(String(120), default="")
    employer: Mapped[Employer] = relationship()


class Placement(db.Model):
    """One student, one employer, one supervisor, from/to, hours, pay. Dates are campus days, both inclusive."""

    __tablename__ = "placement"
    __table_args__ = (CheckConstraint("ends_on >= starts_on", "dates"), CheckConstraint("planned_minutes > 0", "minutes"))

    id: Mapped[int] = mapped_column(primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    listing_id: Mapped[int | None] = mapped_column(ForeignKey("listing.id"), index=True)
    employer_id: Mapped[int] = mapped_column(ForeignKey("employer.id"), index=True)
    supervisor_id: Mapped[int] = mapped_column(ForeignKey("supervisor.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(300))
    duties: Mapped[str] = mapped_column(Text, default="")
    workplace: Mapped[str] = mapped_column(String(10), default="unknown")
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    planned_minutes: Mapped[int]
    pay_kind: Mapped[str] = mapped_column(String(20))
    pay_amount: Mapped[Decimal | None]
    supervisor_related: Mapped[bool | None]
    """Whether the student says that the supervisor is a relative; None when nobody asked."""
    state: Mapped[str] = mapped_column(String(12), default="proposed")
    fixed_at: Mapped[datetime | None]
    """Since when a credit request stands on these terms: until it is returned, they do not change."""
    created_at: Mapped[datetime]
    student: Mapped[Person] = relationship()
    listing: Mapped[Listing | None] = relationship()
    employer: Mapped[Employer] = relationship()
    supervisor: Mapped[Supervisor] = relationship()


class HourEntry(db.Model):
    """Minutes of one day in one placement, as the student logged them; `verified_at` once the supervisor confirmed."""

    __tablename__ = "hour_entry"
    __table_args__ = (CheckConstraint("minutes > 0 AND minutes <= 1440", "minutes"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    placement_id: Mapped[int] = mapped_column(ForeignKey("placement.id"), index=True)
    worked_on: Mapped[date]
    minutes: Mapped[int]
    note: Mapped[str] = mapped_column(String(300), default="")
    logged_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
