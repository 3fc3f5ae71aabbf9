"""Makers of rows for tests. Each gives a valid record, commits it, and never surprises: what a test needs, it says."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from careercenter import db
from careercenter.catalog import Course, Program, Section, StudentRecord, Term
from careercenter.credit.model import CreditRequest
from careercenter.listings import touched
from careercenter.listings.model import Board, Listing
from careercenter.people.model import Person, RoleGrant
from careercenter.placements.model import Employer, HourEntry, Placement, Supervisor


class Factory:
    def __init__(self, now: datetime):
        self.now = now
        self._n = count(1)

    def _save(self, row: Any) -> Any:
        with db.transaction():
            db.session.add(row)
        return row

    def person(self, *roles: str, scope: str = "", name: str = "", **values: Any) -> Person:
        n = next(self._n)
        given, _, family = (name or f"Person Nr{n}").partition(" ")
        person = Person(**{
            "given_name": given, "family_name": family, "email": f"person{n}@example.edu",
            "campus_id": f"{n:08d}", "created_at": self.now, **values,
        })
        person.roles = [RoleGrant(role=role, scope=scope, source="staff", granted_at=self.now) for role in roles]
        return self._save(person)

    def program(self, code: str = "CS", name: str = "Computer Science", **values: Any) -> Program:
        known = db.session.scalar(db.db.select(Program).where(Program.code == code))
        return known or self._save(Program(**{
            "code": code, "name": name, "department": "Computing", "cip": "11.0701", **values,
        }))

    def student(self, program: Program | None = None, name: str = "", **record: Any) -> Person:
        program = program or self.program()
        person = self.person("student", name=name)
        self._save(StudentRecord(**{
            "person_id": person.id, "program_id": program.id, "class_standing": "junior", "gpa": Decimal("3.40"),
            "credits_earned": Decimal("75"), "good_standing": True, "as_of": self.now, **record,
        }))
        return person

    def term(self, code: str = "202710", name: str = "Fall 2026", **values: Any) -> Term:
        known = db.session.scalar(db.db.select(Term).where(Term.code == code))
        return known or self._save(Term(**{
            "code": code, "name": name, "starts_on": date(2026, 8, 24), "ends_on": date(2026, 12, 18),
            "register_by": date(2026, 12, 1), "grades_due_on": date(2026, 12, 22), **values,
        }))

    def course(self, program: Program | None = None, **values: Any) -> Course:
        program = program or self.program()
        known = db.session.scalar(db.db.select(Course).where(Course.program_id == program.id))
        return known or self._save(Course(**{
            "program_id": program.id, "subject": program.code, "number": "495", "title": "Internship", "policy": "standard",
            **values,
        }))

    def section(self, course: Course | None = None, term: Term | None = None, **values: Any) -> Section:
        course, term = course or self.course(), term or self.term()
        known = db.session.scalar(db.db.select(Section).where(Section.course_id == course.id, Section.term_id == term.id))
        return known or self._save(Section(**{
            "course_id": course.id, "term_id": term.id, "crn": f"{10000 + next(self._n)}", "number": "001", **values,
        }))

    def employer(self, name: str = "", **values: Any) -> Employer:
        n = next(self._n)
        return self._save(Employer(**{"name": name or f"Employer {n}", "city": "Dayton", "state": "OH", **values}))

    def supervisor(self, employer: Employer | None = None, name: str = "", **values: Any) -> Supervisor:
        n = next(self._n)
        employer = employer or self.employer()
        return self._save(Supervisor(**{
            "employer_id": employer.id, "name": name or f"Sam Supervisor {n}", "email": f"sup{n}@employer{n}.example", **values,
        }))

    def board(self, platform: str = "greenhouse", board: str = "", **values: Any) -> Board:
        n = next(self._n)
        return self._save(Board(**{"platform": platform, "board": board or f"board{n}", "label": f"Board {n}", **values}))

    def listing(self, board: Board | None = None, *, caught_up: bool = True, **values: Any) -> Listing:
        n = next(self._n)
        board = board or self.board()
        made = self._save(Listing(**{
            "board_id": board.id, "post_id": f"post{n}", "opportunity_id": 0, "state": "open",
            "kind": "internship", "title": f"Internship {n}", "employer": f"Employer {n}", "place": "Dayton, OH",
            "workplace": "onsite", "pay_kind": "hourly", "pay_text": "$20 an hour", "hourly_cents": 2000,
            "posted_at": self.now, "apply_url": f"https://jobs.example.com/{n}", "description_html": "<p>Work.</p>",
            "draft": {}, "raw_hash": bytes(32), "content_hash": bytes(32), "first_seen_at": self.now,
            "changed_at": self.now, **values,
        }))
        with db.transaction():
            made.opportunity_id = made.opportunity_id or made.id
            touched.touch([made.id])
        if caught_up:
            touched.catch_up()
        return made

    def placement(self, student: Person | None = None, supervisor: Supervisor | None = None, **values: Any) -> Placement:
        student, supervisor = student or self.student(), supervisor or self.supervisor()
        return self._save(Placement(**{
            "student_id": student.id, "employer_id": supervisor.employer_id, "supervisor_id": supervisor.id,
            "kind": "internship", "title": "Data internship", "duties": "Builds a report of weekly orders.",
            "workplace": "hybrid", "starts_on": date(2026, 9, 1), "ends_on": date(2026, 12, 4),
            "planned_minutes": 140 * 60, "pay_kind": "hourly", "pay_amount": Decimal("20.00"),
            "supervisor_related": False, "state": "running",
            "created_at": self.now, **values,
        }))

    def hours(self, placement: Placement, minutes: int, worked_on: date = date(2026, 10, 1), verified: bool = False) -> HourEntry:
        return self._save(HourEntry(
            placement_id=placement.id, worked_on=worked_on, minutes=minutes, logged_at=self.now,
            verified_at=self.now if verified else None,
        ))

    def credit_request(self, student: Person | None = None, *placements: Placement, **values: Any) -> CreditRequest:
        student = student or self.student()
        chosen = list(placements) or [self.placement(student)]
        request = CreditRequest(**{
            "student_id": student.id, "term_id": self.term().id, "course_id": self.course().id, "credits": Decimal("3"),
            "objectives": "Specify and build a weekly report.\nExplain its figures to the people who use them.",
            "academic_minutes": 20 * 60, "policy": "standard", "policy_version": "2026-1", "state": "draft",
            "created_at": self.now - timedelta(days=3), "updated_at": self.now, **values,
        })
        with db.transaction():
            request.placements = [db.session.get_one(Placement, p.id) for p in chosen]
            db.session.add(request)
        return request
