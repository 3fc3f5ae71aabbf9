"""A student's placements: list, terms, hours log."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for

from careercenter import credit, db, evaluations, placements
from careercenter.listings.model import Listing
from careercenter.placements import Terms
from careercenter.placements.model import KINDS, PAY_KINDS, STATES, Placement
from careercenter.web import access, formats, resend, shell
from careercenter.web.typed import Typed, hours_text

blueprint = Blueprint("placements", __name__)
WORKPLACES = {"onsite": "On site", "hybrid": "Hybrid", "remote": "Remote"}
MEANINGS = {"proposed": "waiting", "running": "good", "completed": "good", "cancelled": "stopped"}


@blueprint.get("/placements")
def index() -> str:
    rows = placements.of_student(g.viewer.person_id)
    return render_template(
        "placements/index.html", rows=rows, may_change=access.may_change(), kinds=KINDS, states=STATES, meanings=MEANINGS
    )


@blueprint.get("/placements/new")
def new() -> str:
    listing_id = Typed(request.args).number("listing") or None
    return _form(_prefilled(listing_id), listing_id=listing_id)


@blueprint.post("/placements/new")
def create() -> Any:
    listing_id = Typed(request.form).number("listing_id") or None
    terms, errors = read_terms(request.form)
    if errors:
        return _form(request.form, errors, listing_id=listing_id), 422
    with db.transaction():
        if again := resend.earlier():
            return again
        known = listing_id if listing_id and db.session.get(Listing, listing_id) else None
        made = placements.create(g.viewer.person_id, terms, by=access.actor(), now=g.now, listing_id=known)
        placements.advance(g.now)
        answer = resend.answered(url_for(".show", placement_id=made.id))
    shell.toast("good", "Placement saved. You can ask for credit for it now.")
    return answer


@blueprint.get("/placements/<int:placement_id>")
def show(placement_id: int) -> str:
    return _page(placement_id, {}, {})


@blueprint.get("/placements/<int:placement_id>/edit")
def edit(placement_id: int) -> Any:
    placement = placements.own(placement_id, g.viewer.person_id)
    if placement.fixed_at:
        raise db.Refused("A credit request stands on these terms, so they cannot be changed now.")
    evaluations.refuse_new_terms(placement_id)
    return _form(_typed_again(placement), placement=placement)


@blueprint.post("/placements/<int:placement_id>/edit")
def save(placement_id: int) -> Any:
    terms, errors = read_terms(request.form)
    if errors:
        return _form(request.form, errors, placement=placements.own(placement_id, g.viewer.person_id)), 422
    with db.transaction():
        placement = placements.own(placement_id, g.viewer.person_id)
        evaluations.refuse_new_terms(placement_id)
        placements.edit(placement, terms, by=access.actor(), now=g.now)
    shell.toast("good", "Saved.")
    return redirect(url_for(".show", placement_id=placement_id), 303)


@blueprint.post("/placements/<int:placement_id>/hours")
def log_hours(placement_id: int) -> Any:
    typed = Typed(request.form)
    day = typed.day("worked_on", "Choose the day you worked.")
    minutes = typed.minutes("hours", "Enter how long you worked, as 2:30 or 2.5.")
    note = typed.line("note", limit=300)
    if not typed.errors:
        try:
            with db.transaction():
                if again := resend.earlier():
                    return again
                answer = resend.answered(url_for(".show", placement_id=placement_id))
                placement = placements.own(placement_id, g.viewer.person_id)
                placements.log_hours(placement, day, minutes, note, by=access.actor(), now=g.now)
        except db.Refused as error:
            typed.errors["worked_on"] = str(error)
    if typed.errors:
        return _page(placement_id, request.form, typed.errors), 422
    shell.toast("good", f"{formats.minutes(minutes)} logged for {formats.day(day)}.")
    return answer


@blueprint.post("/hours/<int:entry_id>/remove")
def remove_hours(entry_id: int) -> Any:
    with db.transaction():
        entry = placements.remove_entry(entry_id, g.viewer.person_id, by=access.actor(), now=g.now)
        placement_id, minutes, day = entry.placement_id, entry.minutes, entry.worked_on
    shell.toast("good", f"{formats.minutes(minutes)} of {formats.day(day)} taken out. Log them again if that was a slip.")
    return redirect(url_for(".show", placement_id=placement_id), 303)


@blueprint.post("/placements/<int:placement_id>/cancel")
def cancel(placement_id: int) -> Any:
    with db.transaction():
        placement = placements.own(placement_id, g.viewer.person_id)
        placements.cancel(placement, reason="cancelled by the student", by=access.actor(), now=g.now)
    shell.toast("good", "Placement cancelled. The hours you logged are kept.")
    return redirect(url_for(".show", placement_id=placement_id), 303)


def read_terms(form: Mapping[str, str]) -> tuple[Terms, dict[str, str]]:
    """The terms as typed, and what is wrong with them by field."""
    typed = Typed(form)
    pay_kind = typed.choice("pay_kind", PAY_KINDS, "Choose how the work is paid.")
    related = typed.choice("supervisor_related", ("yes", "no"), "Say whether the supervisor is a relative of yours.")
    terms = Terms(
        title=typed.line("title", "Enter a title, such as the one in the posting.", 300),
        kind=typed.choice("kind", KINDS, "Choose what kind of work it is."),
        employer=typed.line("employer", "Enter the name of the employer."),
        supervisor_name=typed.line("supervisor_name", "Enter the name of the person who guides your work."),
        supervisor_email=typed.email("supervisor_email", "Enter the supervisor's work e-mail address."),
        supervisor_title=typed.line("supervisor_title", limit=120),
        supervisor_related=related == "yes",
        duties=typed.text("duties", limit=5000),
        workplace=form.get("workplace", "") if form.get("workplace") in WORKPLACES else "unknown",
        starts_on=typed.day("starts_on", "Choose the first day."),
        ends_on=typed.day("ends_on", "Choose the last day."),
        planned_minutes=typed.minutes("hours", "Enter the hours in all, as 120 or 37.5."),
        pay_kind=pay_kind,
        pay_amount=typed.amount("pay_amount", "Enter the pay in dollars, as 18.50.", pay_kind not in ("unpaid", "")),
    )
    if not {"starts_on", "ends_on"} & typed.errors.keys() and terms.ends_on < terms.starts_on:
        typed.errors["ends_on"] = "The last day lies before the first day."
    if "hours" not in typed.errors and terms.planned_minutes <= 0:
        typed.errors["hours"] = "Enter the hours in all, as 120 or 37.5."
    return terms, typed.errors


def _page(placement_id: int, form: Mapping[str, str], errors: dict[str, str]) -> str:
    placement = placements.own(placement_id, g.viewer.person_id)
    entries = placements.hours_of(placement.id)
    logged = sum(entry.minutes for entry in entries)
    hourly = placements.hourly_pay(placement.pay_kind, placement.pay_amount, placement.planned_minutes, logged)
    return render_template(
        "placements/view.html", placement=placement, entries=entries, logged=logged, hourly=hourly, form=form, errors=errors,
        kinds=KINDS, states=STATES, meanings=MEANINGS, pay_kinds=PAY_KINDS, workplaces=WORKPLACES, today=formats.today(),
        requests=credit.of_placement(placement.id), results=evaluations.results(placement.id),
        pending=evaluations.pending(placement.id) if access.may_change() else [], may_change=access.may_change(),
    )


def _form(
    form: Mapping[str, Any], errors: dict[str, str] | None = None, placement: Placement | None = None,
    listing_id: int | None = None,
) -> str:
    return render_template(
        "placements/form.html", form=form, errors=errors or {}, placement=placement, listing_id=listing_id,
        kinds=list(KINDS.items()), pay_kinds=list(PAY_KINDS.items()), workplaces=list(WORKPLACES.items()),
    )


def _prefilled(listing_id: int | None) -> dict[str, str]:
    """What a listing says already, so that it need not be typed."""
    listing = db.session.get(Listing, listing_id) if listing_id else None
    if listing is None:
        return {}
    kind = {"project": "micro_internship"}.get(listing.kind, listing.kind)
    total = listing.min_minutes if listing.hours_per == "total" else None
    found = {
        "title": listing.title, "employer": listing.employer, "kind": kind if kind in KINDS else "",
        "workplace": listing.workplace, "pay_kind": listing.pay_kind if listing.pay_kind in PAY_KINDS else "",
        "starts_on": listing.starts_on, "ends_on": listing.ends_on, "hours": hours_text(total) if total else "",
        "pay_amount": f"{listing.hourly_cents / 100:.2f}" if listing.hourly_cents and listing.pay_kind == "hourly" else "",
    }
    return {name: str(value) for name, value in found.items() if value}


def _typed_again(placement: Placement) -> dict[str, str]:
    """A placement as its form shows it."""
    related = {True: "yes", False: "no", None: ""}[placement.supervisor_related]
    found: dict[str, Any] = {
        "employer": placement.employer.name, "supervisor_name": placement.supervisor.name, "supervisor_related": related,
        "supervisor_email": placement.supervisor.email, "supervisor_title": placement.supervisor.title,
        "hours": hours_text(placement.planned_minutes),
    }
    for name in ("title", "kind", "duties", "workplace", "starts_on", "ends_on", "pay_kind", "pay_amount"):
        found[name] = getattr(placement, name)
    return {name: "" if value is None else str(value) for name, value in found.items()}
