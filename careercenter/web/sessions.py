"""Where somebody is signed in, as they see it themselves: end one of them, all others, or all."""

from typing import Any

from flask import Blueprint, g, redirect, render_template, session, url_for

from careercenter import audit, db, providers
from careercenter.people import sessions as kept
from careercenter.web import access, shell

blueprint = Blueprint("sessions", __name__, url_prefix="/me/sessions")


@blueprint.get("")
def index() -> Any:
    rows = kept.open_sessions(g.viewer.person_id, g.now)
    return render_template(
        "sessions/index.html", rows=sorted(rows, key=lambda row: row.id != g.viewer.session_id), here=g.viewer.session_id,
        doors=door_labels(), server=db.settings().server,
    )


@blueprint.post("/<int:session_id>/end")
def end(session_id: int) -> Any:
    """End one. One's own present session ends by signing out."""
    if session_id == g.viewer.session_id:
        return redirect(url_for(".index"), 303)
    with db.transaction():
        if kept.end_own(session_id, g.viewer.person_id, g.now):
            _note(1)
    shell.toast("good", "That browser is signed out.")
    return redirect(url_for(".index"), 303)


@blueprint.post("/end-others")
def end_others() -> Any:
    with db.transaction():
        ended = kept.end_all(g.viewer.person_id, g.now, but=g.viewer.session_id)
        _note(ended)
    shell.toast("good", "You are signed out everywhere else." if ended else "You were signed in nowhere else.")
    return redirect(url_for(".index"), 303)


@blueprint.post("/end-all")
def end_all() -> Any:
    with db.transaction():
        _note(kept.end_all(g.viewer.person_id, g.now))
    session.clear()
    return redirect(url_for("signon.sign_in"), 303)


def _note(ended: int) -> None:
    me = g.viewer.person_id
    audit.record("person.sessions_ended", "person", me, by=access.actor(), now=g.now, detail={"sessions": ended})


def door_labels() -> dict[str, str]:
    """How people know the ways in: provider name -> its words on the sign-in page."""
    return {kept.MAIL: "Code by mail", **{door.name: door.label for door in providers.every()}}
