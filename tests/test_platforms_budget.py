"""How often hosts are asked: by several processes together, after "come back later", and as often as the terms allow."""

import io
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from careercenter import db, listings
from careercenter.listings import polls, report
from careercenter.listings.model import SyncRun
from careercenter.listings.sources import board_row
from careercenter.platforms import apart, frames, registry
from careercenter.platforms.budget import Budget, Turns
from careercenter.platforms.contract import Completeness, End, RateLimited, Response, TermsBlocked, Transient
from careercenter.platforms.http import HttpClient
from careercenter.platforms.robots import Robots
from careercenter.settings import Source
from tests.board_feed import Feed, post, serving
from tests.listing_board import configure


@pytest.fixture
def kept(tmp_path: Path) -> Budget:
    return Budget(str(tmp_path / "var" / "budgets.sqlite"), 3)


# ---- budgets of hosts


def test_a_host_is_asked_so_often_in_a_minute_and_others_are_not_held_up(kept: Budget) -> None:
    assert [kept.turn("a.example") for _ in range(3)] == [{}, {}, {}]
    assert 50 < kept.turn("a.example")["wait"] <= 60
    assert kept.turn("b.example") == {}
    own = replace(kept, own=("a.example",))
    assert own.turn("a.example") == {"free": 1.0}


def test_processes_share_one_budget(kept: Budget) -> None:
    code = (
        "import sys; from careercenter.platforms.budget import Budget\n"
        "kept = Budget(sys.argv[1], 20)\n"
        "print(sum(kept.turn('a.example') == {} for _ in range(15)))"
    )
    three = [subprocess.Popen([sys.executable, "-c", code, kept.path], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    passed = [int(process.communicate()[0]) for process in three]
    assert sum(passed) <= 20 and len(passed) == 3
    alone = [int(subprocess.check_output([sys.executable, "-c", code, kept.path + str(n)], text=True)) for n in range(3)]
    assert sum(alone) > sum(passed), "with a file for each they would ask more often"


def test_no_more_than_five_in_a_second(kept: Budget) -> None:
    many = replace(kept, per_minute=120)
    began = time.monotonic()
    said = [many.turn("a.example") for _ in range(6)]
    if time.monotonic() - began < 0.9:
        assert said[:5] == [{}] * 5 and 0 < said[5]["wait"] <= 1


def test_who_asked_for_rest_gets_it_from_every_process(kept: Budget) -> None:
    kept.rest("a.example", 3600)
    again = Budget(kept.path, 99, ("a.example",))
    assert 3590 < again.turn("a.example")["rest"] <= 3600
    assert again.turn("b.example") == {}
    kept.rest("a.example", 10**9)
    assert again.turn("a.example")["rest"] <= 86_400
    kept.rest("a.example", 0)
    assert "free" in again.turn("a.example")


def test_a_file_that_cannot_be_kept_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "taken").write_text("no database")
    spoiled = Budget(str(tmp_path / "taken"), 3)
    assert spoiled.turn("a.example") == {} and "cannot be kept" in caplog.text
    spoiled.rest("a.example", 60)


# ---- over the pipe, from a plugin's own process


@pytest.fixture
def task(kept: Budget):  # type: ignore[no-untyped-def]
    feed = Feed()
    feed.posts = [post(1), post(2)]
    with serving(feed) as host:
        cfg = registry.configure(registry.get("greenhouse"), f"http://{host}", {}, ["alderfinch"])
        yield feed, apart.task("greenhouse", cfg, "test", [host], "", replace(kept, per_minute=2))


def last(task: apart.Task) -> End:
    found = list(apart.messages(task, "alderfinch", None))[-1]
    assert isinstance(found, End)
    return found


def test_a_plugin_waits_for_its_turn(task, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    feed, told = task
    waits = iter([{"wait": 0.3}, {}])
    monkeypatch.setattr(Budget, "turn", lambda *_: next(waits))
    began = time.monotonic()
    assert last(told).completeness is Completeness.COMPLETE
    assert time.monotonic() - began > 0.3 and feed.requests == 1


def test_a_plugin_whose_turn_is_far_away_is_told_so(task, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    feed, told = task
    monkeypatch.setattr(Budget, "turn", lambda *_: {"wait": 3000.0})
    with pytest.raises(RateLimited, match="as often as we may") as caught:
        last(told)
    assert caught.value.retry_after == 3000 and feed.requests == 0


def test_a_free_host_is_asked_about_once_in_a_while_and_again_after_it_wanted_rest() -> None:
    told, out = io.BytesIO(frames.pack("turn", {"free": 0.2}) * 9), io.BytesIO()
    turns = Turns(told, out)

    def asked() -> list[str]:
        out.seek(0)
        kinds = []
        while out.tell() < len(out.getvalue()):
            kinds.append(frames.read(out.read)[0])
        return kinds

    for _ in range(5):
        turns.enter("own.example")
    assert asked() == ["turn"]
    turns.rest("own.example", 5)
    turns.enter("own.example")
    assert asked() == ["turn", "rest", "turn"]
    time.sleep(0.25)
    turns.enter("own.example")
    assert asked() == ["turn", "rest", "turn", "turn"]


def test_a_host_with_a_budget_is_asked_about_each_time() -> None:
    out = io.BytesIO()
    turns = Turns(io.BytesIO(frames.pack("turn", {}) * 3), out)
    for _ in range(3):
        turns.enter("b.example")
    assert out.getvalue().count(b"b.example") == 3


def test_come_back_later_is_remembered_by_the_next_run(task) -> None:  # type: ignore[no-untyped-def]
    feed, told = task
    feed.status = "429 Too Many Requests"

    def patient(environ, start):  # type: ignore[no-untyped-def]
        start("429 Too Many Requests", [("Retry-After", "3600"), ("Content-Length", "0")])
        return []

    with serving(patient) as host:
        limited = replace(told, base_url=f"http://{host}", allow_hosts=(host,))
        with pytest.raises(RateLimited, match="too often"):
            last(limited)
        with pytest.raises(RateLimited, match="60 minutes are left"):
            last(limited)
    feed.status = "200 OK"
    with pytest.raises(RateLimited, match="asked us to come back later"):
        last(told)  # the same host, whatever the port or the board
    assert feed.requests == 0
    assert last(replace(told, budget=None)).completeness is Completeness.COMPLETE


# ---- robots.txt


class Site:
    def __init__(self, robots: Response | Exception):
        self.robots, self.asked = robots, 0

    def __call__(self, url: str) -> Response:
        assert url == "https://site.example/robots.txt"
        self.asked += 1
        if isinstance(self.robots, Exception):
            raise self.robots
        return self.robots


def says(text: str, status: int = 200) -> Site:
    return Site(Response(status, "", {}, text.encode(), datetime.now().astimezone()))


def test_robots_txt_is_asked_once_and_kept() -> None:
    site = says("User-agent: *\nDisallow: /private/\nAllow: /private/open\n\nUser-agent: careercenter\nDisallow: /jobs/secret\n")
    robots = Robots("careercenter/0.1 (+university)", site)
    for path in ("/jobs/1", "/private/x", "/robots.txt"):
        robots.permit(f"https://site.example{path}")
    with pytest.raises(TermsBlocked, match="/jobs/secret"):
        robots.permit("https://site.example/jobs/secret/7")
    other = Robots("somebody", site)
    with pytest.raises(TermsBlocked):
        other.permit("https://site.example/private/x")
    other.permit("https://site.example/private/open")
    assert site.asked == 2


def test_a_site_without_robots_txt_forbids_nothing_and_one_in_trouble_everything() -> None:
    for status in (404, 410):
        Robots("x", says("", status)).permit("https://site.example/jobs/1")
    with pytest.raises(Transient, match="Nothing was crawled"):
        Robots("x", Site(Transient("It has trouble of its own (500)."))).permit("https://site.example/jobs/1")


def test_a_delay_between_pages_is_kept() -> None:
    robots = Robots("x", says("User-agent: *\nCrawl-delay: 0.2\n"))
    began = time.monotonic()
    for n in range(3):
        robots.permit(f"https://site.example/{n}")
    assert 0.4 <= time.monotonic() - began < 5


def test_the_client_asks_robots_first_and_also_after_a_redirect() -> None:
    asked: list[str] = []

    def site(environ, start):  # type: ignore[no-untyped-def]
        path = environ["PATH_INFO"]
        asked.append(path)
        body = b"User-agent: *\nDisallow: /hidden\n" if path == "/robots.txt" else b"page"
        headers = [("Content-Length", str(len(body)))]
        if path == "/moved":
            start("302 Found", [("Location", "/hidden/1"), ("Content-Length", "0")])
            return []
        start("200 OK", headers)
        return [body]

    with serving(site) as host, HttpClient(user_agent="test", allow_hosts=[host], attempts=1, robots=True) as client:
        assert client.get(f"http://{host}/open").body == b"page"
        for path in ("/hidden/1", "/moved"):
            with pytest.raises(TermsBlocked):
                client.get(f"http://{host}{path}")
    assert asked == ["/robots.txt", "/open", "/moved"]


# ---- as often as the terms allow

LEVER = Source(platform="lever", boards=("acme",), every_minutes=5)


def test_the_schedule_asks_no_more_often_than_the_platform_allows() -> None:
    assert polls.every_seconds(LEVER) == 3600
    assert polls.every_seconds(LEVER.model_copy(update={"every_minutes": 600})) == 36_000
    assert polls.every_seconds(Source(platform="remotive", boards=("all",), every_minutes=5)) == 6 * 3600
    assert polls.every_seconds(Source(platform="forage", boards=("all",), every_minutes=5)) == 300
    own = {"base_url": "http://127.0.0.1:8091/lever", "allow_hosts": ("127.0.0.1:8091",)}
    assert polls.every_seconds(LEVER.model_copy(update=own)) == 300
    assert polls.every_seconds(Source(platform="nobody", boards=("x",), every_minutes=5)) == 300


def test_nobody_asks_more_often_in_a_day_than_the_terms_allow(app, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:  # type: ignore[no-untyped-def]
    configure(app, monkeypatch, LEVER)
    with db.transaction():
        row = board_row("lever", "acme")
        for hour in range(24):
            at = now - timedelta(hours=hour, minutes=59)
            db.session.add(SyncRun(board_id=row.id, started_at=at, beat_at=at, finished_at=at, outcome="complete"))
    found = listings.sync("lever", "acme", now=lambda: now)
    assert (found.outcome, found.run_id) == (report.TOO_SOON, None)
    assert found.message == "Lever may be read 24 times in 24 hours, and was. The next read may begin at 09:01 on November 16."
    assert polls.too_soon("lever", "acme", now + timedelta(minutes=1)) == ""
    assert polls.too_soon("lever", "other", now) == ""
    own = {"base_url": "http://127.0.0.1:8091/lever", "allow_hosts": ("127.0.0.1:8091",)}
    configure(app, monkeypatch, LEVER.model_copy(update=own))
    assert polls.too_soon("lever", "acme", now) == ""
