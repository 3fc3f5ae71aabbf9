"""Reading evaluations: one placement's answers in words, and the advisor's list of who still owes one."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from sqlalchemy import Select, and_, case, exists, func, select

from careercenter import db, outbox
from careercenter.catalog import Program, StudentRecord
from careercenter.evaluations import instruments
from careercenter.evaluations.answers import NO
from careercenter.evaluations.instruments import Item, Version
from careercenter.evaluations.model import KINDS, Answer, Evaluation
from careercenter.people.model import Person
from careercenter.placements.model import Employer, Placement, Supervisor

HURRIED = timedelta(seconds=40)
Reach = tuple[str, ...] | frozenset[int]
"""Whose evaluations somebody sees: of program codes ("" is every program), or of these placements alone."""


@dataclass(frozen=True)
class Line:
    """One answer in words. `level` is 1 (lowest) to 5 for ratings; `minutes` when the rater names other hours."""

    title: str
    question: str
    kind: str
    words: str
    anchor: str = ""
    level: int | None = None
    evidence: str = ""
    minutes: int | None = None


@dataclass(frozen=True)
class Result:
    """A submitted evaluation. `low_information` only marks: nothing is held back or counted less."""

    id: int
    kind: str
    title: str
    rater: str
    rater_name: str
    submitted_at: datetime
    instrument: str
    levels: tuple[str, ...]
    lines: tuple[Line, ...]
    low_information: bool
    disputed_minutes: int | None


@dataclass(frozen=True)
class Row:
    """One line of the advisor's list. `concern`: "", "hours" (disputed) or "mail" (could not be delivered)."""

    id: int
    placement_id: int
    student: str
    title: str
    employer: str
    supervisor: str
    kind: str
    rater: str
    state: str
    ends_on: date
    invited_at: datetime | None
    submitted_at: datetime | None
    concern: str


def results(placement_id: int) -> list[Result]:
    """What was answered about a placement, the supervisor's first."""
    found = select(Evaluation).where(Evaluation.placement_id == placement_id, Evaluation.state == "submitted")
    first = case((Evaluation.rater == "supervisor", 0), else_=1)
    return [result(e) for e in db.session.scalars(found.order_by(first, Evaluation.submitted_at))]


def pending(placement_id: int) -> list[Evaluation]:
    """The evaluations of a placement that are planned or were asked for."""
    found = select(Evaluation).where(Evaluation.placement_id == placement_id, Evaluation.state.in_(("planned", "invited")))
    return list(db.session.scalars(found.order_by(Evaluation.id)))


def outstanding(reach: Reach) -> list[Evaluation]:
    """What was asked and not answered, within a reach."""
    wanted = _scoped(select(Evaluation.id).select_from(_JOINED).where(Evaluation.state == "invited"), reach)
    return list(db.session.scalars(select(Evaluation).where(Evaluation.id.in_(wanted)).order_by(Evaluation.id)))


def outstanding_count(reach: Reach) -> int:
    return counts(reach)["outstanding"]


def result(evaluation: Evaluation) -> Result:
    """One submitted evaluation beside the words of the version that it was answered on."""
    instrument = instruments.named(evaluation.instrument)
    version = instrument.pinned(evaluation.instrument_version)
    pairs = [(item, answer) for answer in evaluation.answers if (item := version.item(answer.item))]
    assert evaluation.submitted_at is not None, "only submitted evaluations have results"
    return Result(
        id=evaluation.id, kind=evaluation.kind, title=KINDS[evaluation.kind], rater=evaluation.rater,
        rater_name=evaluation.rater_name, submitted_at=evaluation.submitted_at,
        instrument=f"{instrument.title}, version {version.version}", levels=tuple(level.label for level in version.levels),
        lines=tuple(_line(version, item, answer) for item, answer in pairs),
        low_information=low_information(evaluation),
        disputed_minutes=next((a.minutes for i, a in pairs if i.kind == "hours" and a.choice == NO), None),
    )


def low_information(evaluation: Evaluation) -> bool:
    """Every rating alike and the form sent within 40 seconds of opening it."""
    ratings = [answer.rating for answer in evaluation.answers if answer.rating is not None]
    if len(ratings) < 3 or len(set(ratings)) > 1 or not evaluation.opened_at or not evaluation.submitted_at:
        return False
    return evaluation.submitted_at - evaluation.opened_at < HURRIED


def _line(version: Version, item: Item, answer: Answer) -> Line:
    words, anchor = answer.text, ""
    if item.kind == "rating":
        words = "Not observed" if answer.not_observed else "Not answered"
        if answer.rating:
            words, anchor = version.levels[answer.rating - 1].label, version.anchor(item, answer.rating)
    elif item.kind == "choice":
        words = next((option.label for option in item.options if option.code == answer.choice), "Not answered")
    elif item.kind == "hours":
        words = "No" if answer.choice == NO else "Yes"
    return Line(
        item.title, item.question, item.kind, words, anchor, answer.rating,
        evidence=answer.text if item.kind == "rating" else "", minutes=answer.minutes,
    )


LISTS = {"outstanding": "Outstanding", "concerns": "Concerns", "returned": "Returned", "planned": "Planned"}


def listing(which: str, reach: Reach, most: int = 200) -> list[Row]:
    """The advisor's list, one of `LISTS`, within a reach; oldest waiting first."""
    found = _rows(reach).where(_belongs(which))
    order = {"returned": Evaluation.submitted_at.desc(), "concerns": Evaluation.submitted_at.desc()}
    found = found.order_by(order.get(which, Placement.ends_on), Evaluation.id).limit(most)
    return [Row(*row) for row in db.session.execute(found)]


def counts(reach: Reach) -> dict[str, int]:
    """How many evaluations each of `LISTS` holds."""
    (found,) = db.ask(_counted(reach))
    return dict(zip(LISTS, found, strict=True))


@lru_cache(maxsize=64)
def _counted(reach: Reach) -> Select[tuple]:  # type: ignore[type-arg]
    columns = (func.count(case((_belongs(which), 1))) for which in LISTS)
    found = select(*columns).select_from(Evaluation).join(Placement, Placement.id == Evaluation.placement_id)
    if not isinstance(reach, frozenset) and "" not in reach:
        found = found.join(StudentRecord, StudentRecord.person_id == Placement.student_id).join(
            Program, Program.id == StudentRecord.program_id
        )
    return _scoped(found, reach)  # type: ignore[no-any-return]


def owed(reach: Reach) -> tuple[int, int]:
    """(outstanding, concerns): what a home page tells. It leaves out the lists that grow from term to term."""
    ((outstanding, concerns),) = db.ask(_owed(reach))
    return outstanding, concerns


@lru_cache(maxsize=64)
def _owed(reach: Reach) -> Select[tuple]:  # type: ignore[type-arg]
    return select(*(
        _within(select(func.count(Evaluation.id)), reach).where(condition).scalar_subquery()
        for condition in (_belongs("outstanding"), _belongs("concerns"))
    ))


def _within(query, reach: Reach):  # type: ignore[no-untyped-def]
    """Evaluations within a reach, joined to no more than it asks about."""
    if not isinstance(reach, frozenset) and "" not in reach:
        query = query.join(Placement, Placement.id == Evaluation.placement_id)
        query = query.join(StudentRecord, StudentRecord.person_id == Placement.student_id)
        query = query.join(Program, Program.id == StudentRecord.program_id)
    return _scoped(query, reach)


def visible(evaluation_id: int, reach: Reach) -> Evaluation:
    """An evaluation within a member of staff's reach. Raises `db.NotFound`."""
    wanted = _scoped(select(Evaluation.id).select_from(_JOINED).where(Evaluation.id == evaluation_id), reach)
    if db.session.scalar(wanted) is None:
        raise db.NotFound
    return db.session.get_one(Evaluation, evaluation_id)


_JOINED = (
    Evaluation.__table__.join(Placement.__table__, Placement.id == Evaluation.placement_id)
    .join(Person.__table__, Person.id == Placement.student_id)
    .join(Employer.__table__, Employer.id == Placement.employer_id)
    .join(Supervisor.__table__, Supervisor.id == Placement.supervisor_id)
    .outerjoin(StudentRecord.__table__, StudentRecord.person_id == Person.id)
    .outerjoin(Program.__table__, Program.id == StudentRecord.program_id)
)
_DISPUTED = Evaluation.id.in_(select(Answer.evaluation_id).where(Answer.minutes.is_not(None)))
_UNDELIVERED = exists().where(
    outbox.OutboxMessage.about_kind == "evaluation", outbox.OutboxMessage.about_id == Evaluation.id,
    outbox.OutboxMessage.dead_at.is_not(None), outbox.OutboxMessage.dead_at >= Evaluation.invited_at,
).correlate(Evaluation)


def _belongs(which: str):  # type: ignore[no-untyped-def]
    """The condition of one of `LISTS`."""
    return {
        "outstanding": Evaluation.state == "invited",
        "returned": Evaluation.state == "submitted",
        "planned": and_(Evaluation.state == "planned", Placement.state != "cancelled"),
        "concerns": and_(Evaluation.state == "submitted", _DISPUTED) | and_(Evaluation.state == "invited", _UNDELIVERED),
    }[which]


def _rows(reach: Reach) -> Select[tuple]:  # type: ignore[type-arg]
    columns = select(
        Evaluation.id, Placement.id, Person.given_name + " " + Person.family_name, Placement.title, Employer.name,
        Supervisor.name, Evaluation.kind, Evaluation.rater, Evaluation.state, Placement.ends_on, Evaluation.invited_at,
        Evaluation.submitted_at, case((_DISPUTED, "hours"), (_UNDELIVERED, "mail"), else_=""),
    )
    return _scoped(columns.select_from(_JOINED), reach)


def _scoped(query, reach: Reach):  # type: ignore[no-untyped-def]
    if isinstance(reach, frozenset):
        return query.where(Evaluation.placement_id.in_(reach))
    return query if "" in reach else query.where(Program.code.in_(reach))
