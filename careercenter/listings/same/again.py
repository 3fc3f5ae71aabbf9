"""Grouping every listing again, after the figures changed: all are noted part by part, and worked off like any change. Killed at
any moment, what was noted stays noted, and the figures count as applied only when everything is."""

from sqlalchemy import delete, func, select, update

from careercenter import db
from careercenter.listings.same import figures
from careercenter.listings.same.model import WorkFigures, WorkMove, WorkProfile
from careercenter.listings.same.regroup import alone
from careercenter.listings.touched import touch

PART = 1000


def note(after: int) -> int:
    """Note the next listings behind the id `after`, in the caller's transaction. Gives the last one's id; 0 when all are noted."""
    alone()
    following = select(WorkProfile.listing_id).where(WorkProfile.listing_id > after).order_by(WorkProfile.listing_id).limit(PART)
    ids = list(db.session.scalars(following))
    if not ids:
        db.session.execute(delete(WorkFigures))
        figures.keep_first()
        return 0
    db.session.execute(update(WorkProfile).where(WorkProfile.listing_id.in_(ids)).values(digest=""))
    touch(ids)
    return ids[-1]


def moves() -> int:
    """How often listings went from one group to another, ever."""
    return db.session.scalar(select(func.max(WorkMove.id))) or 0
