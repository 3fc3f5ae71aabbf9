"""What each record of a read is: new, changed, unchanged, quarantined or a duplicate. Decides, and writes nothing.

A record whose bytes are the known ones is passed over before it is normalised; one whose draft is the known one counts
as unchanged too, whatever its time stamp says. What a run remembers does not grow with the feed, but for one bit a listing.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import JSON, String, any_, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from careercenter import db
from careercenter.listings import normal
from careercenter.listings.model import CLOSED, OPEN, Listing, Quarantined
from careercenter.listings.report import Counts
from careercenter.listings.seen import SeenIds
from careercenter.listings.sources import Opened
from careercenter.platforms import draft as form
from careercenter.platforms.contract import Seen, Tombstone, Unreadable
from careercenter.platforms.draft import ListingDraft, Reject
from careercenter.platforms.rows import Raw, Row, marker, raw_bytes

MAX_RAW_BYTES = 2_000_000
MAX_KEPT_RAW = 100_000
Item = Row | Seen | Unreadable | Tombstone
Columns = tuple[Any, ...]
_MARKS: Columns = (Listing.post_id, Listing.id, Listing.raw_hash, Listing.state, Listing.misses)
_WHOLE: Columns = (*_MARKS, Listing.content_hash, Listing.deadline_at)
Made = list[ListingDraft | Reject]
Normal = tuple[datetime | None, dict[str, Any]] | str
"""When a record was posted and its columns but for keys and history; or why it cannot become a listing."""
Normalize = Callable[[Sequence[Raw]], Callable[[], Made]]


@dataclass
class Reading:
    """What a run knows while it reads a board: `seen` listings, posts that the platform called `ended`, and how many records were
    quarantined, `keyless` ones without a usable post id. `normalize` begins to turn raw records into drafts, and gives what
    waits for them, as many as there were records. `beat_at` is when it last said that it lives. `fresh`: the board had no
    listing when the run began. `continues`: it goes on from a stored cursor.
    """

    run_id: int
    board_id: int
    source: Opened
    zone: ZoneInfo
    normalize: Normalize
    beat_at: datetime
    had_quarantine: bool = False
    fresh: bool = False
    continues: bool = False
    counts: Counts = field(default_factory=Counts)
    seen: SeenIds = field(default_factory=SeenIds)
    ended: set[str] = field(default_factory=set)
    keyless: int = 0

    @property
    def unique(self) -> int:
        return self.counts.received - self.counts.duplicates

    @property
    def has_bad(self) -> bool:
        """Whether this run has quarantined a record by its post id."""
        return self.counts.quarantined > self.keyless

    @property
    def may_mend(self) -> bool:
        """Whether a record that is read well may take one out of quarantine."""
        return self.had_quarantine or self.has_bad


@dataclass
class Batch:
    """Some messages of a read, what is known of their posts, and the marks of their records by their places.

    `wanted` are the marks of the records whose drafts are being made, `made` waits for those. `settled` are the places in the
    batch of records that are known byte for byte and stand, with their listings' ids, `unsettled` the posts of all others;
    `writes` says whether they may have to be written. `good` and `bad` are the posts of the batch that were read well, and
    those that this run has quarantined.
    """

    items: Sequence[Item]
    known: dict[str, Any]
    marks: Mapping[int, bytes]
    wanted: Sequence[bytes]
    made: Callable[[], Made]
    zone: ZoneInfo
    settled: Mapping[int, int]
    unsettled: Sequence[str]
    writes: bool
    good: set[str] = field(default_factory=set)
    bad: set[str] = field(default_factory=set)

    @cached_property
    def rows(self) -> Mapping[bytes, Normal]:
        """What the records became, by their marks. Waits until all are made."""
        return {mark: _normal(draft, mark, self.zone) for mark, draft in zip(self.wanted, self.made(), strict=True)}


@dataclass
class Found:
    """What the database lacks after a batch: rows by what has to happen to them."""

    new: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed: list[dict[str, Any]] = field(default_factory=list)
    rehashed: list[dict[str, Any]] = field(default_factory=list)
    back: list[tuple[int, bool]] = field(default_factory=list)  # listing id, whether it was closed
    quarantined: dict[str, dict[str, Any]] = field(default_factory=dict)
    buried: dict[int, str] = field(default_factory=dict)  # listing id, the platform's words


def prepare(run: Reading, items: Sequence[Item]) -> Batch:
    """Look up a batch and begin to normalise what is not known byte for byte."""
    known = {} if run.fresh else lookup(run.board_id, [i.post_id for i in items if not isinstance(i, Unreadable)], _MARKS)
    marks, wanted, settled, unsettled, writes = {}, {}, {}, [], False
    mark_of = marker(run.source.recipe)
    for n, item in enumerate(items):
        if isinstance(item, Row):
            marks[n] = mark = mark_of(item.raw)
            row = known.get(item.post_id)
            if row is not None and row.raw_hash == mark:
                if row.state == OPEN and not row.misses and item.post_id not in run.ended:
                    settled[n] = row.id
                    continue
            elif len(raw_bytes(item.raw)) <= MAX_RAW_BYTES:
                wanted[mark] = item.raw
            unsettled.append(item.post_id)
        elif isinstance(item, Unreadable):
            writes = True
        else:
            unsettled.append(item.post_id)
            if isinstance(item, Tombstone):
                run.ended.add(item.post_id)  # by a batch that may not be stored yet when the post comes again
    db.session.rollback()
    made = run.normalize(list(wanted.values())) if wanted else list
    return Batch(items, known, marks, list(wanted), made, run.zone, settled, unsettled, writes or bool(unsettled))


def sort(run: Reading, batch: Batch, now: datetime) -> Found:
    """Decide what each message of a batch is. `run.counts` grows by exactly the batch's records."""
    found = Found()
    counts, new, settled, known, good = run.counts, run.seen.add, batch.settled, batch.known, batch.good
    for n, item in enumerate(batch.items):
        if isinstance(item, Row):
            counts.received += 1
            if n in settled and new(settled[n]):
                counts.unchanged += 1  # nearly every record of nearly every run
                good.add(item.post_id)
            else:
                _sort(run, batch, found, known.get(item.post_id), item, batch.marks[n], now)
        elif isinstance(item, Seen):
            counts.received += 1
            _stands(run, batch, found, known.get(item.post_id), item, now)
        elif isinstance(item, Unreadable):
            counts.received += 1
            _set_aside(run, batch, found, None, item.raw, item.reason, now)
    for item in batch.items:
        if isinstance(item, Tombstone) and (row := known.get(item.post_id)) and row.state == OPEN:
            found.buried[row.id] = item.evidence
    return found


def lookup(board_id: int, post_ids: Iterable[str], columns: Columns = _WHOLE) -> dict[str, Any]:
    """What the database knows of these posts of a board, by post id."""
    storable = [p for p in post_ids if _key_problem(p) is None]
    if not storable:
        return {}
    posts = msgspec.json.encode(storable).decode()  # one text: the drivers do much for each value of a list
    rows = db.ask(_known(db.is_postgresql(), columns), board=board_id, posts=posts)
    return {row.post_id: row for row in rows}


@cache
def _known(postgresql: bool, columns: Columns) -> Any:
    if postgresql:
        told = select(func.json_array_elements_text(cast(bindparam("posts", type_=String), JSON)))
        these = Listing.post_id == any_(func.array(told.scalar_subquery(), type_=ARRAY(String)))
    else:
        these = Listing.post_id.in_(select(func.json_each(bindparam("posts")).table_valued("value").c.value))
    return select(*columns).where(Listing.board_id == bindparam("board"), these)


def already_bad(run: Reading, batch: Batch) -> set[str]:
    """The posts of a batch that this run has quarantined before."""
    if not run.has_bad:
        return set()
    posts = [i.post_id for i in batch.items if not isinstance(i, Unreadable) and _key_problem(i.post_id) is None]
    mine = select(Quarantined.post_id).where(Quarantined.board_id == run.board_id, Quarantined.run_id == run.run_id)
    return set(db.session.scalars(mine.where(Quarantined.post_id.in_(posts))))


def _sort(
    run: Reading, batch: Batch, found: Found, known: Any, record: Row, raw_hash: bytes, now: datetime
) -> None:
    """Decide what one record is, and put its row in place."""
    post_id = record.post_id
    if post_id in batch.good or (known and known.id in run.seen and post_id not in batch.bad):
        run.counts.duplicates += 1
        return
    problem = _key_problem(post_id)
    if problem:
        _set_aside(run, batch, found, None, record.raw, problem, now)
        return
    if known and known.raw_hash == raw_hash:
        _unchanged(run, batch, found, known, now)
        return
    made = batch.rows[raw_hash] if len(raw_bytes(record.raw)) <= MAX_RAW_BYTES else "The record is larger than 2 MB."
    if isinstance(made, str):
        _set_aside(run, batch, found, post_id, record.raw, made, now)
        if known:
            run.seen.add(known.id)  # unreadable today, but there: not missing
        return
    posted_at, columns = made
    if known and known.content_hash == columns["content_hash"]:
        found.rehashed.append({"key": known.id, "raw_hash": raw_hash})
        _unchanged(run, batch, found, known, now)
        return
    batch.good.add(post_id)
    if known:
        _changed(run, found, known, columns, posted_at, now)
    else:
        run.counts.new += 1
        found.new[post_id] = _new_row(run, post_id, columns, posted_at, now)


def _unchanged(run: Reading, batch: Batch, found: Found, known: Any, now: datetime) -> None:
    run.counts.unchanged += 1
    run.seen.add(known.id)
    batch.good.add(known.post_id)
    if known.state == CLOSED or known.misses:  # of others the deadline was not asked for
        _note_return(found, known, known.deadline_at, now)


def _stands(run: Reading, batch: Batch, found: Found, known: Any, item: Seen, now: datetime) -> None:
    """The platform's word that a post has not changed; for one that we do not have, the word is worth nothing."""
    if known is None:
        key = item.post_id if _key_problem(item.post_id) is None else None
        words = "The platform calls this post unchanged, but it was never read; a full read brings it."
        _set_aside(run, batch, found, key, b"", words, now)
    elif known.id in run.seen:
        run.counts.duplicates += 1
    else:
        _unchanged(run, batch, found, known, now)


def _changed(
    run: Reading, found: Found, known: Any, columns: Mapping[str, Any], posted_at: datetime | None, now: datetime
) -> None:
    run.counts.changed += 1
    run.seen.add(known.id)
    dated = {"posted_at": min(posted_at, now)} if posted_at else {}
    found.changed.append({"key": known.id, **columns, "changed_at": now, **dated})
    _note_return(found, known, columns["deadline_at"], now)


def _note_return(found: Found, known: Any, deadline_at: datetime | None, now: datetime) -> None:
    """A closed or missed listing that is shown again; one whose deadline has passed stays closed."""
    if known.state == CLOSED and (deadline_at is None or deadline_at > now):
        found.back.append((known.id, True))
    elif known.state == OPEN and known.misses:
        found.back.append((known.id, False))


def _new_row(
    run: Reading, post_id: str, columns: Mapping[str, Any], posted_at: datetime | None, now: datetime
) -> dict[str, Any]:
    """Expired on arrival never opens."""
    expired = columns["deadline_at"] is not None and columns["deadline_at"] <= now
    return {
        **columns, "changed_at": now, "board_id": run.board_id, "post_id": post_id, "posted_at": min(posted_at or now, now),
        "first_seen_at": now, "state": CLOSED if expired else OPEN, "closed_at": now if expired else None, "misses": 0,
    }


def _set_aside(
    run: Reading, batch: Batch, found: Found, post_id: str | None, raw: Raw, reason: str, now: datetime
) -> None:
    """Quarantine one record. Without a usable post id it is kept under a hash of its bytes."""
    if post_id is not None and post_id in batch.bad:
        run.counts.duplicates += 1
        return
    run.counts.quarantined += 1
    if post_id is None:
        run.keyless += 1
        post_id = "#" + hashlib.blake2b(raw_bytes(raw), digest_size=12).hexdigest()
    else:
        batch.bad.add(post_id)
    text = raw_bytes(raw)[: MAX_KEPT_RAW * 4].decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    found.quarantined[post_id] = {
        "board_id": run.board_id, "run_id": run.run_id, "post_id": post_id, "at": now,
        "reason": reason.replace("\x00", "").encode(errors="replace").decode()[:2000], "raw": text[:MAX_KEPT_RAW],
    }


def _normal(draft: ListingDraft | Reject, raw_hash: bytes, zone: ZoneInfo) -> Normal:
    if isinstance(draft, Reject):
        return draft.reason
    try:
        if problem := normal.unfit(draft):
            return problem
        kept, content_hash = form.kept(draft)
        if b"\\u0000" in kept or "\x00" in draft.description_html:
            return normal.NUL
        row = normal.columns(draft, zone)
        row |= {"draft": kept, "raw_hash": raw_hash, "content_hash": content_hash}
        return normal.posted_at(draft), row
    except UnicodeEncodeError:
        return normal.HALF
    except Exception as error:  # noqa: BLE001 - a plugin may fill a draft with values of the wrong type
        return f"The plugin made a listing that cannot be stored ({type(error).__name__})."


def _key_problem(post_id: str) -> str | None:
    if len(post_id) <= 200 and post_id.isascii() and post_id.isprintable() and "\\" not in post_id:
        return None
    if len(post_id) > 200:
        return "Its post id is longer than 200 characters."
    return normal.unstorable(post_id)
