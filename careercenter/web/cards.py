"""Listing cards: filled into the stencil of their markup and kept, since their text depends on the row, the campus day and
the mark alone.

The mark "would count" belongs to the student who looks, but there are only a few different ones.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from flask import g
from markupsafe import Markup

from careercenter import credit
from careercenter.credit import Offer, Ruler
from careercenter.listings import browse, stale_since
from careercenter.listings.browse import Row
from careercenter.listings.model import Listing
from careercenter.web import formats
from careercenter.web.face import chip
from careercenter.web.formats import Calendar
from careercenter.web.stencils import escaped, stencil

TEXTS = ("id", "title", "who", "facts", "mark", "seen")
MEANINGS = {"counts": "good", "part": "waiting", "unknown": "waiting", "not": "stopped"}


def ruler() -> Ruler | None:
    """What listings are measured by for the student who looks; nothing for staff."""
    return credit.ruler_of(g.viewer.person_id, formats.today()) if g.viewer.role == "student" else None


def cards(rows: Sequence[Row], level: int = 2) -> Markup:
    """The cards of a list, each with its mark; `level` is that of their headings."""
    calendar, by, fresh = formats.calendar(), ruler() if rows else None, stale_since(g.now)
    fill = stencil("listings/_card.html", "card", TEXTS, level=level)
    found = [
        _card(row, calendar, row.believed_at is None or row.believed_at < fresh, fill, _mark(offer(row), by) if by else "")
        for row in rows
    ]
    return Markup("".join(found))  # noqa: S704 - each is Markup already


def offer(found: Row | Listing) -> Offer:
    """What credit asks of a listing."""
    return Offer(
        found.kind, found.min_minutes, found.max_minutes, found.hours_per, found.weeks, found.starts_on, found.ends_on
    )


def _mark(offered: Offer, by: Ruler) -> Markup | str:
    mark = credit.would_count(offered, by)
    return _sign(mark.verdict, mark.short) if mark else ""


@lru_cache(maxsize=256)
def _sign(verdict: str, words: str) -> Markup:
    return chip(MEANINGS[verdict], words)


@lru_cache(maxsize=4096)
def _card(row: Row, calendar: Calendar, stale: bool, fill: Callable[..., Markup], mark: Markup | str) -> Markup:
    """The calendar is part of the key: dates are said relative to its day. There are few different marks."""
    place = row.place or ("remote" if row.workplace == "remote" else "")
    facts = Markup("".join([f"<li>{escaped(fact)}</li>" for fact in _facts(row, calendar)]))  # noqa: S704 - escaped
    seen = f"{'Not verified since' if stale else 'Confirmed'} {calendar.moment(row.believed_at)}" if row.believed_at else "Not verified yet"
    return fill(row.id, row.title, f"{row.employer}, {place}" if place else row.employer, facts, mark, seen)


def _facts(row: Row, calendar: Calendar) -> Iterator[str]:
    """Kind, workplace, hours, pay and deadline in a few words each; what is not known is left out."""
    yield browse.KINDS.get(row.kind, row.kind)
    if row.place and row.workplace in ("hybrid", "remote"):
        yield browse.WORKPLACES[row.workplace]
    if row.hours:
        yield row.hours
    if row.pay:
        known = row.hourly_cents is not None and "hour" not in row.pay
        yield f"{row.pay} (${(row.hourly_cents or 0) / 100:.2f} an hour)" if known else row.pay
    yield f"apply by {calendar.deadline(row.deadline_at)}" if row.deadline_at else "no deadline given"
