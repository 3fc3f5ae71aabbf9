"""Listing cards: rendered once and kept, since their text depends on the row, the campus day and the mark alone.

The mark "would count" belongs to the student who looks, but there are only a few different ones.
"""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from flask import current_app, g
from markupsafe import Markup

from careercenter import credit
from careercenter.credit import Offer, Ruler
from careercenter.listings import browse, stale_since
from careercenter.listings.browse import Row
from careercenter.listings.model import Listing
from careercenter.web import formats
from careercenter.web.face import chip

MEANINGS = {"counts": "good", "part": "waiting", "unknown": "waiting", "not": "stopped"}


def ruler() -> Ruler | None:
    """What listings are measured by for the student who looks; nothing for staff."""
    return credit.ruler_of(g.viewer.person_id, formats.today()) if g.viewer.role == "student" else None


def cards(rows: Sequence[Row], level: int = 2) -> Markup:
    """The cards of a list, each with its mark; `level` is that of their headings."""
    today, by, fresh = formats.today(), ruler() if rows else None, stale_since(g.now)
    found = (
        _card(row, today, row.believed_at is None or row.believed_at < fresh, level, _mark(offer(row), by) if by else "")
        for row in rows
    )
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
def _card(row: Row, today: date, stale: bool, level: int, mark: Markup | str) -> Markup:
    """`today` is part of the key: dates are said relative to it. There are few different marks."""
    macro: Any = current_app.jinja_env.get_template("listings/_card.html").module
    kind, workplace = browse.KINDS.get(row.kind, row.kind), browse.WORKPLACES.get(row.workplace, "")
    found: Markup = macro.card(row, kind, workplace, stale, level, mark)
    return found
