"""Signing in and out: to the identity provider, back with its answer, into a new session."""

import re
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, g, make_response, redirect, render_template, request, session, url_for

from careercenter import audit, db, people
from careercenter.db import NotFound
from careercenter.people.sessions import SignOnExpired, end_session, find_sign_on
from careercenter.people.sessions import act_as as change_role
from careercenter.signon.attributes import roles_for
from careercenter.signon.identity import SignOnRefused
from careercenter.signon.saml import ACS_PATH, SamlProvider
from careercenter.web import headers

blueprint = Blueprint("signon", __name__)

BROWSER_COOKIE = "careercenter-signon"
_NEXT = re.compile(r"/(?![/\\])[!-\[\]-~]{0,499}")  # one leading slash, printable ASCII, no backslash


def safe_next(value: str | None) -> str:
    """A path of this site, or the home page: whatever else was asked for."""
    return value if value and _NEXT.fullmatch(value) and "//" not in value.partition("?")[0] else "/"


def provider(name: str) -> SamlProvider:
    """The named provider, built once in each process."""
    built: dict[str, SamlProvider] = current_app.extensions.setdefault("careercenter.saml", {})
    if name not in built:
        config = db.settings()
        found = next((p for p in config.signon.providers if p.name == name), None)
        if found is None:
            raise NotFound
        built[name] = SamlProvider(found, config.server.public_url)
    return built[name]


@blueprint.get("/sign-in")
def sign_in() -> Any:
    """Where people begin: one button per identity provider."""
    if g.viewer and g.viewer.role:
        return redirect(safe_next(request.args.get("next")), 303)
    ended = session.pop("ended", False)
    return render_template(
        "signon/sign_in.html", providers=db.settings().signon.providers, next=safe_next(request.args.get("next")), ended=ended
    )


@blueprint.get("/sign-in/<name>")
def begin(name: str) -> Response:
    """Off to the identity provider; what comes back is bound to this browser and used once."""
    relay, browser = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    start = provider(name).begin(relay)
    with db.transaction():
        people.begin_sign_on(name, start.request_id, relay, browser, safe_next(request.args.get("next")), g.now)
    if start.method == "redirect":
        answer = make_response(redirect(start.url, 303))
    else:
        page = make_response(render_template("signon/post.html", start=start))
        parts = urlsplit(start.url)
        answer = headers.send_form_to(page, f"{parts.scheme}://{parts.netloc}")
    secure = db.settings().server.secure
    # The answer arrives by a POST from another site, where a Lax cookie would stay behind.
    answer.set_cookie(
        BROWSER_COOKIE, browser, max_age=600, httponly=True, path=ACS_PATH, secure=secure, samesite="None" if secure else "Lax"
    )
    return answer


@blueprint.post(ACS_PATH)
def acs() -> Response:
    """The identity provider's answer: check, recognise, open a new session, go on to where the person was headed."""
    relay, browser = request.form.get("RelayState", ""), request.cookies.get(BROWSER_COOKIE, "")
    try:
        waiting = find_sign_on(relay, browser, g.now)
    except SignOnExpired:
        raise SignOnRefused("no_request", "no sign-in of this browser waits for this answer") from None
    name, request_id, next_path = waiting.provider, waiting.request_id, waiting.next_path
    identity = provider(name).finish(request.form, request_id=request_id, now=datetime.now(UTC))
    grants = roles_for(identity, db.settings().signon.roles)
    try:
        with db.transaction():
            people.take_sign_on(find_sign_on(relay, browser, g.now), identity)
            person = people.recognise(identity, grants, g.now)
            if person.disabled_at:
                raise SignOnRefused("disabled", f"person {person.id} is disabled")
            if g.viewer:  # whoever signs in again in this browser leaves the session before
                end_session(g.viewer.session_id, g.now)
            secret = people.start_session(person, identity, g.now)
            audit.record("person.signed_in", "person", person.id, by=person.actor, now=g.now, detail={"provider": name})
    except SignOnExpired:
        raise SignOnRefused("replay", "the answer was used before") from None
    except people.ReturningHolder as problem:
        raise SignOnRefused("returning_holder", str(problem)) from None
    session.clear()
    session["sid"] = secret
    answer = make_response(redirect(next_path, 303))
    answer.delete_cookie(BROWSER_COOKIE, path=ACS_PATH)
    return answer


@blueprint.get("/saml/metadata")
def metadata() -> Response:
    """Our metadata for the campus identity provider (the first one; ?provider= names another)."""
    configured = db.settings().signon.providers
    name = request.args.get("provider") or (configured[0].name if configured else "")
    return Response(provider(name).metadata_xml(), mimetype="application/samlmetadata+xml")


@blueprint.post("/sign-out")
def sign_out() -> Any:
    with db.transaction():
        end_session(g.viewer.session_id, g.now)
        audit.record("person.signed_out", "person", g.viewer.person_id, by=audit.Actor(g.viewer.name, g.viewer.person_id), now=g.now)
    session.clear()
    return redirect(url_for("signon.sign_in"), 303)


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
