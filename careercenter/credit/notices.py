"""Mail of a credit request: to whoever is asked, and to the student at every step. Texts are config/mail/credit_*.txt."""

from datetime import datetime, timedelta

from sqlalchemy import select

from careercenter import db, links, outbox
from careercenter.credit.amounts import credits_text, spoken
from careercenter.credit.model import STEPS, Approval, CreditRequest
from careercenter.people.model import Person, RoleGrant
from careercenter.placements.model import Placement

_FRESH = timedelta(days=3)  # a reminder repeats the supervisor's link while it lives at least this long


def submitted(request: CreditRequest, now: datetime) -> None:
    holders = [a for a in request.approvals if a.round == request.round and a.state == "open"]
    _to_student("credit_submitted", request, f"round-{request.round}", now, holder=_names(holders))


def step_opened(request: CreditRequest, approval: Approval, now: datetime) -> None:
    """Ask whoever decides next. Staff of a role get one mail a day; the queue shows the rest."""
    if approval.step == "supervisor":
        _ask_supervisor("credit_supervisor", request, approval, f"credit-approval-{approval.id}", now)
    elif approval.step == "faculty" and request.sponsor:
        _to("credit_sponsor", request.sponsor, request, f"credit-approval-{approval.id}", now, due=day_text(approval.due_at))
    else:
        today = now.astimezone(db.settings().campus.zone).date()
        for person in deciders(approval.step, request):
            key = f"credit-queue-{approval.step}-{person.id}-{today}"
            _to("credit_queue", person, request, key, now, due=day_text(approval.due_at))


def decided(request: CreditRequest, approval: Approval, now: datetime) -> None:
    """Tell the student what was decided and who holds the request now."""
    template = {"approved": "credit_approved", "returned": "credit_returned", "denied": "credit_denied"}[approval.state]
    holders = [a for a in request.approvals if a.round == request.round and a.state == "open"]
    if request.state == "registered":
        template = "credit_registered"
    _to_student(
        template, request, f"decided-{approval.id}", now, who=f"{approval.decided_by} ({STEPS[approval.step].lower()})",
        reason=approval.reason or "No remark was left.", holder=_names(holders),
        crn=request.section.crn if request.section else "",
    )


def receipt(request: CreditRequest, approval: Approval, now: datetime) -> None:
    """The supervisor's receipt, to the address of record."""
    words = {"approved": "confirmed", "returned": "asked for a correction of", "denied": "declined"}[approval.state]
    placement = _placement(approval)
    outbox.post(
        "credit_receipt", to=(placement.supervisor.name, placement.supervisor.email),
        values=_placement_values(request, placement) | {"words": words, "reason": approval.reason or "None."},
        about=("credit_request", request.id), dedupe=f"credit-receipt-{approval.id}", now=now,
    )


def not_needed(request: CreditRequest, approvals: list[Approval], now: datetime) -> None:
    """Supervisors whose answer is no longer needed are told, so that they do not look for a dead link."""
    for approval in (a for a in approvals if a.step == "supervisor"):
        placement = _placement(approval)
        outbox.post(
            "credit_not_needed", to=(placement.supervisor.name, placement.supervisor.email),
            values=_placement_values(request, placement), about=("credit_request", request.id),
            dedupe=f"credit-not-needed-{approval.id}", now=now,
        )


def remind(request: CreditRequest, approval: Approval, now: datetime) -> None:
    """Repeat a question that nobody has answered in time. The request does not halt."""
    key = f"credit-reminder-{approval.id}-{now.date()}"
    if approval.step == "supervisor":
        _ask_supervisor("credit_supervisor_reminder", request, approval, key, now)
        return
    people = [request.sponsor] if approval.step == "faculty" and request.sponsor else deciders(approval.step, request)
    for person in people:
        _to("credit_reminder", person, request, f"{key}-{person.id}", now, due=day_text(approval.due_at))


def deciders(step: str, request: CreditRequest) -> list[Person]:
    """Who holds the role of a step for the request's program, in a fixed order."""
    found = (
        select(Person).join(RoleGrant, RoleGrant.person_id == Person.id)
        .where(RoleGrant.role == step, RoleGrant.scope.in_(["", request.course.program.code]))
        .where(Person.disabled_at.is_(None), Person.id != request.student_id).order_by(Person.id).distinct()
    )
    return list(db.session.scalars(found))


def day_text(at: datetime | None) -> str:
    """An instant as a campus day: "Fri 4 Dec"."""
    if at is None:
        return ""
    local = at.astimezone(db.settings().campus.zone)
    return f"{local:%a} {local.day} {local:%b}"


def _ask_supervisor(template: str, request: CreditRequest, approval: Approval, dedupe: str, now: datetime) -> None:
    placement = _placement(approval)
    link = _living_link(approval, now) or links.issue("approval", approval.id, placement.supervisor.email, now)
    outbox.post(
        template, to=(placement.supervisor.name, placement.supervisor.email), about=("credit_request", request.id),
        values=_placement_values(request, placement) | {"due": day_text(approval.due_at)}, dedupe=dedupe, now=now,
        link=link, link_path="/approve/",
    )


def _living_link(approval: Approval, now: datetime) -> links.MagicLink | None:
    found = select(links.MagicLink).where(
        links.MagicLink.purpose == "approval", links.MagicLink.record_id == approval.id,
        links.MagicLink.used_at.is_(None), links.MagicLink.revoked_at.is_(None),
        links.MagicLink.expires_at > now + _FRESH,
    )
    return db.session.scalar(found)


def _placement(approval: Approval) -> Placement:
    assert approval.placement is not None  # a supervisor's step always has one
    return approval.placement


def _placement_values(request: CreditRequest, placement: Placement) -> dict[str, object]:
    """What an employer may know: no number, no GPA, no record."""
    return {
        "student": request.student.name, "supervisor": placement.supervisor.name, "title": placement.title,
        "employer": placement.employer.name, "hours": spoken(placement.planned_minutes),
        "first_day": f"{placement.starts_on.day} {placement.starts_on:%b} {placement.starts_on.year}",
        "last_day": f"{placement.ends_on.day} {placement.ends_on:%b} {placement.ends_on.year}",
        "support": db.settings().campus.support_email or db.settings().mail.sender,
    }


def _names(approvals: list[Approval]) -> str:
    """Who holds it: "Ana Ruiz (site supervisor)", "the career advisor"."""
    said = [
        f"{a.placement.supervisor.name} (site supervisor)" if a.placement else f"the {STEPS[a.step].lower()}" for a in approvals
    ]
    return " and ".join(dict.fromkeys(said))


def _to_student(template: str, request: CreditRequest, key: str, now: datetime, **values: object) -> None:
    _to(template, request.student, request, f"credit-{request.id}-{key}", now, **values)


def _to(template: str, person: Person, request: CreditRequest, dedupe: str, now: datetime, **values: object) -> None:
    base = db.settings().server.public_url
    shared = {
        "name": person.given_name, "student": request.student.name, "what": request.what,
        "credits": credits_text(request.credits), "course": request.course.code, "term": request.term.name,
        "url": f"{base}/credit/{request.id}", "queue_url": f"{base}/queue",
    }
    outbox.post(
        template, to=(person.name, person.email), values=shared | values, about=("credit_request", request.id),
        dedupe=dedupe, now=now,
    )
