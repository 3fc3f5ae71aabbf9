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
from careercenter.signon.identity import Begin, Demand, Identity, SignOnRefused, SignOnUnavailable
from careercenter.web import completion, doors, headers, kept

_ORIGIN = re.compile(r"https?://([A-Za-z0-9.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
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
    g.sign_on = (name, issuer)  # for the record of a refusal
    doors.ready(name, issuer)
    begun = doors.door(name, issuer, purpose == "trial").begin(relay, demand)
    with db.transaction():
        people.begin_sign_on(
            name, begun, relay, browser, next_path, g.now, issuer=issuer, demand=demand, purpose=purpose, session_id=session_id
        )
    return away(begun, browser)


def away(begun: Begin, browser: str) -> Response:
    """Off to a provider, with the cookie that binds what comes back to this browser."""
    answer = sent(begun)
    answer.set_cookie(cookie(), browser, max_age=600, **_cookie_rules())
    return answer


def sent(begun: Begin) -> Response:
    """A message to a provider, by redirect or by a form. Raises `SignOnUnavailable` when its metadata names no web address:
    the host goes into a header of ours."""
    parts = urlsplit(begun.url)
    origin = f"{parts.scheme}://{parts.netloc}"
    if not _ORIGIN.fullmatch(origin):
        raise SignOnUnavailable("metadata", "the address of the provider's sign-in is no web address")
    if begun.method == "redirect":
        return make_response(redirect(begun.url, 303))
    return headers.send_form_to(make_response(render_template("signon/post.html", start=begun)), origin)


def back(answer: Response) -> Response:
    """What came back was used: the cookie that bound it goes."""
    answer.delete_cookie(cookie(), **_cookie_rules())
    return answer


def _cookie_rules() -> Any:
    """The answer may arrive by a POST from another site, where a Lax cookie would stay behind."""
    secure = db.settings().server.secure
    return {"httponly": True, "path": "/", "secure": secure, "samesite": "None" if secure else "Lax"}


def returned(answer: Mapping[str, str], relay: str, name: str = "") -> Response:
    """The provider's answer to a sign-in that this browser began; `name` is the provider whose own address it came to."""
    try:
        journey = find_sign_on(relay, request.cookies.get(cookie(), ""), g.now)
    except SignOnExpired:
        raise SignOnRefused("no_request", "no sign-in of this browser waits for this answer") from None
    g.sign_on = (journey.provider, journey.issuer)  # for the record of a refusal
    if journey.purpose not in PURPOSES:
        raise SignOnRefused("no_request", "an answer to a sign-in came to a journey of another kind")
    try:
        if name and name != journey.provider:
            raise SignOnRefused("issuer", "the answer came to the address of another provider than the one asked")
        proven = doors.door(journey.provider, journey.issuer, journey.purpose == "trial")
        identity = proven.finish(answer, journey.waiting, datetime.now(UTC))
        return back(PURPOSES[journey.purpose](identity, journey))
    except SignOnRefused as error:
        if journey.purpose not in REFUSED:
            raise
        return back(REFUSED[journey.purpose](error, journey))


def enter(identity: Identity, journey: Journey | None = None, next_path: str = "/") -> Response:
    """Recognise the person, open a new session, go on to where they were headed."""
    config = db.settings()
    grants = roles_for(identity, config.signon.roles)
    identity, more = completion.completed(identity)
    next_path = journey.next_path if journey else next_path
    secret = ""
    try:
        with db.transaction():
            people.take_sign_on(journey, identity)
            found = people.recognise(identity, grants, catalog.term_instants(config.campus.zone), g.now, more)
            if isinstance(found, people.Person):
                secret = open_session(found, identity, journey.session_id if journey else None)
    except SignOnExpired:
        raise SignOnRefused("replay", "the answer was used before") from None
    if isinstance(found, HeldSignIn):
        raise SignOnRefused("held", f"sign-in {found.id} waits for staff: {found.reason}")
    return opened(found.id, secret, next_path)


def opened(person_id: int, secret: str, next_path: str) -> Response:
    """Give the browser its new session; `pid` says whose it was when the session is gone."""
    session.clear()
    session["sid"], session["pid"] = secret, person_id
    return kept.after_sign_in(make_response(redirect(next_path, 303)), person_id)


def open_session(person: people.Person, identity: Identity, before: int | None = None) -> str:
    """A new session in the caller's transaction; its secret is for the browser. `before` is the session that this browser
    leaves. Raises `SignOnRefused`."""
    before = before or (g.viewer.session_id if g.viewer else None)
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
REFUSED: dict[str, Callable[[SignOnRefused, Journey], Any]] = {}
"""What follows a refusal, for purposes that have an answer of their own to it; the others get the one plain page."""
