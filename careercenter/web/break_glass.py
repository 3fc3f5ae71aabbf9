"""The emergency address that `careercenter signon break-glass` prints: it shows what it would open, and opens it once."""

from typing import Any

from flask import Blueprint, g, render_template, request

from careercenter import db, logs, people
from careercenter.links import LinkUnusable
from careercenter.people import break_glass
from careercenter.web import entry

blueprint = Blueprint("break_glass", __name__)
log = logs.get("web")


@blueprint.get("/break-glass/<token>")
def look(token: str) -> Any:
    """Opening the address changes nothing."""
    try:
        glass, person = break_glass.find(token, g.now)
    except LinkUnusable:
        return _dead()
    return render_template("signon_console/break_glass.html", glass=glass, person=person, token=token)


@blueprint.post("/break-glass/<token>")
def open_it(token: str) -> Any:
    """The session begins; whoever was signed in in this browser is signed out."""
    try:
        with db.transaction():
            if g.viewer:
                people.end_session(g.viewer.session_id, g.now)
            person_id, secret = break_glass.open_session(token, g.now, request.user_agent.string)
    except LinkUnusable:
        return _dead()
    log.warning("breakglass_opened", kind="breakglass", request_id=g.get("request_id"))
    return entry.opened(person_id, secret, "/")


def _dead() -> Any:
    return render_template("signon_console/break_glass.html", glass=None, person=None, token=""), 410
