"""Stores one batch of a read: writes what differs, and nothing else. Runs inside the caller's transaction.

What a batch's records are is decided in `sorting`; here each kind of change is one statement over many rows, and every
transition of a listing leaves its event.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, cast

import msgspec
from sqlalchemy import Table, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from careercenter import db
from careercenter.listings import bulk
from careercenter.listings.model import CLOSED, OPEN, Listing, ListingEvent, Quarantined
from careercenter.listings.sorting import Batch, Reading, already_bad, lookup, sort
from careercenter.listings.touched import touch, touch_new
from careercenter.platforms import draft as form
from careercenter.platforms.contract import PlatformKind

LISTING = cast(Table, Listing.__table__)
EVENT = cast(Table, ListingEvent.__table__)
ARRIVED = {"by": "new in the feed"}
EXPIRED = {"by": "deadline", "note": "It had expired when it arrived."}
SHOWN = {"by": "shown again"}
SAID = (Listing.id, Listing.post_id, Listing.draft, Listing.description_html)


def store(run: Reading, batch: Batch, now: datetime) -> None:
    """Store one batch of a run. Counts in `run.counts` grow by exactly the batch's records."""
    batch.known.update(lookup(run.board_id, batch.unsettled))  # others may have opened or closed these meanwhile
    batch.bad = already_bad(run, batch)
    found = sort(run, batch, now)
    if found.new:
        _insert_new(run, list(found.new.values()), now)
    if found.changed:
        _update_changed(run, found.changed, now)
    if found.rehashed:
        update_many(found.rehashed)
    if found.back:
        _bring_back(run, found.back, now)
    if found.quarantined:
        _quarantine(list(found.quarantined.values()))
    if run.may_mend:
        mended = (Quarantined.board_id == run.board_id) & Quarantined.post_id.in_(batch.good)
        db.session.execute(delete(Quarantined).where(mended))
    if found.buried:
        run.counts.closed += len(found.buried)
        who = "staff" if run.source.spec.kind is PlatformKind.MANUAL else "platform"
        close(run.run_id, {i: {"by": who, "says": words[:500]} for i, words in found.buried.items()}, now)


def _insert_new(run: Reading, rows: list[dict[str, Any]], now: datetime) -> None:
    ids = bulk.take_ids(LISTING, len(rows))
    bulk.insert(LISTING, ("id", "opportunity_id", *rows[0]), [(i, i, *row.values()) for i, row in zip(ids, rows, strict=True)])
    run.seen.update(ids)
    opened = {True: ("opened", ARRIVED), False: ("closed", EXPIRED)}
    _note(run.run_id, now, [(i, *opened[row["state"] == OPEN]) for i, row in zip(ids, rows, strict=True)], touch_new)


def _update_changed(run: Reading, rows: list[dict[str, Any]], now: datetime) -> None:
    ids = [row["key"] for row in rows]
    before = {row.id: row for row in db.session.execute(select(*SAID).where(Listing.id.in_(ids)))}
    events = [(row["key"], "changed", {"fields": differences(before[row["key"]], row)}) for row in rows]
    for row in rows:
        row["draft"] = msgspec.json.decode(row["draft"])
    dated = [row for row in rows if "posted_at" in row]
    undated = [row for row in rows if "posted_at" not in row]
    for group in (dated, undated):
        if group:
            update_many(group)
    _note(run.run_id, now, events)


def differences(held: Any, row: dict[str, Any]) -> dict[str, list[Any]]:
    """Which fields of the normal form changed, with old and new value; long texts are only named. `held` is the listing's row with
    the columns `SAID`, `row` what it is to become."""
    before = held.draft | {"description_html": held.description_html}
    after = msgspec.json.decode(row["draft"]) | {"description_html": row["description_html"]}
    names = sorted(k for k in before.keys() | after.keys() if k not in form.VOLATILE and before.get(k) != after.get(k))
    return {name: [_short(before.get(name)), _short(after.get(name))] for name in names}


def _short(value: Any) -> Any:
    return value if len(json.dumps(value)) <= 200 else "…"


def update_many(rows: list[dict[str, Any]]) -> None:
    """One executemany over rows of the same columns; `key` is the listing's id."""
    columns: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "key"}
    db.session.connection().execute(update(LISTING).where(LISTING.c.id == bindparam("key")).values(columns), rows)


def _bring_back(run: Reading, back: Iterable[tuple[int, bool]], now: datetime) -> None:
    """Open again and forget misses."""
    for was_closed, change in ((True, "reopened"), (False, "returned")):
        ids = [listing_id for listing_id, closed in back if closed is was_closed]
        if ids:
            fresh = {"state": OPEN, "closed_at": None, "misses": 0, "first_missed_at": None, "last_missed_on": None}
            db.session.execute(update(LISTING).where(LISTING.c.id.in_(ids)).values(fresh))
            _note(run.run_id, now, [(i, change, SHOWN) for i in ids])
            run.counts.reopened += len(ids) if was_closed else 0


def _quarantine(rows: list[dict[str, Any]]) -> None:
    insert = (postgresql.insert if db.is_postgresql() else sqlite.insert)(Quarantined)
    fresh = {name: insert.excluded[name] for name in ("run_id", "at", "reason", "raw")}
    db.session.execute(insert.on_conflict_do_update(index_elements=["board_id", "post_id"], set_=fresh), rows)


def close(run_id: int | None, evidence: dict[int, dict[str, Any]], now: datetime) -> None:
    """Close listings by id, each with the evidence it was closed on."""
    for ids in chunks(list(evidence)):
        db.session.execute(update(LISTING).where(LISTING.c.id.in_(ids)).values(state=CLOSED, closed_at=now))
    _note(run_id, now, [(i, "closed", why) for i, why in evidence.items()])


def chunks(ids: list[int], size: int = 500) -> Iterable[list[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


def record_events(events: list[dict[str, Any]]) -> None:
    """Append transitions in one statement, and note whom grouping and search have to look at again."""
    names = ("listing_id", "run_id", "at", "change", "evidence")
    bulk.insert(EVENT, names, [tuple(event[name] for name in names) for event in events])
    touch(event["listing_id"] for event in events)


def _note(
    run_id: int | None, now: datetime, changes: list[tuple[int, str, dict[str, Any]]], noted: Callable[[Iterable[int]], None] = touch
) -> None:
    """`record_events` of one run at one moment: listing, change and evidence."""
    bulk.insert(EVENT, ("run_id", "at", "listing_id", "change", "evidence"), [(run_id, now, *change) for change in changes])
    noted(change[0] for change in changes)
