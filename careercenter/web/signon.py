"""Signing in: to the identity provider, back with its answer, into a new session."""

import secrets
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request, session

from careercenter import db, people, providers
from careercenter.db import NotFound
from careercenter.people.sessions import act_as as change_role
from careercenter.signon.saml import ACS_PATH, METADATA_PATH, own_metadata
from careercenter.web import arrivals, discovery, doors, entry
from careercenter.web.entry import safe_next

blueprint = Blueprint("signon", __name__)


@blueprint.get("/sign-in")
def sign_in() -> Any:
    """Where people begin: one button per identity provider."""
    if g.viewer and g.viewer.role:
        return redirect(safe_next(request.args.get("next")), 303)
    ended = session.pop("ended", False)
    return render_template(
        "signon/sign_in.html", providers=providers.every(), next=safe_next(request.args.get("next")), ended=ended,
        alumni_codes=db.settings().signon.alumni_codes,
    )


@blueprint.get("/sign-in/<name>")
def begin(name: str) -> Response:
    """Off to the identity provider; for a federation, first to the list of its members."""
    next_path = safe_next(request.args.get("next"))
    return discovery.start(name, next_path) or entry.start(name, next_path)


@blueprint.post(ACS_PATH)
def acs() -> Response:
    """A SAML provider's answer: to a sign-in that began here, or to none where people may begin at the provider."""
    if (provider := arrivals.unasked()) is not None:
        return arrivals.ask(provider)
    return entry.returned(request.form, request.form.get("RelayState", ""))


@blueprint.get(METADATA_PATH)
def metadata() -> Response:
    """Our metadata for identity providers; others may keep it for an hour, which is how long its text stays the same."""
    answer = Response(own_metadata(doors.service_provider()), mimetype="application/samlmetadata+xml")
    answer.headers["Cache-Control"] = "public, max-age=3600"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


@blueprint.post("/act-as")
def act_as() -> Any:
    """Somebody with several roles changes hats; the session id changes with them."""
    role = request.form.get("role", "")
    if role not in g.viewer.roles:
        raise NotFound
    secret = secrets.token_urlsafe(32)
    with db.transaction():
        change_role(g.viewer.session_id, role, people.sessions.hashed(secret))
    session["sid"] = secret
    return redirect("/", 303)
