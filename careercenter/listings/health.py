"""What the platform console shows: each board with its last runs, each run with its numbers and what it led to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from careercenter import db
from careercenter.listings import held, report
from careercenter.listings.model import IS_OPEN, Board, Listing, ListingEvent, Quarantined, SyncRun
from careercenter.listings.sources import configured
from careercenter.settings import Source

BEATS = 12


@dataclass(frozen=True)
class Beat:
    """One run in a row of runs."""

    run_id: int
    outcome: str
    at: datetime
    seen: int | None
    message: str

    @property
    def meaning(self) -> str:
        return report.OUTCOMES[self.outcome][0]

    @property
    def words(self) -> str:
        return report.OUTCOMES[self.outcome][1]


@dataclass(frozen=True)
class BoardHealth:
    """One board: `configured` when it is to be read, `named` when a source names it at all; `id` is None until a run has read
    it. `asked`: a closing waits for a person's word. `beats` are oldest first."""

    platform: str
    board: str
    label: str
    id: int | None = None
    paused: bool = False
    configured: bool = True
    named: bool = True
    believed_at: datetime | None = None
    open: int = 0
    quarantined: int = 0
    asked: bool = False
    beats: tuple[Beat, ...] = ()

    @property
    def last(self) -> Beat | None:
        return self.beats[-1] if self.beats else None

    @property
    def meaning(self) -> str:
        """The state of the board in one of the four meanings of the face."""
        if self.paused or not self.configured:
            return "stopped"
        if self._answered:
            return "good"
        return self.last.meaning if self.last else "waiting"

    @property
    def _answered(self) -> bool:
        """Whether the last run asked a person, who has decided since."""
        return self.last is not None and self.last.outcome == report.HELD and not self.asked

    @property
    def words(self) -> str:
        if self.paused:
            return "Paused"
        if not self.configured:
            return "Switched off" if self.named else "No source names it"
        if self.last is None:
            return "Not read yet"
        return "Well" if self.meaning == "good" else self.last.words


def board_health() -> list[BoardHealth]:
    """Every board that a source names or that was ever read, those that need a person first."""
    wanted = {(source.platform, board): source.enabled for source, board in configured()}
    opened: dict[int, int] = _counted(Listing.board_id, IS_OPEN)
    spoiled: dict[int, int] = _counted(Quarantined.board_id)
    beats, asked = _beats(), {hold.board_id for hold in held.waiting()}
    found = [
        BoardHealth(
            b.platform, b.board, b.label, b.id, b.paused_at is not None, wanted.get((b.platform, b.board), False),
            (b.platform, b.board) in wanted, b.believed_at, opened.get(b.id, 0), spoiled.get(b.id, 0), b.id in asked,
            tuple(beats.get(b.id, ())),
        )
        for b in db.session.scalars(select(Board).order_by(Board.platform, Board.label))
    ]
    known = {(b.platform, b.board) for b in found}
    new = [BoardHealth(p, b, b, configured=on) for (p, b), on in wanted.items() if (p, b) not in known]
    return sorted(found + new, key=lambda b: (b.meaning != "needs", b.platform, b.label.casefold()))


def _counted(column: Any, *conditions: Any) -> dict[int, int]:
    rows = db.session.execute(select(column, func.count()).where(*conditions).group_by(column))
    return {row[0]: row[1] for row in rows}


def _beats() -> dict[int, list[Beat]]:
    """The last runs of every board, oldest first."""
    rank = func.row_number().over(partition_by=SyncRun.board_id, order_by=SyncRun.id.desc()).label("rank")
    ranked = select(
        SyncRun.board_id, SyncRun.id, SyncRun.outcome, SyncRun.started_at, SyncRun.seen, SyncRun.message, rank
    ).subquery()
    rows = db.session.execute(select(ranked).where(ranked.c.rank <= BEATS).order_by(ranked.c.id))
    found: dict[int, list[Beat]] = {}
    for board_id, run_id, outcome, at, seen, message, _ in rows:
        found.setdefault(board_id, []).append(Beat(run_id, outcome, at, seen, message))
    return found


def label(platform: str, board: str) -> str:
    """A board's name for people; its own code until it was read once."""
    return db.session.scalar(select(Board.label).where(Board.platform == platform, Board.board == board)) or board


def board(board_id: int) -> Board:
    """Raises NotFound."""
    found = db.session.get(Board, board_id) if board_id < 2**31 else None
    if found is None:
        raise db.NotFound
    return found


def source_of(row: Board) -> Source | None:
    """The source that names a board now; None when none does any more."""
    return next((s for s, b in configured() if (s.platform, b) == (row.platform, row.board)), None)


def runs(board_id: int, limit: int = 30) -> Sequence[SyncRun]:
    """The last runs of a board, newest first."""
    newest = select(SyncRun).where(SyncRun.board_id == board_id).order_by(SyncRun.id.desc()).limit(limit)
    return db.session.scalars(newest).all()


def run(run_id: int) -> SyncRun:
    """One run with its board. Raises NotFound."""
    found = db.session.get(SyncRun, run_id, options=[joinedload(SyncRun.board)]) if run_id < 2**31 else None
    if found is None:
        raise db.NotFound
    return found


def run_since(platform: str, name: str, since: datetime) -> int | None:
    """The newest run of a board that began at or after an instant."""
    newest = (
        select(SyncRun.id).join(Board, Board.id == SyncRun.board_id)
        .where(Board.platform == platform, Board.board == name, SyncRun.started_at >= since)
        .order_by(SyncRun.id.desc()).limit(1)
    )
    return db.session.scalar(newest)


def transitions(run_id: int, limit: int = 200) -> list[tuple[str, int, str, dict[str, Any]]]:
    """What a run led to, as (change, listing id, title, evidence): closings first, arrivals last."""
    rows = db.session.execute(
        select(ListingEvent.change, Listing.id, Listing.title, ListingEvent.evidence)
        .join(Listing, Listing.id == ListingEvent.listing_id).where(ListingEvent.run_id == run_id)
        .order_by(ListingEvent.change == "opened", ListingEvent.change, ListingEvent.id).limit(limit)
    )
    return [(change, listing_id, title, evidence) for change, listing_id, title, evidence in rows]


def quarantine(board_id: int | None = None, limit: int = 100) -> list[tuple[int, str, int, str, str, str, datetime]]:
    """Records set aside, newest first, as (id, board label, board id, post id, reason, raw, at). A record without a
    usable post id has one that starts with "#"."""
    wanted = (
        select(Quarantined.id, Board.label, Board.id, Quarantined.post_id, Quarantined.reason, Quarantined.raw, Quarantined.at)
        .join(Board, Board.id == Quarantined.board_id).order_by(Quarantined.at.desc(), Quarantined.id.desc()).limit(limit)
    )
    if board_id is not None:
        wanted = wanted.where(Quarantined.board_id == board_id)
    return [tuple(row) for row in db.session.execute(wanted)]  # type: ignore[misc]


def history(listing_id: int) -> list[tuple[str, datetime, dict[str, Any]]]:
    """What happened to a listing, newest first, as (change, at, evidence)."""
    rows = db.session.execute(
        select(ListingEvent.change, ListingEvent.at, ListingEvent.evidence)
        .where(ListingEvent.listing_id == listing_id).order_by(ListingEvent.id.desc()).limit(50)
    )
    return [(change, at, evidence) for change, at, evidence in rows]
