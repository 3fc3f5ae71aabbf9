"""The page that asks for a name and password, where the campus directory itself is a way in.

An unknown name and a wrong password get the same answer, as late as the slowest of the two. Tries are counted before the
directory is asked, and its room is taken before they are counted. A
directory that does not answer is said to be away, and nobody is signed in.
"""

import time
from ipaddress import ip_address, ip_network
from typing import Any

from flask import Blueprint, g, make_response, render_template, request

from careercenter import db, logs, providers
from careercenter.db import NotFound
from careercenter.people import tries
from careercenter.signon.directory import PAGE, PROVIDER
from careercenter.signon.identity import SignOnUnavailable, WrongPassword
from careercenter.web import doors, entry

blueprint = Blueprint("passwords", __name__)
log = logs.get("web")

REFUSED_SECONDS = 0.4  # no refusal comes sooner, so that its time does not tell whether the name exists
WRONG = "This name and password do not belong together. Check both; capital letters count in the password."
AWAY = "The campus directory does not answer at the moment, so nobody can sign in by password. Try again in a minute."
MISSING = {"username": "Type your campus user name.", "password": "Type your password."}


@blueprint.get(PAGE)
def ask() -> Any:
    """The form. `next` is where the person was headed; `to` is a sign-in that began elsewhere and needs this proof."""
    return _form(200, request.args.get("next"), request.args.get("to", ""))


@blueprint.post(PAGE)
def check() -> Any:
    """Sign in with what was typed; a refusal shows the form again, with the name and without the password."""
    form = request.form
    typed = {"username": form.get("username", "").strip(), "password": form.get("password", "")}
    missing = {name: words for name, words in MISSING.items() if not typed[name]}
    if missing:
        return _form(422, form.get("next"), form.get("to", ""), missing)
    _door()
    began = time.monotonic()
    g.sign_on = (PROVIDER, "")  # for the record of a refusal
    directory = doors.directory()
    try:
        with directory.servers.room():  # whoever finds none has not tried, and waits for no database either
            _count(typed["username"])
            if form.get("to"):
                return entry.returned(typed, form["to"])
            identity = directory.verify(typed["username"], typed["password"])
    except (WrongPassword, SignOnUnavailable) as error:
        log.warning("sign_on_refused", reason_code=error.reason_code, detail=error.detail, request_id=g.get("request_id"))
        if isinstance(error, SignOnUnavailable):
            return _form(503, form.get("next"), form.get("to", ""), {"": AWAY})
        time.sleep(max(0.0, began + REFUSED_SECONDS - time.monotonic()))
        return _form(403, form.get("next"), form.get("to", ""), {"username": WRONG})
    return entry.enter(identity, next_path=entry.safe_next(form.get("next")))


def _door() -> Any:
    """The directory as a way in. Raises `NotFound` when it is none here."""
    told = providers.find(PROVIDER)
    if told is None:
        raise NotFound
    return told


def _count(username: str) -> None:
    """One more try of this account, from this address, and by anybody. Raises `tries.TooMany`."""
    limits = db.settings().signon.limits
    with db.transaction():
        tries.count("password_everywhere", "", limits.tries_everywhere, g.now)
        tries.count("password_address", address(request.remote_addr or ""), limits.tries_per_address, g.now)
        tries.count("password", username, limits.tries_per_account, g.now)


def address(text: str) -> str:
    """What counts as one address: with IPv6 a whole network of 64 bits, since each machine has as many as it likes."""
    try:
        found = ip_address(text)
    except ValueError:
        return text
    return str(ip_network((found, 64), strict=False)) if found.version == 6 else str(found)


def _form(status: int, next_path: str | None, to: str, errors: dict[str, str] | None = None) -> Any:
    page = make_response(render_template(
        "signon/password.html", door=_door(), username=request.form.get("username", "").strip()[:256], errors=errors or {},
        next=entry.safe_next(next_path), to=to[:100], status=status,
    ), status)
    page.headers["Cache-Control"] = "no-store"
    if status == 503:
        page.headers["Retry-After"] = "30"
    return page
