"""Which listings changed since grouping and search last looked: written with every transition, worked off in batches.

A row is made in the transaction that changes a listing, and goes in the one that has caught up with it. So a process
that is killed in between loses nothing, and two that catch up at once share the work.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Table, delete, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db
from careercenter.listings import bulk
from careercenter.listings.index import keep
from careercenter.listings.model import Listing
from careercenter.listings.same.regroup import regroup

BATCH = 1000


class Touched(db.Model):
    """A listing that grouping and search have to look at again."""

    __tablename__ = "listing_touched"

    listing_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


_NOTE_SQLITE = text("INSERT OR IGNORE INTO listing_touched (listing_id) SELECT value FROM json_each(:ids)")
_NOTE_POSTGRESQL = text(
    "INSERT INTO listing_touched (listing_id) SELECT DISTINCT unnest(CAST(:ids AS integer[])) ORDER BY 1 ON CONFLICT DO NOTHING"
)


def touch(listing_ids: Iterable[int]) -> None:
    """Note listings that changed. In the caller's transaction; one that is noted already stays noted. In the order of their
    ids, so that two who note the same ones wait for each other and do not end in a deadlock."""
    ids = sorted(listing_ids)
    if ids and db.is_postgresql():
        db.session.execute(_NOTE_POSTGRESQL, {"ids": ids})
    elif ids:
        db.session.execute(_NOTE_SQLITE, {"ids": str(ids)})


def touch_new(listing_ids: Iterable[int]) -> None:
    """Note listings that the caller's transaction has made: nobody else can have noted them."""
    bulk.insert(cast(Table, Touched.__table__), ("listing_id",), [(listing_id,) for listing_id in listing_ids])


def waits(now: datetime) -> bool:
    """Whether anything is to be caught up with."""
    return db.session.scalar(select(Touched.listing_id).limit(1)) is not None


def count() -> int:
    """How many listings are noted."""
    return db.session.scalar(select(func.count()).select_from(Touched)) or 0


def catch_up(progress: Callable[[int], None] = lambda done: None) -> int:
    """Work off everything noted, a batch per transaction. Returns how many listings were looked at."""
    done, last = 0, 0
    while True:
        with db.transaction():
            ids = _take(Touched.listing_id > last)
            done += len(ids) - len(_look_again(ids))
        progress(done)
        if not ids:
            return done
        last = max(ids)


def look_at(ids: Iterable[int]) -> None:
    """Look at these listings now, in the caller's transaction, whoever else waits."""
    _look_again(_take(Touched.listing_id.in_(list(ids))))


def _take(which: ColumnElement[bool]) -> list[int]:
    """Some noted listings whose rows are ours to write. One that a sync is just writing is left for the next time: waiting
    for it while holding others would end in a deadlock."""
    noted = select(Touched.listing_id).join(Listing, Listing.id == Touched.listing_id).where(which).order_by(Touched.listing_id)
    ids = list(db.session.scalars(noted.limit(BATCH).with_for_update(of=Listing, key_share=True, skip_locked=True)))
    db.session.execute(delete(Touched).where(Touched.listing_id.in_(ids)))
    return ids


def _look_again(ids: list[int]) -> set[int]:
    """What follows from changed listings: first which of them are the same work, then what search shows of them. Gives those
    that have to wait until the next time."""
    if not ids:
        return set()
    grouped = regroup(ids)
    touch(grouped.later)
    keep.look_again(sorted({*ids, *grouped.shown}))
    return grouped.later
