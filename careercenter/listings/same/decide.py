"""Staff's word on which listings are the same work. It outlives whatever the listings become, and can be taken back.

Each of these changes rows in the caller's transaction and looks at the listings at once, so that the page after it shows what
followed.
"""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from careercenter import audit, db
from careercenter.listings import touched
from careercenter.listings.model import Listing
from careercenter.listings.same.model import APART, OUTRANKED, SAME, WorkPair, WorkProfile
from careercenter.listings.same.regroup import alone
from careercenter.people.model import Person

WORDS = {SAME: "the same work", APART: "different work"}


def decide(pair_id: int, decision: str, version: int, *, by: audit.Actor, now: datetime) -> WorkPair:
    """Say of a pair that it is the same work ("same") or not ("apart"). Raises `db.Conflict` when somebody else was first, or
    the listings are not those that were looked at."""
    if decision not in WORDS:
        raise db.Refused("Choose whether the two are the same work.")
    pair = _claim(pair_id, version, undecided=True)
    pair.decision, pair.decided_at, pair.decided_by_id, pair.version = decision, now, by.person_id, pair.version + 1
    _record(f"work.{decision}", pair, by, now)
    return pair


def take_back(pair_id: int, version: int, *, by: audit.Actor, now: datetime) -> WorkPair:
    """Leave a decided pair to the method again. Raises like `decide`."""
    pair = _claim(pair_id, version, undecided=False)
    before = pair.decision
    pair.decision, pair.decided_at, pair.decided_by_id, pair.version = None, None, None, pair.version + 1
    _record("work.undecided", pair, by, now, before or "")
    return pair


def part(listing_id: int, opportunity_id: int, *, by: audit.Actor, now: datetime) -> list[int]:
    """Take a listing out of its group, for good: it is other work than each of them. Gives their ids.

    `opportunity_id` is the group as the page showed it; `db.Conflict` when the listing is in another one by now.
    """
    alone()
    listing = db.session.get(Listing, listing_id, populate_existing=True)
    if listing is None:
        raise db.NotFound
    others = select(Listing.id).where(Listing.opportunity_id == opportunity_id, Listing.id != listing_id).order_by(Listing.id)
    mates = list(db.session.scalars(others))
    if listing.opportunity_id != opportunity_id or not mates:
        raise db.Conflict("This listing was grouped anew a moment ago.")
    insert = postgresql.insert if db.is_postgresql() else sqlite.insert
    word = {"decision": APART, "decided_at": now, "decided_by_id": by.person_id}
    rows = [
        {"a_id": min(listing_id, mate), "b_id": max(listing_id, mate), "ground": "decision", "score": 0.0, "evidence": {},
         "state": OUTRANKED, "version": 1, **word}
        for mate in mates
    ]
    said = insert(WorkPair).values(rows)
    said = said.on_conflict_do_update(index_elements=["a_id", "b_id"], set_={**word, "version": WorkPair.version + 1})
    db.session.execute(said)
    audit.record("work.parted", "listing", listing_id, by=by, now=now, detail={"from": mates})
    _look_at([listing_id, *mates])
    return mates


def _claim(pair_id: int, version: int, *, undecided: bool) -> WorkPair:
    """The pair, locked, as the page showed it."""
    alone()
    wanted = select(WorkPair).where(WorkPair.id == pair_id).with_for_update().execution_options(populate_existing=True)
    pair = db.session.scalar(wanted)
    if pair is None:
        raise db.Conflict("These two are no longer in question: one of the listings changed.")
    if undecided and pair.decision is not None:
        first = db.session.get(Person, pair.decided_by_id) if pair.decided_by_id else None
        raise db.Conflict(f"{first.name if first else 'Somebody'} was first and said that this is {WORDS[pair.decision]}.")
    if pair.version != version or (not undecided and pair.decision is None):
        raise db.Conflict("One of the two listings, or what was said of them, changed while you looked.")
    return pair


def _record(action: str, pair: WorkPair, by: audit.Actor, now: datetime, before: str = "") -> None:
    detail = {"listings": [pair.a_id, pair.b_id], "score": pair.score, "ground": pair.ground}
    audit.record(action, "work_pair", pair.id, by=by, now=now, reason=before, detail=detail)
    _look_at([pair.a_id, pair.b_id])


def _look_at(ids: list[int]) -> None:
    """Group these again now. What a sync is just writing follows by itself a little later."""
    db.session.flush()
    db.session.execute(update(WorkProfile).where(WorkProfile.listing_id.in_(ids)).values(digest=""))
    touched.touch(ids)
    touched.look_at(ids)
