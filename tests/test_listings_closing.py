"""When absence closes, when it is held, and what a deadline does."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, select

from careercenter import db, listings
from careercenter.listings import closing, finish, normal
from careercenter.listings.model import Listing, SyncRun
from careercenter.platforms.draft import Apply, Deadline, Employer, Hours, HoursPer, ListingDraft, ListingKind, Pay, PayKind, PayUnit
from careercenter.settings import Closing
from tests.board_feed import post
from tests.listing_board import Board, board_over

DAY = date(2026, 11, 16)
NOON = datetime(2026, 11, 16, 17, 0, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")
RULE = Closing()


@pytest.fixture
def board(app, monkeypatch: pytest.MonkeyPatch, now: datetime):  # type: ignore[no-untyped-def]
    with board_over(app, monkeypatch, now) as found:
        found.feed.posts = [post(n) for n in range(1, 11)]
        found.sync()
        yield found


# ---- the policy alone


def absent(misses: int = 0, first: datetime | None = None, last: date | None = None, n: int = 1) -> list[closing.Absent]:
    return [closing.Absent(i, misses, first, last) for i in range(n)]


def test_a_day_counts_one_miss() -> None:
    first = closing.miss(absent()[0], NOON, DAY)
    assert (first.misses, first.first_missed_at, first.counted) == (1, NOON, True)
    again = closing.miss(absent(1, NOON, DAY)[0], NOON + timedelta(hours=5), DAY)
    assert (again.misses, again.first_missed_at, again.counted) == (1, NOON, False)


@pytest.mark.parametrize(("misses", "hours", "due"), [(1, 100, False), (2, 47, False), (2, 48, True), (3, 47.9, False)])
def test_two_misses_and_48_hours(misses: int, hours: float, due: bool) -> None:
    found = closing.Miss(1, misses, NOON - timedelta(hours=hours), True)
    assert closing.is_due(found, RULE, NOON) is due


@pytest.mark.parametrize(("seen", "history", "held"), [
    (69, (100, 100, 100), True), (70, (100, 100, 100), False), (10, (100, 100), False), (69, (100, 20, 100, 100, 20), True),
    (60, (100, 100, 100, 50, 50, 50, 50), True), (0, (10, 10, 10), True),
])
def test_drop_guard(seen: int, history: tuple[int, ...], held: bool) -> None:
    verdict = closing.judge(absent(n=3), RULE, active=100, seen=seen, history=history, now=NOON, today=DAY)
    assert bool(verdict.held) is held
    assert (verdict.missed == ()) is held
    assert ("person" in verdict.reason) is held


@pytest.mark.parametrize(("due", "active", "held"), [(5, 10, 0), (6, 10, 6), (1, 1, 1), (1, 2, 0)])
def test_blast_guard(due: int, active: int, held: int) -> None:
    old = absent(2, NOON - timedelta(days=3), DAY - timedelta(days=1), n=due)
    verdict = closing.judge(old, RULE, active=active, seen=None, history=(), now=NOON, today=DAY)
    assert verdict.held == held
    assert len(verdict.close) == (0 if held else due)


# ---- the policy at work


def test_closes_after_two_days_and_48_hours_and_reopens(board: Board) -> None:
    board.feed.posts = board.feed.posts[:9]
    closed = []
    for hours in (6, 6, 24, 12, 7):  # Monday 15:00 … Wednesday 16:00 on campus
        board.later(hours=hours)
        closed.append(board.sync().counts.closed)
    assert closed == [0, 0, 0, 0, 1]
    assert board.states()["10"] == "closed"
    change, evidence = board.last_change("10")
    assert (change, evidence["by"], evidence["misses"]) == ("closed", "absence", 3)
    board.feed.posts = [post(n) for n in range(1, 11)]
    report = board.sync()
    assert (report.counts.reopened, report.counts.new, report.counts.unchanged) == (1, 0, 10)
    row = db.session.scalars(select(Listing).where(Listing.post_id == "10")).one()
    assert (row.state, row.misses, row.first_missed_at, row.closed_at) == ("open", 0, None, None)
    assert board.last_change("10")[0] == "reopened"


def test_misses_are_forgotten_when_shown_again(board: Board) -> None:
    everything, fewer = board.feed.posts, board.feed.posts[:9]
    for shown in (fewer, fewer, everything, fewer, fewer):
        board.later(hours=23)
        board.feed.posts = shown
        assert board.sync().counts.closed == 0
    assert board.states()["10"] == "open"


@pytest.mark.parametrize("total", [10, 500])
def test_short_fetch_closes_nothing(board: Board, total: int) -> None:
    board.feed.posts, board.feed.total = board.feed.posts[:4], total
    for _ in range(6):
        board.later(days=1)
        report = board.sync()
        assert (report.outcome, report.counts.vanished, report.counts.closed) == ("partial", 0, 0)
    assert set(board.states().values()) == {"open"}
    row = db.session.scalars(select(Listing).where(Listing.post_id == "10")).one()
    assert row.misses == 0


def test_mass_drop_is_held_and_never_becomes_the_measure(board: Board) -> None:
    for _ in range(3):
        board.later(hours=6)
        board.sync()
    board.feed.posts = board.feed.posts[:6]
    for _ in range(8):
        board.later(days=1)
        report = board.sync()
        assert (report.outcome, report.counts.held, report.counts.closed) == ("held", 4, 0)
        assert "person" in report.message
    assert set(board.states().values()) == {"open"}
    believed = db.session.scalars(select(SyncRun.id).where(SyncRun.outcome == "complete")).all()
    assert len(believed) == 4


def test_young_board_that_loses_most_is_held(board: Board) -> None:
    board.feed.posts = board.feed.posts[:4]
    outcomes = []
    for _ in range(4):
        board.later(days=1)
        report = board.sync()
        outcomes.append((report.outcome, report.counts.closed))
    assert outcomes[-1] == ("held", 0)
    assert set(board.states().values()) == {"open"}


def test_not_modified_still_counts_who_was_missing(board: Board) -> None:
    """A board that drops a post and then stands still answers "not modified" for ever; the post must still close."""
    board.feed.tags = True
    board.feed.posts = board.feed.posts[:9]
    outcomes = []
    for _ in range(4):
        board.later(days=1)
        outcomes.append(board.sync().outcome)
    assert outcomes[1:] == ["unchanged"] * 3
    assert board.states() == {str(n): "open" if n < 10 else "closed" for n in range(1, 11)}


def test_deadline_closes_though_still_shown_and_expired_never_opens(board: Board) -> None:
    board.feed.posts[0]["application_deadline"] = "2026-11-20T23:59:00-05:00"
    board.feed.posts.append(post(11, application_deadline="2026-11-02T23:59:00-05:00"))
    board.sync()
    assert board.states()["11"] == "closed"
    board.later(days=5)
    assert board.sync().counts.closed == 1
    assert board.last_change("1")[1]["by"] == "deadline"
    assert board.sync().counts.reopened == 0
    board.feed.posts[0]["application_deadline"] = "2026-12-20T23:59:00-05:00"
    report = board.sync()
    assert (report.counts.changed, report.counts.reopened) == (1, 1)
    assert board.states()["1"] == "open"


def test_expire_closes_between_runs(board: Board) -> None:
    board.feed.posts[0]["application_deadline"] = "2026-11-20T23:59:00-05:00"
    board.sync()
    board.later(days=5)
    with db.transaction():
        assert listings.expire(board.now()) == 1
        assert listings.expire(board.now()) == 0
    assert board.states()["1"] == "closed"


# ---- columns of the normal form


@pytest.mark.parametrize(("deadline", "ends"), [
    (Deadline(on=date(2026, 12, 4)), "2026-12-05T05:00:00+00:00"),
    (Deadline(on=date(2026, 12, 4), tz="America/Los_Angeles"), "2026-12-05T08:00:00+00:00"),
    (Deadline(on=date(2026, 12, 4), tz="+01:00"), "2026-12-04T23:00:00+00:00"),
    (Deadline(on=date(2026, 12, 4), tz="nowhere/../etc"), "2026-12-05T05:00:00+00:00"),
    (Deadline(on=date(2026, 11, 1)), "2026-11-02T05:00:00+00:00"),
    (Deadline(at=datetime(2026, 12, 4, 12, tzinfo=UTC)), "2026-12-04T12:00:00+00:00"),
])
def test_deadline_ends_in_its_own_zone(deadline: Deadline, ends: str) -> None:
    assert normal.deadline_at(deadline, ZONE).isoformat() == ends  # type: ignore[union-attr]


@pytest.mark.parametrize(("pay", "hours", "cents", "words"), [
    (Pay(PayKind.HOURLY, Decimal(18), Decimal(22), "USD", PayUnit.HOUR), None, 1800, "$18–$22 an hour"),
    (Pay(PayKind.HOURLY, Decimal("18.50"), None, "USD", PayUnit.HOUR), None, 1850, "$18.50 an hour"),
    (Pay(PayKind.FIXED_FEE, Decimal(600), None, "USD", PayUnit.TOTAL), Hours(None, 2400, HoursPer.TOTAL), 1500, "$600 fixed fee"),
    (Pay(PayKind.FIXED_FEE, Decimal(600), None, "USD", PayUnit.TOTAL), Hours(600, 600, HoursPer.WEEK), None, "$600 fixed fee"),
    (Pay(PayKind.SALARY, Decimal(52000), None, "USD", PayUnit.YEAR), None, None, "$52,000 a year"),
    (Pay(PayKind.HOURLY, Decimal(20), None, "EUR", PayUnit.HOUR), None, None, "EUR 20 an hour"),
    (Pay(PayKind.UNPAID), None, None, "Unpaid"), (Pay(raw="competitive"), None, None, "competitive"), (Pay(), None, None, ""),
])
def test_pay_per_hour_is_never_guessed(pay: Pay, hours: Hours | None, cents: int | None, words: str) -> None:
    draft = ListingDraft("Analyst", Employer("Alder & Finch"), ListingKind.INTERNSHIP, Apply(), pay=pay, hours=hours)
    assert (normal.hourly_cents(draft), normal.pay_text(pay)) == (cents, words)


def test_what_has_expired_is_found_without_reading_the_whole_board(board: Board) -> None:
    """By its deadline, and not by its board."""
    said: list[tuple[str, Any]] = []

    def hear(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append((statement, parameters))

    event.listen(db.db.engine, "before_cursor_execute", hear)
    try:
        with db.transaction():
            finish.expire(board.now(), board_id=1)
    finally:
        event.remove(db.db.engine, "before_cursor_execute", hear)
    [(statement, parameters)] = [(s, p) for s, p in said if "deadline_at" in s]
    with db.db.engine.connect() as connection:
        if db.is_postgresql():
            connection.exec_driver_sql("SET enable_seqscan = off")
        plan = connection.exec_driver_sql(f"EXPLAIN {'' if db.is_postgresql() else 'QUERY PLAN'} {statement}", parameters).all()
    assert "ix_listing_deadline" in str(plan), plan
