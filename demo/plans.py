"""Who does which work on the demo campus, and what becomes of the credit asked for: planned before anything is stored.

Pure and deterministic: the same students, employers and day give the same plans.
"""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from demo import duties, roster
from demo.academics import TermPlan
from demo.employers import Host
from demo.roster import Entry

# What becomes of the credit: the word is the state to reach, or the step at which the request waits today.
SUMMER = {"completed": 50, "": 22, "withdrawn": 4, "denied": 5, "registered": 4}
FALL = {"registered": 50, "": 26, "withdrawn": 4, "denied": 5, "draft": 3, "returned": 2}
SPRING = {"advisor": 32, "supervisor": 9, "faculty": 6, "registrar": 7, "returned": 6, "registered": 5, "draft": 8, "resubmitted": 3, "": 3}
BUNDLES = {"advisor": 7, "registered": 5, "registrar": 2, "supervisor": 2, "completed": 0, "draft": 1}
SINGLE_PROJECTS = 48
_GOOD = Decimal("2.60")


@dataclass(frozen=True)
class Work:
    """One placement to be. Dates are campus days; money in dollars."""

    kind: str
    title: str
    duties: str
    host: Host
    starts_on: date
    ends_on: date
    minutes: int
    pay_kind: str
    pay_amount: Decimal | None
    workplace: str
    logged: int | None = None
    """Minutes in the log once it is over; None: about as many as planned."""


@dataclass(frozen=True)
class Case:
    """A student's work and the credit asked for it: `credits` of the course number `course` in term number `term`."""

    student: Entry
    works: tuple[Work, ...]
    fate: str
    term: int
    credits: int = 1
    course: int = 0
    academic_minutes: int = 0
    objectives: tuple[str, ...] = ()
    number: int = 0

    def rng(self) -> Random:
        """Chance of this case alone, whatever else happens."""
        return Random(f"{roster.SEED}:{self.student.uid}:{self.number}")


@dataclass
class Planner:
    """Deals students, employers and texts out."""

    terms: tuple[TermPlan, TermPlan, TermPlan]
    hosts: dict[str, list[Host]]
    today: date
    rng: Random = field(default_factory=lambda: Random(roster.SEED + 1))
    cases: list[Case] = field(default_factory=list)

    def everything(self) -> list[Case]:
        """About 350 placements and the requests on them; featured people first."""
        students = [e for e in roster.everybody() if e.role == "student" and not e.persona]
        self._personas()
        for term, fates in enumerate((SUMMER, FALL, SPRING)):
            self._internships(students, term, fates)
        self._bundles(students)
        for student in self.rng.sample(students, SINGLE_PROJECTS):
            self._add(student, (self.project(student.program, self._project_start(14, 160)),), "", 1)
        return self.cases

    def _internships(self, students: list[Entry], term: int, fates: dict[str, int]) -> None:
        dealt = [fate for fate, n in fates.items() for _ in range(n)]
        self.rng.shuffle(dealt)
        able = [s for s in students if _able(s)]
        sponsored = [s for s in able if s.program == "PSY"]
        others = self.rng.sample([s for s in able if s.program != "PSY"] if "faculty" in fates else able, len(dealt))
        for fate, student in zip(dealt, others, strict=True):
            if fate == "faculty":
                student = sponsored.pop(self.rng.randrange(len(sponsored)))
            wanted = self.rng.choices((1, 2, 3), weights=(1, 3, 6))[0]
            self._add(student, (self.internship(student.program, term, wanted),), fate, term, wanted)

    def _bundles(self, students: list[Entry]) -> None:
        able = [s for s in students if _able(s) and s.program in ("CS", "MKT", "GD", "SCM")]
        dealt = [fate for fate, n in BUNDLES.items() for _ in range(n)]
        for fate, student in zip(dealt, self.rng.sample(able, len(dealt)), strict=True):
            works = tuple(
                self.project(student.program, self.today - timedelta(days=first), hours)
                for first, hours in zip((86, 64, 41), self.rng.choice(((12, 15, 18), (14, 14, 16), (10, 20, 15))), strict=True)
            )
            self._add(student, works, fate, 1, 1, course=1 if student.program != "SCM" else 0)

    def _personas(self) -> None:
        by = {entry.persona: entry for entry in roster.PERSONAS}
        self._add(by["in_review"], (self.internship("CS", 2, 3),), "advisor", 2, 3)
        self._add(by["in_review"], (self.project("CS", self.today - timedelta(days=70), 16),), "", 1)
        bundle = tuple(  # with 7 hours of academic work, 2 h 15 min are missing for a credit
            replace(self.project("GD", self.today - timedelta(days=first), hours), logged=logged)
            for first, hours, logged in ((92, 12, 720), (66, 14, 825), (37, 12, 600))
        )
        self._add(by["bundle"], bundle, "draft", 1, 1, course=1)
        self._add(by["returned"], (self.internship("SCM", 2, 3),), "returned", 2, 3)
        self._add(by["international"], (self.internship("CS", 2, 2),), "draft", 2, 2)
        self._add(by["completed"], (self.internship("MKT", 0, 3),), "completed", 0, 3)

    def _add(self, student: Entry, works: tuple[Work, ...], fate: str, term: int, wanted: int = 1, course: int = 0) -> None:
        hours = {"PSY": 16, "BIO": 6}.get(student.program, 7)
        chosen = self.rng.sample(duties.objectives(student.program), 3)
        self.cases.append(Case(
            student, works, fate, term, wanted, course, hours * wanted * 60, tuple(chosen), number=len(self.cases),
        ))

    def internship(self, program: str, term: int, wanted: int) -> Work:
        """Work over most of a term, with hours that fit the credits."""
        plan, rng = self.terms[term], self.rng
        first = plan.starts_on + timedelta(days=7 * rng.randint(0, 1))
        last = plan.ends_on - timedelta(days=rng.choice((3, 7, 10)))
        title, text = rng.choice(duties.offers(duties.INTERNSHIPS, program))
        host = rng.choice(self.hosts[program])
        co_op = program in ("CS", "SCM") and rng.random() < 0.12
        hours = (rng.randint(41, 52) if program != "BIO" else 46) * wanted + (rng.choice((60, 120)) if co_op else 0)
        pay_kind, amount = self._pay(program, host)
        kinds = {"PSY": ("internship", "practicum"), "BIO": ("internship", "internship", "research")}
        kind = rng.choice(kinds.get(program, ("internship",)))
        return Work(
            "co_op" if co_op else kind, title.replace(" intern", " co-op") if co_op else title, text, host, first, last,
            hours * 60, pay_kind, amount, rng.choices(("onsite", "hybrid", "remote"), weights=(5, 3, 1))[0],
        )

    def project(self, program: str, first: date, hours: int | None = None) -> Work:
        """A micro-internship of one to three weeks for a fixed fee."""
        rng = self.rng
        title, text = rng.choice(duties.offers(duties.MICRO, program))
        hours = hours or rng.choice((6, 8, 10, 12, 15, 18, 20, 24, 30))
        fee = Decimal(hours * rng.choice((17, 18, 20, 22, 25)))
        return Work(
            "micro_internship", title, text, rng.choice(self.hosts[program]), first,
            first + timedelta(days=max(9, hours)), hours * 60, "fixed_fee", fee, rng.choice(("remote", "remote", "hybrid")),
        )

    def _project_start(self, least: int, most: int) -> date:
        return self.today - timedelta(days=self.rng.randint(least, most))

    def _pay(self, program: str, host: Host) -> tuple[str, Decimal | None]:
        rng = self.rng
        charitable = host.sector in ("Nonprofit", "Human services", "Arts and culture", "Public service", "Education")
        if charitable and rng.random() < 0.55:
            return rng.choice((("unpaid", None), ("stipend", Decimal(rng.choice((500, 800, 1200))))))
        floor = {"CS": 20, "SCM": 18}.get(program, 15)
        return "hourly", Decimal(floor) + Decimal(rng.randrange(0, 17)) / 2


def _able(student: Entry) -> bool:
    """A record on which credit can be asked for; now and then a value is missing."""
    standing = ("junior", "senior") if student.program == "BIO" else ("sophomore", "junior", "senior")
    return (
        student.standing in standing and student.good_standing is True and (student.gpa is None or student.gpa >= _GOOD)
        and (student.program != "PSY" or (student.credits or 0) >= 45)
    )
