"""What students search: words, filters, counts beside each choice, and pages that stay fast however far one goes.

A page reads the state of the index and then its rows, by keyset in each order; the counts are mostly known (see `index`).
A listing that closes is not shown from that instant, though its entry may stay for seconds; one that is not shown any more
loses its entry with it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from heapq import nlargest
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.orm import joinedload

from careercenter import db
from careercenter.listings.export import export as export
from careercenter.listings.index import database, ranking
from careercenter.listings.index.asking import Filters, Moment, Sought, conditions, likely, moment, parameters, sought, timeless
from careercenter.listings.index.entry import DEADLINES as DEADLINES
from careercenter.listings.index.entry import HOURS as HOURS
from careercenter.listings.index.entry import KINDS as KINDS
from careercenter.listings.index.entry import PAY as PAY
from careercenter.listings.index.entry import WORKPLACES as WORKPLACES
from careercenter.listings.index.entry import listing_of, micros
from careercenter.listings.index.options import Option, options
from careercenter.listings.index.tables import ListingEntry
from careercenter.listings.index.tally import FACETS, facets, tally
from careercenter.listings.model import IS_OPEN, Board, Listing

PAGE = 25
LOOKED_AT = 1000
SORTS = {"best": "Best match", "newest": "Newest", "soonest": "Deadline soonest", "pay": "Pay per hour"}
_ROW = (
    Listing.id, Listing.title, Listing.employer, Listing.kind, Listing.place, Listing.workplace, Listing.hours_text,
    Listing.pay_text, Listing.hourly_cents, Listing.deadline_at, Listing.posted_at, Board.label, Board.believed_at,
    Listing.min_minutes, Listing.max_minutes, Listing.hours_per, Listing.weeks, Listing.starts_on, Listing.ends_on,
)
"""The columns of a `Row`."""
_ORDER: dict[str, Any] = {"soonest": ListingEntry.rush, "pay": ListingEntry.hourly}
_LAST = 2**63 - 1
_CURSOR = re.compile(r"-?\d{1,19}(?:_-?\d{1,19}){0,20}", re.ASCII)


class Row(NamedTuple):
    """One listing as a list shows it; instants are UTC. `hourly_cents` only where it can be known."""

    id: int
    title: str
    employer: str
    kind: str
    place: str
    workplace: str
    hours: str
    pay: str
    hourly_cents: int | None
    deadline_at: datetime | None
    posted_at: datetime
    source: str
    believed_at: datetime | None
    min_minutes: int | None
    max_minutes: int | None
    hours_per: str
    weeks: int | None
    starts_on: date | None
    ends_on: date | None


@dataclass(frozen=True)
class Page:
    """`rows` in the order asked for, `total` over all pages (`more`: there are more than that), `facets` by filter name,
    `after` the cursor of the next page."""

    rows: Sequence[Row]
    total: int
    facets: Mapping[str, list[Option]] = field(default_factory=dict)
    after: str | None = None
    more: bool = False


def search(
    q: str, filters: Filters, *, now: datetime, after: str | None = None, limit: int = PAGE, sort: str = "newest"
) -> Page:
    """Open listings that have every word of `q`, with the chosen filters; `sort` is one of `SORTS`. A cursor that makes no
    sense is taken as the beginning, an order that there is not as the newest first."""
    state = moment(now)
    found = sought(state, q, filters)
    counted = facets(state, q, filters)
    position = _position(after)
    if sort == "best" and found.wanted:
        rows, cursor = _best(state, found, position, limit)
    else:
        rows, cursor = _in_order(state, found, sort, position, limit)
    return Page(rows, counted.total, options(state, counted, filters), cursor, counted.more)


def newest(now: datetime, limit: int = 3) -> list[Row]:
    """The newest open listings, for a home page."""
    statement = _listed("", False, False, 0, "newest", "less", limit)
    return [Row._make(row[2:]) for row in db.ask(statement, rush=-micros(now), value=_LAST)]


def count_new(asked: Iterable[tuple[str, Filters, datetime]], now: datetime) -> list[int]:
    """How many hits of each search, as (words, filters, since), came to us after its instant; of the newest `LOOKED_AT` hits."""
    state = moment(now)
    return [_count_new(state, q, filters, since) for q, filters, since in asked]


@lru_cache(maxsize=4096)
def _count_new(state: Moment, q: str, filters: Filters, since: datetime) -> int:
    """Kept while the index stays as it is: a home page asks again and again."""
    found = sought(state, q, filters)
    statement = _arrived(state.database, bool(found.question), len(found.bounds))
    ((n,),) = db.ask(statement, **parameters(state, found), since=micros(since))
    return int(n)


@lru_cache(maxsize=16)
def _arrived(kind: str, question: bool, bounds: int) -> Any:
    hits = select(ListingEntry.arrived).where(*conditions(bounds)).limit(LOOKED_AT)
    if question:
        text = database()
        hits = hits.join(text.TEXT, ListingEntry.key == text.KEY).where(text.matches()).order_by(text.KEY.desc())
    else:
        hits = hits.order_by(ListingEntry.key.desc())
    newest_hits = hits.subquery()
    return select(func.count()).where(newest_hits.c.arrived > bindparam("since", type_=BigInteger))


def loosened(q: str, filters: Filters, now: datetime) -> list[tuple[str, str, int]]:
    """For a search that finds nothing: what could be left out, and how many listings there are then. Each is the name of a
    filter with its value, or "q"; those that find nothing either are left out."""
    state = moment(now)
    ways = [("q", "", tally(state, "", filters))] if q.strip() and filters.chosen else []
    for name in FACETS:
        ways += [(name, value, tally(state, q, filters.without(name, value))) for value in getattr(filters, name)[:5]]
    if filters.place:
        ways.append(("place", filters.place, tally(state, q, filters.without("place", ""))))
    return [(name, value, counted.total) for name, value, counted in ways if counted.total]


def respelled(q: str, filters: Filters, now: datetime) -> tuple[str, int] | None:
    """For a search that finds nothing: words that may have been meant, and how many listings have them."""
    state, meant = moment(now), likely(q)
    total = tally(state, meant, filters).total if meant else 0
    return (meant, total) if total else None


def detail(listing_id: int) -> Listing:
    """One listing with its board, open or closed. Raises NotFound."""
    found = db.session.get(Listing, listing_id, options=[joinedload(Listing.board)]) if listing_id < 2**31 else None
    if found is None:
        raise db.NotFound
    return found


def _in_order(state: Moment, found: Sought, sort: str, position: tuple[int, ...], limit: int) -> tuple[list[Row], str | None]:
    """A page that continues after (value, key) of the order's own column: first the rest of those that have the same
    value, then those that have less. So each reads an index from one place on. Newest first, key and value are one.
    """
    order = sort if sort in _ORDER else "newest"
    text_alone = bool(found.question) and order == "newest" and timeless(state, found)
    value, below = position if len(position) == 2 else (_LAST, -1)
    rows: list[Any] = []
    for part in ("same", "less") if order != "newest" and below >= 0 else ("less",):
        statement = _listed(state.database, bool(found.question), text_alone, len(found.bounds), order, part, limit + 1 - len(rows))
        given = parameters(state, found) | {"value": value, "below": below}
        if order == "soonest" and part == "less":
            given["rush"] = min(state.rush, value)  # two bounds on one column: a database uses only one of them
        if len(rows) <= limit:
            rows += db.ask(statement, **given)
    cursor = f"{rows[limit - 1][0]}_{rows[limit - 1][1]}" if len(rows) > limit else None
    return [Row._make(row[2:]) for row in rows[:limit]], cursor


def _best(state: Moment, found: Sought, position: tuple[int, ...], limit: int) -> tuple[list[Row], str | None]:
    """A page by fit. The cursor holds where the window began, what the words were worth then, and the last row's place,
    so that neither new listings nor other frequencies move what was shown."""
    groups = len(found.wanted)
    if len(position) == groups + 3 and all(0 <= n < 10_000 for n in position[3:]):
        top, last, worth = position[0], position[1:3], position[3:]
    else:
        top, last, worth = _LAST, (_LAST, _LAST), ranking.weights(state, found)
    chosen: list[tuple[int, int, int]] = []
    while len(chosen) <= limit and (window := ranking.weighed(state, found, worth, top)):
        best = nlargest(limit + 1 - len(chosen), (place for place in window if place < last))
        chosen += [(top, score, key) for score, key in best]
        if len(chosen) <= limit:
            top, last = min(key for _, key in window), (_LAST, _LAST)
    rows = _rows_of(state, [key for _, _, key in chosen[:limit]])
    cursor = "_".join(str(n) for n in (*chosen[limit - 1], *worth)) if len(chosen) > limit else None
    return rows, cursor


def _rows_of(state: Moment, keys: Sequence[int]) -> list[Row]:
    ids = [listing_of(key) for key in keys]
    rows = {row[0]: Row._make(row) for row in db.ask(_these(state.database), keys=database().listed(ids))}
    return [rows[n] for n in ids if n in rows]


@lru_cache(maxsize=2)
def _these(kind: str) -> Any:
    return select(*_ROW).join(Board, Board.id == Listing.board_id).where(database().among(Listing.id), IS_OPEN)


@lru_cache(maxsize=256)
def _listed(kind: str, question: bool, text_alone: bool, bounds: int, order: str, part: str, limit: int) -> Any:
    """Rows of a page, each after its place in the order. Building a statement costs more than running it, so it is kept.
    `text_alone`: no entry is read, since the text's key says which listing it is."""
    text = database()
    by_text = question and order == "newest"
    key: Any = text.KEY if by_text else ListingEntry.key
    by: Any = _ORDER.get(order, key)
    value, below = bindparam("value", type_=BigInteger), bindparam("below", type_=BigInteger)
    begins = [by == value, key < below] if part == "same" else [by < value]
    found = select(by, key.label("last"), *_ROW).where(*begins, IS_OPEN)
    if text_alone:
        found = found.select_from(text.TEXT).join(Listing, Listing.id == listing_of(key)).where(text.matches())
    else:
        found = found.select_from(ListingEntry).join(Listing, Listing.id == ListingEntry.listing_id).where(*conditions(bounds))
        if by_text:
            found = found.join(text.TEXT, ListingEntry.key == key).where(text.matches())
        elif question:
            found = found.where(ListingEntry.key.in_(select(text.KEY).where(text.matches())))
    found = found.join(Board, Board.id == Listing.board_id)
    return found.order_by(*([key.desc()] if order == "newest" else [by.desc(), key.desc()])).limit(limit)


def _position(after: str | None) -> tuple[int, ...]:
    """The numbers of a cursor; none for one that makes no sense."""
    if not after or not _CURSOR.fullmatch(after):
        return ()
    found = tuple(int(n) for n in after.split("_"))
    return found if all(abs(n) < 2**63 for n in found) else ()
