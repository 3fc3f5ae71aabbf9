"""Asking for credit on the demo campus: drafts, decisions of everybody in turn, returns, denials, grades.

Each step goes through the rules of `careercenter.credit` at the moment at which the diary has it. Where a request waits
today is the case's `fate`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from sqlalchemy import select

from careercenter import links
from careercenter.catalog import Course, Section, Term
from careercenter.credit import approvals, requests, steps
from careercenter.credit.model import Approval, CreditRequest
from careercenter.db import session
from careercenter.people.model import Person
from careercenter.people.sessions import Viewer
from demo import remarks
from demo.diary import Diary
from demo.plans import Case

STEPS = ("supervisor", "faculty", "advisor", "registrar")
# Days before today on which a request of the coming term, or of a bundle just finished, was submitted: so that some of
# what waits is overdue, and most is not.
_SUBMITTED = {
    "supervisor": (1, 5), "faculty": (3, 8), "advisor": (2, 10), "registrar": (6, 9), "returned": (6, 14),
    "registered": (12, 22), "resubmitted": (9, 14),
}
_GRADES = ("A", "A", "A", "A-", "A-", "B+", "B", "S", "S", "C+")


@dataclass(frozen=True)
class Offices:
    """Who decides, and the catalog."""

    people: dict[str, Person]
    terms: list[Term]
    courses: dict[str, list[Course]]
    sections: dict[tuple[int, int], Section]
    sponsors: dict[str, int]

    def decider(self, step: str, program: str, rng: Random) -> Viewer:
        """Somebody who holds the role of a step for a program."""
        uid = {"registrar": "gferraro", "advisor": "tkowalski" if program == "CS" and rng.random() < 0.5 else "rmarsh"}.get(step)
        if step == "faculty":
            person = session.get_one(Person, self.sponsors[program])
        else:
            person = self.people[str(uid)]
        scopes = tuple(grant.scope for grant in person.roles if grant.role == step)
        return Viewer(0, person.id, person.name, step, (step,), scopes)


class Asking:
    """One case's request from draft to where it stands today."""

    def __init__(self, case: Case, student: Person, placement_ids: list[int], offices: Offices, diary: Diary, rng: Random):
        self.case, self.student, self.placement_ids = case, student, placement_ids
        self.offices, self.diary, self.rng = offices, diary, rng
        self.request_id = 0

    @property
    def request(self) -> CreditRequest:
        return session.get_one(CreditRequest, self.request_id)

    def submitted_on(self) -> datetime:
        """When the request is sent (a draft: when it was last worked on)."""
        case, today = self.case, self.diary.today
        first = min(work.starts_on for work in case.works)
        last = max(work.ends_on for work in case.works)
        if first > today or (len(case.works) > 1 and last < today):
            return self.diary.any_hour(today - timedelta(days=self.rng.randint(*_SUBMITTED.get(case.fate, (2, 10)))), self.rng)
        return self.diary.any_hour(first - timedelta(days=self.rng.randint(12, 30)), self.rng)

    def draft(self, now: datetime) -> None:
        """The student begins."""
        by = self.student.actor
        self.request_id = requests.create_draft(self.student.id, self._content(), by=by, now=now).id

    def submit(self, now: datetime) -> None:
        """The student sends it; a rule in the way leaves it a draft."""
        request = self.request
        try:
            with session.begin_nested():
                requests.submit(request.id, request.version, by=self.student.actor, now=now)
        except requests.NotReady:
            return
        if self.case.fate == "withdrawn":
            self.diary.enter(self.diary.after(now, (7, 11), self.rng), self._withdraw)
        self._proceed(now)

    def _content(self) -> requests.Draft:
        case = self.case
        course = self.offices.courses[case.student.program][case.course]
        sponsor = self.offices.sponsors[case.student.program]
        wanted = course.policy == "faculty" or self.rng.random() < 0.4
        return requests.Draft(
            term_id=self.offices.terms[case.term].id, course_id=course.id, credits=Decimal(case.credits),
            placement_ids=tuple(self.placement_ids), academic_minutes=case.academic_minutes,
            objectives="\n".join(case.objectives), note=self.rng.choice(remarks.NOTES), sponsor_id=sponsor if wanted else None,
        )

    def _proceed(self, now: datetime) -> None:
        """Whoever is asked now will decide in some days, unless the request is to wait there."""
        for approval in steps.opened(self.request):
            if approval.step == self._waits_at():
                continue
            days = (0, 2) if approval.step == "faculty" else (1, 3)
            self.diary.enter(self.diary.by_now(now, days, self.rng), self._decide(approval.id))

    def _waits_at(self) -> str:
        fate = self.case.fate
        if fate == "withdrawn" or (fate == "resubmitted" and self.request.round > 1):
            return "advisor"
        return fate if fate in STEPS else ""

    def _decide(self, approval_id: int):  # type: ignore[no-untyped-def]
        def happen(now: datetime) -> None:
            approval = session.get_one(Approval, approval_id)
            if approval.state != "open" or self.request.state != "in_review":
                return
            outcome, reason = self._outcome(approval)
            if approval.step == "supervisor":
                self._by_link(approval, outcome, reason, now)
            else:
                self._by_staff(approval, outcome, reason, now)
            if outcome == "return" and self.case.fate == "resubmitted":
                self.diary.enter(self.diary.by_now(now, (1, 2), self.rng), self._mend)
            self._proceed(now)
            if self.request.state == "registered" and self.case.fate == "completed":
                self._grade_later()
        return happen

    def _outcome(self, approval: Approval) -> tuple[approvals.Outcome, str]:
        fate, rng = self.case.fate, self.rng
        if approval.step == "supervisor" and fate == "returned" and self.case.number % 4 == 0:
            return "return", rng.choice(remarks.SUPERVISOR_RETURNS)
        if approval.step == "advisor" and fate == "denied":
            return "deny", rng.choice(remarks.DENY_REASONS[1:])
        if approval.step == "advisor" and (fate == "returned" or (fate == "resubmitted" and self.request.round == 1)):
            return "return", rng.choice(remarks.RETURN_REASONS)
        return "approve", rng.choice(remarks.APPROVE_NOTES) if approval.step == "advisor" else ""

    def _by_link(self, approval: Approval, outcome: approvals.Outcome, reason: str, now: datetime) -> None:
        link = session.scalars(
            select(links.MagicLink).where(links.MagicLink.purpose == "approval", links.MagicLink.record_id == approval.id)
            .where(links.MagicLink.used_at.is_(None), links.MagicLink.revoked_at.is_(None))
        ).one()
        approvals.decide_by_link(links.token(link), outcome, reason=reason, now=now)

    def _by_staff(self, approval: Approval, outcome: approvals.Outcome, reason: str, now: datetime) -> None:
        request = self.request
        by = self.offices.decider(approval.step, self.case.student.program, self.rng)
        section = self.offices.sections[request.term_id, request.course_id].id if approval.step == "registrar" else None
        approvals.decide(approval.id, outcome, request.version, reason=reason, by=by, now=now, section_id=section)

    def _mend(self, now: datetime) -> None:
        """The student changes what was asked for and sends it again."""
        request = self.request
        better = [*self.case.objectives[:2], "Keep a weekly journal and relate each entry to one objective"]
        draft = replace(self._content(), objectives="\n".join(better))
        requests.save_draft(request.id, request.version, draft, by=self.student.actor, now=now)
        self.submit(now)

    def _withdraw(self, now: datetime) -> None:
        if self.request.state in ("in_review", "returned"):
            reason = self.rng.choice(remarks.WITHDRAW_REASONS)
            requests.withdraw(self.request_id, self.request.version, reason=reason, by=self.student.actor, now=now)

    def _grade_later(self) -> None:
        due = self.offices.terms[self.case.term].ends_on + timedelta(days=self.rng.randint(1, 4))
        self.diary.enter(self.diary.office_hour(due, self.rng), self._grade)

    def _grade(self, now: datetime) -> None:
        by = self.offices.decider("registrar", self.case.student.program, self.rng)
        requests.record_grade(self.request_id, self.rng.choice(_GRADES), self.request.version, by=by, now=now)
