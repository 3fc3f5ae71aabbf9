"""The demo campus' reference data: three terms around the seed day, six programs, their courses and sections."""

from dataclasses import dataclass
from datetime import date, timedelta

from careercenter import db
from careercenter.catalog import Course, Program, Section, Term


@dataclass(frozen=True)
class ProgramPlan:
    """A program with its internship courses: (number, title) each."""

    code: str
    name: str
    department: str
    cip: str
    courses: tuple[tuple[str, str], ...]


PROGRAMS = (
    ProgramPlan("CS", "Computer Science", "School of Computing", "11.0701",
                (("395", "Computing Internship"), ("397", "Applied Projects in Computing"))),
    ProgramPlan("MKT", "Marketing", "Harlan School of Business", "52.1401",
                (("390", "Marketing Internship"), ("391", "Marketing Practice Projects"))),
    ProgramPlan("PSY", "Psychology", "Department of Psychology", "42.0101",
                (("480", "Internship in Applied Psychology"),)),
    ProgramPlan("BIO", "Biology", "Department of Life Sciences", "26.0101",
                (("470", "Field and Laboratory Internship"),)),
    ProgramPlan("GD", "Graphic Design", "School of Art and Design", "50.0409",
                (("385", "Design Internship"), ("386", "Client Projects in Design"))),
    ProgramPlan("SCM", "Supply Chain Management", "Harlan School of Business", "52.0203",
                (("490", "Supply Chain Internship"),)),
)
# Registrar's season codes as Banner counts them: the academic year is named by its spring.
_SEASONS = ((1, "Spring", 20, (1, 11), (5, 7)), (5, "Summer", 30, (5, 17), (8, 13)), (8, "Fall", 10, (8, 23), (12, 18)))


@dataclass(frozen=True)
class TermPlan:
    code: str
    name: str
    starts_on: date
    ends_on: date


def term_plans(today: date) -> tuple[TermPlan, TermPlan, TermPlan]:
    """The term before, the term of `today` (or the next to begin), and the term after."""
    every = [plan for year in range(today.year - 1, today.year + 3) for plan in _year(year)]
    running = next(i for i, plan in enumerate(every) if plan.ends_on >= today)
    before, current, after = every[running - 1:running + 2]
    return before, current, after


def _year(year: int) -> list[TermPlan]:
    plans = []
    for _, season, digits, first, last in _SEASONS:
        starts, ends = _monday(date(year, *first)), date(year, *last)
        academic = year + 1 if season == "Fall" else year
        plans.append(TermPlan(f"{academic}{digits}", f"{season} {year}", starts, ends))
    return plans


def _monday(day: date) -> date:
    return day + timedelta(days=-day.weekday() % 7)


def add_terms(today: date) -> list[Term]:
    """The three terms, oldest first."""
    rows = [
        Term(code=plan.code, name=plan.name, starts_on=plan.starts_on, ends_on=plan.ends_on,
             register_by=plan.ends_on - timedelta(days=14), grades_due_on=plan.ends_on + timedelta(days=4))
        for plan in term_plans(today)
    ]
    db.session.add_all(rows)
    db.session.flush()
    return rows


def add_programs() -> dict[str, Program]:
    """The six programs by their code."""
    rows = {
        plan.code: Program(code=plan.code, name=plan.name, department=plan.department, cip=plan.cip) for plan in PROGRAMS
    }
    db.session.add_all(rows.values())
    db.session.flush()
    return rows


def add_courses(programs: dict[str, Program], policies: dict[str, str]) -> dict[str, list[Course]]:
    """The internship courses by program code. `policies` names the policy of a program; the others follow "standard"."""
    rows: dict[str, list[Course]] = {}
    for plan in PROGRAMS:
        rows[plan.code] = [
            Course(program_id=programs[plan.code].id, subject=plan.code, number=number, title=title,
                   policy=policies.get(plan.code, "standard"))
            for number, title in plan.courses
        ]
        db.session.add_all(rows[plan.code])
    db.session.flush()
    return rows


def add_sections(terms: list[Term], courses: dict[str, list[Course]], instructors: dict[str, int]) -> dict[tuple[int, int], Section]:
    """One section of each course in each term, by (term id, course id). `instructors` are person ids by program code."""
    rows = {}
    crn = 20411
    for term in terms:
        for code, offered in courses.items():
            for course in offered:
                rows[term.id, course.id] = Section(
                    term_id=term.id, course_id=course.id, crn=str(crn), number="001", instructor_id=instructors[code],
                )
                crn += 37
    db.session.add_all(rows.values())
    db.session.flush()
    return rows
