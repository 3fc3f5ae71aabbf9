"""Closings that wait for a person: the question with its numbers, and one click either way."""

from datetime import datetime
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for

from careercenter import db
from careercenter.listings import held, touched
from careercenter.web import access, formats, placed, shell

pages = Blueprint("held", __name__, url_prefix="/held")
SHOWN, POINTS, RUNS = 200, 8, 240
ENDED = {
    held.CLOSED: ("stopped", "Closed"), held.KEPT: ("waiting", "Kept open"), held.RESOLVED: ("good", "Shown again"),
    held.REPLACED: ("waiting", "Replaced by a newer one"), held.GAVE_WAY: ("stopped", "Closed after a long wait"),
    held.REMOVED: ("stopped", "Source removed"), held.ASKED: ("needs", "Waits for you"),
}


@pages.get("")
def index() -> Any:
    asked, told = held.waiting(), held.recent()
    return render_template(
        "platforms/held.html", asked=asked, told=told, counts=held.counts(h.id for h in asked), ended=ENDED,
    )


@pages.get("/<int:hold_id>")
def show(hold_id: int) -> Any:
    hold = held.find(hold_id)
    rows = held.listings(hold_id, SHOWN)
    rule = db.settings().platforms.closing
    return render_template(
        "platforms/hold.html", hold=hold, rows=rows, n=held.counts([hold_id]).get(hold_id, 0), ended=ENDED, shown=SHOWN,
        live=placed.live([listing.id for listing, _ in rows]), sizes=_picture(held.sizes(hold.board_id, RUNS)),
        newest=held.newest(hold.board_id), ask_again=_days(rule.ask_again_days), give_way=_days(rule.give_way_days),
    )


def _days(days: float) -> str:
    """A campus's figure in words; empty for never."""
    return f"{days:g} {'day' if days == 1 else 'days'}" if days else ""


def _picture(sizes: list[tuple[datetime, int]]) -> list[tuple[str, int]]:
    """What the board showed, as a small chart has room for: the last run of each of the last days, or the runs of one day."""
    here = [(at.astimezone(formats.zone()), n) for at, n in sizes]
    days = {at.date(): n for at, n in here}
    if len(days) > 1:
        return [(f"{on.day} {formats.MONTHS[on.month - 1]}", n) for on, n in list(days.items())[-POINTS:]]
    return [(formats.clock(at), n) for at, n in here[-POINTS:]]


@pages.post("/<int:hold_id>")
def decide(hold_id: int) -> Any:
    with db.transaction():
        done = held.decide(hold_id, request.form.get("decision", ""), by=access.actor(), now=g.now)
        label, state = done.hold.board.label, done.hold.state
    with db.transaction():
        touched.look_at([listing.id for listing, _ in held.listings(hold_id, touched.BATCH)])
    n = formats.plural(done.listings, "listing")
    also = f" {formats.plural(done.gone, 'other')} had closed already." if done.gone else ""
    if state == held.CLOSED:
        shell.toast("good", f"{n} of {label} closed. What the board shows now is its usual size from here on.{also}")
    else:
        stay = "stays" if done.listings == 1 else "stay"
        shell.toast("good", f"{n} of {label} {stay} open. You are asked again later if nothing changes.{also}")
    return redirect(url_for("platforms.held.index") if held.count_waiting() else url_for("platforms.index"), 303)
