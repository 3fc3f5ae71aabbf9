"""Whether the index equals the listings: every entry, word and counter, made anew and compared. `standing` only counts them, which
`careercenter doctor` does; the rest reads everything, for `careercenter listings index` and for tests."""

from collections import Counter
from typing import Any

from sqlalchemy import delete, func, insert, select

from careercenter import db
from careercenter.listings.index import database
from careercenter.listings.index.entry import counters, entry_of
from careercenter.listings.index.keep import known_combinations, wanted
from careercenter.listings.index.tables import ListingEntry, SearchCount, SearchWord
from careercenter.listings.model import IS_OPEN, Listing
from careercenter.listings.touched import Touched

CHUNK = 1000


def standing() -> tuple[int, int, int]:
    """How many changed listings wait to be looked at, how many entries there are and how many there should be then."""
    waiting = db.session.scalar(select(func.count()).select_from(Touched)) or 0
    held = db.session.scalar(select(func.count()).select_from(ListingEntry)) or 0
    right = db.session.scalar(select(func.count()).select_from(Listing).where(IS_OPEN, Listing.shown)) or 0
    return waiting, held, right


def differences(most: int = 10) -> list[str]:
    """What is wrong, one sentence each; nothing when the index has caught up with all that changed and is right."""
    pending = set(db.session.scalars(select(Touched.listing_id)))
    if pending:
        return [f"{len(pending):,} listings that changed have not been looked at yet."]
    entries, words, counts = _expected()
    held = {row.listing_id: (row.key, row.digest) for row in db.session.execute(
        select(ListingEntry.listing_id, ListingEntry.key, ListingEntry.digest)
    )}
    said = [f"Listing {n} is not in the index as it is." for n in sorted(entries.keys() | held.keys()) if entries.get(n) != held.get(n)]
    said += _compare("word", words, {row.word: row.n for row in db.session.execute(select(SearchWord.word, SearchWord.n))})
    known = select(SearchCount.name, SearchCount.combination_id, SearchCount.value, SearchCount.n)
    said += _compare("counter", counts, {tuple(row[:-1]): row[-1] for row in db.session.execute(known)})
    texts = Counter(word for word in _texts([key for key, _ in held.values()]) if ":" not in word or word.startswith("in:"))
    said += _compare("text of the word", words, texts)
    return said[:most]


def _expected() -> tuple[dict[int, tuple[int, int]], Counter[Any], Counter[Any]]:
    """By listing the key and digest of its entry; how many entries have each word; the counters."""
    entries: dict[int, tuple[int, int]] = {}
    words: Counter[Any] = Counter()
    counts: Counter[Any] = Counter()
    combinations = known_combinations()
    for row in db.session.execute(wanted().execution_options(yield_per=CHUNK)):
        entry = entry_of(row)
        entries[entry.listing_id] = (entry.key, entry.digest)
        words.update(entry.vocabulary)
        counts.update(counters(combinations.get(entry.choices, -1), entry.rush, entry.skills, entry.places))
    return entries, words, counts


def _texts(keys: list[int]) -> list[str]:
    """Every word of every text, once for each entry."""
    found: list[str] = []
    for start in range(0, len(keys), CHUNK):
        for held in database().words_of(keys[start : start + CHUNK]):
            found += held
    return found


def _compare(what: str, right: Counter[Any], held: dict[Any, int]) -> list[str]:
    wrong = [name for name in right.keys() | held.keys() if right.get(name, 0) != held.get(name, 0)]
    return [f"The {what} {name} is counted {held.get(name, 0)} times, not {right.get(name, 0)}." for name in sorted(wrong, key=str)]


def rebuild() -> None:
    """Empty the index and note every listing, so that the next catch-up makes it anew. In the caller's transaction."""
    database().lock()
    for table in (ListingEntry, SearchWord, SearchCount):
        db.session.execute(delete(table))
    db.session.execute(delete(Touched))
    db.session.execute(insert(Touched).from_select(["listing_id"], select(Listing.id)))
