"""What a sync counts, writes and sets aside, over real HTTP on both databases."""

import importlib
import json
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select, text

from careercenter import db
from careercenter.listings.model import Board as BoardRow
from careercenter.listings.model import Listing, Quarantined, SyncRun
from tests.board_feed import post
from tests.listing_board import Board, board_over


@pytest.fixture
def board(app, monkeypatch: pytest.MonkeyPatch, now: datetime):  # type: ignore[no-untyped-def]
    with board_over(app, monkeypatch, now) as found:
        yield found


def numbers(report):  # type: ignore[no-untyped-def]
    c = report.counts
    assert c.add_up
    return c.new, c.changed, c.unchanged, c.quarantined, c.duplicates


def rows_written(run: Callable[[], object]) -> int:
    """How many rows of `listing` a call writes, by what the database itself notes, whatever way the statements took."""
    if db.is_postgresql():
        places = text("SELECT id, ctid::text, xmin::text FROM listing")
        before = {tuple(row) for row in db.session.execute(places)}
        db.session.rollback()
        run()
        after = {tuple(row) for row in db.session.execute(places)}
        db.session.rollback()
        return len(before ^ after)
    db.session.remove()
    with db.db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE written (n INTEGER)"))
        for event in ("INSERT", "UPDATE", "DELETE"):
            connection.execute(text(f"CREATE TRIGGER note_{event} AFTER {event} ON listing BEGIN INSERT INTO written VALUES (1); END"))
    try:
        run()
        return db.session.execute(text("SELECT count(*) FROM written")).scalar_one()
    finally:
        db.session.remove()
        with db.db.engine.begin() as connection:
            connection.execute(text("DROP TABLE written"))
            for event in ("INSERT", "UPDATE", "DELETE"):
                connection.execute(text(f"DROP TRIGGER note_{event}"))


def test_first_run_opens_every_listing(board: Board) -> None:
    board.feed.posts = [post(n) for n in range(1, 6)]
    report = board.sync()
    assert report.outcome == "complete", report.message
    assert numbers(report) == (5, 0, 0, 0, 0)
    assert set(board.states().values()) == {"open"}
    assert board.last_change("1") == ("opened", {"by": "new in the feed"})
    row = db.session.scalars(select(BoardRow)).one()
    assert (row.label, row.believed_at, row.last_run_at) == ("Alder & Finch", board.clock, board.clock)
    assert all(one.opportunity_id == one.id for one in db.session.scalars(select(Listing)))


def test_second_run_counts_new_changed_unchanged_vanished(board: Board) -> None:
    board.feed.posts = [post(n) for n in range(1, 11)]
    board.sync()
    board.later(hours=6)
    board.feed.posts = [post(n) for n in range(1, 9)] + [post(20)]
    board.feed.posts[0]["title"] = "Marketing and Events Intern"
    report = board.sync()
    assert numbers(report) == (1, 1, 7, 0, 0)
    assert (report.counts.vanished, report.counts.closed) == (2, 0)
    change, evidence = board.last_change("1")
    assert change == "changed"
    assert evidence["fields"]["title"] == ["Marketing Intern 1", "Marketing and Events Intern"]
    run = db.session.get_one(SyncRun, report.run_id)
    assert (run.received, run.new, run.changed, run.unchanged, run.seen) == (9, 1, 1, 7, 9)


def test_unchanged_feed_writes_no_listing(board: Board) -> None:
    board.feed.posts = [post(n) for n in range(1, 6)]
    board.sync()
    events = board.events()
    assert rows_written(board.sync) == 0
    assert board.events() == events
    board.feed.posts[0]["title"] = "Other"
    board.feed.posts.append(post(6))
    assert rows_written(board.sync) >= 2, "the check sees writes when there are some"


def test_touched_time_stamp_alone_is_no_change(board: Board) -> None:
    board.feed.posts = [post(1), post(2)]
    board.sync()
    board.later(hours=6)
    board.feed.posts[0]["updated_at"] = "2026-11-16T10:00:00-05:00"
    report = board.sync()
    assert numbers(report) == (0, 0, 2, 0, 0)
    changed_at = db.session.scalars(select(Listing.changed_at).where(Listing.post_id == "1")).one()
    assert changed_at < board.clock


def test_edit_with_the_old_stamp_is_a_change(board: Board) -> None:
    board.feed.posts = [post(1), post(2)]
    board.sync()
    board.feed.posts[0]["content"] = "&lt;p&gt;A different task.&lt;/p&gt;"
    assert numbers(board.sync()) == (0, 1, 1, 0, 0)


def test_not_modified_confirms_without_reading(board: Board) -> None:
    board.feed.tags = True
    board.feed.posts = [post(1), post(2)]
    assert board.sync().outcome == "complete"
    board.later(hours=6)
    report = board.sync()
    assert (report.outcome, numbers(report)) == ("unchanged", (0, 0, 0, 0, 0))
    assert db.session.scalars(select(BoardRow.believed_at)).one() == board.clock
    board.later(days=8)
    assert board.sync().outcome == "complete", "once a week everything is read again"


def test_repeated_posts_are_counted_duplicates(board: Board) -> None:
    board.feed.posts = [post(1), post(2), post(1), post(1, title="Same id, other words")]
    report = board.sync()
    assert numbers(report) == (2, 0, 0, 0, 2)
    assert report.outcome == "complete"
    assert db.session.scalars(select(Listing.title).where(Listing.post_id == "1")).one() == "Marketing Intern 1"
    assert numbers(board.sync()) == (0, 0, 2, 0, 2)


@pytest.mark.parametrize("spoil", [
    {"title": None}, {"title": ["a", "list"]}, {"title": ""},
    {"absolute_url": "javascript:alert(1)"}, {"content": {"a": [1]}}, {"company_name": 17, "title": None},
])
def test_bad_record_never_stops_good_ones(board: Board, spoil: dict[str, object]) -> None:
    board.feed.posts = [post(1), post(2, **spoil), post(3)]
    report = board.sync()
    assert report.counts.add_up
    states = board.states()
    assert {"1", "3"} <= set(states)
    kept = db.session.scalars(select(Quarantined)).all()
    assert report.counts.quarantined == len(kept) == 3 - len(states)
    for row in kept:
        assert row.reason and row.raw


def test_a_post_that_comes_spoiled_and_in_a_later_batch_well_is_not_quarantined(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """The later batch is looked at while the one before is not yet stored, and alone it would have nothing to write."""
    monkeypatch.setattr(importlib.import_module("careercenter.listings.sync"), "BATCH", 2)
    board.feed.posts = [post(n) for n in range(1, 5)]
    board.sync()
    board.feed.posts = [post(3, title=None), post(1), post(2), post(3), post(4)]
    board.later(hours=6)
    report = board.sync()
    assert report.counts.add_up and report.counts.quarantined == 1
    assert db.session.scalars(select(Quarantined)).all() == []
    assert set(board.states().values()) == {"open"}


def test_mended_record_leaves_quarantine(board: Board) -> None:
    board.feed.posts = [post(1), post(2, title=None)]
    assert numbers(board.sync()) == (1, 0, 0, 1, 0)
    assert numbers(board.sync()) == (0, 0, 1, 1, 0)
    board.feed.posts[1] = post(2)
    assert numbers(board.sync()) == (1, 0, 1, 0, 0)
    assert db.session.scalars(select(Quarantined)).all() == []


def test_listing_that_turned_unreadable_is_not_missing(board: Board) -> None:
    board.feed.posts = [post(1), post(2)]
    board.sync()
    board.feed.posts[1] = post(2, title=None)
    report = board.sync()
    assert numbers(report) == (0, 0, 1, 1, 0)
    assert report.counts.vanished == 0
    assert board.states() == {"1": "open", "2": "open"}


def test_nul_and_markup_do_no_harm(board: Board) -> None:
    board.feed.posts = [post(1, title="Intern\x00 Analyst", content="&lt;script&gt;alert(1)&lt;/script&gt;&lt;p&gt;Work.&lt;/p&gt;")]
    report = board.sync()
    assert report.counts.add_up and report.counts.received == 1
    for row in db.session.scalars(select(Listing)):
        assert "\x00" not in row.title and "script" not in row.description_html


@pytest.mark.parametrize("body", [
    b"<html><title>Sign in</title></html>", b"{}", b"null", b'{"jobs": null}', b'{"jobs": [{"id": 1, "ti', b"", b"[" * 100_000,
    b'{"jobs": [], "meta": {"total": NaN}}',
])
def test_odd_answer_is_a_plain_outcome_and_closes_nothing(board: Board, body: bytes) -> None:
    board.feed.posts = [post(n) for n in range(1, 4)]
    board.sync()
    board.feed.body = body
    for _ in range(3):
        board.later(days=1)
        report = board.sync()
        assert report.outcome in ("drift", "partial", "unknown"), report
        assert report.message.endswith(".")
    assert set(board.states().values()) == {"open"}


@pytest.mark.parametrize(("status", "outcome"), [
    ("401 Unauthorized", "auth"), ("429 Too Many", "rate_limited"), ("404 Not Found", "gone"),
])
def test_refusals_are_named_by_what_to_do(board: Board, status: str, outcome: str) -> None:
    board.feed.posts = [post(1)]
    board.sync()
    board.feed.status = status
    report = board.sync()
    assert report.outcome == outcome
    run = db.session.get_one(SyncRun, report.run_id)
    assert (run.outcome, run.message) == (outcome, report.message)
    assert board.states() == {"1": "open"}


def test_empty_board_is_not_believed(board: Board) -> None:
    board.feed.posts = [post(n) for n in range(1, 4)]
    board.sync()
    board.feed.posts = []
    for _ in range(4):
        board.later(days=1)
        report = board.sync()
    assert report.outcome in ("partial", "held")
    assert set(board.states().values()) == {"open"}


def test_unknown_and_switched_off_sources_say_so(board: Board) -> None:
    from careercenter import listings

    report = listings.sync("greenhouse", "nobody", now=board.now)
    assert (report.outcome, report.run_id) == ("config", None)
    assert 'no board "nobody"' in report.message


def test_progress_is_told_outside_transactions(board: Board) -> None:
    board.feed.posts = [post(n) for n in range(1, 4)]
    told = []

    def progress(done: int, total: int | None, words: str) -> None:
        with db.transaction():
            told.append((done, words))

    board.sync(progress)
    assert told[-1] == (3, "3 listings read")


def test_normal_form_reaches_the_columns(board: Board) -> None:
    board.feed.posts = [post(1, location={"name": "Chicago, IL"})]
    board.sync()
    row = db.session.scalars(select(Listing)).one()
    assert (row.title, row.employer, row.place, row.kind) == ("Marketing Intern 1", "Alder & Finch", "Chicago, IL", "internship")
    assert row.apply_url == "https://boards.example.com/alderfinch/jobs/1"
    assert "briefs for the spring campaign" in row.description_html
    assert json.dumps(row.draft)


def test_not_modified_is_no_answer_after_a_run_that_was_not_believed(board: Board) -> None:
    """Edits of a partial run stand in the rows; the tag of the snapshot before must not confirm them."""
    board.feed.tags = True
    board.feed.posts = [post(1), post(2)]
    board.sync()
    board.feed.posts, board.feed.total = [post(1, title="Half-written Intern")], 2
    assert (board.sync().outcome, board.states()) == ("partial", {"1": "open", "2": "open"})
    board.feed.posts, board.feed.total = [post(1), post(2)], None
    report = board.sync()
    assert (report.outcome, numbers(report)) == ("complete", (0, 1, 1, 0, 0))
    assert db.session.scalars(select(Listing.title).where(Listing.post_id == "1")).one() == "Marketing Intern 1"
