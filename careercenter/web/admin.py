"""For campus IT: is every part well, who may do what, which mails went out, who did what."""

from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from sqlalchemy import and_, func, or_, select

from careercenter import db, doctor
from careercenter.audit import AuditEvent
from careercenter.outbox import OutboxMessage
from careercenter.people import ROLES, Person, RoleGrant, accounts, finding, holds_now
from careercenter.people.sessions import open_sessions
from careercenter.web import access, formats, shell
from careercenter.web.sessions import door_labels
from careercenter.web.typed import Typed

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
PAGE = 50
ACTS = {
    "person.created": "made the account", "person.signed_in": "signed in", "person.signed_out": "signed out",
    "person.roles": "changed the roles", "person.sessions_ended": "ended sessions", "person.disabled": "disabled the account",
    "person.enabled": "enabled the account",
    "person.address_removed": "removed the own address", "person.proof_refused": "let somebody else prove themselves",
    "person.looked_through": "looked through this person's eyes",
    "person.look_ended": "stopped looking", "person.address_confirmed": "confirmed an own address", "sign_in.held": "held a sign-in",
    "sign_in.decided": "decided on a held sign-in", "person.proven_again": "signed in once more",
}
"""What the audit's words mean on a person's page."""


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
            RoleGrant.source, RoleGrant.because, Person.disabled_at,
        )
        .outerjoin(RoleGrant, and_(RoleGrant.person_id == Person.id, holds_now(g.now)))
        .order_by(Person.family_name, Person.given_name, Person.id)
    )
    if role in ROLES:
        found = found.where(RoleGrant.role == role)
    for word in q.split():
        like = f"%{word.replace('%', '').replace('_', '')}%"
        names = (column.ilike(like) for column in (Person.given_name, Person.family_name, Person.email))
        found = found.where(or_(*names, Person.campus_id == word))
    rows = [tuple(row) for row in db.session.execute(found.limit(PAGE + 1))]
    held = db.session.execute(select(RoleGrant.role, func.count().label("n")).where(holds_now(g.now)).group_by(RoleGrant.role))
    counts = {row.role: row.n for row in held}
    return render_template(
        "admin/people.html", rows=rows[:PAGE], more=len(rows) > PAGE, q=q, role=role, roles=ROLES, counts=counts, sources=finding.FROM
    )


@blueprint.get("/people/<int:person_id>")
def person(person_id: int) -> Any:
    return person_page(person_id)


@blueprint.post("/people/<int:person_id>/end-sessions")
def end_sessions(person_id: int) -> Any:
    with db.transaction():
        ended = accounts.sign_out(person_id, by=access.actor(), now=g.now)
    shell.toast("good", f"{formats.plural(ended, 'browser')} signed out." if ended else "Nobody was signed in by this account.")
    return redirect(url_for(".person", person_id=person_id), 303)


@blueprint.post("/people/<int:person_id>/disable")
def disable(person_id: int) -> Any:
    return _change(person_id, accounts.disable, "The account is disabled, and signed out everywhere.")


@blueprint.post("/people/<int:person_id>/enable")
def enable(person_id: int) -> Any:
    return _change(person_id, accounts.enable, "The account takes sign-ins again.")


def _change(person_id: int, act: Any, done: str) -> Any:
    try:
        with db.transaction():
            act(person_id, Typed(request.form).line("reason", limit=300)[:300], by=access.actor(), now=g.now)
    except db.Refused as refused:
        return person_page(person_id, {"reason": str(refused)}), 422
    shell.toast("good", done)
    return redirect(url_for(".person", person_id=person_id), 303)


def person_page(person_id: int, errors: dict[str, str] | None = None) -> str:
    """Somebody's account, for an administrator. Raises `db.NotFound`."""
    found = db.session.get(Person, person_id)
    if found is None:
        raise db.NotFound
    about = (AuditEvent.about_kind == "person") & (AuditEvent.about_id == person_id)
    lately = select(AuditEvent).where(about).order_by(AuditEvent.id.desc()).limit(12)
    return render_template(
        "admin/person.html", p=found, roles=ROLES, rows=open_sessions(person_id, g.now), doors=door_labels(), errors=errors or {},
        form=request.form, me=person_id == g.viewer.person_id, history=list(db.session.scalars(lately)), acts=ACTS,
        sources=finding.FROM,
    )


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
