"""Pages for finding work: search with facets, and one listing in ten lines."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from flask import Blueprint, current_app, g, render_template, request
from markupsafe import Markup

from careercenter import credit, listings
from careercenter.listings import browse, health
from careercenter.listings.browse import Option
from careercenter.listings.model import OPEN, Listing
from careercenter.listings.same import look as same
from careercenter.web import cards, formats, listing_facts, placed, searches
from careercenter.web.asked import FACETS, Asked
from careercenter.web.stencils import stencil

blueprint = Blueprint("listings", __name__, url_prefix="/listings")
MOST_SEEN = 50
FEDERAL_MINIMUM_CENTS = 725  # 29 U.S.C. 206(a)(1), since 2009


@blueprint.get("")
def index() -> Any:
    asked = Asked.of(request.args)
    page = listings.search(asked.q, asked.filters, now=g.now, after=request.args.get("after"), sort=asked.order)
    narrowed = bool(asked.q or asked.filters.chosen)
    return render_template(
        "listings/index.html", asked=asked, narrowed=narrowed, total=page.total, more=page.more, cards=cards.cards(page.rows),
        placed=() if g.viewer.role == "student" else placed.closed(asked.q),
        facets=_facets(asked, tuple((name, tuple(page.facets[name])) for name, _ in FACETS)),
        active=_active(asked, page.facets), clear=Asked().address, orders=_orders(asked),
        next_url=asked.page(page.after) if page.after else None, first_url=asked.address if request.args.get("after") else None,
        saved=searches.mine(), loosened=_loosened(asked, page.facets) if narrowed and not page.total else [],
    )


@blueprint.get("/<int:listing_id>")
def show(listing_id: int) -> Any:
    listing = listings.detail(listing_id)
    by = cards.ruler()
    mark = credit.would_count(cards.offer(listing), by) if by else None
    seen = same.seen_on(listing)
    old = {s.id for s in seen if listings.is_stale(s.believed_at, g.now)}
    return render_template(
        "listings/show.html", listing=listing, draft=listing.draft, mark=mark, meanings=cards.MEANINGS, pay=fair_pay(listing),
        kind=browse.KINDS.get(listing.kind, listing.kind), lead=listing_facts.lead(listing), facts=listing_facts.facts(listing),
        is_open=listing.state == OPEN and (listing.deadline_at is None or listing.deadline_at > g.now),
        stale=listing.id in old, seen=seen, old=old,
        rows=[s for n, s in enumerate(seen) if n < MOST_SEEN or s.id == listing_id],
        moved=same.why(listing_id), grouped=listing_facts.GROUPED,
        history=health.history(listing_id), say=transition,
    )


def fair_pay(listing: Listing) -> str:
    """One sentence on what the work pays by the hour, only where it is stated or follows."""
    cents = listing.hourly_cents
    if listing.pay_kind in ("unpaid", "credit_only"):
        return "This work is not paid. Talk to the career center before you accept: credit for unpaid work has conditions."
    if cents is None:
        return "The listing does not say enough to work out the pay for an hour. Ask before you accept."
    said = f"That is ${cents / 100:,.2f} an hour." if listing.pay_kind not in ("hourly",) else f"At least ${cents / 100:,.2f} an hour."
    if cents < FEDERAL_MINIMUM_CENTS:
        return f"{said} This is less than the federal minimum wage of $7.25. Talk to the career center before you accept."
    return said


def transition(change: str, evidence: dict[str, Any]) -> str:
    """What happened to a listing, in words for staff and students."""
    if change == "closed":
        return {
            "absence": f"Closed: no longer shown, missed in {evidence.get('misses')} runs since {_day(evidence, 'first_missed_at')}",
            "deadline": "Closed: the deadline has passed", "platform": "Closed by the platform",
            "staff": "Closed by the career center",
            "person": "Closed: no longer shown, confirmed by the career center",
            "held too long": f"Closed: no longer shown since {_day(evidence, 'held_since')}",
            "source removed": "Closed: the career center no longer reads this source",
        }.get(str(evidence.get("by")), "Closed")
    if change == "changed":
        names = (name.removesuffix("_html").removesuffix("_text").replace("_", " ") for name in evidence.get("fields", {}))
        return "Changed: " + ", ".join(dict.fromkeys(names))
    return {
        "opened": "First seen", "missed": "Not shown", "returned": "Shown again", "reopened": "Opened again: shown again",
        "kept": "Kept open by the career center",
    }.get(change, change.capitalize())


def _day(evidence: dict[str, Any], name: str) -> str:
    return formats.day(datetime.fromisoformat(evidence[name])) if evidence.get(name) else "then"


def _orders(asked: Asked) -> list[tuple[str, str, bool]]:
    """The orders to choose from: words, address, and whether it is this one."""
    usual = asked.but(sort="").order
    return [
        (words, asked.but(sort="" if order == usual else order).address, order == asked.order)
        for order, words in browse.SORTS.items() if order != "best" or asked.q
    ]


@lru_cache(maxsize=256)
def _facets(asked: Asked, counted: tuple[tuple[str, tuple[Option, ...]], ...]) -> Markup:
    """The side sheet: every choice with the address that makes or takes it back; drawn once for the same figures."""
    titles, groups = dict(FACETS), []
    fill = {on: stencil("_macros/table.html", "facet", ("label", "url", "n"), on=on) for on in (True, False)}
    for name, options in counted:
        plus = asked.adding(name)
        links = [fill[o.chosen](o.label, asked.without(name, o.value).address if o.chosen else plus(o.value), o.n) for o in options]
        if links:
            groups.append({"title": titles[name], "options": links})
    macros: Any = current_app.jinja_env.get_template("_macros/table.html").module
    drawn: Markup = macros.facets(groups, chosen=asked.filters.chosen)
    return drawn


def _active(asked: Asked, facets: Any) -> list[tuple[str, str]]:
    """The filters in force, each with the address without it."""
    chosen = [(name, value) for name, _ in FACETS for value in getattr(asked.filters, name)]
    chosen += [("place", asked.filters.place)] if asked.filters.place else []
    words = [("q", asked.q)] if asked.q else []
    return [(_say(name, value, facets), asked.without(name, value).address) for name, value in words + chosen]


def _say(name: str, value: str, facets: Any) -> str:
    """A choice in words."""
    if name == "q":
        return f"“{value}”"
    if name == "place":
        return f"Place: {value}"
    label = next((o.label for o in facets[name] if o.value == value), value)
    return f"{dict(FACETS)[name]}: {label[:1].lower() + label[1:]}" if label in ("Not stated", "None given", "Later") else label


def _loosened(asked: Asked, facets: Any) -> list[tuple[str, str, int]]:
    """What else could be asked where nothing is found: words, address, and how many listings there are then."""
    meant = browse.respelled(asked.q, asked.filters, g.now)
    other = [(f"Did you mean “{meant[0]}”?", asked.but(q=meant[0]).address, meant[1])] if meant else []
    return other + [
        (f"Without {_say(name, value or asked.q, facets)}", asked.without(name, value).address, n)
        for name, value, n in sorted(browse.loosened(asked.q, asked.filters, g.now), key=lambda way: -way[2])
    ]
