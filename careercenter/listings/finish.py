"""The end of a run: is the snapshot believed, what does that close, and what does the report say.

Runs inside the transaction of the caller (`sync`), after the run has renewed its claim.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update

from careercenter import db
from careercenter.listings import arrivals, bulk, closing, held, report
from careercenter.listings.model import IS_OPEN, OPEN, Board, Listing, Quarantined, SyncRun
from careercenter.listings.report import SyncReport
from careercenter.listings.store import LISTING, Reading, chunks, close, record_events, update_many
from careercenter.platforms.contract import Completeness, End, Mode, PlatformKind, Removal

KEYLESS_SHARE = 0.02


def finish(
    run: Reading, platform: str, board: str, end: End, cursor: Mapping[str, Any] | None, now: datetime
) -> SyncReport:
    """Judge the end of a run and write what follows: misses, closings, cursor, freshness, report."""
    doubt = _doubt(run, end)
    completeness = Completeness.PARTIAL if doubt else end.completeness
    complete = completeness is Completeness.COMPLETE
    run.counts.closed += expire(now, board_id=run.board_id, run_id=run.run_id)
    verdict = held.settle(run, _judge(run, end, now) if complete else closing.Verdict(), complete, now)
    _apply(run, verdict, now)
    outcome = report.KEPT if verdict.kept else report.outcome_of(completeness, end.unchanged, verdict.held)
    if run.source.spec.capabilities.mode is Mode.PUSH:
        arrivals.settle(run.run_id)
        outcome = report.PUSHED if completeness is Completeness.UNKNOWN else outcome
    elif complete and not end.unchanged:
        _forget_old_quarantine(run)
    _keep_board(run, end, outcome, cursor, now)
    _name_board(run, board)
    said = " ".join(part for part in (verdict.reason, doubt or end.note) if part)
    message = said or run.counts.sentence
    seen = run.unique if complete and not end.unchanged else None
    values = {
        "outcome": outcome, "completeness": completeness.value, "declared_total": end.declared_total, "finished_at": now,
        "seen": seen, "message": message[:2000], **run.counts.as_dict(),
    }
    db.session.execute(update(SyncRun).where(SyncRun.id == run.run_id).values(values))
    return SyncReport(platform, board, run.run_id, outcome, message, completeness.value, run.counts)


def foresee(run: Reading, end: End, now: datetime) -> tuple[Completeness, str, closing.Verdict]:
    """What `finish` would find, without writing it: whether the snapshot is believed, why not, and what its silence means."""
    doubt = _doubt(run, end)
    completeness = Completeness.PARTIAL if doubt else end.completeness
    return completeness, doubt, _judge(run, end, now) if completeness is Completeness.COMPLETE else closing.Verdict()


def _doubt(run: Reading, end: End) -> str:
    """Why a snapshot that calls itself complete is not believed; empty when it is."""
    if end.completeness is not Completeness.COMPLETE or end.unchanged:
        return ""
    if run.keyless > run.counts.received * KEYLESS_SHARE:
        return f"{run.keyless:,} records have no usable post id, so nobody can say which listings are missing."
    if not run.counts.received and not run.source.spec.capabilities.allow_empty:
        return "The board came back empty, which this platform does not do."
    return ""


def _judge(run: Reading, end: End, now: datetime) -> closing.Verdict:
    if not _absence_counts(run):
        return closing.Verdict()
    absent, active = _absent(run, end)
    return closing.judge(
        absent, db.settings().platforms.closing, active=active, seen=None if end.unchanged else run.unique,
        history=held.measure(run.board_id, db.settings().platforms.closing), now=now, today=now.astimezone(run.zone).date(),
    )


def _absent(run: Reading, end: End) -> tuple[list[closing.Absent], int]:
    """The open listings of the board that this snapshot does not show, and how many are open in all."""
    if run.fresh:
        return [], run.counts.new  # it has made them all
    mine = (Listing.board_id == run.board_id) & IS_OPEN
    if end.unchanged:  # the same snapshot as before: whoever was missing in it still is
        missing = db.session.scalars(select(Listing.id).where(mine, Listing.misses > 0)).all()
        active = db.session.scalar(select(func.count()).select_from(Listing).where(mine)) or 0
    else:
        missing, active = run.seen.lacks(bulk.ids(LISTING, f"board_id = %s AND state = '{OPEN}'", run.board_id))
    columns = (Listing.id, Listing.misses, Listing.first_missed_at, Listing.last_missed_on)
    found = (db.session.execute(select(*columns).where(Listing.id.in_(some))) for some in chunks(list(missing)))
    return [closing.Absent(*row) for rows in found for row in rows], active


def _absence_counts(run: Reading) -> bool:
    able = run.source.spec.capabilities
    return able.removal is Removal.ABSENCE and able.mode in (Mode.SNAPSHOT, Mode.FILE)


def _apply(run: Reading, verdict: closing.Verdict, now: datetime) -> None:
    run.counts.vanished, run.counts.held = verdict.vanished, verdict.held
    today = now.astimezone(run.zone).date()
    rows = [
        {"key": m.id, "misses": m.misses, "first_missed_at": m.first_missed_at, "last_missed_on": today}
        for m in verdict.missed
    ]
    if rows:
        update_many(rows)
        record_events([
            {"listing_id": m.id, "run_id": run.run_id, "at": now, "change": "missed", "evidence": {"misses": m.misses}}
            for m in verdict.missed
        ])
    if verdict.close:
        run.counts.closed += len(verdict.close)
        close(run.run_id, {m.id: _absence(m) for m in verdict.close}, now)


def _absence(m: closing.Miss) -> dict[str, Any]:
    return {"by": "absence", "misses": m.misses, "first_missed_at": m.first_missed_at.isoformat()}


def expire(now: datetime, *, board_id: int | None = None, run_id: int | None = None) -> int:
    """Close the open listings whose deadline has passed, of one board or of all. Returns how many."""
    due = IS_OPEN & (Listing.deadline_at <= now)
    if board_id is not None:
        due &= Listing.board_id + 0 == board_id  # not by the board's index: deadlines that have passed are few, its listings many
    passed = db.session.execute(select(Listing.id, Listing.deadline_at).where(due)).all()
    if passed:
        close(run_id, {i: {"by": "deadline", "deadline": d.isoformat()} for i, d in passed if d}, now)
    return len(passed)


def _forget_old_quarantine(run: Reading) -> None:
    """A complete run has said all: quarantined records that it did not bring again are gone."""
    old = (Quarantined.board_id == run.board_id) & (Quarantined.run_id != run.run_id)
    db.session.execute(delete(Quarantined).where(old))


def _keep_board(
    run: Reading, end: End, outcome: str, cursor: Mapping[str, Any] | None, now: datetime
) -> None:
    """Note when the board was last believed, and the cursor that belongs to what was believed."""
    if outcome in report.BELIEVED:
        db.session.execute(update(Board).where(Board.id == run.board_id).values(believed_at=now))
    whole = run.source.spec.capabilities.mode in (Mode.SNAPSHOT, Mode.FILE)
    if outcome == report.COMPLETE and cursor is not None:
        keep_cursor(run, cursor, now)
    elif whole and outcome != report.UNCHANGED:
        db.session.execute(update(Board).where(Board.id == run.board_id).values(cursor=None))


def _name_board(run: Reading, board: str) -> None:
    """A board that shows the work of one employer is called by the employer's name; not where staff enter whatever reaches them."""
    if run.source.spec.kind is PlatformKind.MANUAL:
        return
    unnamed = (Board.id == run.board_id) & (Board.label == board)
    if db.session.scalar(select(Board.id).where(unnamed)) is None:
        return
    names = db.session.scalars(select(Listing.employer).where(Listing.board_id == run.board_id).distinct().limit(2)).all()
    if len(names) == 1:
        db.session.execute(update(Board).where(unnamed).values(label=names[0]))


def keep_cursor(run: Reading, cursor: Mapping[str, Any], now: datetime) -> None:
    """Store the plugin's cursor with the recipe and the time of the full read it belongs to."""
    kept = db.session.scalar(select(Board.cursor).where(Board.id == run.board_id))
    recipe = run.source.recipe.hex()
    whole = run.source.spec.capabilities.mode in (Mode.SNAPSHOT, Mode.FILE)
    continued = kept is not None and not whole and run.continues and kept.get("recipe") == recipe
    value = {"recipe": recipe, "full_at": kept["full_at"] if kept and continued else now.isoformat(), "state": dict(cursor)}
    db.session.execute(update(Board).where(Board.id == run.board_id).values(cursor=value))
