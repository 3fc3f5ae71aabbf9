"""What platforms pushed to us, and what staff entered by hand: kept as it came, and read by the board's next run.

The row is the truth: it is written before the sender is answered, under the event's own id, so that the same event counts
once however often it is sent. A run is given the newest of each post and reads it through the plugin, in the plugin's own
process; what is older than what was read before never reaches a listing. A run that is killed leaves its arrivals waiting.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, delete, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row
from sqlalchemy.orm import Mapped, aliased, mapped_column

from careercenter import db
from careercenter.listings import report
from careercenter.listings.model import Board, SyncRun
from careercenter.listings.sources import find
from careercenter.platforms.contract import PlatformKind, Pushed, Spec

WAITING, TAKEN, OLDER = "waiting", "taken", "older"
MOST, MOST_BYTES = 2000, 3_000_000  # what one run is given: it travels in one frame
AGAIN = timedelta(minutes=5)


class Arrival(db.Model):
    """One event of a board. `state`: waiting for a run, taken by the run `run_id`, or older than what was read before.

    While it waits, `run_id` is the last run that was given it. A post id is empty where the event names none.
    """

    __tablename__ = "arrival"
    __table_args__ = (
        UniqueConstraint("board_id", "event_id"), Index("ix_arrival_post", "board_id", "post_id"),
        Index("ix_arrival_waiting", "board_id", sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    board_id: Mapped[int] = mapped_column(ForeignKey("board.id"))
    event_id: Mapped[str] = mapped_column(String(200))
    type: Mapped[str] = mapped_column(String(80))
    post_id: Mapped[str] = mapped_column(String(200))
    occurred_at: Mapped[datetime]
    arrived_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), default=WAITING)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("sync_run.id"))
    body: Mapped[bytes] = mapped_column(LargeBinary)


def keep(board_id: int, event: Pushed) -> int | None:
    """Keep an event, in the caller's transaction. Its row's id; None when this board had it before."""
    insert = postgresql.insert if db.is_postgresql() else sqlite.insert
    row = insert(Arrival).values(
        board_id=board_id, event_id=event.event_id, type=event.type, post_id=event.post_id, occurred_at=event.occurred_at,
        arrived_at=event.arrived_at, state=WAITING, body=event.body,
    )
    return db.session.scalar(row.on_conflict_do_nothing().returning(Arrival.id))


def hand_over(spec: Spec, board: str) -> Sequence[Pushed]:
    """What the running run of a board is given: the newest of each post, oldest first. What is out of date is noted as such.

    It opens its own transaction: a part of `sync`.
    """
    if not _takes(spec):
        return ()
    with db.transaction():
        running = select(SyncRun.board_id, SyncRun.id).join(Board, Board.id == SyncRun.board_id).where(
            Board.platform == spec.id, Board.board == board, SyncRun.outcome == report.RUNNING
        )
        found = db.session.execute(running).one_or_none()
        if found is None:
            return ()
        fresh, older = _due(spec, found[0])
        _mark(older, state=OLDER)
        _mark(fresh, run_id=found[1])
        return _events(fresh)


def look(spec: Spec, board: str) -> Sequence[Pushed]:
    """What a run of the board would be given now; nothing is noted."""
    board_id = db.session.scalar(select(Board.id).where(Board.platform == spec.id, Board.board == board))
    return _events(_due(spec, board_id)[0]) if board_id and _takes(spec) else ()


def _takes(spec: Spec) -> bool:
    return spec.hook is not None or spec.kind is PlatformKind.MANUAL


def _due(spec: Spec, board_id: int) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """What waits: as much as goes to one run, and what something newer has replaced. Of equal stamps the later arrival is newer."""
    rows = db.session.execute(
        select(Arrival.id, Arrival.post_id, Arrival.occurred_at, func.length(Arrival.body).label("size"))
        .where(Arrival.board_id == board_id, Arrival.state == WAITING).order_by(Arrival.occurred_at, Arrival.id).limit(MOST)
    ).all()
    fresh, older = _newest(rows, _known(board_id, rows), _read_whole(board_id) if spec.hook else None)
    return _as_many_as_travel(fresh), older


def settle(run_id: int) -> None:
    """The run has come to its end: what it was given is taken. In the caller's transaction."""
    given = (Arrival.run_id == run_id) & (Arrival.state == WAITING)
    db.session.execute(update(Arrival).where(given).values(state=TAKEN))


def waiting(now: datetime) -> list[tuple[str, str]]:
    """The boards (platform, board) that a run should read now: something new has arrived, or an earlier run failed on it a
    while ago."""
    wanted = (
        select(Board.platform, Board.board).join(Arrival, Arrival.board_id == Board.id)
        .where(Arrival.state == WAITING, Board.paused_at.is_(None))
        .where(or_(Arrival.run_id.is_(None), Board.last_run_at.is_(None), Board.last_run_at <= now - AGAIN)).distinct()
    )
    boards = [(row[0], row[1]) for row in db.session.execute(wanted)]
    return [(platform, board) for platform, board in boards if (source := find(platform, board)) and source.enabled]


def forget_old(now: datetime) -> None:
    """Remove what was read long ago. The newest of each post stays: an older one, sent again, is known by it."""
    newer = aliased(Arrival)
    replaced = select(newer.id).where(
        newer.board_id == Arrival.board_id, newer.post_id == Arrival.post_id, newer.post_id != "", newer.state == TAKEN,
        or_(newer.occurred_at > Arrival.occurred_at, (newer.occurred_at == Arrival.occurred_at) & (newer.id > Arrival.id)),
    )
    old = Arrival.arrived_at < now - timedelta(days=db.settings().platforms.hooks.keep_days)
    db.session.execute(
        delete(Arrival).where(old, Arrival.state != WAITING, or_(Arrival.post_id == "", replaced.exists()))
        .execution_options(synchronize_session=False)
    )


def _known(board_id: int, rows: Sequence[Row[Any]]) -> dict[str, tuple[datetime, int | None]]:
    """By post: of when the newest event is that was taken, and by which run."""
    posts = {row.post_id for row in rows if row.post_id}
    found: dict[str, tuple[datetime, int | None]] = {}
    for some in _chunks(sorted(posts)):
        taken = (Arrival.board_id == board_id) & Arrival.post_id.in_(some) & (Arrival.state == TAKEN)
        for post_id, at, run_id in db.session.execute(
            select(Arrival.post_id, Arrival.occurred_at, Arrival.run_id).where(taken).order_by(Arrival.occurred_at, Arrival.id)
        ):
            found[post_id] = (at, run_id)
    return found


def _read_whole(board_id: int) -> tuple[datetime, int] | None:
    """When the last believed reading of the whole board began, and which run it was. Its second counts whole: many platforms
    stamp no finer, and an event of that second may tell of what happened after the board was asked."""
    believed = (SyncRun.board_id == board_id) & SyncRun.outcome.in_(report.BELIEVED)
    row = db.session.execute(select(SyncRun.started_at, SyncRun.id).where(believed).order_by(SyncRun.id.desc()).limit(1)).one_or_none()
    return (row[0].replace(microsecond=0), row[1]) if row else None


def _newest(
    rows: Sequence[Row[Any]], known: dict[str, tuple[datetime, int | None]], whole: tuple[datetime, int] | None
) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """The rows that count (oldest first), and those that something newer has replaced.

    A reading of the whole board is newer than every event from before it began, but for posts whose event that very run took:
    those it read from the event.
    """
    last: dict[str, Row[Any]] = {row.post_id: row for row in rows if row.post_id}
    fresh: list[Row[Any]] = []
    older: list[Row[Any]] = []
    for row in rows:
        at, by = known.get(row.post_id, (None, None))
        beaten = whole is not None and by != whole[1] and row.occurred_at < whole[0]
        replaced = row.post_id and (last[row.post_id] is not row or beaten or (at is not None and row.occurred_at < at))
        (older if replaced else fresh).append(row)
    return fresh, older


def _as_many_as_travel(rows: list[Row[Any]]) -> list[Row[Any]]:
    given: list[Row[Any]] = []
    size = 0
    for row in rows:
        size += row.size
        if given and size > MOST_BYTES:
            break
        given.append(row)
    return given


def _mark(rows: list[Row[Any]], **values: Any) -> None:
    for some in _chunks([row.id for row in rows]):
        db.session.execute(update(Arrival).where(Arrival.id.in_(some)).values(values))


def _events(rows: list[Row[Any]]) -> list[Pushed]:
    found: list[Pushed] = []
    for some in _chunks([row.id for row in rows]):
        wanted = select(
            Arrival.event_id, Arrival.type, Arrival.post_id, Arrival.body, Arrival.occurred_at, Arrival.arrived_at
        ).where(Arrival.id.in_(some)).order_by(Arrival.occurred_at, Arrival.id)
        found += [Pushed(*row) for row in db.session.execute(wanted)]
    return found


def _chunks(values: list[Any], size: int = 500) -> list[list[Any]]:
    return [values[start : start + size] for start in range(0, len(values), size)]
