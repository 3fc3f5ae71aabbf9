"""Listings that staff enter: the form, what becomes of an entry, changing, closing, two people at once. On both databases."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from careercenter import db, listings
from careercenter.audit import Actor, AuditEvent
from careercenter.listings import by_hand
from careercenter.listings.arrivals import Arrival
from careercenter.listings.model import Board, Listing, ListingEvent, SyncRun
from careercenter.listings.touched import Touched
from careercenter.platforms import registry
from careercenter.platforms.pasted import recognised
from careercenter.settings import Source
from tests.listing_board import configure

SOON = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
FILLED = {
    "link": "https://harborbay.example/jobs/3", "title": "Archive Assistant", "employer": "Harbor Bay Museum", "kind": "internship",
    "description": "Sort letters.\n\nDescribe them.", "places": "Dayton, OH\nColumbus, OH", "workplace": "hybrid", "hours_min": "10",
    "hours_max": "12.5", "hours_per": "week", "pay_kind": "hourly", "pay_min": "16", "pay_max": "18.50", "deadline": SOON,
    "starts_on": "2027-01-11", "ends_on": "2027-04-30", "weeks": "16", "skills": "Writing, Latin", "class_levels": "junior, senior",
}
LINKEDIN = "https://www.linkedin.com/jobs/view/archive-assistant-at-harbor-bay-museum-4012345678/?trk=abc&refId=7"


@pytest.fixture
def staff(app: Flask, client: FlaskClient, factory, sign_in, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:  # type: ignore[no-untyped-def]
    configure(app, monkeypatch, Source(platform="manual", boards=("staff",)), Source(platform="linkedin", boards=("pasted",)))
    return sign_in(client, factory.person("advisor"))


def hidden(client: FlaskClient, address: str) -> dict[str, str]:
    page = BeautifulSoup(client.get(address).text, "html.parser")
    form = page.find("form", class_="reading")
    assert form
    return {str(i["name"]): str(i["value"]) for i in form.find_all("input", type="hidden")}


def enter(client: FlaskClient, **changed: str):  # type: ignore[no-untyped-def]
    return client.post("/platforms/entered/new", data={**hidden(client, "/platforms/entered/new"), **FILLED, **changed})


def edit_address(client: FlaskClient) -> str:
    link = BeautifulSoup(client.get("/platforms/entered").text, "html.parser").find("a", class_="row-link")
    assert link
    return str(link["href"])


def one() -> Listing:
    db.session.rollback()
    return db.session.scalars(select(Listing)).one()


def events() -> list[tuple[str, dict]]:  # type: ignore[type-arg]
    return [tuple(r) for r in db.session.execute(select(ListingEvent.change, ListingEvent.evidence).order_by(ListingEvent.id))]  # type: ignore[misc]


def test_an_entry_is_a_listing_like_any_other(staff: FlaskClient) -> None:
    assert enter(staff).location == "/platforms/entered"
    listing = one()
    assert (listing.title, listing.employer, listing.kind, listing.state) == ("Archive Assistant", "Harbor Bay Museum", "internship", "open")
    assert (listing.place, listing.workplace, listing.hours_text) == ("Dayton, OH and 1 more", "hybrid", "10–12.5 hours a week")
    assert (listing.pay_text, listing.hourly_cents, listing.weeks) == ("$16–$18.50 an hour", 1600, 16)
    assert listing.deadline_at and listing.deadline_at.date() >= datetime.fromisoformat(SOON).date()
    assert listing.description_html == "<p>Sort letters.</p><p>Describe them.</p>"
    assert listing.draft["skills"] == ["Writing", "Latin"]
    assert listing.draft["attribution"] == "Entered by the career center."
    assert [e[0] for e in events()] == ["opened"]
    assert db.session.scalars(select(Touched.listing_id)).all() == [], "grouping and search have looked at it"
    run = db.session.scalars(select(SyncRun)).one()
    assert (run.outcome, run.new) == ("complete", 1)
    assert listing.board.believed_at
    audited = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "listing.entered")).one()
    assert audited.detail["title"] == "Archive Assistant" and audited.actor_id
    page = staff.get("/platforms/entered").text
    assert "1 listing of yours is open." in page and "“Archive Assistant” is entered." in page
    shown = staff.get(f"/listings/{listing.id}")
    assert shown.status_code == 200 and "Entered by staff: staff" in shown.text, "a board of many employers is called by none of them"
    assert "Archive Assistant" in staff.get("/listings?q=latin").text, "at once"


def test_the_form_shows_what_was_kept_and_a_change_is_a_transition(staff: FlaskClient) -> None:
    enter(staff)
    address = edit_address(staff)
    page = BeautifulSoup(staff.get(address).text, "html.parser")
    for name, value in FILLED.items():
        control = page.find(id=f"f-{name}")
        assert control
        chosen = control.find("option", selected=True)
        shown = chosen["value"] if chosen else control.get("value", control.get_text().strip())
        assert str(shown).replace("\r", "") == value, name
    assert staff.post(address, data={**hidden(staff, address), **FILLED, "title": "Museum Archive Assistant"}).status_code == 303
    assert one().title == "Museum Archive Assistant"
    assert events()[-1] == ("changed", {"fields": {"title": ["Archive Assistant", "Museum Archive Assistant"]}})
    assert db.session.scalar(select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "listing.changed")) == 1


def test_closed_with_a_reason_and_opened_again_by_the_form(staff: FlaskClient) -> None:
    enter(staff)
    address = edit_address(staff)
    assert staff.post(f"{address}/close", data=hidden(staff, address)).status_code == 422
    assert staff.post(f"{address}/close", data={**hidden(staff, address), "reason": "the place is filled"}).status_code == 303
    assert one().state == "closed"
    change, evidence = events()[-1]
    assert (change, evidence["by"]) == ("closed", "staff")
    assert evidence["says"].startswith("Closed by ") and evidence["says"].endswith(": the place is filled")
    assert "This listing is closed." in staff.get(address).text
    assert "Closed by the career center" in staff.get(f"/listings/{one().id}").text
    assert staff.post(address, data={**hidden(staff, address), **FILLED}).status_code == 303
    assert one().state == "open"
    assert events()[-1][0] == "reopened"


def test_a_pasted_linkedin_address_is_known_and_nothing_is_fetched(staff: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    tried: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: tried.append(a) or [])
    assert enter(staff, link=LINKEDIN).status_code == 303
    monkeypatch.undo()
    assert not [t for t in tried if "linkedin" in str(t)]
    listing = one()
    assert (listing.post_id, listing.apply_url) == ("4012345678", "https://www.linkedin.com/jobs/view/4012345678")
    assert listing.board.platform == "linkedin" and listing.draft["attribution"] == "Found on LinkedIn."


def test_the_same_linkedin_job_is_not_entered_twice(staff: FlaskClient) -> None:
    enter(staff, link=LINKEDIN)
    again = enter(staff, link="https://de.linkedin.com/jobs/search/?keywords=a&currentJobId=4012345678&position=3", title="Another")
    assert again.status_code == 409 and "was entered before" in again.text and "Another" in again.text
    assert one().title == "Archive Assistant"


def test_an_entry_of_linkedin_stays_that_job(staff: FlaskClient) -> None:
    enter(staff, link=LINKEDIN)
    address = edit_address(staff)
    answer = staff.post(address, data={**hidden(staff, address), **FILLED, "link": LINKEDIN.replace("4012345678", "4999999999")})
    assert answer.status_code == 422 and "address of another listing" in answer.text


@pytest.mark.parametrize(("address", "post"), [
    ("https://www.linkedin.com/jobs/view/4012345678", "4012345678"), ("http://linkedin.com/jobs/view/4012345678/", "4012345678"),
    ("https://uk.linkedin.com/jobs/view/x-y-at-z-4012345678?a=b#c", "4012345678"), (LINKEDIN, "4012345678"),
    ("https://www.linkedin.com/comm/jobs/view/4012345678/?trk=x", "4012345678"),
    ("https://www.linkedin.com/jobs/collections/recommended/?currentJobId=4012345678", "4012345678"),
    ("HTTPS://WWW.LINKEDIN.COM/jobs/view/4012345678", "4012345678"),
    ("https://www.linkedin.com/jobs/search/?keywords=x", None), ("https://www.linkedin.com/in/somebody-4012345678", None),
    ("https://evil.example/linkedin.com/jobs/view/4012345678", None), ("https://linkedin.com.evil.example/jobs/view/4012345678", None),
    ("https://evil.example?https://www.linkedin.com/jobs/view/4012345678", None), ("https://evillinkedin.com/jobs/view/4012345678", None),
    ("javascript:alert(1)//linkedin.com/jobs/view/4012345678", None), ("https://user@www.linkedin.com/jobs/view/4012345678", None),
    ("https://www.linkedin.com/jobs/view/12", None), ("https://www.linkedin.com/jobs/view/" + "a-" * 5000 + "4012345678", None), ("", None),
])
def test_addresses_of_linkedin_jobs(address: str, post: str | None) -> None:
    spec = registry.get("linkedin").spec()
    assert spec.entry
    found = recognised(spec.entry, address)
    assert (found and found[0]) == post
    assert found is None or found[1] == f"https://www.linkedin.com/jobs/view/{post}"


@pytest.mark.parametrize(("wrong", "said"), [
    ({"title": ""}, "Enter the title"), ({"employer": ""}, "Enter the name of the employer"), ({"kind": "nonsense"}, "Choose what kind"),
    ({"link": ""}, "Give a link or an e-mail"), ({"link": "javascript:alert(1)"}, "Paste the whole address"),
    ({"email": "nobody"}, "Write the e-mail address in full"), ({"hours_min": "40", "hours_max": "10"}, "fewer than the least"),
    ({"hours_min": "ten"}, "Enter hours"), ({"hours_per": ""}, "hours a week or in all"), ({"pay_kind": "gold"}, "how the work is paid"),
    ({"pay_kind": "unpaid"}, "what the amount is paid for"), ({"pay_min": "20", "pay_max": "10"}, "less than the least"),
    ({"deadline": "2020-01-01"}, "has passed"), ({"deadline": "soon"}, "Choose a day"), ({"starts_on": "2027-09-01"}, "before the first"),
    ({"weeks": "0"}, "number of weeks"), ({"weeks": "9" * 4400}, "number of weeks"), ({"weeks": "00125000"}, "number of weeks"),
    ({"workplace": "moon"}, "where the work is done"), ({"title": "x" * 301}, "Shorten"),
])
@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_mistakes_stand_beside_their_fields_and_nothing_is_kept(staff: FlaskClient, wrong: dict[str, str], said: str) -> None:
    answer = enter(staff, **wrong)
    assert answer.status_code == 422 and said in answer.text
    assert db.session.scalar(select(func.count()).select_from(Arrival)) == 0


def test_hostile_words_do_no_harm(staff: FlaskClient) -> None:
    enter(staff, title="Intern <b>now</b>\u202e", description="<script>alert(1)</script>\n\ufeffLine", skills="<i>a</i>, b")
    listing = one()
    assert "\u202e" not in listing.title and "<script" not in listing.description_html
    assert "<script>alert" not in staff.get(f"/listings/{listing.id}").text


def test_sent_twice_is_entered_once(staff: FlaskClient) -> None:
    form = {**hidden(staff, "/platforms/entered/new"), **FILLED}
    assert [staff.post("/platforms/entered/new", data=form).status_code for _ in range(2)] == [303, 303]
    assert db.session.scalar(select(func.count()).select_from(Arrival)) == 1


def at_once(app: Flask, staff: FlaskClient) -> list[int]:
    enter(staff)
    address, cookie = edit_address(staff), staff.get_cookie("careercenter")
    form, start, codes = {**hidden(staff, address), **FILLED}, threading.Barrier(2), []

    def send(title: str) -> None:
        mine = app.test_client()
        mine.set_cookie("careercenter", cookie.value)  # type: ignore[union-attr]
        start.wait()
        codes.append(mine.post(address, data={**form, "title": title}).status_code)

    threads = [threading.Thread(target=send, args=(title,)) for title in ("First", "Second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return sorted(codes)


def test_of_two_changes_at_once_the_second_is_told(app: Flask, staff: FlaskClient) -> None:
    assert at_once(app, staff) == [303, 409]
    assert db.session.scalar(select(func.count()).select_from(Arrival)) == 2


def test_without_the_version_both_are_kept(app: Flask, staff: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: it is the version that tells the second."""
    keep, numbers = by_hand._keep, iter(range(10, 20))
    monkeypatch.setattr(by_hand, "_current", lambda board, post_id, version: by_hand.latest(board.id, post_id))
    monkeypatch.setattr(by_hand, "_keep", lambda board, post, version, *rest: keep(board, post, next(numbers), *rest))
    assert at_once(app, staff) == [303, 303]
    assert db.session.scalar(select(func.count()).select_from(Arrival)) == 3


def test_an_old_version_is_told_and_keeps_its_words(staff: FlaskClient) -> None:
    enter(staff)
    address = edit_address(staff)
    old = {**hidden(staff, address), **FILLED}
    staff.post(address, data={**old, "title": "First"})
    answer = staff.post(address, data={**old, "title": "My long words"})
    assert answer.status_code == 409 and "Somebody changed this listing" in answer.text and "My long words" in answer.text
    assert one().title == "First"


def test_an_entry_stands_until_staff_or_its_deadline_end_it(staff: FlaskClient) -> None:
    """No run closes it by absence, however often and however much later the board is read."""
    enter(staff, deadline="")
    for days in (1, 3, 9):
        report = listings.sync("manual", "staff", now=lambda days=days: datetime.now(UTC) + timedelta(days=days))  # type: ignore[misc]
        assert report.outcome == "unchanged", report.message
    assert one().state == "open"


def test_a_saved_entry_whose_run_was_killed_is_taken_in_by_the_next(staff: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from careercenter.jobs import table
    from careercenter.web import manual_listings

    monkeypatch.setattr(manual_listings, "_take_in", lambda *_: None)
    enter(staff)
    assert "Being taken in" in staff.get("/platforms/entered").text
    table.take_pushed(lambda: datetime.now(UTC), "", lambda *_: None)
    assert one().state == "open"


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_without_a_source_the_page_says_what_to_do(app: Flask, client: FlaskClient, factory, sign_in, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    configure(app, monkeypatch)
    sign_in(client, factory.person("advisor"))
    assert "Add the platform “Entered by staff”" in client.get("/platforms/entered").text
    answer = enter(client)
    assert answer.status_code == 422 and "No source takes listings by hand yet." in answer.text


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_boards_of_other_kinds_have_no_such_form(staff: FlaskClient, factory) -> None:  # type: ignore[no-untyped-def]
    with db.transaction():
        board_id = listings.sources.board_row("greenhouse", "acme").id
    assert staff.get(f"/platforms/entered/{board_id}/1").status_code == 404
    assert staff.get("/platforms/entered/999/1").status_code == 404


def many(n: int) -> None:
    """Entries as they were made over months, each changed once."""
    place = next(p for p in by_hand.places() if p.platform == "manual")
    now = datetime.now(UTC)
    with db.transaction():
        for number in range(n):
            record = {"title": f"Entry {number:03}", "employer": "Harbor Bay Museum", "kind": "internship", "link": f"https://h.example/{number}"}
            board = by_hand.enter(place, f"e{number}", record, by=Actor("Dana"), now=now)
            by_hand.change(board, f"e{number}", 1, {**record, "title": f"Title {number:03}"}, by=Actor("Dana"), now=now)


def test_every_entry_is_reached_page_by_page_and_none_twice(staff: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    many(23)
    seen, address, pages = [], "/platforms/entered", 0
    monkeypatch.setattr(by_hand.entries, "__defaults__", (0, 10))
    while address:
        page = BeautifulSoup(staff.get(address).text, "html.parser")
        seen += [link.get_text() for link in page.find_all("a", class_="row-link")]
        following = page.find("a", rel="next")
        address, pages = str(following["href"]) if following else "", pages + 1
        if pages == 1:  # meanwhile somebody changes an entry that was shown, and one that was not
            record = {"title": "Moved up", "employer": "E", "kind": "internship", "link": "https://h.example/1"}
            with db.transaction():
                board = db.session.scalars(select(Board)).one()
                by_hand.change(board, "e22", 2, record, by=Actor("Dana"), now=datetime.now(UTC))
        assert ("Back to the newest" in page.get_text()) is (pages > 1)
    assert pages == 3 and seen == [f"Title {n:03}" for n in reversed(range(23))]


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_the_page_says_how_many_are_open_in_all(staff: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    many(12)
    monkeypatch.setattr(by_hand.entries, "__defaults__", (0, 5))
    listings.sync("manual", "staff", now=lambda: datetime.now(UTC))
    assert "12 listings of yours are open." in staff.get("/platforms/entered").text
    assert "No older entries." in staff.get("/platforms/entered?before=1").text
    for odd in ("-1", "²", "9" * 4400, "x", "0"):
        assert "Title 011" in staff.get(f"/platforms/entered?before={odd}").text
