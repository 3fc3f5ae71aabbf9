"""Which listings changed since grouping and search last looked: written with every transition, worked off in batches.

A row is made in the transaction that changes a listing, and goes in the one that has caught up with it. So a process
that is killed in between loses nothing, and two that catch up at once share the work.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db
from careercenter.listings.index import keep

BATCH = 1000


class Touched(db.Model):
    """A listing that grouping and search have to look at again."""

    __tablename__ = "listing_touched"

    listing_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


_NOTE_SQLITE = text("INSERT OR IGNORE INTO listing_touched (listing_id) SELECT value FROM json_each(:ids)")
_NOTE_POSTGRESQL = text(
    "INSERT INTO listing_touched (listing_id) SELECT DISTINCT unnest(CAST(:ids AS integer[])) ON CONFLICT DO NOTHING"
)


def touch(listing_ids: Iterable[int]) -> None:
    """Note listings that changed. In the caller's transaction; one that is noted already stays noted."""
    ids = list(listing_ids)
    if ids and db.is_postgresql():
        db.session.execute(_NOTE_POSTGRESQL, {"ids": ids})
    elif ids:
        db.session.execute(_NOTE_SQLITE, {"ids": str(ids)})


def waits(now: datetime) -> bool:
    """Whether anything is to be caught up with."""
    return db.session.scalar(select(Touched.listing_id).limit(1)) is not None


def catch_up() -> int:
    """Work off everything noted, a batch per transaction. Returns how many listings were looked at."""
    done = 0
    while True:
        with db.transaction():
            some = select(Touched.listing_id).order_by(Touched.listing_id).limit(BATCH).scalar_subquery()
            ids = list(db.session.scalars(delete(Touched).where(Touched.listing_id.in_(some)).returning(Touched.listing_id)))
            if not ids:
                return done
            _look_again(ids)
        done += len(ids)


def _look_again(ids: list[int]) -> None:
    """What follows from changed listings: first which of them are the same work, then what search shows of them."""
    keep.look_again(ids)
