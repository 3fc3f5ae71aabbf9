"""The order by fit: the newest `WINDOW` hits are weighed, then the next older ones, so that a page costs the same however
many hits there are.

A hit is worth more for each word the rarer the word is, and more where it stands in the title, or among employer, places
and skills, than in the description alone. Of equals the newer comes first.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, bindparam, select

from careercenter.listings.index import database, tally
from careercenter.listings.index.asking import Moment, Sought, conditions, frequency, parameters, timeless
from careercenter.listings.index.tables import ListingEntry

WINDOW = 2000
WORTH = {"title": 8, "about": 3}
"""How much more a word counts there, measured by one that stands in the description."""
SPARE = 1.2
"""So many times the entries that should hold a window are searched for it first."""
FEW = 50
"""Hits so many times rarer than one of their words are looked up; else that word is read through, without the others."""


def weights(state: Moment, found: Sought) -> tuple[int, ...]:
    """What each group of words is worth, in hundredths: by how few entries have it."""
    every = max(1, tally.entries())
    return tuple(round(100 * math.log(1 + every / (min(every, n) + 1))) for n in frequencies(state, found))


@lru_cache(maxsize=256)
def frequencies(state: Moment, found: Sought) -> tuple[int, ...]:
    """In how many entries each group of words may be."""
    return tuple(sum(min(frequency(word) for word in phrase) for phrase in group) for group in found.wanted)


def weighed(state: Moment, found: Sought, worth: Sequence[int], below: int) -> list[tuple[int, int]]:
    """(score, key) of the newest hits below a key, in no order. Empty when there are none."""
    keys = _window(state, found, below)
    if not keys:
        return []
    score = dict.fromkeys(keys, sum(worth))
    asked = [found.question if FEW * len(keys) < n else "" for n in frequencies(state, found)]
    for weight, columns in zip(worth, database().columns_hit(asked, keys, found.wanted), strict=True):
        for name, more in WORTH.items():
            for key in score.keys() & columns[name]:
                score[key] += weight * more
    return [(n, key) for key, n in score.items()]


def _window(state: Moment, found: Sought, below: int) -> list[int]:
    """The keys of the newest hits below a key, looked for first among so many entries as should hold them."""
    text, every = database(), max(1, tally.entries())
    newest = _newest(state.database, len(found.bounds), timeless(state, found))
    given = parameters(state, found) | {"below": below}
    enough = WINDOW * SPARE / math.prod(max(1, min(every, n)) / every for n in frequencies(state, found))
    if enough < every / 2 and (since := text.since(below, int(enough))):
        keys: list[int] = text.gathered(newest, given | {"since": since})
        if len(keys) == WINDOW:
            return keys
    found_there: list[int] = text.gathered(newest, given | {"since": 0})
    return found_there


@lru_cache(maxsize=16)
def _newest(kind: str, bounds: int, text_alone: bool) -> Any:
    """The newest hits, from one key to another."""
    text = database()
    found = select(text.KEY.label("key")).where(text.matches())
    if not text_alone:
        found = found.join(ListingEntry, ListingEntry.key == text.KEY).where(*conditions(bounds))
    between = bindparam("below", type_=BigInteger) > text.KEY, bindparam("since", type_=BigInteger) <= text.KEY
    return text.gather(found.where(*between).order_by(text.KEY.desc()).limit(WINDOW))
