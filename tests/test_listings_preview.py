"""A dry run says what a sync would do, agrees with the sync that follows, and leaves the database as it was."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from careercenter import db, listings
from careercenter.listings import Change
from tests.board_feed import post
from tests.listing_board import Board, board_over


@pytest.fixture
def board(app, monkeypatch: pytest.MonkeyPatch, now: datetime):  # type: ignore[no-untyped-def]
    with board_over(app, monkeypatch, now) as found:
        yield found


def everything() -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    db.session.rollback()
    return {t.name: sorted((tuple(row) for row in db.session.execute(select(t))), key=str) for t in db.Base.metadata.sorted_tables}


def dry(board: Board) -> tuple[listings.SyncReport, list[Change]]:
    told: list[Change] = []
    before = everything()
    report = listings.preview("greenhouse", "alderfinch", now=board.now, tell=told.append)
    assert everything() == before, "a dry run writes nothing"
    return report, told


def as_told(board: Board) -> list[Change]:
    """A dry run, the sync after it, and the numbers of both alike."""
    foreseen, told = dry(board)
    done = board.sync()
    assert (foreseen.run_id, foreseen.outcome, foreseen.completeness) == (None, done.outcome, done.completeness)
    assert foreseen.counts == done.counts
    return told


def kinds(told: list[Change]) -> list[tuple[str, str]]:
    return sorted((change.what, change.post_id) for change in told)


def test_a_first_read_opens_everything_once(board: Board) -> None:
    board.feed.posts = [post(n) for n in range(1, 4)] + [post(2), post(9, title=None)]
    told = as_told(board)
    assert kinds(told) == [("new", "1"), ("new", "2"), ("new", "3"), ("quarantined", "9")]
    assert next(c for c in told if c.what == "quarantined").reason
    assert {c.title for c in told} >= {"Marketing Intern 1"}


def test_changed_fields_are_named_with_both_values(board: Board) -> None:
    board.feed.posts = [post(n) for n in range(1, 6)]
    board.sync()
    board.later(hours=6)
    board.feed.posts = [post(1, title="Events Intern"), *(post(n) for n in range(2, 5)), post(7)]
    told = as_told(board)
    assert kinds(told) == [("changed", "1"), ("missed", "5"), ("new", "7")]
    assert next(c for c in told if c.what == "changed").fields == {"title": ["Marketing Intern 1", "Events Intern"]}


def test_what_would_close_what_is_held_and_what_returns(board: Board) -> None:
    everyone = [post(n) for n in range(1, 11)]
    board.feed.posts = everyone
    board.sync()
    board.feed.posts = everyone[:9]
    for hours in (6, 30):
        board.later(hours=hours)
        board.sync()
    board.later(hours=30)
    assert kinds(as_told(board)) == [("closed", "10")]
    board.feed.posts = everyone
    assert kinds(as_told(board)) == [("reopened", "10")]
    board.feed.posts = everyone[:3]
    board.later(days=1)
    assert board.sync().outcome == "held"
    foreseen, told = dry(board)
    assert foreseen.outcome == "held" and ("held", "10") in kinds(told)


def test_a_passed_deadline_would_close(board: Board) -> None:
    board.feed.posts = [post(1, application_deadline="2026-11-20T12:00:00-05:00"), post(2)]
    board.sync()
    board.clock += timedelta(days=10)
    assert kinds(as_told(board)) == [("closed", "1")]


def test_trouble_is_an_outcome_and_closes_nothing(board: Board) -> None:
    board.feed.posts = [post(1), post(2)]
    board.sync()
    board.later(days=1)
    board.feed.body = b"<html>Sign in</html>"
    report, told = dry(board)
    assert (report.outcome, report.ok, told) == ("drift", False, [])
    board.feed.body, board.feed.posts, board.feed.total = None, [post(1)], 2
    report, told = dry(board)
    assert (report.outcome, report.counts.vanished, told) == ("partial", 0, [])
    assert listings.preview("greenhouse", "nobody", now=board.now, tell=told.append).outcome == "config"
