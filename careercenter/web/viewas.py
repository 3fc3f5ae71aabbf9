"""An administrator looks through another person's eyes: begun with a reason, marked on every page, read only."""

from dataclasses import replace
from typing import Any

from flask import Blueprint, flash, g, redirect, request, session, url_for

from careercenter import db
from careercenter.audit import Actor
from careercenter.db import NotFound
from careercenter.people import Viewer, viewas

blueprint = Blueprint("viewas", __name__)

READS = ("GET", "HEAD", "OPTIONS")
LEAVES = "logout.sign_out"
UNSEEN = frozenset({
    "workbooks.download", "sessions.index", "kept.index", "codes.address", "codes.address_enter", "step_up.begin",
})
"""Not shown in a look. A download is audited in the name of whoever fetches it, and leaves the screen; where somebody is
signed in, and by which address, is theirs alone."""


def look(own: Viewer, endpoint: str) -> Viewer:
    """The viewer whom pages see while an administrator's session looks. Raises `db.Refused` for whatever changes something."""
    seen = None if endpoint == LEAVES else viewas.through(own, g.now)
    if seen is None:
        with db.transaction():
            secret = viewas.stop(own.session_id, by=Actor(own.name, own.person_id), now=g.now, why="it was over")
        if secret:
            session["sid"] = secret
        if endpoint != LEAVES:
            flash("Your look is over. You are yourself again.", "waiting")
        return replace(own, viewing=None)
    if endpoint != "viewas.stop" and (request.method not in READS or endpoint in UNSEEN):
        g.viewer = seen  # the page that says so has the way back
        what = "Nothing can be changed" if request.method not in READS else "This is not shown"
        raise db.Refused(f"{what} while you look through {seen.name}'s eyes. Stop looking first.")
    return seen


@blueprint.post("/admin/people/<int:person_id>/look")
def start(person_id: int) -> Any:
    from careercenter.web import admin

    reason = " ".join(request.form.get("look_reason", "").split())[:300]
    me = Actor(g.viewer.name, g.viewer.person_id)
    try:
        with db.transaction():
            secret = viewas.start(g.viewer.session_id, person_id, reason, by=me, now=g.now)
    except db.Refused as refused:
        return admin.person_page(person_id, {"look_reason": str(refused)}), 422
    session["sid"] = secret
    return redirect("/", 303)


@blueprint.post("/stop-looking")
def stop() -> Any:
    """Back to one's own eyes, on the page of the person who was looked at."""
    if g.viewer.looking is None:
        raise NotFound
    whose = g.viewer.person_id
    with db.transaction():
        secret = viewas.stop(g.viewer.session_id, by=Actor(g.viewer.looking.by_name, g.viewer.looking.by_id), now=g.now)
    if secret:
        session["sid"] = secret
    return redirect(url_for("admin.person", person_id=whose), 303)
