"""Listings in which students are placed: staff see them whatever the source says of them.

A placement is live while it is proposed or runs, or while a credit request that is not yet decided stands on it.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, or_, select

from careercenter import db
from careercenter.credit.model import OPEN_STATES, CreditRequest, CreditRequestPlacement
from careercenter.listings.index import entry
from careercenter.listings.model import OPEN, Board, Listing
from careercenter.placements.model import Placement

MOST = 50


class Placed(NamedTuple):
    """A closed listing with students in it."""

    id: int
    title: str
    employer: str
    closed_at: datetime | None
    source: str
    students: int


def live(listing_ids: Collection[int]) -> dict[int, int]:
    """How many live placements each of these listings has; those without are left out."""
    wanted = select(Placement.listing_id, func.count()).where(Placement.listing_id.in_(list(listing_ids)), _is_live())
    return {row[0]: row[1] for row in db.session.execute(wanted.group_by(Placement.listing_id)) if row[0] is not None}


def closed(words: str = "") -> list[Placed]:
    """Listings that their source has closed and in which students are placed, by title; with every one of `words`."""
    counted = (
        select(Placement.listing_id, func.count().label("students"))
        .where(Placement.listing_id.is_not(None), _is_live()).group_by(Placement.listing_id).subquery()
    )
    columns = (Listing.id, Listing.title, Listing.employer, Listing.closed_at, Board.label, counted.c.students)
    rows = (
        select(*columns, Listing.place, Listing.draft, Listing.description_html)
        .join(counted, counted.c.listing_id == Listing.id).join(Board, Board.id == Listing.board_id).where(Listing.state != OPEN)
    )
    asked = words.casefold().split()[:8]
    found = (row for row in db.session.execute(rows.order_by(Listing.title, Listing.id)) if not asked or _says(row, asked))
    return [Placed._make(row[: len(columns)]) for row in islice(found, MOST)]


def _says(row: Any, words: Iterable[str]) -> bool:
    text = f"{entry.said(row)}\n{row.place}".casefold()
    return all(word in text for word in words)


def _is_live() -> ColumnElement[bool]:
    asked = select(CreditRequestPlacement.placement_id).join(CreditRequest, CreditRequest.id == CreditRequestPlacement.request_id)
    asked = asked.where(CreditRequest.state.in_(OPEN_STATES))
    return or_(Placement.state.in_(("proposed", "running")), Placement.id.in_(asked))
