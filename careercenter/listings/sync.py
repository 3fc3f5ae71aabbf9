"""Reads one board through its plugin and keeps its listings true: the way from the network to the tables.

It spans the network, so it opens its own transactions: one to begin, one per batch, one to end. A board has one
running run at a time (a unique index decides, on both databases). A run that was killed is noticed by its silence and
marked lost; whatever it had stored stands, and the next run repeats the rest without double effect. A run that was
taken for lost and wakes up again can write nothing more: every write first renews its claim.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

from sqlalchemy import Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from careercenter import db
from careercenter.listings import arrivals, finish, polls, report
from careercenter.listings.model import Board, Listing, Quarantined, SyncRun
from careercenter.listings.report import SyncReport
from careercenter.listings.sorting import Batch, Item, Made, Raw, Reading, prepare, sort
from careercenter.listings.sources import Opened, board_row, find, open_source
from careercenter.listings.store import store
from careercenter.platforms import apart, reading
from careercenter.platforms.contract import (
    Completeness,
    End,
    Http,
    Message,
    Mode,
    Page,
    PlatformError,
    Pushed,
    Seen,
    Spec,
    State,
    Tombstone,
    Unreadable,
)
from careercenter.platforms.rows import Row, in_rows

RUN = cast(Table, SyncRun.__table__)
BATCH, BATCH_BYTES = 3000, 16_000_000
FIRST = 500  # so many make the first batch, so that storing begins early
FEW = 100  # records for which one process is enough
BEAT = timedelta(seconds=5)
SILENCE = timedelta(minutes=10)
FULL_READ_EVERY = timedelta(days=7)
Progress = Callable[[int, int | None, str], None]
Take = Callable[[list[Item], Mapping[str, Any] | None], None]


class RunLost(Exception):
    """This run was silent for too long and was declared lost; it may write no more."""


def sync(
    platform: str, board: str, *, now: Callable[[], datetime], progress: Progress | None = None, http: Http | None = None
) -> SyncReport:
    """Read one configured board. `now` is asked again at every step; `progress(done, total, words)` is called outside
    transactions. Trouble with the platform is an outcome of the report, not an exception.
    """
    if find(platform, board) is None:
        return unknown(platform, board)
    if words := polls.too_soon(platform, board, now()):
        return SyncReport(platform, board, None, report.TOO_SOON, words)
    begun = _begin(platform, board, now())
    if isinstance(begun, SyncReport):
        return begun
    run_id, board_id = begun
    try:
        return _run(platform, board, run_id, board_id, now, progress or _silent, http)
    except RunLost:
        return SyncReport(platform, board, run_id, report.LOST, "The run was silent for too long and was given up.")
    except BaseException:
        _give_up(run_id, now())
        raise


def unknown(platform: str, board: str) -> SyncReport:
    """The report of a board that nothing names."""
    message = f'The settings name no board "{board}" of "{platform}". Add it to config/platforms.toml.'
    return SyncReport(platform, board, None, "config", message)


def _silent(done: int, total: int | None, words: str) -> None:
    """Nobody watches."""


def _begin(platform: str, board: str, now: datetime) -> tuple[int, int] | SyncReport:
    """Claim the board: the run's and the board's id, or the report of a run that may not begin."""
    with db.transaction():
        row = board_row(platform, board)
        if row.paused_at is not None:
            return SyncReport(platform, board, None, "paused", "The board is paused; nothing was read.")
        declare_lost(now, row.id)
        insert = postgresql.insert if db.is_postgresql() else sqlite.insert
        values = {"board_id": row.id, "started_at": now, "beat_at": now, "outcome": report.RUNNING}
        run_id = db.session.scalar(insert(SyncRun).values(values).on_conflict_do_nothing().returning(SyncRun.id))
        if run_id is None:
            return SyncReport(platform, board, None, report.BUSY, "Another run of this board is under way; this one did nothing.")
        row.last_run_at = now
        return run_id, row.id


def declare_lost(now: datetime, board_id: int | None = None) -> int:
    """Mark runs that have been silent for ten minutes as lost. Returns how many; runs in the caller's transaction."""
    stale = (SyncRun.outcome == report.RUNNING) & (SyncRun.beat_at <= now - SILENCE)
    if board_id is not None:
        stale &= SyncRun.board_id == board_id
    words = "The run broke off. What it had stored stands; the next run reads the board again."
    lost = update(SyncRun).where(stale).values(outcome=report.LOST, finished_at=now, message=words)
    return len(db.session.scalars(lost.returning(SyncRun.id)).all())


def _give_up(run_id: int, now: datetime) -> None:
    """Something outside the platform stopped the run: free the board for the next."""
    with db.transaction():
        words = "The run was stopped. What it had stored stands; the next run reads the board again."
        running = (SyncRun.id == run_id) & (SyncRun.outcome == report.RUNNING)
        db.session.execute(update(SyncRun).where(running).values(outcome=report.LOST, finished_at=now, message=words))


def _run(
    platform: str, board: str, run_id: int, board_id: int, now: Callable[[], datetime], progress: Progress, http: Http | None
) -> SyncReport:
    try:
        opened = open_source(platform, board)
    except PlatformError as error:
        return _fail(platform, board, run_id, None, error, now())
    with reader_of(opened, http) as reader:
        zone = db.settings().campus.zone
        run = Reading(run_id, board_id, opened, zone, reader.drafts, now(), _has(Quarantined, board_id), not _has(Listing, board_id))
        return _judge(platform, board, run, reader, now, progress)


def _judge(platform: str, board: str, run: Reading, reader: "Reader", now: Callable[[], datetime], progress: Progress) -> SyncReport:
    """Read, store and end one run."""
    state = cursor_of(run, now())
    run.continues = state is not None
    db.session.rollback()  # no transaction stays open while the network is waited for

    with _Taking(run, now, progress) as taking:
        try:
            end, cursor = read(run, reader.messages(board, state), now, taking.take)
            taking.settle()
        except PlatformError as error:
            taking.settle()
            return _fail(platform, board, run.run_id, run, error, now())
    with db.transaction():
        renew(run, now())
        return finish.finish(run, platform, board, end, cursor, now())


class Reader(Protocol):
    """Where a run's messages and drafts come from."""

    def messages(self, board: str, state: State | None) -> Iterator[Message | list[Row]]: ...

    def drafts(self, raws: Sequence[Raw]) -> Callable[[], Made]: ...


Arrived = Callable[[Spec, str], Sequence[Pushed]]
"""What has arrived for a board since its last run."""


class Apart:
    """The plugin in processes of its own: one reads, two normalise. A thread waits for each of those, so that the batch before
    can be stored meanwhile, and none stands still while its drafts are taken over.
    """

    def __init__(self, opened: Opened, arrived: Arrived):
        self._spec, self._arrived = opened.spec, arrived
        folder = db.settings().data_dir / "drops" / opened.spec.id
        self._task = apart.task(
            opened.spec.id, opened.cfg, db.settings().platforms.user_agent, opened.source.allow_hosts, str(folder),
            polls.budget(opened.spec, opened.source),
        )
        self._normalizers = [(apart.Normalizer(self._task), ThreadPoolExecutor(1, "normalize")) for _ in range(2)]

    def messages(self, board: str, state: State | None) -> Iterator[Message | list[Row]]:
        return apart.messages(self._task, board, state, pushed=self._arrived(self._spec, board))

    def drafts(self, raws: Sequence[Raw]) -> Callable[[], Made]:
        share = max(-(-len(raws) // len(self._normalizers)), FEW)
        made = [
            thread.submit(normalizer.drafts, raws[n * share : (n + 1) * share])
            for n, (normalizer, thread) in enumerate(self._normalizers) if n * share < len(raws)
        ]
        return lambda: [draft for part in made for draft in part.result()]

    def __enter__(self) -> "Apart":
        return self

    def __exit__(self, *_: object) -> None:
        for normalizer, thread in self._normalizers:
            normalizer.stop()
            thread.shutdown(cancel_futures=True)
            normalizer.__exit__()


@dataclass(frozen=True)
class Beside:
    """The plugin in this process, with a client that the caller made: for trusted use, such as measuring."""

    opened: Opened
    http: Http

    def messages(self, board: str, state: State | None) -> Iterator[Message | list[Row]]:
        return in_rows(reading.messages(self.opened.plugin, self.opened.cfg, board, state, self.http))

    def drafts(self, raws: Sequence[Raw]) -> Callable[[], Made]:
        made = [reading.draft_of(self.opened.plugin, raw, self.opened.cfg) for raw in raws]
        return lambda: made


def reader_of(opened: Opened, http: Http | None, arrived: Arrived = arrivals.hand_over) -> Any:
    return Apart(opened, arrived) if http is None else nullcontext(Beside(opened, http))


def read(
    run: Reading, messages: Iterator[Message | list[Row]], now: Callable[[], datetime], take: Take
) -> tuple[End, Mapping[str, Any] | None]:
    """Read to the end; `take` is given batch by batch, with the cursor where one is stored with it. Gives the end and the
    cursor that goes with a believed snapshot.

    What arrived before the platform failed is taken, then the error goes on.
    """
    whole = run.source.spec.capabilities.mode in (Mode.SNAPSHOT, Mode.FILE)
    items: list[Item] = []
    cursor: Mapping[str, Any] | None = None
    prints: set[str] = set()
    size, most, full = 0, min(FIRST, BATCH), False
    end = End(Completeness.PARTIAL, note="The platform sent the same page again, so reading stopped there.")
    try:
        for message in _in_batches(messages):
            if isinstance(message, (list, Seen, Unreadable, Tombstone)):
                came: list[Item] = message if isinstance(message, list) else [message]  # type: ignore[assignment]
                items += came
                size += sum(len(item.raw) if isinstance(item, Row) and isinstance(item.raw, bytes) else 1000 for item in came)
                if not (full := len(items) >= most or size >= BATCH_BYTES):
                    continue
            elif isinstance(message, State):
                cursor = message.cursor
            elif isinstance(message, End):
                end = message
            elif isinstance(message, Page):
                if message.fingerprint in prints:
                    break
                prints.add(message.fingerprint)
            if full or (isinstance(message, (Page, State)) and (not whole or now() - run.beat_at >= BEAT)):
                if items or (cursor is not None and not whole):
                    take(items, None if whole else cursor)
                items, size, most, full = [], 0, BATCH, False
    except PlatformError:
        if items:
            take(items, None)
        raise
    if items:
        take(items, None)
    return end, cursor


def _in_batches(messages: Iterator[Message | list[Row]]) -> Iterator[Message | list[Row]]:
    """The same, without a list that is longer than a batch."""
    for message in messages:
        if isinstance(message, list) and len(message) > BATCH:
            yield from (message[start : start + BATCH] for start in range(0, len(message), BATCH))
        else:
            yield message


class _Taking:
    """Stores what is read, batch by batch: a thread stores one, while the drafts of the next become rows and the one after is
    being normalised. So the database and this process work at the same time. A context manager, for the thread's sake: its end
    waits for the batch that is being stored.
    """

    def __init__(self, run: Reading, now: Callable[[], datetime], progress: Progress):
        self._run, self._now, self._progress = run, now, progress
        self._thread, self._store = ThreadPoolExecutor(1, "store"), db.elsewhere(_store)
        self._next: tuple[Batch, Mapping[str, Any] | None] | None = None
        self._stored: Future[None] | None = None

    def __enter__(self) -> "_Taking":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def take(self, items: list[Item], cursor: Mapping[str, Any] | None) -> None:
        batch = prepare(self._run, items)
        self._go_on()
        self._next = batch, cursor

    def settle(self) -> None:
        """Store what still waits."""
        self._go_on()
        self._wait()

    def _go_on(self) -> None:
        """Begin to store the batch that waits, once the one before it is stored."""
        if self._next:
            (batch, cursor), self._next = self._next, None
            _ = batch.rows  # foreign code may be slow: waited for before any transaction begins
            self._wait()
            run, now = self._run, self._now()
            if batch.writes or run.may_mend or cursor is not None or now - run.beat_at >= BEAT:
                self._stored = self._thread.submit(self._store, run, batch, cursor, now)
            else:
                sort(run, batch, now)
                self._tell()

    def _wait(self) -> None:
        if self._stored:
            stored, self._stored = self._stored, None
            stored.result()
            self._tell()

    def _tell(self) -> None:
        self._progress(self._run.counts.received, None, f"{self._run.counts.received:,} listings read")


def _store(run: Reading, batch: Batch, cursor: Mapping[str, Any] | None, now: datetime) -> None:
    with db.transaction():
        renew(run, now)
        store(run, batch, now)
        if cursor is not None:
            finish.keep_cursor(run, cursor, now)


def renew(run: Reading, now: datetime) -> None:
    """Say that this run lives and note its numbers. Raises RunLost when it was declared lost meanwhile."""
    mine = (RUN.c.id == run.run_id) & (RUN.c.outcome == report.RUNNING)
    if not db.changed(update(RUN).where(mine).values(beat_at=now, **run.counts.as_dict())):
        raise RunLost
    run.beat_at = now


def _fail(
    platform: str, board: str, run_id: int, run: Reading | None, error: PlatformError, now: datetime
) -> SyncReport:
    """End a run that the platform, its settings or its plugin stopped. Nothing is closed by it."""
    outcome = report.outcome_of_error(error)
    counts = run.counts if run else report.Counts()
    with db.transaction():
        if run:
            renew(run, now)
        values = {"outcome": outcome, "finished_at": now, "message": str(error)[:2000], **counts.as_dict()}
        db.session.execute(update(SyncRun).where(SyncRun.id == run_id).values(values))
    return SyncReport(platform, board, run_id, outcome, str(error), counts=counts)


def _has(what: type[Listing | Quarantined], board_id: int) -> bool:
    return db.session.scalar(select(what.id).where(what.board_id == board_id).limit(1)) is not None


def cursor_of(run: Reading, now: datetime) -> State | None:
    """The stored cursor, unless another recipe made it or the weekly full read is due."""
    kept = db.session.scalar(select(Board.cursor).where(Board.id == run.board_id))
    if not kept or kept.get("recipe") != run.source.recipe.hex():
        return None
    if now - datetime.fromisoformat(kept["full_at"]) >= FULL_READ_EVERY:
        return None
    return State(kept["state"])
