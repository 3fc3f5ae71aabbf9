"""The registrar's reference data: terms, programs, courses and sections, and the student record feed."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ForeignKey, String, UniqueConstraint, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from careercenter import db


class Term(db.Model):
    """A term as the registrar names it: code "202710", name "Fall 2026". Dates are campus days, both inclusive."""

    __tablename__ = "term"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(12), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    register_by: Mapped[date]
    grades_due_on: Mapped[date]


class Program(db.Model):
    __tablename__ = "program"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(12), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    department: Mapped[str] = mapped_column(String(120))
    cip: Mapped[str] = mapped_column(String(7))


class Course(db.Model):
    """A course that can carry internship credit; `policy` names the file of config/policies that decides."""

    __tablename__ = "course"
    __table_args__ = (UniqueConstraint("subject", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    program_id: Mapped[int] = mapped_column(ForeignKey("program.id"), index=True)
    subject: Mapped[str] = mapped_column(String(8))
    number: Mapped[str] = mapped_column(String(8))
    title: Mapped[str] = mapped_column(String(120))
    policy: Mapped[str] = mapped_column(String(40))
    program: Mapped[Program] = relationship()

    @property
    def code(self) -> str:
        return f"{self.subject} {self.number}"


class Section(db.Model):
    """A course in a term, with its registration number and the faculty member who grades it."""

    __tablename__ = "section"
    __table_args__ = (UniqueConstraint("term_id", "crn"), UniqueConstraint("term_id", "course_id", "number"))

    id: Mapped[int] = mapped_column(primary_key=True)
    term_id: Mapped[int] = mapped_column(ForeignKey("term.id"))
    course_id: Mapped[int] = mapped_column(ForeignKey("course.id"))
    crn: Mapped[str] = mapped_column(String(8))
    number: Mapped[str] = mapped_column(String(4))
    instructor_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    term: Mapped[Term] = relationship()
    course: Mapped[Course] = relationship()


class StudentRecord(db.Model):
    """What the student information system says of a student. None means that the feed did not say."""

    __tablename__ = "student_record"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    program_id: Mapped[int] = mapped_column(ForeignKey("program.id"), index=True)
    class_standing: Mapped[str | None] = mapped_column(String(12))
    gpa: Mapped[Decimal | None]
    credits_earned: Mapped[Decimal | None]
    good_standing: Mapped[bool | None]
    international: Mapped[bool] = mapped_column(default=False)
    as_of: Mapped[datetime]
    program: Mapped[Program] = relationship()


class TermDates(NamedTuple):
    """A term as pages and forms name it."""

    id: int
    code: str
    name: str
    starts_on: date
    ends_on: date
    register_by: date
    grades_due_on: date


_DATES = select(Term.id, Term.code, Term.name, Term.starts_on, Term.ends_on, Term.register_by, Term.grades_due_on).limit(1)
_UPCOMING = _DATES.where(Term.ends_on >= bindparam("day")).order_by(Term.ends_on)
_LAST = _DATES.order_by(Term.ends_on.desc())


def term_on(day: date) -> TermDates | None:
    """The term of a day: the one under way, else the next to begin, else the last."""
    found = db.ask(_UPCOMING, day=day) or db.ask(_LAST)
    return TermDates(*found[0]) if found else None


def term_instants(zone: ZoneInfo) -> dict[str, tuple[datetime, datetime]]:
    """Term code -> its first instant and the first instant after its last day, in a campus's time zone."""
    return {
        term.code: (
            datetime.combine(term.starts_on, time.min, zone), datetime.combine(term.ends_on + timedelta(days=1), time.min, zone)
        ) for term in terms()
    }


def terms() -> list[Term]:
    """All terms, newest first."""
    return list(db.session.scalars(select(Term).order_by(Term.starts_on.desc())))


def record_of(person_id: int) -> StudentRecord | None:
    return db.session.get(StudentRecord, person_id)
