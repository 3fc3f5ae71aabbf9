"""What students search: filters, counts beside each choice, and pages that stay fast however far one goes.

A page costs two queries whatever the filters: one for the rows (keyset: newest first, continued after the last row
seen) and one that counts how many listings share each combination of choices, from which every facet is added up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, case, func, literal_column, or_, select, tuple_
from sqlalchemy.orm import joinedload

from careercenter import db
from careercenter.listings.export import export as export
from careercenter.listings.model import OPEN, Board, Listing

PAGE = 25
MAX_WORDS = 8
KINDS = {
    "internship": "Internship", "micro_internship": "Micro-internship", "co_op": "Co-op", "project": "Project",
    "simulation": "Job simulation", "job": "Job",
}
WORKPLACES = {"onsite": "On site", "hybrid": "Hybrid", "remote": "Remote", "unknown": "Not stated"}
PAY = {
    "hourly": ("Paid by the hour", ("hourly",)), "fixed": ("Fixed fee or stipend", ("fixed_fee", "stipend")),
    "salary": ("Salary", ("salary",)), "unpaid": ("Unpaid or credit only", ("unpaid", "credit_only")),
    "unstated": ("Not stated", ("not_displayed", "unknown")),
}
HOURS = {
    "week10": "Up to 10 a week", "week20": "10 to 20 a week", "week40": "More than 20 a week",
    "total40": "Up to 40 in all", "total": "More than 40 in all", "unstated": "Not stated",
}
_PAY_OF = {kind: choice for choice, (_, kinds) in PAY.items() for kind in kinds}


@dataclass(frozen=True)
class Filters:
    """The chosen values of each facet; none chosen means all. `place` is text that a place must contain."""

    kind: tuple[str, ...] = ()
    workplace: tuple[str, ...] = ()
    pay: tuple[str, ...] = ()
    hours: tuple[str, ...] = ()
    platform: tuple[str, ...] = ()
    place: str = ""

    @property
    def chosen(self) -> int:
        return sum(bool(getattr(self, f.name)) for f in fields(self))

    def without(self, name: str, value: str) -> "Filters":
        """The same filters with one choice taken back."""
        kept: Any = "" if name == "place" else tuple(v for v in getattr(self, name) if v != value)
        return replace(self, **{name: kept})

    def plus(self, name: str, value: str) -> "Filters":
        more: Any = (*getattr(self, name), value)
        return replace(self, **{name: more})


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


class Option(NamedTuple):
    value: str
    label: str
    n: int
    chosen: bool


@dataclass(frozen=True)
class Page:
    """`rows` newest first, `total` over all pages, `facets` by filter name, `after` the cursor of the next page."""

    rows: Sequence[Row]
    total: int
    facets: Mapping[str, list[Option]] = field(default_factory=dict)
    after: str | None = None


def search(q: str, filters: Filters, *, now: datetime, after: str | None = None, limit: int = PAGE) -> Page:
    """Open listings whose words contain every word of `q`, with the chosen filters. A cursor that makes no sense is
    taken as the beginning."""
    start = _position(after)
    given: dict[str, Any] = {"now": now} | ({"moment": start[0], "number": start[1]} if start else {})
    facets, total = _facets(db.ask(_count_statement(q, filters.place), **given), filters)
    rows = [Row._make(row) for row in db.ask(_row_statement(q, filters, start is not None, limit + 1), **given)]
    more = rows[limit - 1] if len(rows) > limit else None
    return Page(rows[:limit], total, facets, f"{more.posted_at.isoformat()}_{more.id}" if more else None)


@lru_cache(maxsize=256)
def _row_statement(q: str, filters: Filters, further: bool, limit: int) -> Any:
    """The rows of a page. Building a statement costs more than running it, so it is kept."""
    wanted = _rows().where(*_open(), *matching(q), *_place(filters.place), *_choices(filters))
    if further:
        moment = bindparam("moment", type_=Listing.posted_at.type)
        wanted = wanted.where(tuple_(Listing.posted_at, Listing.id) < tuple_(moment, bindparam("number")))
    return wanted.order_by(Listing.posted_at.desc(), Listing.id.desc()).limit(limit)


@lru_cache(maxsize=256)
def _count_statement(q: str, place: str) -> Any:
    """How many listings share each combination of choices."""
    bucket = _hours().label("hours")
    by = (Listing.kind, Listing.workplace, Listing.pay_kind, bucket, Board.platform)
    counted = select(*by, func.count()).join(Board, Board.id == Listing.board_id)
    return counted.where(*_open(), *matching(q), *_place(place)).group_by(*by)


def matching(q: str) -> list[ColumnElement[bool]]:
    """The conditions of a text search: every word occurs in title, employer, places, skills or description."""
    return [Listing.words.contains(word, autoescape=True) for word in q.replace("\x00", "").casefold().split()[:MAX_WORDS]]


def newest(now: datetime, limit: int = 3) -> list[Row]:
    """The newest open listings, for a home page."""
    wanted = _row_statement("", Filters(), False, limit)
    return [Row._make(row) for row in db.ask(wanted, now=now)]


def detail(listing_id: int) -> Listing:
    """One listing with its board, open or closed. Raises NotFound."""
    found = db.session.get(Listing, listing_id, options=[joinedload(Listing.board)]) if listing_id < 2**31 else None
    if found is None:
        raise db.NotFound
    return found


def _rows() -> Any:
    return select(
        Listing.id, Listing.title, Listing.employer, Listing.kind, Listing.place, Listing.workplace, Listing.hours_text,
        Listing.pay_text, Listing.hourly_cents, Listing.deadline_at, Listing.posted_at, Board.label, Board.believed_at,
        Listing.min_minutes, Listing.max_minutes, Listing.hours_per, Listing.weeks, Listing.starts_on, Listing.ends_on,
    ).join(Board, Board.id == Listing.board_id)


def _open() -> list[ColumnElement[bool]]:
    """Open, and not past a deadline that no run has closed yet; the instant is the parameter `now`.

    The state is written out, not bound: only so can a database prove that the indexes over open listings serve.
    """
    now = bindparam("now", type_=Listing.deadline_at.type)
    return [Listing.state == literal_column(f"'{OPEN}'"), or_(Listing.deadline_at.is_(None), Listing.deadline_at > now)]


def _place(text: str) -> list[ColumnElement[bool]]:
    wanted = text.replace("\x00", "").strip().lower()
    return [func.lower(Listing.place).contains(wanted, autoescape=True)] if wanted else []


def _choices(filters: Filters) -> Iterable[ColumnElement[bool]]:
    if filters.kind:
        yield Listing.kind.in_(filters.kind)
    if filters.workplace:
        yield Listing.workplace.in_(filters.workplace)
    if filters.pay:
        yield Listing.pay_kind.in_([kind for choice in filters.pay for kind in PAY.get(choice, ("", ()))[1]])
    if filters.hours:
        yield _hours().in_(filters.hours)
    if filters.platform:
        yield Board.platform.in_(filters.platform)


def _hours() -> ColumnElement[str]:
    """The bucket of a listing's hours, by their upper bound."""
    most = func.coalesce(Listing.max_minutes, Listing.min_minutes)
    week, total = Listing.hours_per == "week", Listing.hours_per == "total"
    return case(
        (most.is_(None), "unstated"), (and_(week, most <= 600), "week10"), (and_(week, most <= 1200), "week20"),
        (week, "week40"), (and_(total, most <= 2400), "total40"), (total, "total"), else_="unstated",
    )


def _facets(groups: Iterable[Any], filters: Filters) -> tuple[dict[str, list[Option]], int]:
    """Counts per choice, each facet counted under the choices of the others, and the total under all of them."""
    names = ("kind", "workplace", "pay", "hours", "platform")
    chosen = [getattr(filters, name) for name in names]
    any_chosen = any(chosen)
    counts: dict[str, dict[str, int]] = {name: {} for name in names}
    total = 0
    for kind, workplace, pay_kind, hours, platform, n in groups:
        values = (kind, workplace, _PAY_OF.get(pay_kind, "unstated"), hours, platform)
        misses = any_chosen and [name for name, v, wanted in zip(names, values, chosen, strict=True) if wanted and v not in wanted]
        total += 0 if misses else n
        for name, value in zip(names, values, strict=True):
            if not misses or misses == [name]:
                counts[name][value] = counts[name].get(value, 0) + n
    return {name: _options(name, counts[name], getattr(filters, name)) for name in names}, total


def _options(name: str, counts: dict[str, int], chosen: tuple[str, ...]) -> list[Option]:
    """The choices of one facet that lead somewhere or are chosen, in the order of the page."""
    labels: dict[str, str] = {
        "kind": KINDS, "workplace": WORKPLACES, "pay": {k: v[0] for k, v in PAY.items()}, "hours": HOURS,
    }.get(name) or {value: value.replace("_", " ").capitalize() for value in sorted({*counts, *chosen})}
    return [
        Option(value, label, counts.get(value, 0), value in chosen)
        for value, label in labels.items() if counts.get(value) or value in chosen
    ]


def _position(after: str | None) -> tuple[datetime, int] | None:
    """The row a page continues after, from its cursor."""
    moment, _, number = (after or "").rpartition("_")
    try:
        at, position = datetime.fromisoformat(moment), int(number)
        return (at.astimezone(UTC), position) if at.tzinfo and 0 <= position < 2**31 else None
    except (ValueError, OverflowError):
        return None
