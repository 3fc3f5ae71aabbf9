"""What is looked for, in the words of the index: from a question and filters to one that the database answers."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, func, or_, select

from careercenter import db
from careercenter.listings.index import database
from careercenter.listings.index.entry import CHOICES, EVERY, day_of, mark, micros, rush_bounds
from careercenter.listings.index.tables import BYTEWISE, ListingEntry, SearchMark, SearchWord
from careercenter.listings.index.words import BEGINNING, Asked, Phrase, parse, words

ALIKE, ALIKE_FROM, ALIKE_AMONG = 0.7, 4, 5000
BEGINNINGS = 50
"""So many words, the most frequent ones, stand in for the beginning of a word."""
Groups = tuple[tuple[Phrase, ...], ...]


@dataclass(frozen=True)
class Filters:
    """The chosen values of each facet; none chosen means all. `place` is text whose words places must have."""

    kind: tuple[str, ...] = ()
    workplace: tuple[str, ...] = ()
    pay: tuple[str, ...] = ()
    hours: tuple[str, ...] = ()
    platform: tuple[str, ...] = ()
    place: str = ""
    skill: tuple[str, ...] = ()
    city: tuple[str, ...] = ()
    deadline: tuple[str, ...] = ()

    @cached_property
    def chosen(self) -> int:
        """How many facets something is chosen of."""
        return sum(bool(getattr(self, f.name)) for f in fields(self))

    def without(self, name: str, value: str) -> "Filters":
        """The same filters with one choice taken back."""
        kept: Any = "" if name == "place" else tuple(v for v in getattr(self, name) if v != value)
        return replace(self, **{name: kept})

    def plus(self, name: str, value: str) -> "Filters":
        more: Any = (*getattr(self, name), value)
        return replace(self, **{name: more})

    def open(self, name: str) -> "Filters":
        """The same filters without any choice of one facet."""
        nothing: Any = ()
        return replace(self, **{name: nothing})

    def only_choices(self) -> bool:
        """Whether nothing is chosen but what every listing has exactly one value of."""
        return not (self.place or self.skill or self.city or self.deadline)


@dataclass(frozen=True)
class Moment:
    """One state of the index at one instant. Two are equal when everything that is counted is the same in both."""

    database: str
    mark: int
    expired: int
    day: int
    now: datetime = field(compare=False)

    @property
    def rush(self) -> int:
        """Entries with less than this can be found."""
        return -micros(self.now)


_STATE = select(
    select(SearchMark.mark).limit(1).scalar_subquery().label("mark"),
    select(func.count()).where(ListingEntry.rush >= bindparam("rush", type_=BigInteger)).scalar_subquery().label("expired"),
)
_BEGINS = (
    select(SearchWord.word, SearchWord.n)
    .where(SearchWord.word >= bindparam("first", type_=BYTEWISE), SearchWord.word < bindparam("last", type_=BYTEWISE))
    .order_by(SearchWord.n.desc(), SearchWord.word).limit(bindparam("most", type_=Integer))
)
_FREQUENCY = select(SearchWord.n).where(SearchWord.word == bindparam("word", type_=BYTEWISE))


def moment(now: datetime) -> Moment:
    """The state of the index now, with how many of its entries have passed their deadline without having been closed."""
    ((known, expired),) = db.ask(_STATE, rush=-micros(now))
    today = day_of(now.astimezone(db.settings().campus.zone))
    return Moment("postgresql" if db.is_postgresql() else "sqlite", known or 0, expired, today, now)


@dataclass(frozen=True)
class Sought:
    """`question` is for the database's full text, empty when everything is wanted; `wanted` are the groups of words in it."""

    question: str
    wanted: Groups
    bounds: tuple[tuple[int, int], ...]
    """The `rush` that the chosen deadlines include, from and to; empty for all."""


@lru_cache(maxsize=256)
def sought(state: Moment, q: str, filters: Filters) -> Sought:
    """The question of these words and filters. Depends on the index: a beginning stands for the words that begin so."""
    asked = parse(q)
    wanted = _groups(asked)
    groups = wanted + _places(filters.place)
    groups += tuple(_marks(name, getattr(filters, name)) for name in (*CHOICES, "skill", "city") if getattr(filters, name))
    if asked.unwanted and not groups:
        groups = (((EVERY,),),)
    bounds = tuple(bound for chosen in filters.deadline if (bound := rush_bounds(chosen, state.day)))
    if filters.deadline and not bounds:
        groups += ((("none:",),),)
    return Sought(database().question(groups, asked.unwanted) if groups else "", wanted, bounds)


def _marks(name: str, chosen: Iterable[str]) -> tuple[Phrase, ...]:
    return tuple(dict.fromkeys((mark(name, value),) for value in chosen))


def _groups(asked: Asked) -> Groups:
    groups: list[tuple[Phrase, ...]] = [(phrase,) for phrase in asked.wanted]
    if asked.unfinished and groups:
        *before, last = asked.wanted[-1]
        groups[-1] = tuple((*before, word) for word in beginning(last))
    return tuple(groups)


def _places(text: str) -> Groups:
    near = words(text)[:BEGINNINGS]
    if not near:
        return ()
    *whole, last = near
    ends = beginning(f"in:{last}") if len(last) >= BEGINNING else [f"in:{last}"]
    return (*(((f"in:{word}",),) for word in whole), tuple((word,) for word in ends))


def beginning(start: str) -> list[str]:
    """The words of the index that begin so, the frequent ones first; the start itself always."""
    last = start + "\U0010ffff"
    found = [word for word, _ in db.ask(_BEGINS, first=start, last=last, most=BEGINNINGS)]
    return list(dict.fromkeys([start, *found]))


def frequency(word: str) -> int:
    """In how many entries a word occurs."""
    return next((n for (n,) in db.ask(_FREQUENCY, word=word)), 0)


def likely(question: str) -> str:
    """The question with words that no entry has replaced by frequent ones that are written nearly so; empty when there are
    none to replace."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    other = {}
    for phrase in parse(question).wanted:
        for word in phrase:
            if len(word) >= ALIKE_FROM and not frequency(word):
                known = [row[0] for row in db.ask(_BEGINS, first=word[0], last=word[0] + "\U0010ffff", most=ALIKE_AMONG)]
                if found := process.extractOne(word, known, scorer=OSA.normalized_similarity, score_cutoff=ALIKE):
                    other[word] = found[0]
    return " ".join(other.get(word, word) for phrase in parse(question).wanted for word in phrase) if other else ""


def timeless(state: Moment, found: Sought) -> bool:
    """Whether no deadline can matter, so that the text alone is read."""
    return not state.expired and not found.bounds


def conditions(bounds: int, further: Any = None) -> list[Any]:
    """What entries must fulfil beside the full text: the deadline not passed, and in one of so many ranges."""
    rush = ListingEntry.rush
    found: list[Any] = [rush < bindparam("rush", type_=BigInteger)]
    if bounds:
        found.append(or_(*(
            (rush >= bindparam(f"from{n}", type_=BigInteger)) & (rush <= bindparam(f"to{n}", type_=BigInteger))
            for n in range(bounds)
        )))
    return found if further is None else [*found, further]


def parameters(state: Moment, found: Sought) -> dict[str, Any]:
    given: dict[str, Any] = {"rush": state.rush}
    for n, (first, last) in enumerate(found.bounds):
        given |= {f"from{n}": first, f"to{n}": last}
    return given | ({"question": found.question} if found.question else {})
