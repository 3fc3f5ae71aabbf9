"""The rows of a workbook at an instant, streamed in a fixed order from facts that carry their date.

Three facts are asked as of the instant: the states a request had been in, hours verified and not yet removed,
evaluations received. Names of programs, courses and sections are the registrar's present ones.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Select, func, or_, select

from careercenter import credit, db
from careercenter.accreditation.fields import Cell, CreditFacts
from careercenter.accreditation.specs import Spec
from careercenter.catalog import Course, Program, Section, Term
from careercenter.credit import amounts, policy
from careercenter.credit.model import STATES, CreditRequest, CreditRequestPlacement, CreditRequestState
from careercenter.evaluations.model import Evaluation
from careercenter.placements.model import KINDS, HourEntry, Placement

BATCH = 500


class Moment(NamedTuple):
    """The latest state of a request by the instant, with the day it was registered and the findings it was decided on."""

    state: str
    snapshot: dict[str, Any]
    registered_at: datetime | None
    findings: list[dict[str, Any]]


class Catalog(NamedTuple):
    """The course behind a request."""

    request_id: int
    program: str
    cip: str
    subject: str
    number: str


def rows(spec: Spec, term: Term, as_of: datetime, policies: Counter[str] | None = None) -> Iterator[tuple[Cell, ...]]:
    """One tuple per row, in the order of the spec's columns; sorted by program, course and request.

    `policies`, if given, counts the rows of each policy version as they stream by.
    """
    values = [column.known.value for column in spec.columns]
    for found in facts(term, as_of, spec.states):
        if policies is not None:
            policies[found.policy] += 1
        yield tuple(value(found) for value in values)


def exclusions(spec: Spec, term: Term, as_of: datetime) -> Iterator[tuple[str, str]]:
    """(row id, reason) of every request of the term that was known by the instant and is not a row."""
    for batch in _batches(term, as_of):
        moments = _moments([known.request_id for known in batch], as_of)
        for known in batch:
            state = moments[known.request_id].state if known.request_id in moments else "draft"
            if state not in spec.states:
                yield f"CR-{known.request_id:06d}", f"Not registered by then: {STATES[state].lower()}."


def facts(term: Term, as_of: datetime, states: tuple[str, ...]) -> Iterator[CreditFacts]:
    """The requests of a term that were in one of `states` at the instant."""
    numbers = select(Section.crn, Section.number).where(Section.term_id == term.id)
    sections = {row.crn: row.number for row in db.session.execute(numbers)}
    for batch in _batches(term, as_of):
        moments = _moments([known.request_id for known in batch], as_of)
        wanted = [known for known in batch if known.request_id in moments and moments[known.request_id].state in states]
        placements = {p for known in wanted for p in moments[known.request_id].snapshot.get("placements", ())}
        work = Work(placements, as_of)
        for known in wanted:
            yield _facts(known, moments[known.request_id], term, sections, work)


def _batches(term: Term, as_of: datetime) -> Iterator[list[Catalog]]:
    """The requests that existed by the instant, in the order of the file, some hundred at a time."""
    found = (
        select(CreditRequest.id, Program.name, Program.cip, Course.subject, Course.number)
        .join(Course, Course.id == CreditRequest.course_id).join(Program, Program.id == Course.program_id)
        .where(CreditRequest.term_id == term.id, CreditRequest.created_at <= as_of)
        .order_by(Program.code, Course.subject, Course.number, CreditRequest.id)
    )
    for part in db.session.execute(found, execution_options={"yield_per": BATCH}).partitions():
        yield [Catalog(*row) for row in part]


def _moments(request_ids: list[int], as_of: datetime) -> dict[int, Moment]:
    """Where each request stood at the instant; without an entry it was not yet in any state."""
    step = CreditRequestState
    found: dict[int, Moment] = {}
    history = select(step.request_id, step.at, step.state, step.snapshot).where(step.request_id.in_(request_ids), step.at <= as_of)
    for request_id, at, state, snapshot in db.session.execute(history.order_by(step.request_id, step.at, step.id)):
        before = found.get(request_id)
        registered = at if state == "registered" and not (before and before.registered_at) else before and before.registered_at
        findings = snapshot.get("findings") or (before.findings if before else [])
        found[request_id] = Moment(state, snapshot, registered, findings)
    return found


class Work:
    """What was verified and evaluated about some placements by the instant."""

    def __init__(self, placement_ids: set[int], as_of: datetime):
        hour = HourEntry
        standing = or_(hour.removed_at.is_(None), hour.removed_at > as_of)
        minutes = (
            select(hour.placement_id, func.sum(hour.minutes))
            .where(hour.placement_id.in_(placement_ids), hour.verified_at <= as_of, standing).group_by(hour.placement_id)
        )
        self.minutes: dict[int, int] = {row[0]: int(row[1]) for row in db.session.execute(minutes)}
        kinds = select(Placement.id, Placement.kind).where(Placement.id.in_(placement_ids))
        self.kinds: dict[int, str] = {row[0]: KINDS[row[1]] for row in db.session.execute(kinds)}
        received = (
            select(Evaluation.placement_id, Evaluation.id)
            .where(Evaluation.placement_id.in_(placement_ids), Evaluation.rater == "supervisor", Evaluation.submitted_at <= as_of)
            .order_by(Evaluation.id)
        )
        self.evaluations: dict[int, list[int]] = defaultdict(list)
        for placement_id, evaluation_id in db.session.execute(received):
            self.evaluations[placement_id].append(evaluation_id)


def _facts(known: Catalog, moment: Moment, term: Term, sections: dict[str, str], work: Work) -> CreditFacts:
    kept = moment.snapshot
    asked, placements = Decimal(kept["credits"]), kept.get("placements", [])
    edition = policy.kept(kept["policy"], kept["policy_version"])
    site = sum(work.minutes.get(p, 0) for p in placements)
    zone = db.settings().campus.zone
    return CreditFacts(
        request_id=known.request_id, state=moment.state, program=known.program, cip=known.cip, term=term.code,
        subject=known.subject, course_number=known.number, section=sections.get(kept.get("section", ""), ""),
        crn=kept.get("section", ""), formats=tuple(sorted({work.kinds[p] for p in placements if p in work.kinds})),
        credits=asked, required_minutes=kept.get("required_minutes"),
        counted_minutes=amounts.counted_minutes(edition.work, asked, site, kept.get("academic_minutes", 0)),
        verified_site_minutes=site, academic_minutes=kept.get("academic_minutes", 0),
        objectives=len(credit.objectives(kept.get("objectives", ""))),
        registered_on=moment.registered_at.astimezone(zone).date() if moment.registered_at else None,
        evaluation_ids=tuple(sorted(e for p in placements for e in work.evaluations.get(p, ()))),
        grade=kept.get("grade", ""), exceptions=tuple(_exceptions(moment.findings)),
        policy=f"{kept['policy']} {kept['policy_version']}",
    )


def _exceptions(findings: list[dict[str, Any]]) -> Iterator[str]:
    """What was let pass: waived rules, and failed ones that a person approved."""
    for finding in findings:
        if finding["verdict"] in ("waived", "fail") and finding["severity"] != "info":
            yield f"{finding['title']} {'waived' if finding['verdict'] == 'waived' else 'not met'}"


def placements_of(term: Term) -> Select[int]:
    """The placements that requests of a term rest on."""
    joined = select(CreditRequestPlacement.placement_id).join(CreditRequest, CreditRequest.id == CreditRequestPlacement.request_id)
    return joined.where(CreditRequest.term_id == term.id)
