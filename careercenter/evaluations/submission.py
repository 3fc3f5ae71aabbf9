"""Answering: opening a link changes nothing; submitting fixes the answers, settles the hours and uses the link up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, update

from careercenter import audit, db, links, outbox
from careercenter.evaluations import answers, instruments
from careercenter.evaluations.model import KINDS, Answer, Evaluation
from careercenter.evaluations.schedule import PURPOSE
from careercenter.placements.model import HourEntry, Placement


@dataclass(frozen=True)
class Form:
    """What the page that asks needs. `logged_minutes` is the sum of `hour_entries` (ids), the hours that stand."""

    evaluation: Evaluation
    placement: Placement
    instrument: instruments.Instrument
    version: instruments.Version
    logged_minutes: int
    hour_entries: tuple[int, ...]


def opened(token: str, now: datetime) -> Form:
    """The form behind a supervisor's link; reads only. Raises `links.LinkUnusable`."""
    link = links.find(token, PURPOSE, now)
    evaluation = db.session.get(Evaluation, link.record_id)
    if evaluation is None or evaluation.state != "invited" or link.email != evaluation.placement.supervisor.email:
        raise links.LinkUnusable  # a link to one supervisor must not answer in the name of another, named later
    return form_of(evaluation)


def form_of(evaluation: Evaluation) -> Form:
    """The form of an evaluation as it stands."""
    instrument = instruments.named(evaluation.instrument)
    standing = db.session.execute(
        select(HourEntry.id, HourEntry.minutes)
        .where(HourEntry.placement_id == evaluation.placement_id, HourEntry.removed_at.is_(None))
    ).all()
    return Form(
        evaluation, evaluation.placement, instrument, instrument.pinned(evaluation.instrument_version),
        sum(entry.minutes for entry in standing), tuple(entry.id for entry in standing),
    )


def own(evaluation_id: int, person_id: int) -> Evaluation:
    """The evaluation that this student answers or has answered. Raises `db.NotFound` for anybody else's."""
    evaluation = db.session.get(Evaluation, evaluation_id)
    if evaluation is None or evaluation.rater != "student" or evaluation.placement.student_id != person_id:
        raise db.NotFound
    return evaluation


def submit(token: str, form: Mapping[str, str], now: datetime) -> Evaluation:
    """The supervisor's answers, once. Raises `links.LinkUnusable` or `answers.Incomplete`; then nothing has changed."""
    asked = opened(token, now)
    link = links.find(token, PURPOSE, now)
    given = answers.read(asked.version, form, asked.logged_minutes)
    links.consume(link, now)
    evaluation = _keep(asked, given, form, now)
    supervisor = asked.placement.supervisor
    _settle_hours(asked, given, now)
    by = audit.Actor(f"{supervisor.name} ({supervisor.email})", via="link")
    audit.record("evaluation.submitted", "evaluation", evaluation.id, by=by, now=now, detail=_summary(asked))
    _tell(asked, (supervisor.name, link.email), now)
    return evaluation


def submit_own(evaluation: Evaluation, form: Mapping[str, str], by: audit.Actor, now: datetime) -> Evaluation:
    """The student's debrief, once. Raises `db.Refused` when it is not open, `answers.Incomplete` for mistakes."""
    if evaluation.state != "invited":
        raise db.Refused("This debrief is not open. Your placement page says when it will be, or shows what you sent.")
    asked = form_of(evaluation)
    given = answers.read(asked.version, form, asked.logged_minutes)
    _keep(asked, given, form, now)
    audit.record("evaluation.submitted", "evaluation", evaluation.id, by=by, now=now, detail=_summary(asked))
    return evaluation


def refuse_new_terms(placement_id: int) -> None:
    """Raises `db.Refused` once the supervisor has answered: what was evaluated is not changed under the answers."""
    answered = select(Evaluation.id).where(
        Evaluation.placement_id == placement_id, Evaluation.rater == "supervisor", Evaluation.state == "submitted"
    )
    if db.session.scalar(answered.limit(1)):
        raise db.Refused("Your supervisor has evaluated this work, so its terms stay. Ask the Career Center to correct them.")


def receipt(token: str) -> Evaluation | None:
    """The evaluation that this link was used for; the page then says "received on …"."""
    link = links.used_before(token, PURPOSE)
    return db.session.get(Evaluation, link.record_id) if link else None


def _keep(asked: Form, given: list[Answer], form: Mapping[str, str], now: datetime) -> Evaluation:
    """Fix the answers. Of two submits at once one wins; the other gets `db.Conflict`."""
    evaluation = asked.evaluation
    won = db.session.execute(
        update(Evaluation).where(Evaluation.id == evaluation.id, Evaluation.state == "invited")
        .values(state="submitted", submitted_at=now, opened_at=_started(form, evaluation, now))
        .execution_options(synchronize_session=False)
    )
    if won.rowcount != 1:  # type: ignore[attr-defined]
        raise db.Conflict("This evaluation was answered a moment ago; the first answer counts.")
    db.session.refresh(evaluation)
    for answer in given:
        answer.evaluation_id = evaluation.id
        db.session.add(answer)
    db.session.flush()
    db.session.expire(evaluation, ["answers"])
    return evaluation


def _started(form: Mapping[str, str], evaluation: Evaluation, now: datetime) -> datetime | None:
    """When the page was opened, as the form says; a mark for analysis only, so an implausible one is just dropped."""
    typed = form.get("started", "")
    if not typed.isascii() or not typed.isdigit() or len(typed) > 12:
        return None
    try:
        started = datetime.fromtimestamp(int(typed), UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return started if evaluation.invited_at and evaluation.invited_at <= started <= now else None


def _settle_hours(asked: Form, given: list[Answer], now: datetime) -> None:
    """The supervisor's yes verifies every hour shown; a no leaves them open, with the claimed minutes for the advisor."""
    confirming = {item.code for item in asked.version.items if item.kind == "hours"}
    if any(answer.item in confirming and answer.choice == answers.YES for answer in given):
        db.session.execute(
            update(HourEntry).where(HourEntry.id.in_(asked.hour_entries), HourEntry.verified_at.is_(None))
            .values(verified_at=now)
        )


def _summary(asked: Form) -> dict[str, object]:
    """What the audit keeps: which form, never the answers."""
    return {"instrument": asked.instrument.name, "version": asked.version.version, "placement": asked.placement.id}


def _tell(asked: Form, rater: tuple[str, str], now: datetime) -> None:
    """A receipt to the address of record, and word to the student."""
    placement, evaluation = asked.placement, asked.evaluation
    values = {
        "student": placement.student.name, "title": placement.title, "employer": placement.employer.name,
        "name": rater[0], "kind": KINDS[evaluation.kind].lower(),
        "page": f"{db.settings().server.public_url}/placements/{placement.id}",
    }
    about = ("evaluation", evaluation.id)
    outbox.post("evaluation_receipt", to=rater, values=values, about=about, dedupe=f"evaluation:{evaluation.id}:receipt", now=now)
    student = (placement.student.name, placement.student.email)
    outbox.post("evaluation_arrived", to=student, values=values, about=about, dedupe=f"evaluation:{evaluation.id}:arrived", now=now)
