"""Pages of listings and of the platform console, as people meet them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from careercenter import db, listings, work
from careercenter.listings.browse import Filters
from careercenter.listings.health import Beat, BoardHealth
from careercenter.listings.model import ListingEvent, Quarantined
from careercenter.web.platforms import _answer
from tests.board_feed import post
from tests.listing_board import Board, board_over
from tests.page_linter import lint


@pytest.fixture
def board(app, monkeypatch: pytest.MonkeyPatch, now):  # type: ignore[no-untyped-def]
    with board_over(app, monkeypatch, now) as found:
        yield found


def text_of(response) -> str:  # type: ignore[no-untyped-def]
    return " ".join(response.get_data(as_text=True).split())


@pytest.fixture
def shelf(factory, now):  # type: ignore[no-untyped-def]
    """Six listings that differ in what filters read."""
    home = factory.board(label="Alder & Finch", believed_at=now)
    rows = [
        {"title": "Data intern", "description_html": "data intern sql", "workplace": "remote", "hours_per": "week", "max_minutes": 900},
        {"title": "Grant writer", "description_html": "grant writer", "kind": "micro_internship", "pay_kind": "fixed_fee",
         "pay_text": "$600 fixed fee", "hourly_cents": 1500, "hours_per": "total", "max_minutes": 2400},
        {"title": "Shop helper", "description_html": "shop helper", "pay_kind": "unpaid", "pay_text": "Unpaid", "hourly_cents": None},
        {"title": "Lab intern", "description_html": "lab intern sql", "place": "Columbus, OH"},
        {"title": "Old intern", "description_html": "old intern", "state": "closed"},
        {"title": "Late intern", "description_html": "late intern", "deadline_at": now - timedelta(hours=1)},
    ]
    return [factory.listing(home, posted_at=now - timedelta(days=n), **row) for n, row in enumerate(rows)]


def titles(page) -> list[str]:  # type: ignore[no-untyped-def]
    return [row.title for row in page.rows]


def test_search_and_filters(shelf, now) -> None:  # type: ignore[no-untyped-def]
    assert titles(listings.search("", Filters(), now=now)) == ["Data intern", "Grant writer", "Shop helper", "Lab intern"]
    assert titles(listings.search("SQL intern", Filters(), now=now)) == ["Data intern", "Lab intern"]
    assert titles(listings.search("100%", Filters(), now=now)) == []
    assert titles(listings.search("", Filters(pay=("fixed", "unpaid")), now=now)) == ["Grant writer", "Shop helper"]
    assert titles(listings.search("", Filters(hours=("week20",)), now=now)) == ["Data intern"]
    assert titles(listings.search("", Filters(hours=("total40",)), now=now)) == ["Grant writer"]
    assert titles(listings.search("", Filters(workplace=("remote",), kind=("internship",)), now=now)) == ["Data intern"]
    assert titles(listings.search("", Filters(place="columbus"), now=now)) == ["Lab intern"]
    assert titles(listings.search("", Filters(kind=("nonsense",)), now=now)) == []


def test_facets_count_under_the_other_choices(shelf, now) -> None:  # type: ignore[no-untyped-def]
    page = listings.search("", Filters(kind=("internship",)), now=now)
    assert page.total == 3
    assert {o.value: o.n for o in page.facets["kind"]} == {"internship": 3, "micro_internship": 1}
    assert {o.value: o.n for o in page.facets["pay"]} == {"hourly": 2, "unpaid": 1}
    assert [o.value for o in page.facets["kind"] if o.chosen] == ["internship"]


def test_pages_by_keyset_give_every_row_once(factory, now) -> None:  # type: ignore[no-untyped-def]
    home = factory.board()
    for n in range(11):
        factory.listing(home, title=f"Intern {n}", posted_at=now - timedelta(days=n // 3))
    seen, after = [], None
    while True:
        page = listings.search("", Filters(), now=now, after=after, limit=4)
        seen += titles(page)
        after = page.after
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 11
    assert titles(listings.search("", Filters(), now=now, after="nonsense_1", limit=4)) == seen[:4]


def test_export_names_state_and_last_evidence(board: Board) -> None:
    board.feed.posts = [post(1), post(2)]
    report = board.sync()
    rows = list(listings.export())
    assert [(r["platform"], r["board"], r["post_id"], r["state"]) for r in rows] == [
        ("greenhouse", "alderfinch", "1", "open"), ("greenhouse", "alderfinch", "2", "open")
    ]
    assert rows[0]["last_transition"] == {
        "change": "opened", "at": board.clock.isoformat(), "run_id": report.run_id, "evidence": {"by": "new in the feed"}
    }


def test_student_searches_filters_and_opens(client, sign_in, factory, shelf) -> None:  # type: ignore[no-untyped-def]
    sign_in(client, factory.student())
    page = text_of(client.get("/listings"))
    assert "4 listings are open." in page and "Grant writer" in page and "$15.00 an hour" in page
    assert "Not verified since" in page, "the board was believed long before today"
    page = text_of(client.get("/listings?q=sql&kind=internship&workplace=remote&place=Dayton"))
    assert "1 listing fits" in page and "Lab intern" not in page
    assert "Nothing fits all of that" in text_of(client.get("/listings?q=zzz"))
    page = text_of(client.get(f"/listings/{shelf[1].id}"))
    assert f"/placements/new?listing={shelf[1].id}" in page and "That is $15.00 an hour." in page
    assert 'rel="noopener noreferrer nofollow external"' in page
    assert "not paid" in text_of(client.get(f"/listings/{shelf[2].id}"))
    assert "This listing is closed" in text_of(client.get(f"/listings/{shelf[4].id}"))
    assert client.get("/listings/99999999999999").status_code == 404


def test_listing_address_cannot_carry_markup(client, sign_in, factory, shelf) -> None:  # type: ignore[no-untyped-def]
    sign_in(client, factory.student())
    page = client.get("/listings?q=<script>alert(1)</script>&place=%22%3E%3Cimg&kind=%00x&after=x").get_data(as_text=True)
    assert "<script>alert" not in page and '"><img' not in page


def test_empty_shelf_teaches(client, sign_in, factory) -> None:  # type: ignore[no-untyped-def]
    sign_in(client, factory.student())
    assert "No listings yet." in text_of(client.get("/listings"))


def test_console_is_for_advisors(client, sign_in, factory) -> None:  # type: ignore[no-untyped-def]
    sign_in(client, factory.student())
    assert client.get("/platforms").status_code == 404


def test_console_reads_a_board_on_demand(client, sign_in, factory, board: Board) -> None:  # type: ignore[no-untyped-def]
    sign_in(client, factory.person("advisor"))
    assert "Some boards have not been read yet." in text_of(client.get("/platforms"))
    form = {"platform": "greenhouse", "board": "alderfinch", "csrf_token": token(client, "/platforms")}
    first = client.post("/platforms/sync", data=form)
    again = client.post("/platforms/sync", data=form)
    assert first.status_code == 303 and first.location == again.location
    assert "Waiting for the worker" in text_of(client.get(first.location))
    board.feed.posts = [post(1), post(2, title=None), post(3), post(3)]
    job_id = int(first.location.rsplit("/", 1)[1])
    with db.transaction():
        held = work.lease("test", db.session.get_one(work.JobRun, job_id).instant, job_id)
    assert held is not None
    assert 'hx-trigger="every 1s"' in fragment(client, first.location)
    board.clock = db.session.get_one(work.JobRun, job_id).started_at
    report = board.sync()
    with db.transaction():
        work.finish(held, board.clock, work.DONE, report.message)
    page = fragment(client, first.location)
    assert f"/platforms/runs/{report.run_id}" in page and "hx-trigger" not in page
    page = text_of(client.get(f"/platforms/runs/{report.run_id}"))
    assert "4 listings read: 2 new, 1 quarantined, 1 repeated." in page
    board_id = db.session.scalars(db.db.select(Quarantined.board_id)).one()
    page = text_of(client.get(f"/platforms/boards/{board_id}"))
    assert "Last believed" in page and "/platforms/quarantine/" in page
    assert "Alder &amp; Finch" in text_of(client.get("/platforms"))
    assert "1 record was set aside." in text_of(client.get("/platforms/quarantine"))


def fragment(client, url: str) -> str:  # type: ignore[no-untyped-def]
    """What htmx swaps in: linted as a part, not as a document."""
    page = FlaskClient.open(client, url, headers={"HX-Request": "true"}).get_data(as_text=True)
    assert lint(page, url=url, fragment=True) == []
    return page


def token(client, url: str) -> str:  # type: ignore[no-untyped-def]
    page = client.get(url).get_data(as_text=True)
    return page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


def test_sync_of_an_unknown_board_is_refused(client, sign_in, factory, board: Board) -> None:  # type: ignore[no-untyped-def]
    sign_in(client, factory.person("admin"))
    form = {"platform": "greenhouse", "board": "elsewhere", "csrf_token": token(client, "/platforms")}
    assert client.post("/platforms/sync", data=form).status_code == 422


def test_catalogue_shows_terms(client, sign_in, factory) -> None:  # type: ignore[no-untyped-def]
    sign_in(client, factory.person("advisor"))
    shown = text_of(client.get("/platforms/catalogue"))
    assert "Greenhouse" in shown and "Silver" in shown and "Checked, no rung" in shown and "Not checked" not in shown
    assert "Nothing is set aside." in text_of(client.get("/platforms/quarantine"))


def test_run_report_shows_a_held_run(client, sign_in, factory, board: Board) -> None:  # type: ignore[no-untyped-def]
    board.feed.posts = [post(n) for n in range(1, 11)]
    for _ in range(3):
        board.sync()
        board.later(hours=6)
    board.feed.posts = board.feed.posts[:2]
    report = board.sync()
    sign_in(client, factory.person("advisor"))
    assert "8 listings are held." in (page := text_of(client.get(f"/platforms/runs/{report.run_id}")))
    assert "See which, and decide" in page
    assert "One closing waits for your word." in text_of(client.get("/platforms"))
    assert db.session.scalar(db.db.select(ListingEvent.id).where(ListingEvent.change == "closed")) is None


@pytest.mark.parametrize(("posted", "said"), [("2026-11-20T00:00:00", "Fri 20 Nov"), ("2026-11-20T03:00:00", "Thu 19 Nov")])
def test_the_day_of_a_posting_is_the_one_that_the_platform_gives(  # type: ignore[no-untyped-def]
    factory, sign_in, client: FlaskClient, posted: str, said: str
) -> None:
    """A day without an hour is kept as its first moment in UTC; in the campus's zone that is the day before."""
    listing = factory.listing(posted_at=datetime.fromisoformat(posted).replace(tzinfo=UTC))
    page = sign_in(client, factory.student()).get(f"/listings/{listing.id}").text
    assert re.search(rf"Posted</th>\s*<td[^>]*>{said}|Posted</dt>\s*<dd[^>]*>{said}", page)


def test_a_board_that_is_switched_off_is_not_one_that_waits_to_be_read(now: datetime) -> None:
    read = BoardHealth("lever", "b", "B", 1, beats=(Beat(1, "complete", now, 3, ""),))
    off, new = BoardHealth("forage", "c", "C", configured=False), BoardHealth("ashby", "d", "D")
    assert _answer([read, off], 0) == "Every board is read as it should be."
    assert _answer([read, new], 0) == "Some boards have not been read yet."
