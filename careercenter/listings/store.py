"""Stores one batch of a read: sorts its records into new, changed, unchanged, quarantined and duplicate, and writes
only what differs. Runs inside the caller's transaction.

A record whose bytes are the known ones is passed over before it is normalised; one whose draft is the known one counts
as unchanged too, whatever its time stamp says. Rows are written in bulk, one statement per kind of change.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.engine import Row

from careercenter import db
from careercenter.listings import normal
from careercenter.listings.model import CLOSED, OPEN, Listing, ListingEvent, Opportunity, Quarantined
from careercenter.listings.report import Counts
from careercenter.listings.sources import Opened
from careercenter.listings.touched import touch
from careercenter.platforms import draft as form
from careercenter.platforms.contract import PlatformKind, Record, Seen, Tombstone, Unreadable
from careercenter.platforms.draft import ListingDraft, Reject

MAX_RAW_BYTES = 2_000_000
MAX_KEPT_RAW = 100_000
LISTING = cast(Table, Listing.__table__)
EVENT = cast(Table, ListingEvent.__table__)
OPPORTUNITY = cast(Table, Opportunity.__table__)
Item = Record | Seen | Unreadable | Tombstone
Normalize = Callable[[Sequence[bytes | dict[str, Any]]], list[ListingDraft | Reject]]


@dataclass
class Reading:
    """What a run knows while it reads a board. `seen` holds listing ids, `bad` the post ids that were quarantined.

    `normalize` turns raw records into drafts, as many as it is given; `drafts` are those of the batch at hand, by the hash
    of their bytes. `continues`: it goes on from a stored cursor.
    """

    run_id: int
    board_id: int
    source: Opened
    zone: ZoneInfo
    normalize: Normalize
    had_quarantine: bool = False
    continues: bool = False
    drafts: dict[bytes, ListingDraft | Reject] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    seen: set[int] = field(default_factory=set)
    bad: set[str] = field(default_factory=set)
    keyless: int = 0

    @property
    def unique(self) -> int:
        return self.counts.received - self.counts.duplicates


@dataclass
class _Batch:
    """The rows that one batch will write."""

    new: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed: list[dict[str, Any]] = field(default_factory=list)
    rehashed: list[dict[str, Any]] = field(default_factory=list)
    back: list[tuple[int, bool]] = field(default_factory=list)  # listing id, whether it was closed
    quarantined: dict[str, dict[str, Any]] = field(default_factory=dict)
    good: set[str] = field(default_factory=set)


def prepare(run: Reading, items: Sequence[Item]) -> None:
    """Normalise the records of a batch that are not known byte for byte. Outside a transaction: foreign code may be slow."""
    records = {_hash(run, i.raw): i.raw for i in items if isinstance(i, Record) and len(_bytes(i.raw)) <= MAX_RAW_BYTES}
    known = {row.raw_hash for row in _known(run.board_id, [i.post_id for i in items if isinstance(i, Record)]).values()}
    db.session.rollback()
    wanted = [h for h in records if h not in known]
    run.drafts = dict(zip(wanted, run.normalize([records[h] for h in wanted]), strict=True)) if wanted else {}


def store(run: Reading, items: Sequence[Item], now: datetime) -> None:
    """Store one batch of a run, which `prepare` has seen. Counts in `run.counts` grow by exactly the batch's records."""
    known = _known(run.board_id, [i.post_id for i in items if isinstance(i, (Record, Seen, Tombstone))])
    batch = _Batch()
    for item in items:
        if isinstance(item, Record):
            run.counts.received += 1
            _sort(run, batch, known.get(item.post_id), item, now)
        elif isinstance(item, Seen):
            run.counts.received += 1
            _stands(run, batch, known.get(item.post_id), item, now)
        elif isinstance(item, Unreadable):
            run.counts.received += 1
            _set_aside(run, batch, None, item.raw, item.reason, now)
    _write(run, batch, now)
    _bury(run, [i for i in items if isinstance(i, Tombstone)], known, now)


def _known(board_id: int, post_ids: list[str]) -> dict[str, Any]:
    columns = (
        Listing.post_id, Listing.id, Listing.raw_hash, Listing.content_hash, Listing.state, Listing.misses,
        Listing.deadline_at,
    )
    storable = [p for p in post_ids if _key_problem(p) is None]
    found = select(*columns).where(Listing.board_id == board_id, Listing.post_id.in_(storable))
    return {row.post_id: row for row in db.session.execute(found)}


def _sort(run: Reading, batch: _Batch, known: Row[Any] | None, record: Record, now: datetime) -> None:
    """Decide what one record is, and put its row in place."""
    post_id = record.post_id
    if post_id in batch.good or (known and known.id in run.seen and post_id not in run.bad):
        run.counts.duplicates += 1
        return
    problem = _key_problem(post_id)
    if problem:
        _set_aside(run, batch, None, record.raw, problem, now)
        return
    raw_hash = _hash(run, record.raw)
    if known and known.raw_hash == raw_hash:
        _unchanged(run, batch, known, now)
        return
    made = _normal(run, record.raw, raw_hash)
    if isinstance(made, str):
        _set_aside(run, batch, post_id, record.raw, made, now)
        if known:
            run.seen.add(known.id)  # unreadable today, but there: not missing
        return
    posted_at, content_hash, values = made
    if known and known.content_hash == content_hash:
        batch.rehashed.append({"key": known.id, "raw_hash": raw_hash})
        _unchanged(run, batch, known, now)
        return
    row = {**values, "raw_hash": raw_hash, "content_hash": content_hash, "changed_at": now}
    batch.good.add(post_id)
    if known:
        _changed(run, batch, known, row, posted_at, now)
    else:
        run.counts.new += 1
        batch.new[post_id] = _new_row(run, post_id, row, posted_at, now)


def _unchanged(run: Reading, batch: _Batch, known: Row[Any], now: datetime) -> None:
    run.counts.unchanged += 1
    run.seen.add(known.id)
    batch.good.add(known.post_id)
    _note_return(batch, known, known.deadline_at, now)


def _stands(run: Reading, batch: _Batch, known: Row[Any] | None, item: Seen, now: datetime) -> None:
    """The platform's word that a post has not changed; for one that we do not have, the word is worth nothing."""
    if known is None:
        key = item.post_id if _key_problem(item.post_id) is None else None
        _set_aside(run, batch, key, b"", "The platform calls this post unchanged, but it was never read; a full read brings it.", now)
    elif known.id in run.seen:
        run.counts.duplicates += 1
    else:
        _unchanged(run, batch, known, now)


def _changed(
    run: Reading, batch: _Batch, known: Row[Any], row: dict[str, Any], posted_at: datetime | None, now: datetime
) -> None:
    run.counts.changed += 1
    run.seen.add(known.id)
    if posted_at is not None:
        row["posted_at"] = min(posted_at, now)
    batch.changed.append({"key": known.id, **row})
    _note_return(batch, known, row["deadline_at"], now)


def _note_return(batch: _Batch, known: Row[Any], deadline_at: datetime | None, now: datetime) -> None:
    """A closed or missed listing that is shown again; one whose deadline has passed stays closed."""
    if known.state == CLOSED and (deadline_at is None or deadline_at > now):
        batch.back.append((known.id, True))
    elif known.state == OPEN and known.misses:
        batch.back.append((known.id, False))


def _new_row(
    run: Reading, post_id: str, row: dict[str, Any], posted_at: datetime | None, now: datetime
) -> dict[str, Any]:
    """Expired on arrival never opens."""
    expired = row["deadline_at"] is not None and row["deadline_at"] <= now
    return {
        **row, "board_id": run.board_id, "post_id": post_id, "posted_at": min(posted_at or now, now),
        "first_seen_at": now, "state": CLOSED if expired else OPEN, "closed_at": now if expired else None, "misses": 0,
    }


def _set_aside(
    run: Reading, batch: _Batch, post_id: str | None, raw: bytes | dict[str, Any], reason: str, now: datetime
) -> None:
    """Quarantine one record. Without a usable post id it is kept under a hash of its bytes."""
    if post_id is not None and post_id in run.bad:
        run.counts.duplicates += 1
        return
    run.counts.quarantined += 1
    if post_id is None:
        run.keyless += 1
        post_id = "#" + hashlib.blake2b(_bytes(raw), digest_size=12).hexdigest()
    else:
        run.bad.add(post_id)
    text = _bytes(raw)[: MAX_KEPT_RAW * 4].decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    batch.quarantined[post_id] = {
        "board_id": run.board_id, "run_id": run.run_id, "post_id": post_id, "at": now,
        "reason": reason.replace("\x00", "").encode(errors="replace").decode()[:2000], "raw": text[:MAX_KEPT_RAW],
    }


def _normal(run: Reading, raw: bytes | dict[str, Any], raw_hash: bytes) -> tuple[datetime | None, bytes, dict[str, Any]] | str:
    """When it was posted, the hash of its content and its columns; or why the record cannot become a listing."""
    if len(_bytes(raw)) > MAX_RAW_BYTES:
        return "The record is larger than 2 MB."
    draft = run.drafts[raw_hash]
    if isinstance(draft, Reject):
        return draft.reason
    try:
        return normal.unfit(draft) or (draft.posted_at, form.content_hash(draft), normal.columns(draft, run.zone))
    except Exception as error:  # noqa: BLE001 - a plugin may fill a draft with values of the wrong type
        return f"The plugin made a listing that cannot be stored ({type(error).__name__})."


def _key_problem(post_id: str) -> str | None:
    if len(post_id) > 200:
        return "Its post id is longer than 200 characters."
    return normal.unstorable(post_id)


def _hash(run: Reading, raw: bytes | dict[str, Any]) -> bytes:
    return hashlib.blake2b(_bytes(raw), digest_size=32, key=run.source.recipe).digest()


def _bytes(raw: bytes | dict[str, Any]) -> bytes:
    if isinstance(raw, bytes):
        return raw
    return json.dumps(raw, sort_keys=True, default=str).encode()


def _write(run: Reading, batch: _Batch, now: datetime) -> None:
    if batch.new:
        _insert_new(run, batch, now)
    if batch.changed:
        _update_changed(run, batch.changed, now)
    if batch.rehashed:
        update_many(batch.rehashed)
    if batch.back:
        _bring_back(run, batch.back, now)
    for values in batch.quarantined.values():
        _quarantine(values)
    if run.had_quarantine or run.bad:
        good = delete(Quarantined).where(Quarantined.board_id == run.board_id, Quarantined.post_id.in_(batch.good))
        db.session.execute(good)
        run.bad -= batch.good


def _insert_new(run: Reading, batch: _Batch, now: datetime) -> None:
    rows = list(batch.new.values())
    made = db.session.scalars(insert(OPPORTUNITY).returning(OPPORTUNITY.c.id), [{"created_at": now}] * len(rows))
    for row, opportunity_id in zip(rows, made.all(), strict=True):
        row["opportunity_id"] = opportunity_id
    kept = db.session.execute(insert(LISTING).returning(LISTING.c.id, LISTING.c.state), rows).all()
    run.seen.update(row.id for row in kept)
    events = [_event(run, row.id, "opened" if row.state == OPEN else "closed", now, _arrival(row.state)) for row in kept]
    record_events(events)


def _arrival(state: str) -> dict[str, Any]:
    return {"by": "new in the feed"} if state == OPEN else {"by": "deadline", "note": "It had expired when it arrived."}


def _update_changed(run: Reading, rows: list[dict[str, Any]], now: datetime) -> None:
    ids = [row["key"] for row in rows]
    drafts = db.session.execute(select(Listing.id, Listing.draft).where(Listing.id.in_(ids)))
    before: dict[int, dict[str, Any]] = {row.id: row.draft for row in drafts}
    events = [
        _event(run, row["key"], "changed", now, {"fields": differences(before[row["key"]], row["draft"])}) for row in rows
    ]
    dated = [row for row in rows if "posted_at" in row]
    undated = [row for row in rows if "posted_at" not in row]
    for group in (dated, undated):
        if group:
            update_many(group)
    record_events(events)


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Any]]:
    """Which fields of the normal form changed, with old and new value; long texts are only named."""
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
            record_events([_event(run, i, change, now, {"by": "shown again"}) for i in ids])
            run.counts.reopened += len(ids) if was_closed else 0


def _quarantine(values: dict[str, Any]) -> None:
    from sqlalchemy.dialects import postgresql, sqlite

    insert_one = postgresql.insert if db.is_postgresql() else sqlite.insert
    fresh = {k: values[k] for k in ("run_id", "at", "reason", "raw")}
    statement = insert_one(Quarantined).values(values)
    db.session.execute(statement.on_conflict_do_update(index_elements=["board_id", "post_id"], set_=fresh))


def _bury(run: Reading, tombstones: list[Tombstone], known: dict[str, Any], now: datetime) -> None:
    """The platform said itself that these are gone: closed at once, with its words as evidence."""
    gone = {known[t.post_id].id: t.evidence for t in tombstones if t.post_id in known and known[t.post_id].state == OPEN}
    if gone:
        run.counts.closed += len(gone)
        who = "staff" if run.source.spec.kind is PlatformKind.MANUAL else "platform"
        close(run.run_id, {i: {"by": who, "says": words[:500]} for i, words in gone.items()}, now)


def close(run_id: int | None, evidence: dict[int, dict[str, Any]], now: datetime) -> None:
    """Close listings by id, each with the evidence it was closed on."""
    for ids in chunks(list(evidence)):
        db.session.execute(update(LISTING).where(LISTING.c.id.in_(ids)).values(state=CLOSED, closed_at=now))
    record_events([
        {"listing_id": i, "run_id": run_id, "at": now, "change": "closed", "evidence": why} for i, why in evidence.items()
    ])


def chunks(ids: list[int], size: int = 500) -> Iterable[list[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _event(run: Reading, listing_id: int, change: str, now: datetime, evidence: dict[str, Any]) -> dict[str, Any]:
    return {"listing_id": listing_id, "run_id": run.run_id, "at": now, "change": change, "evidence": evidence}


def record_events(events: list[dict[str, Any]]) -> None:
    """Append transitions in one statement, and note whom grouping and search have to look at again."""
    if events:
        db.session.execute(insert(EVENT), events)
        touch(event["listing_id"] for event in events)
