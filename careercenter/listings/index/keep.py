"""Brings the index up to listings that changed, and its counters with it: what a change costs depends on the change.

All of it happens in the caller's transaction, so that entries, words and counters never differ; but for `merge`, which changes
nothing that anybody finds.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Table, case, delete, func, insert, select, update
from sqlalchemy.orm import aliased

from careercenter import db
from careercenter.listings import bulk
from careercenter.listings.index import database
from careercenter.listings.index.entry import CHOICES, Entry, counters, entry_of
from careercenter.listings.index.tables import ListingEntry, SearchCombination, SearchLabel, SearchMark
from careercenter.listings.model import IS_OPEN, OPEN, Board, Listing

_Mate = aliased(Listing)
MATE_PLACES = (
    select(func.aggregate_strings(case(((_Mate.board_id == Listing.board_id) & (_Mate.state == OPEN), _Mate.place)), "\n"))
    .where(_Mate.opportunity_id == Listing.opportunity_id, _Mate.id != Listing.id)
    .correlate(Listing).scalar_subquery().label("mate_places")
)
"""Where else the same requisition is open: lists show one of its listings, and it is found by all its places. Only the opportunity
is a condition: without statistics, as while all is read for the first time, PostgreSQL went through every open listing for each."""
COLUMNS = (
    Listing.id, Listing.kind, Listing.title, Listing.employer, Listing.place, Listing.workplace, Listing.pay_kind,
    Listing.hourly_cents, Listing.min_minutes, Listing.max_minutes, Listing.hours_per, Listing.deadline_at, Listing.posted_at,
    Listing.first_seen_at, Listing.description_html, Listing.draft, Board.platform, MATE_PLACES,
)
ENTRY, LABEL = cast(Table, ListingEntry.__table__), cast(Table, SearchLabel.__table__)
_CHOSEN = [getattr(SearchCombination, name) for name in CHOICES]


def wanted(*condition: Any) -> Any:
    """The rows of the listings that belong into the index, for `entry_of`."""
    found = select(*COLUMNS).join(Board, Board.id == Listing.board_id)
    return found.where(IS_OPEN, Listing.shown, *condition)


def look_again(listing_ids: Sequence[int]) -> None:
    """Make the entries of these listings what their rows say, whatever they were before."""
    text = database()
    text.lock()
    held, shown = _statements(text)
    old = db.ask(held, keys=text.listed(listing_ids))
    new = {entry.listing_id: entry for entry in map(entry_of, db.ask(shown, keys=text.listed(listing_ids)))}
    stands = {row.listing_id for row in old if row.listing_id in new and row.digest == new[row.listing_id].digest}
    gone = [row for row in old if row.listing_id not in stands]
    fresh = [entry for listing_id, entry in new.items() if listing_id not in stands]
    if gone or fresh:
        _exchange(gone, fresh)


def merge() -> int:
    """Bring the pieces that full text was written in together: each question looks into every piece. A little in each transaction,
    its own, so that others get their turn. Returns how many there were."""
    done = 0
    while True:
        with db.transaction():
            if not database().merge(first=done == 0):
                return done
        done += 1


@lru_cache(maxsize=2)
def _statements(text: Any) -> tuple[Any, Any]:
    """The entries of some listings, and the rows that they should be made from."""
    columns = (ListingEntry.key, ListingEntry.listing_id, ListingEntry.digest, ListingEntry.combination_id, ListingEntry.rush,
               ListingEntry.skills, ListingEntry.places)
    return select(*columns).where(text.among(ListingEntry.listing_id)), wanted(text.among(Listing.id))


def _exchange(gone: Sequence[Any], fresh: Sequence[Entry]) -> None:
    text = database()
    combinations = _combinations(fresh)
    words: Counter[str] = Counter()
    for held in text.words_of([row.key for row in gone]) if gone else ():
        words.subtract(word for word in held if ":" not in word or word.startswith("in:"))
    counts: Counter[tuple[str, int, str]] = Counter()
    for row in gone:
        counts.subtract(counters(row.combination_id, row.rush, row.skills.split(), row.places.split()))
    if gone:
        db.session.execute(delete(ListingEntry).where(ListingEntry.key.in_([row.key for row in gone])))
    for entry in fresh:
        words.update(entry.vocabulary)
        counts.update(counters(combinations[entry.choices], entry.rush, entry.skills, entry.places))
    if fresh:
        _insert(fresh, combinations)
        _name(fresh)
        text.put(fresh)
    text.add("search_word", ("word",), [(word, words[word]) for word in sorted(words) if words[word]])
    text.add("search_count", ("name", "combination_id", "value"), [(*key, counts[key]) for key in sorted(counts) if counts[key]])
    _remark()


def _combinations(entries: Iterable[Entry]) -> dict[tuple[str, ...], int]:
    """The id of each combination, made where there is none yet."""
    needed = {entry.choices for entry in entries}
    known = known_combinations()
    missing = sorted(needed - known.keys())
    if missing:
        db.session.execute(insert(SearchCombination), [dict(zip(CHOICES, choices, strict=True)) for choices in missing])
        known = known_combinations()
    return known


def known_combinations() -> dict[tuple[str, ...], int]:
    """The id of every combination that there ever was."""
    return {tuple(choices): number for number, *choices in db.session.execute(select(SearchCombination.id, *_CHOSEN))}


def _insert(entries: Sequence[Entry], combinations: dict[tuple[str, ...], int]) -> None:
    names = ("key", "listing_id", "combination_id", "rush", "hourly", "arrived", "skills", "places", "digest")
    bulk.insert(ENTRY, names, [
        (e.key, e.listing_id, combinations[e.choices], e.rush, e.hourly, e.arrived, " ".join(e.skills), " ".join(e.places), e.digest)
        for e in entries
    ])


def _name(entries: Sequence[Entry]) -> None:
    """Keep how skills and cities are written, of those that have no label yet."""
    labels = {("skill", value): label for e in entries for value, label in e.skills.items()}
    labels |= {("city", value): label for e in entries for value, label in e.places.items()}
    known = select(SearchLabel.name, SearchLabel.value).where(SearchLabel.value.in_({value for _, value in labels}))
    for row in db.session.execute(known) if labels else ():
        labels.pop((row.name, row.value), None)
    bulk.insert(LABEL, ("name", "value", "label"), [(*key, label) for key, label in sorted(labels.items())])


def _remark() -> None:
    """Say that the index is another one now."""
    mark = secrets.randbits(62)
    if not db.changed(update(SearchMark).values(mark=mark)):
        db.session.execute(insert(SearchMark).values(id=1, mark=mark))

