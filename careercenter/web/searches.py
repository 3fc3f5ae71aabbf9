"""The searches that a person keeps: saved from the search page, looked at again, deleted."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from flask import Blueprint, g, redirect, request, url_for

from careercenter import db
from careercenter.listings import browse, saved
from careercenter.web import access, resend, shell
from careercenter.web.asked import Asked

ON_HOME = 6
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
    return _counted(saved.mine(g.viewer.person_id))


def news() -> list[tuple[int, str, int]]:
    """Like `mine`, for a home page: those of the first `ON_HOME` with something new."""
    return [found for found in _counted(saved.mine(g.viewer.person_id)[:ON_HOME]) if found[2]]


def _counted(kept: Sequence[Any]) -> list[tuple[int, str, int]]:
    if not kept:
        return []
    asked = [(one.q, one.filters, row.looked_at) for row in kept for one in (Asked.of(parse_qs(row.query)),)]
    return [(row.id, row.name, n) for row, n in zip(kept, browse.count_new(asked, g.now), strict=True)]
