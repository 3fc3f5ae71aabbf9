"""Brings the index up to listings that changed, and its counters with it: what a change costs depends on the change.

All of it happens in the caller's transaction, so that entries, words and counters never differ.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased

from careercenter import db
from careercenter.listings.index import database
from careercenter.listings.index.entry import CHOICES, Entry, counters, entry_of
from careercenter.listings.index.tables import ListingEntry, SearchCombination, SearchLabel, SearchMark
from careercenter.listings.model import OPEN, Board, Listing

_Mate = aliased(Listing)
MATE_PLACES = (
    select(func.aggregate_strings(_Mate.place, "\n"))
    .where(_Mate.opportunity_id == Listing.opportunity_id, _Mate.board_id == Listing.board_id, _Mate.id != Listing.id, _Mate.state == OPEN)
    .correlate(Listing).scalar_subquery().label("mate_places")
)
"""Where else the same requisition is open: lists show one of its listings, and it is found by all its places."""
COLUMNS = (
    Listing.id, Listing.kind, Listing.title, Listing.employer, Listing.place, Listing.workplace, Listing.pay_kind,
    Listing.hourly_cents, Listing.min_minutes, Listing.max_minutes, Listing.hours_per, Listing.deadline_at, Listing.posted_at,
    Listing.first_seen_at, Listing.words, Listing.draft, Board.platform, MATE_PLACES,
)
_CHOSEN = [getattr(SearchCombination, name) for name in CHOICES]


def wanted(*condition: Any) -> Any:
    """The rows of the listings that belong into the index, for `entry_of`."""
    found = select(*COLUMNS).join(Board, Board.id == Listing.board_id)
    return found.where(Listing.state == OPEN, Listing.shown, *condition)


def look_again(listing_ids: Sequence[int]) -> None:
    """Make the entries of these listings what their rows say, whatever they were before."""
    database().lock()
    columns = (ListingEntry.key, ListingEntry.listing_id, ListingEntry.digest, ListingEntry.combination_id, ListingEntry.rush,
               ListingEntry.skills, ListingEntry.places)
    old = db.session.execute(select(*columns).where(ListingEntry.listing_id.in_(listing_ids))).all()
    new = {entry.listing_id: entry for entry in map(entry_of, db.session.execute(wanted(Listing.id.in_(listing_ids))))}
    stands = {row.listing_id for row in old if row.listing_id in new and row.digest == new[row.listing_id].digest}
    gone = [row for row in old if row.listing_id not in stands]
    fresh = [entry for listing_id, entry in new.items() if listing_id not in stands]
    if gone or fresh:
        _exchange(gone, fresh)


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
        text.put(fresh)
    text.add("search_word", ("word",), sorted((word, n) for word, n in words.items() if n))
    text.add("search_count", ("name", "combination_id", "value"), sorted((*key, n) for key, n in counts.items() if n))
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
    rows = [
        {"key": e.key, "listing_id": e.listing_id, "combination_id": combinations[e.choices], "rush": e.rush, "hourly": e.hourly,
         "arrived": e.arrived, "skills": " ".join(e.skills), "places": " ".join(e.places), "digest": e.digest}
        for e in entries
    ]
    db.session.connection().execute(insert(ListingEntry), rows)
    labels = {("skill", value): label for e in entries for value, label in e.skills.items()}
    labels |= {("city", value): label for e in entries for value, label in e.places.items()}
    if labels:
        made = [{"name": name, "value": value, "label": label} for (name, value), label in sorted(labels.items())]
        db.session.execute(_insert_new(SearchLabel).on_conflict_do_nothing(), made)


def _remark() -> None:
    """Say that the index is another one now."""
    mark = secrets.randbits(62)
    if not db.changed(update(SearchMark).values(mark=mark)):
        db.session.execute(insert(SearchMark).values(id=1, mark=mark))


def _insert_new(model: Any) -> Any:
    return (postgresql.insert if db.is_postgresql() else sqlite.insert)(model)
