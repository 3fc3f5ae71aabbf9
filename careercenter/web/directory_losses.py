"""Roles that many people would lose at once by the directory's word: an administrator looks at the list and confirms it."""

from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for

from careercenter import db, work
from careercenter.people import ROLES, directory_hold
from careercenter.web import access, shell
from careercenter.web.typed import Typed

blueprint = Blueprint("directory_losses", __name__, url_prefix="/admin/sign-on/directory")
SHOWN = 500
WHY = {
    "gone": "is not in the directory any more", "closed": "has a closed account", "present": "is there, with less than before",
}


@blueprint.get("")
def index() -> Any:
    """Who would lose what, and the one button."""
    hold = directory_hold.current()
    found = directory_hold.people(hold) if hold else []
    rows = [(person, WHY[loss.why], _roles(loss)) for person, loss in found[:SHOWN]]
    return render_template("signon_console/losses.html", hold=hold, rows=rows, more=len(found) - len(rows))


def _roles(loss: directory_hold.Loss) -> str:
    return ", ".join(dict.fromkeys(ROLES[role] + (f" within {scope}" if scope else "") for _, role, scope, _ in loss.taken))


@blueprint.post("")
def confirm() -> Any:
    """The list is right: the next look, which is asked for now, takes away what it names."""
    typed = Typed(request.form)
    with db.transaction():
        directory_hold.confirm(typed.number("hold") or 0, typed.number("version") or 0, by=access.actor(), now=g.now)
        work.request("directory-sync", g.now, "", g.viewer.person_id)
    shell.toast("good", "Confirmed. The directory is looked at again now; whoever is still missing there loses these roles.")
    return redirect(url_for(".index"), 303)
