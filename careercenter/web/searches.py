"""The searches that a person keeps: saved from the search page, looked at again, deleted."""

from typing import Any
from urllib.parse import parse_qs

from flask import Blueprint, g, redirect, request, url_for

from careercenter import db
from careercenter.listings import browse, saved
from careercenter.web import access, resend, shell
from careercenter.web.asked import Asked

blueprint = Blueprint("searches", __name__, url_prefix="/listings/saved")


@blueprint.post("")
def save() -> Any:
    """Keep the search whose choices the form carries along."""
    asked = Asked.of(request.form)
    with db.transaction():
        if again := resend.earlier():
            return again
        saved.save(g.viewer.person_id, request.form.get("name", ""), asked.query, by=access.actor(), now=g.now)
        answer = resend.answered(asked.address)
    shell.toast("good", "The search is kept. What is new in it is counted from now on.")
    return answer


@blueprint.post("/<int:saved_id>/look")
def look(saved_id: int) -> Any:
    with db.transaction():
        query = saved.look(saved_id, g.viewer.person_id, g.now)
    return redirect(Asked.of(parse_qs(query)).address, 303)


@blueprint.post("/<int:saved_id>/forget")
def forget(saved_id: int) -> Any:
    with db.transaction():
        name = saved.forget(saved_id, g.viewer.person_id, by=access.actor(), now=g.now)
    shell.toast("good", f"“{name}” is no longer kept.")
    return redirect(url_for("listings.index"), 303)


def mine() -> list[tuple[int, str, int]]:
    """The viewer's searches: id, name, and how many listings came since they last looked."""
    found = []
    for saved_id, name, query, looked_at in saved.mine(g.viewer.person_id):
        asked = Asked.of(parse_qs(query))
        found.append((saved_id, name, browse.count_new(asked.q, asked.filters, looked_at, g.now)))
    return found
