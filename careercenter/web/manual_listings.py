"""Listings that staff enter: a list, a form, closing. A pasted address is recognised by its form; nothing is fetched."""

import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for

from careercenter import db, listings
from careercenter.listings import browse, by_hand, health, touched
from careercenter.listings.by_hand import Place
from careercenter.listings.model import Board
from careercenter.platforms import pasted
from careercenter.platforms.decode import web_address
from careercenter.web import access, formats, resend, shell
from careercenter.web.typed import Typed

blueprint = Blueprint("manual_listings", __name__, url_prefix="/platforms/entered")
KINDS = browse.KINDS
WORKPLACES = {value: label for value, label in browse.WORKPLACES.items() if value != "unknown"}
# What the form calls it -> (kind, unit) of the normal form.
PAY = {
    "hourly": ("By the hour", "hour"), "salary": ("Salary for a year", "year"), "stipend": ("Stipend in all", "total"),
    "fixed_fee": ("Fixed fee in all", "total"), "unpaid": ("Unpaid", ""), "credit_only": ("Course credit only", ""),
    "not_displayed": ("Not shown by the employer", ""),
}
PER = {"week": "a week", "total": "in all"}
AGAIN = "What you typed is still below; open the listing again to see how it stands, then type what is missing there."
STATES = {
    "open": ("good", "Open"), "closed": ("stopped", "Closed"), "waiting": ("waiting", "Being taken in"), "aside": ("needs", "Set aside"),
}


@blueprint.get("")
def index() -> str:
    before = Typed(request.args).number("before")
    rows, after = by_hand.entries(before)
    return render_template(
        "platforms/manual.html", rows=rows, open=by_hand.count_open(), places=by_hand.places(), states=STATES,
        next_url=url_for(".index", before=after) if after else None, first_url=url_for(".index") if before else None,
    )


@blueprint.get("/new")
def new() -> str:
    return _form({"link": request.args.get("link", "")[: pasted.LONGEST]})


@blueprint.post("/new")
def create() -> Any:
    typed = Typed(request.form)
    record = _read(typed)
    place, post_id = _where(typed, record)
    if typed.errors or place is None:
        return _form(request.form, typed.errors), 422
    try:
        with db.transaction():
            if again := resend.earlier():
                return again
            board_id = by_hand.enter(place, post_id, record, by=access.actor(), now=g.now).id
            answer = resend.answered(url_for(".index"))
    except db.Conflict as error:
        return _form(request.form, {"link": str(error)}), 409
    _take_in(place.platform, place.board, board_id, post_id, f"“{record['title']}” is entered.")
    return answer


@blueprint.get("/<int:board_id>/<post_id>")
def edit(board_id: int, post_id: str) -> str:
    board, _ = _one(board_id)
    found = by_hand.latest(board.id, post_id)
    if found is None:
        raise db.NotFound
    return _form({**_typed_again(by_hand.content(found)), "version": str(by_hand.version_of(found))}, {}, board, post_id)


@blueprint.post("/<int:board_id>/<post_id>")
def save(board_id: int, post_id: str) -> Any:
    board, place = _one(board_id)
    typed = Typed(request.form)
    record = _read(typed)
    if place.spec.entry and "link" not in typed.errors:
        found = pasted.recognised(place.spec.entry, record.get("link", ""))
        if found is None or found[0] != post_id:
            typed.errors["link"] = "This is the address of another listing. Enter that one as a new listing."
        else:
            record["link"] = found[1]
    if typed.errors:
        return _form(request.form, typed.errors, board, post_id), 422
    try:
        with db.transaction():
            by_hand.change(_board(board_id), post_id, typed.number("version"), record, by=access.actor(), now=g.now)
    except db.Conflict as error:
        return _form(request.form, {"": f"{error} {AGAIN}"}, _board(board_id), post_id), 409
    _take_in(place.platform, place.board, board_id, post_id, "Saved.")
    return redirect(url_for(".index"), 303)


@blueprint.post("/<int:board_id>/<post_id>/close")
def close(board_id: int, post_id: str) -> Any:
    _, place = _one(board_id)
    typed = Typed(request.form)
    reason = typed.line("reason", "Say in a few words why, such as: the place is filled.", 200)
    if typed.errors:
        found = by_hand.latest(board_id, post_id)
        if found is None:
            raise db.NotFound
        form = {**_typed_again(by_hand.content(found)), "version": str(by_hand.version_of(found))}
        return _form(form, typed.errors, _board(board_id), post_id), 422
    with db.transaction():
        by_hand.close(_board(board_id), post_id, typed.number("version"), reason, by=access.actor(), now=g.now)
    _take_in(place.platform, place.board, board_id, post_id, "Closed. Students no longer find it.")
    return redirect(url_for(".index"), 303)


def _take_in(platform: str, board: str, board_id: int, post_id: str, words: str) -> None:
    """Read the board now, so that the person sees what became of it. What fails here, the worker does in a moment."""
    report = listings.sync(platform, board, now=lambda: datetime.now(UTC))
    if (listing_id := by_hand.listing_id(board_id, post_id)) is not None:
        with db.transaction():
            touched.look_at([listing_id])
    if reason := by_hand.aside(board_id, post_id):
        shell.toast("needs", f"It was set aside and students do not see it. {reason}")
    else:
        shell.toast("good", words if report.ok else f"{words} Students find it in a moment.")


def _board(board_id: int) -> Board:
    return health.board(board_id)


def _one(board_id: int) -> tuple[Board, Place]:
    """A board that staff enter listings into. Raises NotFound."""
    board = _board(board_id)
    for place in by_hand.places():
        if (place.platform, place.board) == (board.platform, board.board):
            return board, place
    raise db.NotFound


def _where(typed: Typed, record: dict[str, Any]) -> tuple[Place | None, str]:
    """Where a new entry belongs: to the platform of its address, else to the board for whatever reaches the staff."""
    if found := by_hand.recognised(record.get("link", "")):
        place, post_id, record["link"] = found
        return place, post_id
    plain = [place for place in by_hand.places() if place.spec.entry is None]
    if plain:
        return plain[0], secrets.token_hex(6)
    examples = " or ".join(place.spec.entry.example for place in by_hand.places() if place.spec.entry)
    typed.errors.setdefault("link", f"Paste the address of the job, as {examples}" if examples else "No source takes listings by hand yet.")
    return None, ""


def _read(typed: Typed) -> dict[str, Any]:
    """The form as a record; mistakes stand in `typed.errors`."""
    link, mail = typed.line("link", limit=pasted.LONGEST), typed.email("email", "")
    if link and web_address(link) is None:
        typed.errors["link"] = "Paste the whole address, as https://company.com/jobs/12."
    if not link and not mail:
        typed.errors["link"] = "Give a link or an e-mail address, so that students can apply."
    record: dict[str, Any] = {
        "title": typed.line("title", "Enter the title of the work.", 300),
        "employer": typed.line("employer", "Enter the name of the employer."),
        "kind": typed.choice("kind", KINDS, "Choose what kind of work it is."),
        "link": link, "email": mail, "description": typed.text("description", limit=20_000),
        "places": [" ".join(line.split()) for line in typed.text("places", limit=2000).splitlines() if line.strip()],
        "workplace": typed.choice("workplace", ("", *WORKPLACES), "Choose where the work is done."),
        "skills": typed.line("skills", limit=500), "class_levels": typed.line("class_levels", limit=200),
    }
    _read_numbers(typed, record)
    _read_dates(typed, record)
    return {name: value for name, value in record.items() if value not in ("", [], None)}


def _read_numbers(typed: Typed, record: dict[str, Any]) -> None:
    low, high = (typed.amount(name, "Enter hours, as 10 or 12.5.", needed=False) for name in ("hours_min", "hours_max"))
    if low is not None and high is not None and low > high:
        typed.errors["hours_max"] = "The most hours are fewer than the least."
    if low is not None or high is not None:
        per = typed.choice("hours_per", PER, "Say whether these are hours a week or in all.")
        record |= {name: f"{hours:f}" for name, hours in (("hours_min", low), ("hours_max", high)) if hours is not None}
        record["hours_per"] = per
    kind = typed.choice("pay_kind", ("", *PAY), "Choose how the work is paid.")
    least, most = (typed.amount(name, "Enter dollars, as 18 or 18.50.", needed=False) for name in ("pay_min", "pay_max"))
    if least is not None and most is not None and least > most:
        typed.errors["pay_max"] = "The most is less than the least."
    if (least is not None or most is not None) and not PAY.get(kind, ("", ""))[1]:
        typed.errors.setdefault("pay_kind", "Choose what the amount is paid for.")
    if kind:
        record |= {"pay_kind": kind, "pay_unit": PAY[kind][1]} if kind in PAY else {}
        record |= {name: f"{amount:f}" for name, amount in (("pay_min", least), ("pay_max", most)) if amount is not None}


def _read_dates(typed: Typed, record: dict[str, Any]) -> None:
    days: dict[str, date] = {}
    for name in ("deadline", "starts_on", "ends_on"):
        if typed.form.get(name, "").strip():
            days[name] = typed.day(name, "Choose a day.")
            record[name] = days[name].isoformat()
    if "deadline" in days and "deadline" not in typed.errors and days["deadline"] < formats.today():
        typed.errors["deadline"] = "This day has passed, so nobody could apply any more."
    if len(days.keys() & {"starts_on", "ends_on"}) == 2 and days["starts_on"] > days["ends_on"]:
        typed.errors["ends_on"] = "The last day is before the first."
    weeks = typed.whole("weeks", 1, 104, "Enter a number of weeks up to 104.", needed=False)
    record["weeks"] = str(weeks) if weeks else ""


def _typed_again(record: Mapping[str, Any]) -> dict[str, str]:
    """An entry as its form shows it."""
    return {**{k: str(v) for k, v in record.items()}, "places": "\n".join(record.get("places", []))}


def _form(form: Mapping[str, Any], errors: dict[str, str] | None = None, board: Board | None = None, post_id: str = "") -> str:
    examples = [place.spec for place in by_hand.places() if place.spec.entry]
    return render_template(
        "platforms/manual_form.html", form=form, errors=errors or {}, board=board, post_id=post_id, examples=examples,
        kinds=list(KINDS.items()), workplaces=list(WORKPLACES.items()), pays=[(k, v[0]) for k, v in PAY.items()], pers=list(PER.items()),
        closed=bool(form.get("closed")), usable=bool(by_hand.places()),
    )
