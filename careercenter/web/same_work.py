"""Pairs of listings that may be the same work: staff see them side by side and say so, or not; what was said can be taken back."""

from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for

from careercenter import db
from careercenter.listings.same import decide as word
from careercenter.listings.same import look
from careercenter.listings.same.model import SAME
from careercenter.web import access, shell
from careercenter.web.typed import Typed

blueprint = Blueprint("same_work", __name__, url_prefix="/platforms/same-work")
GROUNDS = {
    "requisition": "Both carry the same requisition number, but their titles differ.",
    "address": "Both lead to the same number at the employer, but their titles differ.",
}


@blueprint.get("")
def index() -> Any:
    return render_template(
        "same_work/index.html", waiting=look.waiting(), sides=look.queue(), decided=look.decided(), reason=reason, words=word.WORDS,
        rule=db.settings().platforms.same_work,
    )


def reason(side: look.Side) -> str:
    """Why a pair is asked about, in a sentence or two."""
    said = GROUNDS.get(side.pair.ground) or f"{side.percent} of 100 pairs that agree as these do are the same work."
    if side.forbids:
        said += f" They were not grouped without you, since the {' and the '.join(side.forbids)} differs."
    return said


@blueprint.post("/<int:pair_id>")
def decide(pair_id: int) -> Any:
    typed = Typed(request.form)
    with db.transaction():
        pair = word.decide(pair_id, request.form.get("decision", ""), typed.number("version"), by=access.actor(), now=g.now)
        same = pair.decision == SAME
    shell.toast("good", "Students see the two as one from now on." if same else "The two stay apart, whatever they look like later.")
    return redirect(url_for(".index"), 303)


@blueprint.post("/<int:pair_id>/take-back")
def take_back(pair_id: int) -> Any:
    typed = Typed(request.form)
    with db.transaction():
        word.take_back(pair_id, typed.number("version"), by=access.actor(), now=g.now)
    shell.toast("good", "Taken back. The two are judged by what they say again.")
    return redirect(url_for(".index"), 303)


@blueprint.post("/listings/<int:listing_id>/part")
def part(listing_id: int) -> Any:
    """Out of its group, from the page of a listing."""
    typed = Typed(request.form)
    with db.transaction():
        word.part(listing_id, typed.number("group"), by=access.actor(), now=g.now)
    shell.toast("good", "This listing stands by itself now. It will not be grouped with those again unless you take that back.")
    return redirect(url_for("listings.show", listing_id=listing_id), 303)
