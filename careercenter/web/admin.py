"""For campus IT: is every part well, who may do what, which mails went out, who did what."""

from typing import Any

from flask import Blueprint, g, render_template, request
from sqlalchemy import func, or_, select

from careercenter import db, doctor
from careercenter.audit import AuditEvent
from careercenter.outbox import OutboxMessage
from careercenter.people import ROLES, Person, RoleGrant
from careercenter.web.typed import Typed

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
PAGE = 50


@blueprint.get("/health")
def health() -> Any:
    checks = doctor.machine_parts() + doctor.installation(db.settings(), g.now)
    return render_template("admin/health.html", checks=checks, bad=[c for c in checks if c.state != "ok"])


@blueprint.get("/mail")
def mail() -> Any:
    """Every message, newest first; those given up stand out."""
    before = Typed(request.args).number("before")
    found = select(
        OutboxMessage.id, OutboxMessage.subject, OutboxMessage.to_email, OutboxMessage.created_at, OutboxMessage.sent_at,
        OutboxMessage.dead_at, OutboxMessage.attempts, OutboxMessage.last_error,
    ).order_by(OutboxMessage.id.desc()).limit(PAGE + 1)
    if before:
        found = found.where(OutboxMessage.id < before)
    rows = [tuple(row) for row in db.session.execute(found)]
    counts = db.session.execute(select(
        func.count(OutboxMessage.sent_at), func.count(OutboxMessage.dead_at), func.count(OutboxMessage.id)
    )).one()
    return render_template("admin/mail.html", rows=rows[:PAGE], more=len(rows) > PAGE, sent=counts[0], dead=counts[1], every=counts[2])


@blueprint.get("/people")
def people() -> Any:
    """Who holds which role, and from where it came."""
    q, role = request.args.get("q", "").strip()[:100], request.args.get("role", "")
    found = (
        select(
            Person.id, Person.given_name, Person.family_name, Person.email, Person.campus_id, RoleGrant.role, RoleGrant.scope,
            RoleGrant.source,
        )
        .join(RoleGrant, RoleGrant.person_id == Person.id).order_by(Person.family_name, Person.given_name, Person.id)
    )
    if role in ROLES:
        found = found.where(RoleGrant.role == role)
    for word in q.split():
        like = f"%{word.replace('%', '').replace('_', '')}%"
        names = (column.ilike(like) for column in (Person.given_name, Person.family_name, Person.email))
        found = found.where(or_(*names, Person.campus_id == word))
    rows = [tuple(row) for row in db.session.execute(found.limit(PAGE + 1))]
    held = db.session.execute(select(RoleGrant.role, func.count().label("n")).group_by(RoleGrant.role))
    counts = {row.role: row.n for row in held}
    return render_template("admin/people.html", rows=rows[:PAGE], more=len(rows) > PAGE, q=q, role=role, roles=ROLES, counts=counts)


@blueprint.get("/audit")
def audit() -> Any:
    """The chain of events, newest first."""
    before, kind = Typed(request.args).number("before"), request.args.get("kind", "")
    found = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(PAGE + 1)
    if before:
        found = found.where(AuditEvent.id < before)
    if kind:
        found = found.where(AuditEvent.about_kind == kind)
    rows = list(db.session.scalars(found))
    kinds = list(db.session.scalars(select(AuditEvent.about_kind).distinct().order_by(AuditEvent.about_kind)))
    return render_template("admin/audit.html", rows=rows[:PAGE], more=len(rows) > PAGE, kinds=kinds, kind=kind)


@blueprint.get("/style")
def style() -> Any:
    """Every part of the design in one page."""
    return render_template("styleguide.html")
