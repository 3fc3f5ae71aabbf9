"""What staff do with the sources they enter on a page: add, test, switch on and off, change, remove.

Each runs in the caller's transaction, on the version that the page showed, and is audited. A source is switched on only
when its very settings have passed a connection test and a person has confirmed the terms; `allow_hosts` is the settings'
alone, so that a page cannot reach into the private network.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, text, update

from careercenter import audit, by_page, db, sealed
from careercenter.by_page import Unsound
from careercenter.listings import held, polls, report, sources, stored
from careercenter.listings.model import IS_OPEN, Board, Listing, SyncRun
from careercenter.listings.store import close
from careercenter.listings.stored import PURPOSE, StoredSource
from careercenter.platforms import apart, registry
from careercenter.platforms.contract import CheckResult, PlatformError, Spec

CHECK = apart.Limits(silence_seconds=20, total_seconds=25)
_LOCK = 71_230_015  # pg advisory lock: one at a time says which boards are read


def get(source_id: int) -> StoredSource:
    """Raises NotFound."""
    found = db.session.get(StoredSource, source_id) if source_id < 2**31 else None
    if found is None:
        raise db.NotFound
    return found


def every() -> list[StoredSource]:
    return list(db.session.scalars(select(StoredSource).order_by(StoredSource.platform, StoredSource.id)))


def secrets_of(row: StoredSource) -> dict[str, str]:
    """The stored secrets. Raises `sealed.CannotOpen`."""
    return sealed.opened(row.sealed, PURPOSE)


def add(
    spec: Spec, label: str, boards: Iterable[str], every_minutes: int, options: Mapping[str, Any], secrets: Mapping[str, str], *,
    by: audit.Actor, now: datetime,
) -> StoredSource:
    """A new source, switched off. Raises `Unsound` when another source names one of its boards."""
    row = StoredSource(
        platform=spec.id, label=label, boards=list(boards), every_minutes=every_minutes, options=dict(options),
        sealed=sealed.seal(secrets, PURPOSE), created_at=now, changed_at=now, changed_by_id=by.person_id,
    )
    _one_at_a_time()
    _require_free(row.platform, row.boards, None)
    db.session.add(row)
    db.session.flush()
    by_page.note("source.added", row, by=by, now=now)
    return row


def change(
    source_id: int, version: int, label: str, boards: Iterable[str], every_minutes: int, options: Mapping[str, Any],
    secrets: Mapping[str, str] | None, *, by: audit.Actor, now: datetime,
) -> StoredSource:
    """New settings; `secrets` None keeps the stored ones. What the platform would notice switches the source off until it
    has been tested again. The listings of boards that are taken out are closed."""
    _one_at_a_time()
    row = _claim(source_id, version, by, now)
    before, was = row.mark, {"label": row.label, "boards": row.boards, "every_minutes": row.every_minutes, **row.options}
    wanted = list(boards)
    _require_free(row.platform, wanted, row.id)
    dropped = [board for board in row.boards if board not in wanted]
    row.label, row.boards, row.every_minutes, row.options = label, wanted, every_minutes, dict(options)
    if secrets is not None and (not row.sealed or secrets != secrets_of_or_none(row)):
        row.sealed = sealed.seal(secrets, PURPOSE)
    if row.mark != before:
        row.enabled_at = None
    _close_boards(row.platform, dropped, by, now)
    now_is = {"label": row.label, "boards": row.boards, "every_minutes": row.every_minutes, **row.options}
    differ = sorted(key for key in was.keys() | now_is.keys() if was.get(key) != now_is.get(key))
    by_page.note("source.changed", row, by=by, now=now, changed=differ, switched_off=row.mark != before)
    return row


def secrets_of_or_none(row: StoredSource) -> dict[str, str] | None:
    try:
        return secrets_of(row)
    except sealed.CannotOpen:
        return None


def try_connection(row: StoredSource) -> CheckResult:
    """Ask the platform whether these settings work and whose boards they are. Outside transactions: it waits for the network."""
    config = db.settings()
    try:
        plugin = registry.get(row.platform)
        spec = plugin.spec()
        registry.require_terms(spec)
        source = stored.as_source(row, tuple(row.boards), config.platforms.allow_hosts)
        cfg = registry.configure(plugin, source.base_url, stored.options_of(source), source.boards)
        drops = config.data_dir / "drops" / spec.id
        db.session.rollback()
        task = apart.task(spec.id, cfg, config.platforms.user_agent, source.allow_hosts, str(drops), polls.budget(spec, source))
        return apart.check(task, CHECK)
    except PlatformError as error:
        return CheckResult(False, getattr(error, "problems", None) or (str(error),))


def note_test(source_id: int, version: int, found: CheckResult, *, by: audit.Actor, now: datetime) -> StoredSource:
    """Keep what a connection test showed."""
    row = _claim(source_id, version, by, now)
    row.checked = {
        "at": now.isoformat(), "by": by.label, "mark": row.mark, "ok": found.ok, "identity": (found.identity or "")[:500],
        "sample": [title[:300] for title in found.sample[:3]], "problems": [words[:1000] for words in found.problems[:20]],
    }
    by_page.note("source.tested", row, by=by, now=now, ok=found.ok, identity=row.checked["identity"])
    return row


def enable(source_id: int, version: int, today: date, *, by: audit.Actor, now: datetime) -> StoredSource:
    """Read these boards from now on: `by` has seen whose they are and confirms the terms. Raises `db.Refused`, `db.Conflict`."""
    row = _claim(source_id, version, by, now)
    try:
        spec = registry.get(row.platform).spec()
        registry.require_terms(spec)
    except PlatformError as error:
        raise db.Refused(str(error)) from None
    if not row.proved:
        raise db.Refused("Test the connection first: these settings have not been seen to work.")
    row.enabled_at = now
    row.terms = {
        "by": by.label, "on": today.isoformat(), "basis": spec.terms.basis, "reviewed_on": str(spec.terms.reviewed_on),
        "url": spec.terms.url,
    }
    by_page.note("source.enabled", row, by=by, now=now, terms=row.terms)
    return row


def disable(source_id: int, version: int, *, by: audit.Actor, now: datetime) -> StoredSource:
    """Read these boards no more, for now. Their listings stay, and say since when nobody has verified them."""
    row = _claim(source_id, version, by, now)
    row.enabled_at = None
    by_page.note("source.disabled", row, by=by, now=now)
    return row


def remove(source_id: int, version: int, *, by: audit.Actor, now: datetime) -> int:
    """Forget a source and its secrets. Its open listings are closed with that as evidence; how many. Their history stays,
    and a source that names the same boards later opens again what they still show."""
    _one_at_a_time()
    row = _claim(source_id, version, by, now)
    closed = _close_boards(row.platform, row.boards, by, now)
    by_page.note("source.removed", row, by=by, now=now, closed=closed)
    db.session.delete(row)
    return closed


def open_listings(row: StoredSource) -> int:
    """How many open listings the boards of a source have."""
    board = select(Board.id).where(Board.platform == row.platform, Board.board.in_(row.boards))
    return len(db.session.scalars(select(Listing.id).where(Listing.board_id.in_(board), IS_OPEN)).all())


def pause_board(board_id: int, paused: bool, *, by: audit.Actor, now: datetime) -> Board:
    """Stop reading one board for a while, or read it again; doing so twice does it once."""
    row = db.session.scalar(select(Board).where(Board.id == board_id).with_for_update())
    if row is None:
        raise db.NotFound
    if (row.paused_at is not None) is not paused:
        row.paused_at = now if paused else None
        action = "board.paused" if paused else "board.resumed"
        audit.record(action, "board", row.id, by=by, now=now, detail={"board": f"{row.platform}/{row.board}"})
    return row


def _close_boards(platform: str, boards: Collection[str], by: audit.Actor, now: datetime) -> int:
    """Close what boards still have open. A run that is under way may write no more."""
    in_settings = {b for s in db.settings().platforms.sources if s.platform == platform for b in s.boards}
    wanted = [board for board in boards if board not in in_settings]
    ids = list(db.session.scalars(select(Board.id).where(Board.platform == platform, Board.board.in_(wanted))))
    words = "The source was removed. What the run had stored is closed."
    running = (SyncRun.board_id.in_(ids)) & (SyncRun.outcome == report.RUNNING)
    db.session.execute(update(SyncRun).where(running).values(outcome=report.LOST, finished_at=now, message=words))
    held.source_removed(ids, now)
    still = list(db.session.scalars(select(Listing.id).where(Listing.board_id.in_(ids), IS_OPEN)))
    if still:
        close(None, {i: {"by": "source removed", "who": by.label} for i in still}, now)
    return len(still)


def _require_free(platform: str, boards: Collection[str], mine: int | None) -> None:
    if len(set(boards)) != len(boards):
        raise Unsound({"boards": "Name each board once."})
    for source in sources.every():
        other = sorted(set(boards) & set(source.boards)) if source.platform == platform else []
        by_page = isinstance(source, stored.PageSource)
        if other and not (isinstance(source, stored.PageSource) and source.stored_id == mine):
            where = "on another source of this page" if by_page else "in config/platforms.toml"
            raise Unsound({"boards": f"“{other[0]}” is named {where} already. A board is read by one source only."})


def _one_at_a_time() -> None:
    if db.is_postgresql():
        db.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _claim(source_id: int, version: int, by: audit.Actor, now: datetime) -> StoredSource:
    return by_page.claim(select(StoredSource).where(StoredSource.id == source_id), version, "source", by=by, now=now)
