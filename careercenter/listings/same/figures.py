"""By which figures listings are grouped: `[same_work]` of the settings, and the weights. Kept, so that a change shows."""

import hashlib
import json

from sqlalchemy import insert, select

from careercenter import db
from careercenter.listings.same import score
from careercenter.listings.same.model import WorkFigures


def in_force() -> str:
    """A word for today's figures; it changes with each of them."""
    weights = score.shipped()
    told = [db.settings().platforms.same_work.model_dump(mode="json"), weights.version, weights.bias, weights.weights]
    return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=16).hexdigest()


def kept() -> str | None:
    """The word for the figures by which listings were grouped; None before any was."""
    return db.session.scalar(select(WorkFigures.word))


def outdated() -> bool:
    """Whether there are listings that were grouped by other figures than those in force."""
    return kept() not in (None, in_force())


def keep_first() -> None:
    """Keep today's figures where none are kept yet. In the caller's transaction, which groups alone."""
    if kept() is None:
        db.session.execute(insert(WorkFigures).values(id=1, word=in_force()))
