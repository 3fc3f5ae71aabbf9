"""Closings that wait for a person: what a guard held, who decided on it, and what follows for later runs.

A hold is a question about one board: these listings are missing, are they gone? It is kept as rows until a person closes
the listings or keeps them open, or a run answers by showing them again. docs/decisions/0007-closing.md says why a hold
that nobody decides gives way in the end, and why one that was dismissed is asked again.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, delete, func, or_, select, text, update
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from careercenter import audit, db
from careercenter.listings import report
from careercenter.listings.closing import Verdict
from careercenter.listings.model import OPEN, Board, Listing, SyncRun
from careercenter.listings.store import Reading, chunks, close, record_events
from careercenter.settings import Closing

ASKED, CLOSED, KEPT, REPLACED, RESOLVED, GAVE_WAY = "asked", "closed", "kept", "replaced", "resolved", "gave_way"
REMOVED = "removed"
DECISIONS = (CLOSED, KEPT)


class HeldClosing(db.Model):
    """One question about a board. `size` is what the board showed, `usual` what was usual, `active` what was open."""

    __tablename__ = "held_closing"
    __table_args__ = (
        Index("uq_held_closing_asked", "board_id", unique=True,
              sqlite_where=text("state = 'asked'"), postgresql_where=text("state = 'asked'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    board_id: Mapped[int] = mapped_column(ForeignKey("board.id"), index=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("sync_run.id"))
    """The newest run that found the board so."""
    found_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    runs: Mapped[int] = mapped_column(default=1)
    guard: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(Text)
    size: Mapped[int | None]
    usual: Mapped[int | None]
    active: Mapped[int]
    state: Mapped[str] = mapped_column(String(10), default=ASKED)
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    decided_by: Mapped[str] = mapped_column(String(200), default="")
    board: Mapped[Board] = relationship()
    run: Mapped[SyncRun] = relationship()


class HeldListing(db.Model):
    """A listing of a hold; `since` is when a guard first held it, without a break. It leaves the hold when it is shown again."""

    __tablename__ = "held_listing"

    hold_id: Mapped[int] = mapped_column(ForeignKey("held_closing.id"), primary_key=True)
    listing_id: Mapped[int] = mapped_column(ForeignKey("listing.id"), primary_key=True, index=True)
    since: Mapped[datetime]


@dataclass(frozen=True)
class Decided:
    """What a decision did: listings closed or kept open, and those of the hold that had closed otherwise meanwhile."""

    hold: HeldClosing
    listings: int
    gone: int


# ---- what a run does


def settle(run: Reading, verdict: Verdict, complete: bool, now: datetime) -> Verdict:
    """Bring the holds of a board up to what a run has shown, and give the verdict that follows from them.

    Within the transaction that ends the run. A run that is not complete asks nothing, but what it showed is not missing.
    """
    rule = db.settings().platforms.closing
    asked = _asked(run.board_id)
    shown_again(run)
    if asked:
        _forget_closed(asked)
    if not complete:
        return verdict
    if not verdict.held:
        if asked:
            _end(asked, RESOLVED, now)
        return verdict
    kept = _kept(run.board_id, verdict.held_ids, now - timedelta(days=rule.ask_again_days))
    if kept and kept.decided_at:
        if asked:
            _end(asked, REPLACED, now)
        words = f"{verdict.held:,} listings are still missing. {kept.decided_by} kept them open; nothing was closed."
        return replace(verdict, kept=True, reason=words)
    since = _since(asked) if asked else {}
    due = [i for i in verdict.held_ids if _old(since.get(i), now, rule)]
    if asked and due and asked.runs >= rule.drop_runs:
        return _give_way(run, asked, verdict, due, now)
    _ask(run, asked, verdict, since, now)
    return verdict


def shown_again(run: Reading) -> None:
    """Listings that a run has seen are not missing: they leave the holds of their board, whether the run was complete or not."""
    mine = select(HeldClosing.id).where(HeldClosing.board_id == run.board_id, HeldClosing.state.in_((ASKED, KEPT)))
    held = select(HeldListing.listing_id).where(HeldListing.hold_id.in_(mine))
    back = [i for i in db.session.scalars(held) if i in run.seen]
    for ids in chunks(back):
        db.session.execute(delete(HeldListing).where(HeldListing.hold_id.in_(mine), HeldListing.listing_id.in_(ids)))


def _forget_closed(asked: HeldClosing) -> None:
    """Nobody has to decide on listings that a deadline has closed meanwhile."""
    closed = select(Listing.id).where(Listing.id == HeldListing.listing_id, Listing.state != OPEN).exists()
    db.session.execute(delete(HeldListing).where(HeldListing.hold_id == asked.id, closed))


def measure(board_id: int, rule: Closing) -> list[int]:
    """How many posts the last believed snapshots showed, newest first; held and partial ones never become the measure.

    A size that a person confirmed counts as often as the drop guard needs, and nothing before it counts any more.
    """
    settled = (HeldClosing.board_id == board_id) & HeldClosing.state.in_((CLOSED, GAVE_WAY)) & HeldClosing.size.is_not(None)
    last = db.session.execute(
        select(HeldClosing.run_id, HeldClosing.size).where(settled).order_by(HeldClosing.run_id.desc()).limit(1)
    ).one_or_none()
    believed = (SyncRun.board_id == board_id) & (SyncRun.outcome == report.COMPLETE) & SyncRun.seen.is_not(None)
    if last:
        believed &= SyncRun.id > last.run_id
    newest = select(SyncRun.seen).where(believed).order_by(SyncRun.id.desc()).limit(rule.drop_runs)
    found = [n for n in db.session.scalars(newest) if n is not None]
    return (found + [last.size] * rule.drop_history)[: rule.drop_runs] if last else found


def _asked(board_id: int) -> HeldClosing | None:
    """The open question of a board, locked: a decision that is made at this moment waits, or was first."""
    open_one = select(HeldClosing).where(HeldClosing.board_id == board_id, HeldClosing.state == ASKED)
    return db.session.scalar(open_one.with_for_update().execution_options(populate_existing=True))


def _kept(board_id: int, missing: Collection[int], since: datetime) -> HeldClosing | None:
    """The dismissal that covers everything missing and is not yet to be asked again."""
    found = select(HeldClosing).where(
        HeldClosing.board_id == board_id, HeldClosing.state == KEPT, HeldClosing.decided_at > since
    ).order_by(HeldClosing.id.desc()).limit(1)
    hold = db.session.scalar(found)
    return hold if hold and set(missing) <= _since(hold).keys() else None


def _since(hold: HeldClosing) -> dict[int, datetime]:
    rows = select(HeldListing.listing_id, HeldListing.since).where(HeldListing.hold_id == hold.id)
    return {row.listing_id: row.since for row in db.session.execute(rows)}


def _old(since: datetime | None, now: datetime, rule: Closing) -> bool:
    return bool(rule.give_way_days) and since is not None and now - since >= timedelta(days=rule.give_way_days)


def _ask(run: Reading, asked: HeldClosing | None, verdict: Verdict, since: dict[int, datetime], now: datetime) -> None:
    """The same question once more, or a new one in place of the older."""
    if asked and since.keys() == set(verdict.held_ids) and asked.guard == verdict.guard:
        asked.run_id, asked.seen_at, asked.runs, asked.reason = run.run_id, now, asked.runs + 1, verdict.reason
        asked.size, asked.active = verdict.evidence.get("seen"), verdict.evidence["active"]
        return
    if asked:
        _end(asked, REPLACED, now)
        db.session.flush()
    hold = HeldClosing(
        board_id=run.board_id, run_id=run.run_id, found_at=asked.found_at if asked else now, seen_at=now, guard=verdict.guard,
        runs=asked.runs + 1 if asked else 1, reason=verdict.reason, size=verdict.evidence.get("seen"),
        usual=verdict.evidence.get("usual"), active=verdict.evidence["active"],
    )
    db.session.add(hold)
    db.session.flush()
    rows = [{"hold_id": hold.id, "listing_id": i, "since": since.get(i, now)} for i in verdict.held_ids]
    db.session.execute(HeldListing.__table__.insert(), rows)  # type: ignore[attr-defined]


def _give_way(run: Reading, asked: HeldClosing, verdict: Verdict, due: list[int], now: datetime) -> Verdict:
    """Nobody decided for long enough, and every complete run missed these: they close, with that as evidence."""
    since = _since(asked)
    close(run.run_id, {i: {"by": "held too long", "held_since": since[i].isoformat(), "hold": asked.id} for i in due}, now)
    run.counts.closed += len(due)
    over = set(due)
    left = tuple(i for i in verdict.held_ids if i not in over)
    asked.run_id, asked.seen_at, asked.size = run.run_id, now, verdict.evidence.get("seen")
    _end(asked, GAVE_WAY, now)
    db.session.flush()
    audit.record(
        "closing.gave_way", "held_closing", asked.id, by=audit.SYSTEM, now=now, reason=asked.reason, detail={"closed": len(due)}
    )
    verdict = replace(
        verdict, held_ids=left, missed=tuple(m for m in verdict.missed if m.id not in over),
        reason=f"{len(due):,} listings were closed: they had been missing for long, and nobody had decided on them.",
    )
    if left:
        _ask(run, None, verdict, {i: since[i] for i in left if i in since}, now)
    return verdict


def _end(hold: HeldClosing, state: str, now: datetime) -> None:
    hold.state, hold.decided_at = state, now


def source_removed(board_ids: Collection[int], now: datetime) -> None:
    """Nobody has to decide on boards that are read no more."""
    asked = (HeldClosing.board_id.in_(board_ids)) & (HeldClosing.state == ASKED)
    db.session.execute(update(HeldClosing).where(asked).values(state=REMOVED, decided_at=now))


# ---- what a person does


def decide(hold_id: int, decision: str, *, by: audit.Actor, now: datetime) -> Decided:
    """Close what is held (`CLOSED`) or keep it open (`KEPT`). Raises `db.Conflict` when the question is no longer open.

    Closed are exactly those that are still open and that no run has shown since. Then the size that the board shows is its
    measure. Kept ones begin anew with no misses.
    """
    hold = db.session.scalar(select(HeldClosing).where(HeldClosing.id == hold_id).with_for_update())
    if hold is None:
        raise db.NotFound
    if decision not in DECISIONS:
        raise db.Refused("Choose whether the listings are closed or kept open.")
    if hold.state != ASKED:
        raise db.Conflict(_why_not(hold))
    if db.session.scalar(select(SyncRun.id).where(SyncRun.board_id == hold.board_id, SyncRun.outcome == report.RUNNING)):
        raise db.Conflict("The board is being read at this moment. Look again when that run has ended: it may show them.")
    ids = list(db.session.scalars(
        select(Listing.id).join(HeldListing, HeldListing.listing_id == Listing.id)
        .where(HeldListing.hold_id == hold.id, Listing.state == OPEN)
    ))
    held = db.session.scalar(select(func.count()).select_from(HeldListing).where(HeldListing.hold_id == hold.id)) or 0
    evidence = {"by": "person", "who": by.label, "hold": hold.id, "reason": hold.reason}
    hold.state, hold.decided_at, hold.decided_by_id, hold.decided_by = decision, now, by.person_id, by.label
    if decision == CLOSED:
        close(hold.run_id, dict.fromkeys(ids, evidence), now)
        db.session.execute(update(Board).where(Board.id == hold.board_id).values(believed_at=hold.seen_at))
    else:
        _forget_misses(ids, hold, evidence, now)
    detail = {"decision": decision, "listings": len(ids), "board": hold.board.board, "platform": hold.board.platform}
    audit.record(f"closing.{decision}", "held_closing", hold.id, by=by, now=now, reason=hold.reason, detail=detail)
    return Decided(hold, len(ids), held - len(ids))


def _forget_misses(ids: list[int], hold: HeldClosing, evidence: dict[str, Any], now: datetime) -> None:
    fresh = {"misses": 0, "first_missed_at": None, "last_missed_on": None}
    for some in chunks(ids):
        db.session.execute(update(Listing).where(Listing.id.in_(some)).values(fresh))
    record_events([
        {"listing_id": i, "run_id": hold.run_id, "at": now, "change": "kept", "evidence": evidence} for i in ids
    ])


def _why_not(hold: HeldClosing) -> str:
    return {
        CLOSED: f"{hold.decided_by} has closed these listings already.",
        KEPT: f"{hold.decided_by} has decided to keep these listings open.",
        REPLACED: "A newer run found the board different, so the question has changed. Look at the newest one.",
        RESOLVED: "A newer run showed enough listings again, so nothing is held any more.",
        REMOVED: "The source was removed, and its listings were closed.",
        GAVE_WAY: "Nobody had decided for so long that the listings were closed.",
    }[hold.state]


# ---- what pages show


def waiting() -> list[HeldClosing]:
    """Every open question, the oldest first."""
    asked = select(HeldClosing).where(HeldClosing.state == ASKED).options(joinedload(HeldClosing.board))
    return list(db.session.scalars(asked.order_by(HeldClosing.found_at, HeldClosing.id)))


def count_waiting() -> int:
    return db.session.scalar(select(func.count()).where(HeldClosing.state == ASKED)) or 0


def find(hold_id: int) -> HeldClosing:
    """A question, open or not, with its board. Raises NotFound."""
    found = db.session.get(HeldClosing, hold_id, options=[joinedload(HeldClosing.board)]) if hold_id < 2**31 else None
    if found is None:
        raise db.NotFound
    return found


def newest(board_id: int) -> HeldClosing | None:
    """The newest question about a board, whatever became of it."""
    return db.session.scalar(select(HeldClosing).where(HeldClosing.board_id == board_id).order_by(HeldClosing.id.desc()).limit(1))


def recent(limit: int = 10) -> list[HeldClosing]:
    """Questions that were answered, the newest first."""
    told = select(HeldClosing).where(HeldClosing.state.not_in((ASKED, REPLACED))).options(joinedload(HeldClosing.board))
    return list(db.session.scalars(told.order_by(HeldClosing.decided_at.desc(), HeldClosing.id.desc()).limit(limit)))


def counts(hold_ids: Iterable[int]) -> dict[int, int]:
    """How many listings each open question keeps back now, or an answered one was about."""
    back = or_(HeldClosing.state != ASKED, Listing.state == OPEN)
    wanted = (
        select(HeldListing.hold_id, func.count()).join(HeldClosing, HeldClosing.id == HeldListing.hold_id)
        .join(Listing, Listing.id == HeldListing.listing_id).where(HeldListing.hold_id.in_(list(hold_ids)), back)
    )
    return {row[0]: row[1] for row in db.session.execute(wanted.group_by(HeldListing.hold_id))}


def listings(hold_id: int, limit: int = 200) -> list[tuple[Listing, datetime]]:
    """The listings of a hold and since when each is missing, by title."""
    rows = select(Listing, HeldListing.since).join(HeldListing, HeldListing.listing_id == Listing.id)
    rows = rows.where(HeldListing.hold_id == hold_id).order_by(Listing.title, Listing.id).limit(limit)
    return [(listing, since) for listing, since in db.session.execute(rows)]


def sizes(board_id: int, limit: int = 8) -> list[tuple[datetime, int]]:
    """What the last whole snapshots of a board showed, oldest first; the held ones among them."""
    whole = (SyncRun.board_id == board_id) & SyncRun.seen.is_not(None) & SyncRun.finished_at.is_not(None)
    newest = select(SyncRun.started_at, SyncRun.seen).where(whole).order_by(SyncRun.id.desc()).limit(limit)
    return [(at, seen) for at, seen in reversed(db.session.execute(newest).all()) if seen is not None]
