"""How many listings there are for each choice.

Without words, the counters say it that `keep` has kept; with words, a skill, a city or a deadline the hits are counted in
one pass, the newest `MOST` of them. Either way an answer is kept as long as it stays right.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import String, bindparam, case, func, select

from careercenter import db
from careercenter.listings.index import database
from careercenter.listings.index.asking import Filters, Moment, conditions, parameters, sought
from careercenter.listings.index.entry import CHOICES, deadline_choice, possible
from careercenter.listings.index.tables import ListingEntry, SearchCombination, SearchCount

MOST = 5_000
SHOWN = 10
FACETS = (*CHOICES, "deadline", "skill", "city")
_CHOSEN = [getattr(SearchCombination, name) for name in CHOICES]


@dataclass(frozen=True)
class Tally:
    """`total` hits and, by facet, how many have each value; of skills and cities the most frequent. `more`: there are more
    than were counted."""

    total: int = 0
    by: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    more: bool = False


@lru_cache(maxsize=256)
def facets(state: Moment, q: str, filters: Filters) -> Tally:
    """The total under all filters, each facet counted under the choices of the others."""
    whole = tally(state, q, filters)
    by = {
        name: tally(state, q, filters.open(name), (name,)).by.get(name, {}) if getattr(filters, name) else whole.by.get(name, {})
        for name in FACETS
    }
    return Tally(whole.total, by, whole.more)


@lru_cache(maxsize=256)
def tally(state: Moment, q: str, filters: Filters, names: tuple[str, ...] = FACETS) -> Tally:
    """What fulfils all of that, counted by these facets."""
    if not q.strip() and filters.only_choices():
        return _kept(state, filters, names)
    found = sought(state, q, filters)
    rows = db.ask(_hits(state.database, bool(found.question), len(found.bounds)), **parameters(state, found))
    return _counted(state, rows[:MOST], len(rows) > MOST)


def _counted(state: Moment, rows: Any, more: bool = False) -> Tally:
    """Count rows of (combination, rush, skills, places)."""
    combined = _combinations(state)
    by: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    for combination_id, n in Counter(row[0] for row in rows).items():
        for name, value in zip(CHOICES, combined[combination_id][1], strict=True):
            by[name][value] += n
    for rush, n in Counter(row[1] for row in rows).items():
        by["deadline"][deadline_choice(rush, state.day)] += n
    for at, name in ((2, "skill"), (3, "city")):
        by[name].update(" ".join(row[at] for row in rows).split())
    return Tally(len(rows), by, more)


@lru_cache(maxsize=16)
def _hits(kind: str, question: bool, bounds: int) -> Any:
    """The newest hits, as far as they are counted."""
    columns = (ListingEntry.combination_id, ListingEntry.rush, ListingEntry.skills, ListingEntry.places)
    found = select(*columns).where(*conditions(bounds)).limit(MOST + 1)
    if not question:
        return found.order_by(ListingEntry.key.desc())
    text = database()
    return found.join(text.TEXT, ListingEntry.key == text.KEY).where(text.matches()).order_by(text.KEY.desc())


_COMBINATIONS = select(SearchCount.combination_id, SearchCount.n, *_CHOSEN).join(
    SearchCombination, SearchCombination.id == SearchCount.combination_id).where(SearchCount.name == "all")
ALL = select(SearchCount.n).where(SearchCount.name == "all", SearchCount.combination_id == 0)


@lru_cache(maxsize=4)
def _combinations(state: Moment) -> dict[int, tuple[int, tuple[str, ...]]]:
    """How many entries each combination has, and its values."""
    return {number: (n, tuple(values)) for number, n, *values in db.ask(_COMBINATIONS)}


def entries() -> int:
    """How many entries there are, expired ones among them."""
    return next((n for (n,) in db.ask(ALL)), 0)


_DUE = case(
    (SearchCount.value == "", "none"), (SearchCount.value < bindparam("week", type_=String), "week"),
    (SearchCount.value < bindparam("month", type_=String), "month"), else_="later",
)
_PASSED = select(ListingEntry.combination_id, ListingEntry.rush, ListingEntry.skills, ListingEntry.places)


def _kept(state: Moment, filters: Filters, names: tuple[str, ...]) -> Tally:
    """From the counters, less the entries whose deadline has passed meanwhile."""
    chosen = [(at, frozenset(values)) for at, name in enumerate(CHOICES) if (values := getattr(filters, name))]
    fits = {
        number: found for number, found in _combinations(state).items() if all(found[1][at] in values for at, values in chosen)
    }
    by: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    for at, name in enumerate(CHOICES):
        for n, values in fits.values() if name in names else ():
            by[name][values[at]] += n
    passed = _passed(state, fits)
    for name in set(names) - set(CHOICES):
        by[name].update(_values(state, name, filters, len(passed.by.get(name, ()))))
    for name in FACETS:
        by[name].subtract({value: n for value, n in passed.by.get(name, {}).items() if value in by[name]})
    return Tally(sum(n for n, _ in fits.values()) - passed.total, by)


def _passed(state: Moment, fits: Mapping[int, Any]) -> Tally:
    """The expired entries that no job has closed yet; hardly ever more than a few."""
    if not state.expired:
        return Tally()
    rows = db.session.execute(_PASSED.where(ListingEntry.rush >= state.rush)).all()
    return _counted(state, [row for row in rows if row[0] in fits])


def _values(state: Moment, name: str, filters: Filters, spare: int) -> dict[str, int]:
    """The values of a facet under these choices: every deadline, the most frequent of skills and cities."""
    days = {"week": f"{state.day + 8:08d}", "month": f"{state.day + 31:08d}"} if name == "deadline" else {}
    chosen = tuple((choice, getattr(filters, choice)) for choice in CHOICES if getattr(filters, choice))
    return {value: int(n) for value, n in db.ask(_values_of(name, chosen), most=SHOWN + spare, **days)}


@lru_cache(maxsize=256)
def _values_of(name: str, chosen: tuple[tuple[str, tuple[str, ...]], ...]) -> Any:
    """The statement of `_values`; building one takes longer than running it."""
    value: Any = _DUE if name == "deadline" else SearchCount.value
    single = not chosen and name != "deadline"  # under the combination 0 a value has one row
    total: Any = SearchCount.n if single else func.sum(SearchCount.n)
    found = select(value, total).where(SearchCount.name == ("due" if name == "deadline" else name))
    if not single:
        found = found.group_by(value)
    if chosen:
        within = select(SearchCombination.id)
        for choice, values in chosen:
            within = within.where(getattr(SearchCombination, choice).in_([value for value in values if possible(value)]))
        found = found.where(SearchCount.combination_id.in_(within))
    else:
        found = found.where(SearchCount.combination_id == 0)
    return found.order_by(total.desc(), value).limit(bindparam("most"))
