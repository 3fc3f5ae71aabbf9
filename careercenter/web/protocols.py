"""The addresses of OpenID Connect, CAS and the web server's own sign-on: back with an answer, and sign-out by the provider.

Each provider has addresses of its own, so that no answer reaches a provider that was not asked. `entry.returned` binds the
answer to the browser that began, and uses it up once. A message that ends sessions comes from a server, without a browser:
it says nothing about whether it ended any.
"""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, jsonify, make_response, redirect, request, url_for

from careercenter import db, logs
from careercenter.db import NotFound
from careercenter.people import leaving, provider_logout
from careercenter.people.sessions import SignOnExpired, find_sign_on
from careercenter.signon.cas import CasProvider
from careercenter.signon.header import PEER, HeaderProvider
from careercenter.signon.identity import AnswerRefused, Provider, SignOnRefused
from careercenter.signon.oidc import OidcProvider
from careercenter.web import doors, entry

blueprint = Blueprint("protocols", __name__)
log = logs.get("web")


@blueprint.get("/sign-in/<name>/return")
def returned(name: str) -> Response:
    """An OpenID Connect code with its state, or a CAS ticket with our word in the service address."""
    kind = _door(name)
    if not isinstance(kind, OidcProvider | CasProvider):
        raise NotFound
    answer = _once_each()
    return entry.returned(answer, answer.get("state" if isinstance(kind, OidcProvider) else "relay", ""), name)


@blueprint.get("/sign-in/<name>/header")
def header(name: str) -> Response:
    """The address that the web server protects: its headers say who came through."""
    if not isinstance(_door(name), HeaderProvider):
        raise NotFound
    # Before ProxyFix rewrote it: who really holds the other end of the connection.
    before = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
    answer = {key.lower(): value for key, value in request.headers.items()} | {PEER: before.get("REMOTE_ADDR") or ""}
    return entry.returned(answer, _once_each().get("relay", ""), name)


@blueprint.post("/sign-in/<name>/return")
def cas_logout(name: str) -> Response:
    """A CAS server says that the session of a ticket is over."""
    door = _door(name)
    if not isinstance(door, CasProvider):
        raise NotFound
    try:
        ticket = door.ended_there(request.form.get("logoutRequest", ""))
    except SignOnRefused as error:
        return _refused(error)
    with db.transaction():
        ended = provider_logout.end_where(name, door.settings.server_url, g.now, session_index=ticket)
    log.info("logout_by_provider", provider=name, sessions=ended, request_id=g.get("request_id"))
    return Response(status=204)


@blueprint.post("/sign-in/<name>/backchannel")
def backchannel(name: str) -> Response:
    """An OpenID Connect server says that a session, or everything of a person, is over."""
    door = _door(name)
    if not isinstance(door, OidcProvider):
        raise NotFound
    issuer = door.settings.issuer
    try:
        told = door.ended_there(request.form.get("logout_token", ""), datetime.now(UTC))
        with db.transaction():
            if not provider_logout.first_time(name, issuer, told.token_id, told.expires_at):
                raise AnswerRefused("replay", "the logout token was used before")
            ended = provider_logout.end_where(name, issuer, g.now, session_index=told.sid, name_id=told.sub)
    except SignOnRefused as error:
        return _refused(error)
    log.info("logout_by_provider", provider=name, sessions=ended, request_id=g.get("request_id"))
    return Response(status=200)


@blueprint.get("/sign-in/<name>/signed-out")
def signed_out(name: str) -> Any:
    """Back from signing out at the provider; the person was signed out here before they went."""
    word = request.args.get("state") or request.args.get("relay", "")
    try:
        journey = find_sign_on(word, request.cookies.get(entry.cookie(), ""), g.now)
    except SignOnExpired:
        journey = None
    if journey is None or journey.purpose != leaving.SIGN_OUT or journey.provider != name:
        return redirect(url_for("logout.signed_out", campus="unsure"), 303)
    with db.transaction():
        leaving.forget_journey(journey)
    return entry.back(make_response(redirect(url_for("logout.signed_out", campus="ended"), 303)))


def _door(name: str) -> Provider:
    """Also one that people may not use now: it may be on trial, and sessions of its better days may be open."""
    return doors.door(name, paused=True)


def _refused(error: SignOnRefused) -> Response:
    log.warning("logout_refused", reason_code=error.reason_code, detail=error.detail, request_id=g.get("request_id"))
    answer = jsonify(error="invalid_request", reference=g.get("request_id", ""))
    answer.status_code = 400
    return answer


def _once_each() -> dict[str, str]:
    """The query, where every word stands once; of two, one reader would take the first and another the last."""
    answer = request.args.to_dict(flat=False)
    if any(len(values) > 1 for values in answer.values()):
        raise AnswerRefused("state", "a word in the address of the answer is doubled")
    return {key: values[0] for key, values in answer.items()}
