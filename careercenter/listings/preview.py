"""What a sync would do to a board, without doing it: reads and normalises as `sync` does, and writes nothing, not even a run.

It claims nothing either, so it may be run beside a sync; then it tells of the moment at which it read the database.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from careercenter import db
from careercenter.listings import arrivals, finish, polls, report
from careercenter.listings.model import IS_OPEN, Board, Listing
from careercenter.listings.report import SyncReport
from careercenter.listings.sorting import Found, Item, Reading, lookup, prepare, sort
from careercenter.listings.sources import find, open_source
from careercenter.listings.store import SAID, chunks, differences
from careercenter.listings.sync import Progress, cursor_of, read, reader_of, unknown
from careercenter.platforms.contract import End, Http, PlatformError, Unreadable


@dataclass(frozen=True)
class Change:
    """What would happen to one post: new, changed (`fields`: old and new values), reopened, quarantined, closed, missed or held."""

    what: str
    post_id: str
    title: str
    fields: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    reason: str = ""


Tell = Callable[[Change], None]


class _Look:
    """Takes the batches of a read, and tells of each change."""

    def __init__(self, run: Reading, tell: Tell):
        self.run, self._tell = run, tell
        self._new: set[str] = set()
        self._bad: set[str] = set()

    def take(self, items: Sequence[Item], now: datetime) -> None:
        batch = prepare(self.run, items)
        batch.known.update(lookup(self.run.board_id, batch.unsettled))
        posts = {item.post_id for item in items if not isinstance(item, Unreadable)}
        batch.good, batch.bad = posts & self._new, posts & self._bad
        found = sort(self.run, batch, now)
        self._new.update(found.new)
        self._bad = (self._bad | batch.bad) - batch.good
        self.run.counts.closed += len(found.buried)
        self.run.counts.reopened += sum(closed for _, closed in found.back)
        for change in self._changes(found):
            self._tell(change)
        db.session.rollback()  # no transaction stays open while the network is waited for

    def _changes(self, found: Found) -> Iterator[Change]:
        for row in found.new.values():
            yield Change("new", row["post_id"], row["title"])
        after = {row["key"]: row for row in found.changed}
        for old in db.session.execute(select(*SAID).where(Listing.id.in_(after))):
            row = after[old.id]
            yield Change("changed", old.post_id, row["title"], differences(old, row))
        for post_id, row in found.quarantined.items():
            yield Change("quarantined", post_id, "", reason=row["reason"])
        yield from named("reopened", [listing_id for listing_id, closed in found.back if closed])
        yield from named("closed", list(found.buried))


def named(what: str, ids: list[int]) -> Iterator[Change]:
    """The same change of several listings."""
    for some in chunks(ids):
        for row in db.session.execute(select(Listing.post_id, Listing.title).where(Listing.id.in_(some))):
            yield Change(what, row.post_id, row.title)


def preview(
    platform: str, board: str, *, now: Callable[[], datetime], tell: Tell, progress: Progress | None = None,
    http: Http | None = None,
) -> SyncReport:
    """Read one configured board and `tell` of each change that a sync would make. The report has no run."""
    if find(platform, board) is None:
        return unknown(platform, board)
    if words := polls.too_soon(platform, board, now()):
        return SyncReport(platform, board, None, report.TOO_SOON, words)
    row = db.session.execute(select(Board.id, Board.paused_at).where(Board.platform == platform, Board.board == board)).first()
    if row and row.paused_at is not None:
        return SyncReport(platform, board, None, "paused", "The board is paused; nothing was read.")
    look = None
    try:
        opened = open_source(platform, board)
        with reader_of(opened, http, arrivals.look) as reader:
            board_id = row.id if row else 0
            run = Reading(0, board_id, opened, db.settings().campus.zone, reader.drafts, now(), had_quarantine=False)
            look = _Look(run, tell)
            state = cursor_of(run, now()) if row else None
            db.session.rollback()

            def take(items: list[Item], _cursor: Mapping[str, Any] | None) -> None:
                assert look is not None
                look.take(items, now())
                if progress:
                    progress(run.counts.received, None, f"{run.counts.received:,} listings read")

            end, _ = read(run, reader.messages(board, state), now, take)
    except PlatformError as error:
        counts = look.run.counts if look else report.Counts()
        return SyncReport(platform, board, None, report.outcome_of_error(error), str(error), counts=counts)
    return _end(platform, board, run, end, tell, now())


def _end(platform: str, board: str, run: Reading, end: End, tell: Tell, now: datetime) -> SyncReport:
    """What the end of the run would close, and whether the run would be believed."""
    due = select(Listing.id).where(Listing.board_id + 0 == run.board_id, IS_OPEN, Listing.deadline_at <= now)
    expired = list(db.session.scalars(due))
    completeness, doubt, verdict = finish.foresee(run, end, now)
    gone = list({m.id for m in verdict.close}.difference(expired))
    run.counts.vanished, run.counts.held = verdict.vanished, verdict.held
    run.counts.closed += len(expired) + len(gone)
    apart = set(expired + gone).union(verdict.held_ids)
    missed = [m.id for m in verdict.missed if m.id not in apart]
    for what, ids in (("closed", expired + gone), ("held", list(verdict.held_ids)), ("missed", missed)):
        for change in named(what, ids):
            tell(change)
    db.session.rollback()
    outcome = report.outcome_of(completeness, end.unchanged, verdict.held)
    message = " ".join(part for part in (verdict.reason, doubt or end.note) if part) or run.counts.sentence
    return SyncReport(platform, board, None, outcome, message, completeness.value, run.counts)
