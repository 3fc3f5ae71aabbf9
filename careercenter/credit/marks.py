"""Would a listing count? A short mark for a card, pure and cheap: one `Ruler` for a page, one call for each card."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple

from sqlalchemy import bindparam, select

from careercenter import db
from careercenter.catalog import Course, StudentRecord
from careercenter.credit import amounts, policy, rules
from careercenter.credit.facts import Facts, StudentFacts, TermFacts
from careercenter.credit.policy import ClassStanding, CreditRange, CreditsEarned, GoodStanding, Gpa, HoursPerCredit, Rule, Version
from careercenter.people.model import Person

_ABOUT_THE_STUDENT = (Gpa, ClassStanding, CreditsEarned, GoodStanding)
_WORK_KINDS = ("internship", "micro_internship", "co_op", "project")


class Offer(NamedTuple):
    """What a listing says of the work: minutes in all or each week, as its columns hold them."""

    kind: str
    min_minutes: int | None = None
    max_minutes: int | None = None
    hours_per: str = ""
    weeks: int | None = None
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True)
class Mark:
    """counts (for `credits`), part (some of a credit, together with other work), unknown, or not; with a sentence."""

    verdict: Literal["counts", "part", "unknown", "not"]
    credits: Decimal
    sentence: str

    @property
    def short(self) -> str:
        """The mark in a few words, for a card."""
        if self.verdict == "counts":
            return f"Would count: {amounts.credits_text(self.credits)}"
        return {"part": "Counts with other work", "unknown": "Could count", "not": "Carries no credit"}[self.verdict]


@dataclass(frozen=True)
class Ruler:
    """What a student's listings are measured by. `bar` is what stands in this student's way, empty when nothing does."""

    policy: Version
    bar: str = ""


def ruler(student: StudentFacts, edition: Version) -> Ruler:
    """Judge the student once for a whole page. What is not known does not bar."""
    blank = Facts(Decimal(0), 0, 0, TermFacts("", date.min, date.max, date.max), student, date.min)
    about = (rules.judge(rule, blank, edition) for rule in _about_the_student(edition))
    return Ruler(edition, next((f.sentence for f in about if f.blocks), ""))


@lru_cache(maxsize=64)
def _about_the_student(edition: Version) -> tuple[Rule, ...]:
    return tuple(rule for rule in edition.rule if isinstance(rule, _ABOUT_THE_STUDENT))


_OF_STUDENT = (
    select(
        Course.policy, Person.email, StudentRecord.class_standing, StudentRecord.gpa, StudentRecord.credits_earned,
        StudentRecord.good_standing, StudentRecord.international,
    )
    .join(StudentRecord, StudentRecord.person_id == Person.id).join(Course, Course.program_id == StudentRecord.program_id)
    .where(Person.id == bindparam("person_id")).order_by(Course.id).limit(1)
)


def ruler_of(person_id: int, today: date) -> Ruler | None:
    """The ruler of a student by the course of their program; None when the program has no such course."""
    for name, *about in db.ask(_OF_STUDENT, person_id=person_id):
        return ruler(StudentFacts(*about), policy.of_course(name, today))
    return None


def would_count(offer: Offer, by: Ruler) -> Mark | None:
    """The mark of one listing; None where credit is no question, as for a job."""
    if offer.kind not in _WORK_KINDS:
        return Mark("not", Decimal(0), "Carries no credit: nobody supervises it.") if offer.kind == "simulation" else None
    if by.bar:
        return Mark("not", Decimal(0), by.bar)
    minutes = site_minutes(offer)
    if minutes is None:
        return Mark("unknown", Decimal(0), "Could count; the hours are not stated.")
    return _by_hours(minutes, by.policy)


def site_minutes(offer: Offer) -> int | None:
    """Minutes of the whole work, by the lower figure; None when the listing does not say enough."""
    each = offer.min_minutes if offer.min_minutes is not None else offer.max_minutes
    if each is None or offer.hours_per == "total":
        return each
    weeks = offer.weeks
    if weeks is None and offer.starts_on and offer.ends_on:
        weeks = max(1, ((offer.ends_on - offer.starts_on).days + 1) // 7)
    return each * weeks if weeks and offer.hours_per == "week" else None


@lru_cache(maxsize=1024)
def _by_hours(minutes: int, edition: Version) -> Mark:
    """Kept, since the listings of a page state few different hours, and exact fractions are slow."""
    work = edition.work
    bounds = next((rule for rule in edition.rule if isinstance(rule, CreditRange)), None)
    academic = _academic(work, minutes)
    earns = amounts.earned(work, minutes, academic, bounds.increment if bounds else Decimal(1))
    earns = min(earns, bounds.maximum) if bounds else earns
    if earns and (bounds is None or earns >= bounds.minimum):
        extra = _extra(work, earns)
        told = f", with {amounts.spoken(extra)} of academic work" if extra else ""
        return Mark("counts", earns, f"Would count for {amounts.credits_text(earns)}{told}.")
    return Mark("part", Decimal(0), f"{amounts.spoken(minutes)} towards a credit, together with other projects.")


def _academic(work: amounts.Work, site: int) -> int:
    """The academic work that goes with so much site time when the site fills its whole share."""
    if not isinstance(work, HoursPerCredit) or work.site_share == 1:
        return 0
    return int(site * (1 - work.site_share) / work.site_share)


def _extra(work: amounts.Work, earns: Decimal) -> int:
    """Minutes of academic work that so many credits need beside the site."""
    need, limit = amounts.required_minutes(work, earns), amounts.site_limit(work, earns)
    return 0 if need is None or limit is None else need - limit
