"""Listings that staff enter by hand, or paste from a platform that may not be read by program.

Each entry, change and closing is kept as an arrival of its board and read by the next run like anything else that comes in,
so that history, search, grouping and quarantine know no second way. The newest arrival of a post is what its form shows; its
number is the version that a change is made on.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import aliased

from careercenter import audit, db
from careercenter.audit import Actor
from careercenter.listings import arrivals
from careercenter.listings.arrivals import WAITING, Arrival
from careercenter.listings.model import IS_OPEN, Board, Listing, Quarantined
from careercenter.listings.sources import board_row, configured, open_source
from careercenter.platforms import pasted, registry
from careercenter.platforms.contract import PlatformError, PlatformKind, Pushed, Spec
from careercenter.platforms.kinds.pushes import CLOSED

SHOWN = 100


@dataclass(frozen=True)
class Place:
    """A board that staff enter listings into."""

    platform: str
    board: str
    spec: Spec


@dataclass(frozen=True)
class Entered:
    """One entry as the list shows it. `state`: open, closed, waiting (a run has yet to read it) or aside (`reason` says why)."""

    board_id: int
    post_id: str
    title: str
    employer: str
    source: str
    at: datetime
    state: str
    listing_id: int | None
    reason: str


def places() -> list[Place]:
    """The boards of every usable source that staff enter by hand."""
    return list(_places())


def _places() -> Iterator[Place]:
    for source, board in configured():
        with suppress(PlatformError):
            if registry.get(source.platform).spec().kind is PlatformKind.MANUAL:
                yield Place(source.platform, board, open_source(source.platform, board).spec)


def recognised(address: str) -> tuple[Place, str, str] | None:
    """The place that a pasted address belongs to, with the post's id and short address."""
    for place in _places():
        if place.spec.entry and (found := pasted.recognised(place.spec.entry, address)):
            return place, *found
    return None


def enter(place: Place, post_id: str, record: Mapping[str, Any], *, by: Actor, now: datetime) -> Board:
    """Keep a new entry, in the caller's transaction. Raises Conflict when the post was entered before."""
    board = board_row(place.platform, place.board)
    if latest(board.id, post_id):
        raise db.Conflict("This listing was entered before. Find it among the entries and change it there.")
    _keep(board, post_id, 1, "entered", record, by, now, now)
    return board


def change(board: Board, post_id: str, version: int, record: Mapping[str, Any], *, by: Actor, now: datetime) -> None:
    """Keep a change of an entry, made on its `version`; a closed one is open again by it. Raises Conflict, NotFound."""
    before = _current(board, post_id, version)
    _keep(board, post_id, version + 1, "changed", record, by, now, before.occurred_at)


def close(board: Board, post_id: str, version: int, reason: str, *, by: Actor, now: datetime) -> None:
    """Close an entry; its form keeps what it said. `reason` stands in the listing's history. Raises Conflict, NotFound."""
    before = _current(board, post_id, version)
    record = {**json.loads(before.body), "closed": f"Closed by {by.label}: {reason}"}
    _keep(board, post_id, version + 1, CLOSED, record, by, now, before.occurred_at, reason)


def latest(board_id: int, post_id: str) -> Arrival | None:
    """The newest arrival of a post: what its form shows."""
    mine = (Arrival.board_id == board_id) & (Arrival.post_id == post_id)
    return db.session.scalars(select(Arrival).where(mine).order_by(Arrival.id.desc()).limit(1)).one_or_none()


def listing_id(board_id: int, post_id: str) -> int | None:
    """The listing that an entry became; None while no run has read it, or when it was set aside."""
    return db.session.scalar(select(Listing.id).where(Listing.board_id == board_id, Listing.post_id == post_id))


def version_of(arrival: Arrival) -> int:
    return int(arrival.event_id.rpartition("#")[2])


def content(arrival: Arrival) -> dict[str, Any]:
    """The entry's fields as they were kept."""
    found: dict[str, Any] = json.loads(arrival.body)
    return found


def aside(board_id: int, post_id: str) -> str:
    """Why the last reading of an entry set it aside; empty when it did not."""
    mine = (Quarantined.board_id == board_id) & (Quarantined.post_id == post_id)
    return db.session.scalar(select(Quarantined.reason).where(mine)) or ""


def entries(before: int = 0, limit: int = SHOWN) -> tuple[list[Entered], int]:
    """The entries that changed last, newest first; and what comes as `before` to go on from there, 0 at the end."""
    labels = {place.platform: place.spec.label for place in _places()}
    newer = aliased(Arrival)
    replaced = exists().where(newer.board_id == Arrival.board_id, newer.post_id == Arrival.post_id, newer.id > Arrival.id)
    rows = db.session.execute(
        select(Arrival, Board, Listing.id, Listing.state, Quarantined.reason).join(Board, Board.id == Arrival.board_id)
        .outerjoin(Listing, (Listing.board_id == Arrival.board_id) & (Listing.post_id == Arrival.post_id))
        .outerjoin(Quarantined, (Quarantined.board_id == Arrival.board_id) & (Quarantined.post_id == Arrival.post_id))
        .where(Board.platform.in_(labels), ~replaced, *([Arrival.id < before] if before else []))
        .order_by(Arrival.id.desc()).limit(limit + 1)
    ).all()
    shown = [_entry(arrival, labels[board.platform], number, state, reason) for arrival, board, number, state, reason in rows[:limit]]
    return shown, rows[limit - 1][0].id if len(rows) > limit else 0


def count_open() -> int:
    """How many listings that staff entered are open."""
    mine = select(Board.id).where(Board.platform.in_({place.platform for place in _places()}))
    return db.session.scalar(select(func.count()).where(Listing.board_id.in_(mine), IS_OPEN)) or 0


def _entry(arrival: Arrival, source: str, listing_id: int | None, state: str | None, reason: str | None) -> Entered:
    told = content(arrival)
    stands = "waiting" if arrival.state == WAITING else "aside" if reason else state or "waiting"
    return Entered(
        arrival.board_id, arrival.post_id, told["title"], told["employer"], source, arrival.arrived_at, stands, listing_id, reason or ""
    )


def _current(board: Board, post_id: str, version: int) -> Arrival:
    found = latest(board.id, post_id)
    if found is None:
        raise db.NotFound
    if version_of(found) != version:
        raise db.Conflict("Somebody changed this listing a moment before you.")
    return found


def _keep(
    board: Board, post_id: str, version: int, what: str, record: Mapping[str, Any], by: Actor, now: datetime, after: datetime,
    reason: str = "",
) -> None:
    """The arrival, under the post's id and the version that it makes: of two at once the second finds the first one there."""
    body = json.dumps({**record, "id": post_id}, ensure_ascii=False, sort_keys=True).encode()
    event = Pushed(f"{post_id}#{version}", what, post_id, body, max(now, after), now)
    kept = arrivals.keep(board.id, event)
    if kept is None:
        raise db.Conflict("Somebody changed this listing a moment before you.")
    audit.record(
        f"listing.{what}", "arrival", kept, by=by, now=now, reason=reason,
        detail={"board": f"{board.platform}/{board.board}", "post": post_id, "title": record["title"]},
    )
