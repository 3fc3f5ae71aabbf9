"""The order by fit: the newest `WINDOW` hits are weighed, then the next older ones, so that a page costs the same however
many hits there are.

A hit is worth more for each word the rarer the word is, and more where it stands in the title, or among employer, places
and skills, than in the description alone. Of equals the newer comes first.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, bindparam, func, select

from careercenter import db
from careercenter.listings.index import database
from careercenter.listings.index.asking import Moment, Sought, conditions, frequency, parameters
from careercenter.listings.index.tables import ListingEntry

WINDOW = 2000
WORTH = {"title": 8, "about": 3}
"""How much more a word counts there, measured by one that stands in the description."""


def weights(found: Sought) -> tuple[int, ...]:
    """What each group of words is worth, in hundredths: by how few entries have it."""
    known = frequency(word for group in found.wanted for phrase in group for word in phrase)
    entries = db.session.scalar(select(func.count()).select_from(ListingEntry)) or 1
    worth = []
    for group in found.wanted:
        n = min(entries, sum(min(known.get(word, 0) for word in phrase) for phrase in group))
        worth.append(round(100 * math.log(1 + entries / (n + 1))))
    return tuple(worth)


def ranked(state: Moment, found: Sought, worth: Sequence[int], below: int) -> list[tuple[int, int]]:
    """(score, key) of the newest hits below a key, best first. Empty when there are none."""
    given = parameters(state, found) | {"below": below}
    keys = [row[0] for row in db.ask(_newest(state.database, len(found.bounds)), **given)]
    if not keys:
        return []
    score = dict.fromkeys(keys, sum(worth))
    for weight, columns in zip(worth, database().columns_hit(found.question, keys, found.wanted), strict=True):
        for name, more in WORTH.items():
            for key in columns[name] & score.keys():
                score[key] += weight * more
    return sorted(((n, key) for key, n in score.items()), reverse=True)


@lru_cache(maxsize=16)
def _newest(kind: str, bounds: int) -> Any:
    text = database()
    found = select(text.KEY).join(ListingEntry, ListingEntry.key == text.KEY).where(text.matches(), *conditions(bounds))
    return found.where(bindparam("below", type_=BigInteger) > text.KEY).order_by(text.KEY.desc()).limit(WINDOW)
