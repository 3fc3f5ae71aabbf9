"""When evaluations are asked for: planned from the placement's own dates, invited when due, reminded, sent again.

How often somebody was asked is read from the outbox and the links, never counted a second time.
"""

from datetime import datetime, timedelta

from sqlalchemy import exists, func, select

from careercenter import audit, db, links, outbox
from careercenter.evaluations import instruments
from careercenter.evaluations.model import KINDS, Evaluation
from careercenter.placements.model import Placement

PURPOSE = "evaluation"
LINK_PATH = "/evaluate/"
REST = timedelta(days=2)
"""Staff do not remind anybody more often."""
MOST_LINKS = 4
"""The first link and three more; then somebody should telephone."""
CATCH_UP = timedelta(days=60)
"""A placement that ended longer ago than this is not asked about any more."""


def plan(placement: Placement, now: datetime) -> list[Evaluation]:
    """Plan what a placement's end asks for: the supervisor's final evaluation, the student's debrief.

    Safe to call again: what exists follows the placement's end date until it is sent, and is never doubled.
    """
    existing = {(e.rater, e.kind): e for e in of_placement(placement.id)}
    planned = []
    for rater, kind in (("supervisor", "final"), ("student", "debrief")):
        evaluation = existing.get((rater, kind))
        if evaluation is None:
            evaluation = Evaluation(placement_id=placement.id, kind=kind, rater=rater, state="planned", due_on=placement.ends_on)
            _pin(evaluation, placement, now)
            db.session.add(evaluation)
        elif evaluation.state == "planned":
            evaluation.due_on = placement.ends_on
        planned.append(evaluation)
    db.session.flush()
    return planned


def of_placement(placement_id: int) -> list[Evaluation]:
    return list(db.session.scalars(select(Evaluation).where(Evaluation.placement_id == placement_id).order_by(Evaluation.id)))


def cancel(placement: Placement, now: datetime) -> None:
    """The placement will not happen: what is not answered is no longer asked."""
    for evaluation in of_placement(placement.id):
        if evaluation.state in ("planned", "invited"):
            evaluation.state = "cancelled"
            links.revoke(PURPOSE, evaluation.id, now)


def invite_due(now: datetime) -> int:
    """Ask whoever is due today, campus time; returns how many were asked.

    First plans for placements that run or ended lately and follows moved end dates, so no other part has to remember.
    """
    today = now.astimezone(db.settings().campus.zone).date()
    for placement in _unplanned(now):
        plan(placement, now)
    due = select(Evaluation).join(Placement).where(Evaluation.state == "planned").order_by(Evaluation.id)
    asked = 0
    for evaluation in db.session.scalars(due.where(Placement.ends_on <= today, Placement.state.in_(("running", "completed")))):
        invite(evaluation, now)
        asked += 1
    return asked


def _unplanned(now: datetime) -> list[Placement]:
    since = (now - CATCH_UP).astimezone(db.settings().campus.zone).date()
    none_yet = ~exists().where(Evaluation.placement_id == Placement.id)
    wanted = select(Placement).where(Placement.state.in_(("running", "completed")), Placement.ends_on >= since, none_yet)
    return list(db.session.scalars(wanted.order_by(Placement.id)))


def invite(evaluation: Evaluation, now: datetime) -> None:
    """Ask for one evaluation now, on the version that is in force."""
    placement = evaluation.placement
    _pin(evaluation, placement, now)
    evaluation.state, evaluation.invited_at, evaluation.due_on = "invited", now, placement.ends_on
    evaluation.rater_name = (placement.supervisor.name if evaluation.rater == "supervisor" else placement.student.name)[:200]
    _ask(evaluation, "evaluation_invitation", "first", now)
    audit.record("evaluation.invited", "evaluation", evaluation.id, by=audit.SYSTEM, now=now)


def remind_due(now: datetime) -> int:
    """Remind those who have not answered, on the days that their instrument names; returns how many were reminded."""
    waiting = db.session.scalars(select(Evaluation).where(Evaluation.state == "invited").order_by(Evaluation.id)).all()
    counts = reminders([evaluation.id for evaluation in waiting])
    reminded = 0
    for evaluation in waiting:
        days, sent = instruments.named(evaluation.instrument).remind_after_days, counts.get(evaluation.id, 0)
        due = sent < len(days) and evaluation.invited_at and now >= evaluation.invited_at + timedelta(days=days[sent])
        if due and _answerable(evaluation, now):
            _ask(evaluation, "evaluation_reminder", f"{evaluation.invited_at:%Y%m%d%H%M%S}:reminder-{sent + 1}", now)
            reminded += 1
    return reminded


def remind_all(evaluations: list[Evaluation], by: audit.Actor, now: datetime) -> int:
    """Staff remind those who were asked and have not answered; nobody twice in two days. Returns how many were reminded."""
    latest = _last_asked([evaluation.id for evaluation in evaluations])
    reminded = 0
    for evaluation in evaluations:
        rested = now - latest.get(evaluation.id, now) >= REST
        if evaluation.state == "invited" and rested and _answerable(evaluation, now):
            _ask(evaluation, "evaluation_reminder", f"staff-{now:%Y%m%d}", now)
            audit.record("evaluation.reminded", "evaluation", evaluation.id, by=by, now=now)
            reminded += 1
    return reminded


def _last_asked(evaluation_ids: list[int]) -> dict[int, datetime]:
    message = outbox.OutboxMessage
    found = (
        select(message.about_id, func.max(message.created_at))
        .where(message.about_kind == "evaluation", message.about_id.in_(evaluation_ids)).group_by(message.about_id)
    )
    return {row[0]: row[1] for row in db.session.execute(found)}


def mails(evaluation_id: int) -> list[outbox.OutboxMessage]:
    """Every mail about an evaluation, newest first."""
    message = outbox.OutboxMessage
    found = select(message).where(message.about_kind == "evaluation", message.about_id == evaluation_id)
    return list(db.session.scalars(found.order_by(message.id.desc())))


def reminders(evaluation_ids: list[int]) -> dict[int, int]:
    """How many reminders each evaluation has had since it was last invited."""
    message = outbox.OutboxMessage
    found = (
        select(Evaluation.id, func.count(message.id))
        .join(message, (message.about_kind == "evaluation") & (message.about_id == Evaluation.id))
        .where(Evaluation.id.in_(evaluation_ids), message.template.in_(("evaluation_reminder", "evaluation_debrief_reminder")))
        .where(message.created_at >= Evaluation.invited_at).group_by(Evaluation.id)
    )
    return {row[0]: row[1] for row in db.session.execute(found)}


def resend(evaluation: Evaluation, by: audit.Actor, now: datetime) -> None:
    """Staff ask again: a new link to the supervisor's present address; the older one dies. Raises `db.Refused`."""
    if evaluation.state not in ("planned", "invited"):
        raise db.Refused("This evaluation is not waiting for an answer, so there is nothing to send again.")
    if evaluation.state == "planned":
        invite(evaluation, now)
        return
    if links_issued(evaluation) >= MOST_LINKS:
        raise db.Refused(
            f"Four links have gone to {evaluation.placement.supervisor.email}. Please telephone, or correct the address first."
        )
    evaluation.invited_at = now
    evaluation.rater_name = evaluation.placement.supervisor.name if evaluation.rater == "supervisor" else evaluation.rater_name
    _ask(evaluation, "evaluation_invitation", f"again-{now:%Y%m%d%H%M%S%f}", now, new_link=True)
    audit.record("evaluation.resent", "evaluation", evaluation.id, by=by, now=now)


def links_issued(evaluation: Evaluation) -> int:
    """How many links went to the supervisor's present address."""
    link = links.MagicLink
    found = select(func.count()).where(link.purpose == PURPOSE, link.record_id == evaluation.id)
    return db.session.scalar(found.where(link.email == evaluation.placement.supervisor.email)) or 0


def _pin(evaluation: Evaluation, placement: Placement, now: datetime) -> None:
    instrument = instruments.fitting(evaluation.rater, evaluation.kind, placement.planned_minutes)
    day = now.astimezone(db.settings().campus.zone).date()
    evaluation.instrument, evaluation.instrument_version = instrument.name, instrument.on(day).version


def _answerable(evaluation: Evaluation, now: datetime) -> bool:
    """A reminder helps: its link lives, or another supervisor was named since, who then gets the first one."""
    return evaluation.rater != "supervisor" or bool(_live_link(evaluation, now)) or not links_issued(evaluation)


def _live_link(evaluation: Evaluation, now: datetime) -> links.MagicLink | None:
    link = links.MagicLink
    live = select(link).where(link.purpose == PURPOSE, link.record_id == evaluation.id, link.used_at.is_(None))
    live = live.where(link.email == evaluation.placement.supervisor.email)
    return db.session.scalar(live.where(link.revoked_at.is_(None), link.expires_at > now))


def _ask(evaluation: Evaluation, template: str, occasion: str, now: datetime, new_link: bool = False) -> None:
    """Queue the mail that asks; to a supervisor with a link, to a student with the address of their own page."""
    placement = evaluation.placement
    version = instruments.named(evaluation.instrument).pinned(evaluation.instrument_version)
    values = {
        "student": placement.student.name, "title": placement.title, "employer": placement.employer.name,
        "minutes": version.minutes, "kind": KINDS[evaluation.kind].lower(), "name": evaluation.rater_name,
        "until": f"{placement.ends_on:%B} {placement.ends_on.day}, {placement.ends_on.year}",
    }
    dedupe = f"evaluation:{evaluation.id}:{occasion}"
    about = ("evaluation", evaluation.id)
    if evaluation.rater == "supervisor":
        supervisor = placement.supervisor
        link = None if new_link else _live_link(evaluation, now)
        link = link or links.issue(PURPOSE, evaluation.id, supervisor.email, now)
        outbox.post(template, to=(supervisor.name, supervisor.email), values=values, about=about, dedupe=dedupe, now=now,
                    link=link, link_path=LINK_PATH)
    else:
        student = placement.student
        page = f"{db.settings().server.public_url}/evaluations/{evaluation.id}/answer"
        outbox.post(template.replace("evaluation_", "evaluation_debrief_"), to=(student.name, student.email),
                    values={**values, "page": page}, about=about, dedupe=dedupe, now=now)
