"""Signing out: here at once, at the campus sign-in if the person wants to, and here when the campus sign-in says so.

A message that nobody can prove ends nothing and changes no cookie: such a request may come from any page on the web.
"""

import secrets
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request, session, url_for

from careercenter import audit, db, logs, people
from careercenter.db import NotFound
from careercenter.people import leaving, provider_logout
from careercenter.people.sessions import SignOnExpired, end_session, find_sign_on
from careercenter.signon import saml
from careercenter.signon.identity import AnswerRefused, SignOnRefused, SignOnUnavailable
from careercenter.web import doors, entry, errors

blueprint = Blueprint("logout", __name__)
log = logs.get("web")


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """The session ends here, whatever else follows."""
    with db.transaction():
        end_session(g.viewer.session_id, g.now)
        audit.record("person.signed_out", "person", g.viewer.person_id, by=audit.Actor(g.viewer.name, g.viewer.person_id), now=g.now)
    session.clear()
    session["left"] = g.viewer.session_id
    return redirect(url_for("logout.signed_out"), 303)  # type: ignore[return-value]


@blueprint.get("/signed-out")
def signed_out() -> Any:
    """What is over, and what may still be open: the campus sign-in has a session of its own in this browser."""
    if g.viewer:
        return redirect(url_for("home.index"), 303)
    campus = request.args.get("campus", "")
    offered = leaving.left(session.get("left", 0), g.now) if not campus else None
    return render_template("signon/signed_out.html", campus=campus, offered=offered is not None)


@blueprint.get("/sign-out/campus")
def campus() -> Response:
    """Off to the provider to sign out there too. A link and no form: browsers let no form of ours be sent on to another
    site, and whoever is led here from elsewhere only ends what they have just ended with us."""
    told = leaving.left(session.pop("left", 0), g.now)
    if told is None:
        return _back("unsure")
    relay, browser = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    try:
        begun = doors.door(told.provider, told.issuer, paused=True).end(told.logout, relay)
    except (SignOnUnavailable, NotFound):
        begun = None
    if begun is None:
        return _back("unsure")
    with db.transaction():
        people.begin_sign_on(
            told.provider, begun, relay, browser, url_for("logout.signed_out"), g.now, issuer=told.issuer, purpose=leaving.SIGN_OUT
        )
    return entry.away(begun, browser)


@blueprint.route(saml.SLO_PATH, methods=["GET", "POST"])
def slo() -> Any:
    """Single logout: the provider answers ours, or asks us to end a session of its own accord."""
    try:
        message = saml.received(request.method, request.query_string, request.form)
        return _confirmed(message) if message.kind == "SAMLResponse" else _asked(message)
    except SignOnRefused as error:
        log.warning("logout_refused", reason_code=error.reason_code, detail=error.detail, request_id=g.get("request_id"))
        return errors.page(
            403, "This sign-out did not come from your campus sign-in.", "Nothing was ended. Sign out by the menu with your name.",
        )


def _confirmed(message: saml.Message) -> Response:
    """The provider's answer to our request: the person is signed out here already, whatever it says."""
    try:
        journey = find_sign_on(message.relay, request.cookies.get(entry.cookie(), ""), g.now)
        if journey.purpose != leaving.SIGN_OUT:
            raise AnswerRefused("no_request", "the answer to a sign-in came to the sign-out")
        _provider(journey.provider, journey.issuer).ended(message, journey.waiting.request_id, datetime.now(UTC))
        with db.transaction():
            leaving.forget_journey(journey)
    except SignOnExpired:
        return _back("unsure")
    except SignOnRefused as error:
        log.warning("logout_unconfirmed", reason_code=error.reason_code, detail=error.detail, request_id=g.get("request_id"))
        return _back("unsure")
    return entry.back(_back("ended"))


def _asked(message: saml.Message) -> Response:
    """End what the provider names, and tell it so."""
    now, proven = datetime.now(UTC), []
    refused: SignOnRefused = AnswerRefused("issuer", "no provider of ours has this name")
    for door in doors.described_as(message.issuer):  # one provider may be several doors of ours
        try:
            proven.append((door, door.asked_to_end(message, now)))
        except SignOnRefused as error:
            refused = error
    if not proven:
        raise refused
    ended = 0
    with db.transaction():
        for door, asked in proven:
            if not provider_logout.first_time(door.settings.name, door.issuer, asked.message_id, asked.expires_at):
                raise AnswerRefused("replay", "the logout request was used before")
            ended += leaving.end_named(door.settings.name, door.issuer, asked.name, asked.session_indexes, g.now)
    door, asked = proven[0]
    log.info("logout_by_provider", provider=door.settings.name, sessions=ended, request_id=g.get("request_id"))
    try:
        return entry.sent(door.confirm_end(asked))
    except SignOnUnavailable:  # it names no address for our answer
        return _back("ended")


def _provider(name: str, issuer: str) -> saml.SamlProvider:
    found = doors.door(name, issuer, paused=True)
    if not isinstance(found, saml.SamlProvider):
        raise AnswerRefused("no_request", f"{name} does not speak SAML")
    return found


def _back(campus: str) -> Response:
    return redirect(url_for("logout.signed_out", campus=campus), 303)  # type: ignore[return-value]
