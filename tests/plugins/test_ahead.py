"""The next page is fetched while the one before is handed on: only by a reader that reads on, and one request at a time."""

import threading
import time

from werkzeug.wrappers import Request, Response

from careercenter.platforms.contract import Completeness, End, Record
from tests.plugins.recorded import recorded
from tests.plugins.test_hostile import a_posts_own, many

WAIT = 3.0


class Pages:
    """Three pages of a hundred, and one of ten. Keeps what was asked for, and how many were asked for at once."""

    def __init__(self, name: str):
        self._name, self._lock = name, threading.Lock()
        self.asked: list[int] = []
        self.now = self.most = 0

    def __call__(self, request: Request) -> Response | None:
        if a_posts_own(request):
            return Response("{}")
        at = int(request.args.get("skip") or request.args.get("offset") or 0)
        with self._lock:
            self.asked.append(at)
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)
        with self._lock:
            self.now -= 1
        return Response(many(self._name, 100 if at < 300 else 10, at))

    def comes(self, at: int, within: float) -> bool:
        end = time.monotonic() + within
        while at not in self.asked and time.monotonic() < end:
            time.sleep(0.01)
        return at in self.asked


def test_a_page_is_asked_for_while_the_one_before_is_handed_on() -> None:
    pages = Pages("lever")
    with recorded("lever", pages) as board, board.client() as http:
        told = board.plugin.read(board.cfg, "acme", None, http)
        assert isinstance(next(told), Record)
        assert pages.comes(100, WAIT) and not pages.comes(200, 0.2), "one page ahead, and no more"
        *_, end = told
    assert pages.asked == [0, 100, 200, 300] and pages.most == 1
    assert isinstance(end, End) and (end.completeness, end.seen_unique) == (Completeness.COMPLETE, 310)


def test_a_connection_test_asks_for_one_page() -> None:
    pages = Pages("lever")
    with recorded("lever", pages) as board, board.client() as http:
        assert board.plugin.check(board.cfg, http).ok
        assert not pages.comes(100, 0.3) and pages.asked == [0]


def test_a_reader_that_is_left_leaves_no_thread() -> None:
    pages = Pages("lever")
    with recorded("lever", pages) as board, board.client() as http:
        told = board.plugin.read(board.cfg, "acme", None, http)
        next(told)
        told.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_who_asks_for_details_between_asks_for_no_page_ahead() -> None:
    """The client serves one request at a time."""
    pages = Pages("smartrecruiters")
    with recorded("smartrecruiters", pages) as board, board.client() as http:
        told = board.plugin.read(board.cfg, "acme", None, http)
        next(told)
        assert not pages.comes(100, 0.3)
        told.close()


def test_what_fails_ahead_is_said_after_what_came_before() -> None:
    pages = Pages("lever")

    def answer(request: Request) -> Response | None:
        return Response("later", 503) if request.args.get("skip") == "100" else pages(request)

    with recorded("lever", answer) as board, board.client() as http:
        *came, end = board.plugin.read(board.cfg, "acme", None, http)
    assert sum(isinstance(m, Record) for m in came) == 100
    assert isinstance(end, End) and end.completeness is Completeness.PARTIAL
