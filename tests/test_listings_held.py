"""Closings that wait for a person: who is asked, what a decision does, and that no hold lasts for ever."""

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from careercenter import audit, db
from careercenter.audit import Actor
from careercenter.listings import held
from careercenter.listings.held import HeldClosing, HeldListing
from careercenter.listings.model import Board as BoardRow
from careercenter.listings.model import Listing, SyncRun
from tests.board_feed import post
from tests.listing_board import Board, board_over

DANA = Actor("Dana Reyes")
ALL = [post(n) for n in range(1, 21)]


@pytest.fixture
def board(app, monkeypatch: pytest.MonkeyPatch, now: datetime):  # type: ignore[no-untyped-def]
    """A board of 20 listings whose usual size is known."""
    with board_over(app, monkeypatch, now) as found:
        found.beside = True
        found.feed.posts = list(ALL)
        for _ in range(4):
            found.sync()
            found.later(hours=6)
        yield found


def fall(board: Board, left: int = 4) -> HeldClosing:
    """The board shows only so many; the question that follows."""
    board.feed.posts = ALL[:left]
    assert board.sync().outcome == "held"
    return the_one()


def the_one() -> HeldClosing:
    db.session.rollback()
    (hold,) = held.waiting()
    return hold


def decide(hold: HeldClosing | int, decision: str, now: datetime, by: Actor = DANA) -> held.Decided:
    with db.transaction():
        return held.decide(hold if isinstance(hold, int) else hold.id, decision, by=by, now=now)


def opened(board: Board) -> int:
    return sum(state == "open" for state in board.states().values())


def holds() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(HeldClosing.state).order_by(HeldClosing.id)))


def test_a_guard_asks_with_rows_and_numbers(board: Board) -> None:
    hold = fall(board)
    assert (hold.guard, hold.size, hold.usual, hold.active, hold.runs) == ("drop", 4, 20, 20, 1)
    assert held.counts([hold.id]) == {hold.id: 16} and held.count_waiting() == 1
    assert sorted(int(listing.post_id) for listing, _ in held.listings(hold.id)) == list(range(5, 21))
    board.later(hours=1)
    board.sync()
    again = the_one()
    assert (again.id, again.runs) == (hold.id, 2), "the same question is not asked twice"
    assert [n for _, n in held.sizes(hold.board_id)] == [20, 20, 20, 20, 4, 4]


def test_closing_makes_the_size_the_measure(board: Board) -> None:
    hold = fall(board)
    done = decide(hold, held.CLOSED, board.now())
    assert (done.listings, done.gone) == (16, 0)
    assert opened(board) == 4
    assert board.last_change("9") == ("closed", {"by": "person", "who": "Dana Reyes", "hold": hold.id, "reason": hold.reason})
    for _ in range(3):
        board.later(hours=6)
        assert board.sync().outcome == "complete"
    board.feed.posts = ALL[:2]
    board.later(hours=1)
    assert board.sync().outcome == "held", "half of the new size is a drop again"
    assert the_one().usual == 4
    assert [e.action for e in audit.history("held_closing", hold.id)] == ["closing.closed"]


def test_without_a_word_the_old_measure_stands(board: Board) -> None:
    """The negative control of the test before."""
    fall(board)
    for _ in range(3):
        board.later(hours=6)
        assert board.sync().outcome == "held"
    assert opened(board) == 20


def test_closes_only_what_is_open_and_still_missing(board: Board) -> None:
    hold = fall(board)
    board.feed.posts, board.feed.total = ALL[:6], 20  # a short read closes nothing, yet shows two of them
    board.later(hours=1)
    assert board.sync().outcome == "partial"
    with db.transaction():
        db.session.execute(Listing.__table__.update().where(Listing.post_id == "7").values(state="closed"))  # type: ignore[attr-defined]
    done = decide(hold.id, held.CLOSED, board.now())
    assert (done.listings, done.gone) == (13, 1)
    states = board.states()
    assert [n for n in range(1, 21) if states[str(n)] == "open"] == [1, 2, 3, 4, 5, 6]


def test_a_later_run_answers_by_itself(board: Board) -> None:
    hold = fall(board)
    board.feed.posts = ALL[:19]
    board.later(hours=1)
    assert board.sync().outcome == "complete"
    assert holds() == ["resolved"] and held.count_waiting() == 0
    with pytest.raises(db.Conflict, match="showed enough listings again"):
        decide(hold.id, held.CLOSED, board.now())
    assert opened(board) == 20


def test_a_newer_question_replaces_the_older(board: Board) -> None:
    first = fall(board, 6)
    since = dict(held._since(first))
    board.later(hours=3)
    second = fall(board, 4)
    assert (holds(), second.id != first.id, second.found_at) == (["replaced", "asked"], True, first.found_at)
    kept = held._since(second)
    assert {kept[i] for i in since} == set(since.values()) and len(kept) == 16
    with pytest.raises(db.Conflict, match="newest"):
        decide(first.id, held.CLOSED, board.now())


def test_a_deadline_that_passes_takes_a_listing_out_of_the_question(board: Board) -> None:
    hold = fall(board)
    with db.transaction():
        row = db.session.scalars(select(Listing).where(Listing.post_id == "9")).one()
        row.deadline_at = board.now() + timedelta(hours=1)
    board.later(hours=2)
    assert board.sync().counts.closed == 1
    assert held.counts([hold.id]) == {hold.id: 15} and the_one().id == hold.id, "it is the same question still"
    assert decide(hold.id, held.CLOSED, board.now()).listings == 15
    assert board.last_change("9")[1]["by"] == "deadline"


def test_kept_open_asks_no_more_for_a_week_then_again(board: Board) -> None:
    hold = fall(board)
    done = decide(hold, held.KEPT, board.now())
    assert done.listings == 16 and opened(board) == 20
    assert board.last_change("9")[0] == "kept"
    asked = []
    for _ in range(9):
        board.later(days=1)
        asked.append(board.sync().outcome)
    assert asked == ["kept"] * 6 + ["held"] * 3
    assert opened(board) == 20
    believed = db.session.scalars(select(BoardRow.believed_at)).one()
    assert believed and board.now() - believed > timedelta(days=9), "what a person doubts is not called verified"


def test_more_missing_than_was_kept_is_a_new_question(board: Board) -> None:
    decide(fall(board, 6), held.KEPT, board.now())
    board.later(hours=1)
    assert len(held._since(fall(board, 4))) == 16


def test_kept_ones_that_came_back_and_vanish_are_asked_about(board: Board) -> None:
    decide(fall(board), held.KEPT, board.now())
    board.feed.posts = list(ALL)
    board.later(hours=1)
    assert board.sync().outcome == "complete"
    board.later(hours=1)
    fall(board)


def test_the_end_of_a_season_that_nobody_decides_gives_way(board: Board) -> None:
    """16 of 20 have gone for good. Nobody looks. In the end they close, and the board is believed again."""
    fall(board)
    outcomes = []
    for _ in range(15):
        board.later(days=1)
        outcomes.append(board.sync().outcome)
    assert outcomes == ["held"] * 13 + ["complete"] * 2
    assert opened(board) == 4 and holds() == ["gave_way"]
    change, evidence = board.last_change("9")
    assert (change, evidence["by"]) == ("closed", "held too long")
    assert [e.action for e in audit.history("held_closing", evidence["hold"])] == ["closing.gave_way"]


def test_a_dismissed_end_of_season_does_not_hold_for_ever(board: Board) -> None:
    decide(fall(board), held.KEPT, board.now())
    days = 0
    while opened(board) == 20:
        board.later(days=1)
        board.sync()
        days += 1
        assert days < 30
    assert days == 21, "asked again after 7 days, and 14 more without a word"


def test_days_without_runs_prove_nothing(board: Board) -> None:
    fall(board)
    board.later(days=20)
    assert board.sync().outcome == "held"
    assert opened(board) == 20


def test_give_way_can_be_switched_off(board: Board, app, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    settings = app.extensions["careercenter"]
    never = settings.platforms.model_copy(update={"closing": settings.platforms.closing.model_copy(update={"give_way_days": 0})})
    monkeypatch.setitem(app.extensions, "careercenter", settings.model_copy(update={"platforms": never}))
    fall(board)
    for _ in range(20):
        board.later(days=1)
        assert board.sync().outcome == "held"


def test_blast_guard_asks_and_closes(app, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:  # type: ignore[no-untyped-def]
    with board_over(app, monkeypatch, now) as board:
        board.beside = True
        board.feed.posts = list(ALL[:10])
        board.sync()
        board.feed.posts = ALL[:4]
        for _ in range(4):
            board.later(days=1)
            last = board.sync()
        assert last.outcome == "held"
        hold = the_one()
        assert (hold.guard, hold.size, hold.usual, hold.active) == ("blast", 4, None, 10)
        assert decide(hold, held.CLOSED, board.now()).listings == 6
        assert opened(board) == 4


def test_nobody_decides_while_the_board_is_read(board: Board) -> None:
    hold = fall(board)
    with db.transaction():
        run = SyncRun(board_id=hold.board_id, started_at=board.now(), beat_at=board.now(), outcome="running")
        db.session.add(run)
    with pytest.raises(db.Conflict, match="being read at this moment"):
        decide(hold.id, held.CLOSED, board.now())


def test_nonsense_is_refused(board: Board) -> None:
    hold = fall(board)
    with pytest.raises(db.Refused):
        decide(hold.id, "asked", board.now())
    with pytest.raises(db.NotFound):
        decide(999, held.CLOSED, board.now())


def race(app, hold_id: int, now: datetime) -> list[str]:  # type: ignore[no-untyped-def]
    """Two people decide at once, one each way; what each was told."""
    start, told = threading.Barrier(2), []

    def go(name: str, decision: str) -> None:
        with app.app_context():
            start.wait()
            try:
                told.append(f"{name}: {decide(hold_id, decision, now, Actor(name)).hold.state}")
            except db.Conflict as error:
                told.append(f"{name} lost: {error}")
            finally:
                db.session.remove()

    threads = [threading.Thread(target=go, args=each) for each in (("Dana", held.CLOSED), ("Omar", held.KEPT))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def test_two_decide_at_once_and_one_wins(board: Board, app) -> None:  # type: ignore[no-untyped-def]
    hold_id, board_id = fall(board).id, db.session.scalars(select(BoardRow.id)).one()
    db.session.rollback()
    told = race(app, hold_id, board.now())
    lost = [words for words in told if " lost: " in words]
    assert len(told) == 2 and len(lost) == 1, told
    winner = held.find(hold_id)
    assert winner.decided_by in lost[0], "the other learns who decided"
    assert opened(board) == (4 if winner.state == held.CLOSED else 20)
    assert len(audit.history("held_closing", hold_id)) == 1
    assert held.newest(board_id) is winner


def test_without_the_check_both_would_win(board: Board, app, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """The negative control: the state is what settles the race."""
    hold_id = fall(board).id
    db.session.rollback()

    class Always:
        def __ne__(self, other: object) -> bool:
            return False

    monkeypatch.setattr(held, "ASKED", Always())
    told = race(app, hold_id, board.now())
    assert not [words for words in told if " lost: " in words], told


def test_rows_leave_with_what_was_shown(board: Board) -> None:
    hold = fall(board, 4)
    board.feed.posts, board.feed.total = ALL[:10], 20
    board.later(hours=1)
    board.sync()
    assert len(db.session.scalars(select(HeldListing.listing_id).where(HeldListing.hold_id == hold.id)).all()) == 10
