"""Pages for finding work: search with facets, and one listing in ten lines."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, current_app, g, render_template, request
from markupsafe import Markup

from careercenter import credit, listings
from careercenter.listings import browse, health
from careercenter.listings.browse import Filters, Option
from careercenter.listings.model import OPEN, Listing
from careercenter.listings.same import look as same
from careercenter.web import cards, listing_facts

blueprint = Blueprint("listings", __name__, url_prefix="/listings")
FACETS = (("kind", "Kind"), ("hours", "Hours"), ("pay", "Pay"), ("workplace", "Where"), ("platform", "Source"))
FEDERAL_MINIMUM_CENTS = 725  # 29 U.S.C. 206(a)(1), since 2009


@blueprint.get("")
def index() -> Any:
    q, filters = request.args.get("q", "").strip()[:200], _filters()
    page = listings.search(q, filters, now=g.now, after=request.args.get("after"))
    return render_template(
        "listings/index.html", q=q, filters=filters, total=page.total,
        cards=cards.cards(page.rows),
        facets=_facets(q, filters, tuple((name, tuple(page.facets[name])) for name, _ in FACETS)),
        active=_active(q, filters, page.facets), clear=_address(q, Filters()),
        next_url=_address(q, filters, after=page.after) if page.after else None,
        first_url=_address(q, filters) if request.args.get("after") else None, keep=_pairs(q, filters),
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
        stale=listing.id in old, seen=seen, old=old, moved=same.why(listing_id), grouped=listing_facts.GROUPED,
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
            "absence": f"Closed: no longer shown, missed in {evidence.get('misses')} runs since "
            f"{str(evidence.get('first_missed_at', ''))[:10]}",
            "deadline": "Closed: the deadline has passed", "platform": "Closed by the platform",
            "person": "Closed: no longer shown, confirmed by the career center",
            "held too long": f"Closed: no longer shown since {str(evidence.get('held_since', ''))[:10]}",
            "source removed": "Closed: the career center no longer reads this source",
        }.get(str(evidence.get("by")), "Closed")
    if change == "changed":
        names = (name.removesuffix("_html").removesuffix("_text").replace("_", " ") for name in evidence.get("fields", {}))
        return "Changed: " + ", ".join(dict.fromkeys(names))
    return {
        "opened": "First seen", "missed": "Not shown", "returned": "Shown again", "reopened": "Opened again: shown again",
        "kept": "Kept open by the career center",
    }.get(change, change.capitalize())


def _filters() -> Filters:
    """The filters of the address. Unknown values find nothing and can be taken back by their chip."""
    chosen: dict[str, Any] = {
        name: tuple(dict.fromkeys(v[:60] for v in request.args.getlist(name)[:12])) for name, _ in FACETS
    }
    return Filters(**chosen, place=request.args.get("place", "").strip()[:100])


def _pairs(q: str, filters: Filters) -> list[tuple[str, str]]:
    pairs = [("q", q)] if q else []
    pairs += [(name, value) for name, _ in FACETS for value in getattr(filters, name)]
    return pairs + ([("place", filters.place)] if filters.place else [])


def _address(q: str, filters: Filters, after: str | None = None) -> str:
    pairs = _pairs(q, filters) + ([("after", after)] if after else [])
    return "/listings" + ("?" + urlencode(pairs) if pairs else "")


@lru_cache(maxsize=256)
def _facets(q: str, filters: Filters, counted: tuple[tuple[str, tuple[Option, ...]], ...]) -> Markup:
    """The side sheet: every choice with the address that makes or takes it back; drawn once for the same figures."""
    titles = dict(FACETS)
    groups = [
        {"title": titles[name], "options": [(o.label, _toggled(q, filters, name, o), o.n, o.chosen) for o in options]}
        for name, options in counted if options
    ]
    macros: Any = current_app.jinja_env.get_template("_macros/table.html").module
    drawn: Markup = macros.facets(groups, chosen=filters.chosen)
    return drawn


def _toggled(q: str, filters: Filters, name: str, option: Option) -> str:
    change = filters.without if option.chosen else filters.plus
    return _address(q, change(name, option.value))


def _active(q: str, filters: Filters, facets: Any) -> list[tuple[str, str]]:
    """The filters in force, each with the address without it."""
    labels = {(name, o.value): o.label for name, _ in FACETS for o in facets[name]}
    found = [
        (labels.get((name, value), value), _address(q, filters.without(name, value)))
        for name, _ in FACETS for value in getattr(filters, name)
    ]
    place = [(f"Place: {filters.place}", _address(q, filters.without("place", "")))] if filters.place else []
    words = [(f"“{q}”", _address("", filters))] if q else []
    return words + found + place
