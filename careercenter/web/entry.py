"""The one way in, whatever the protocol: off to a provider, back with its answer, into a new session.

`start` remembers the sign-in and sends the browser away; `returned` takes what came back; `enter` is where every way ends,
also those that need no journey (a password, the web server's own sign-on).
"""

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Response, g, make_response, redirect, render_template, request, session

from careercenter import audit, catalog, db, people
from careercenter.people.sessions import Journey, SignOnExpired, find_sign_on
from careercenter.people.waiting import HeldSignIn
from careercenter.signon.attributes import roles_for
from careercenter.signon.identity import Demand, Identity, SignOnRefused
from careercenter.web import doors, headers

_NEXT = re.compile(r"/(?![/\\])[!-\[\]-~]{0,499}")  # one leading slash, printable ASCII, no backslash


def cookie() -> str:
    """The name of the cookie that binds a sign-in to its browser; a browser takes `__Host-` from this very host only."""
    return "__Host-careercenter-signon" if db.settings().server.secure else "careercenter-signon"


def safe_next(value: str | None) -> str:
    """A path of this site, or the home page: whatever else was asked for."""
    return value if value and _NEXT.fullmatch(value) and "//" not in value.partition("?")[0] else "/"


def start(
    name: str, next_path: str, *, issuer: str = "", demand: Demand = Demand(), purpose: str = "sign_in", session_id: int | None = None
) -> Response:
    """Off to the provider; what comes back is bound to this browser and used once.

    `session_id` defaults to the session that this browser holds now: the answer may be posted from another site, where
    its cookie stays behind, and whoever signs in again leaves the session before.
    """
    session_id = session_id or (g.viewer.session_id if g.viewer else None)
    relay, browser = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    begun = doors.door(name, issuer).begin(relay, demand)
    with db.transaction():
        people.begin_sign_on(
            name, begun, relay, browser, next_path, g.now, issuer=issuer, demand=demand, purpose=purpose, session_id=session_id
        )
    if begun.method == "redirect":
        answer = make_response(redirect(begun.url, 303))
    else:
        page = make_response(render_template("signon/post.html", start=begun))
        parts = urlsplit(begun.url)
        answer = headers.send_form_to(page, f"{parts.scheme}://{parts.netloc}")
    answer.set_cookie(cookie(), browser, max_age=600, **_cookie_rules())
    return answer


def _cookie_rules() -> Any:
    """The answer may arrive by a POST from another site, where a Lax cookie would stay behind."""
    secure = db.settings().server.secure
    return {"httponly": True, "path": "/", "secure": secure, "samesite": "None" if secure else "Lax"}


def returned(answer: Mapping[str, str], relay: str) -> Response:
    """The provider's answer to a sign-in that this browser began."""
    try:
        journey = find_sign_on(relay, request.cookies.get(cookie(), ""), g.now)
    except SignOnExpired:
        raise SignOnRefused("no_request", "no sign-in of this browser waits for this answer") from None
    g.sign_on = (journey.provider, journey.issuer)  # for the record of a refusal
    identity = doors.door(journey.provider, journey.issuer).finish(answer, journey.waiting, datetime.now(UTC))
    response = PURPOSES[journey.purpose](identity, journey)
    response.delete_cookie(cookie(), **_cookie_rules())
    return response


def enter(identity: Identity, journey: Journey | None = None, next_path: str = "/") -> Response:
    """Recognise the person, open a new session, go on to where they were headed."""
    config = db.settings()
    grants = roles_for(identity, config.signon.roles)
    next_path = journey.next_path if journey else next_path
    secret = ""
    try:
        with db.transaction():
            people.take_sign_on(journey, identity)
            found = people.recognise(identity, grants, catalog.term_instants(config.campus.zone), g.now)
            if isinstance(found, people.Person):
                secret = _open(found, identity, g.viewer.session_id if g.viewer else journey and journey.session_id)
    except SignOnExpired:
        raise SignOnRefused("replay", "the answer was used before") from None
    if isinstance(found, HeldSignIn):
        raise SignOnRefused("held", f"sign-in {found.id} waits for staff: {found.reason}")
    session.clear()
    session["sid"] = secret
    return make_response(redirect(next_path, 303))


def _open(person: people.Person, identity: Identity, before: int | None) -> str:
    """A new session; `before` is the one that this browser leaves."""
    if person.disabled_at:
        raise SignOnRefused("disabled", f"person {person.id} is disabled")
    if before:
        people.end_session(before, g.now)
    secret = people.start_session(person, identity, g.now, request.user_agent.string)
    audit.record(
        "person.signed_in", "person", person.id, by=person.actor, now=g.now, detail={"provider": identity.provider}
    )
    return secret


PURPOSES: dict[str, Callable[[Identity, Journey], Any]] = {"sign_in": enter}
"""What follows a proven identity, by the purpose that the browser was sent away with."""
