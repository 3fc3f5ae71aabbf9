"""The console of platforms in Chromium, empty and full: axe, widths, both themes, and a decision by keyboard alone.

Screenshots are in var/screenshots.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from careercenter import create_app, db, people
from careercenter.audit import SYSTEM
from careercenter.listings import by_hand, entered, held, refused
from careercenter.listings.held import HeldClosing, HeldListing
from careercenter.listings.model import Board, Listing, Quarantined, SyncRun
from careercenter.platforms import registry
from careercenter.platforms.contract import CheckResult
from careercenter.settings import Source
from careercenter.signon.identity import Identity
from tests.browser.conftest import Window
from tests.browser.test_pages import FULL, SHORT, Looks, examine
from tests.conftest import make_settings
from tests.face_sample import serving
from tests.factories import Factory
from tests.listing_board import configure

LONG = "Harborlight Theatre Company and Summer Festival of the Upper Lakemont Valley, Ohio"


@pytest.fixture
def looks(request: pytest.FixtureRequest) -> Looks:
    return FULL if request.config.getoption("--long") else SHORT


@pytest.fixture
def campus(tmp_path: Path) -> Flask:
    app = create_app(make_settings(tmp_path))
    with app.app_context():
        db.upgrade()
    return app


@pytest.fixture
def seen(campus: Flask, chromium: Browser) -> Iterator[Window]:
    """A window in which an advisor is signed in."""
    with campus.app_context(), serving(campus) as url:
        now = datetime.now(UTC)
        person = Factory(now).person("advisor", name="Dana Reyes")
        with db.transaction():
            proved = Identity(
                provider="gone", subject_kind="subject-id", subject="dana", attributes={}, assertion_id="a", assertion_expires_at=now,
            )
            secret = people.start_session(db.session.merge(person), proved, now)
        cookie = campus.session_interface.get_signing_serializer(campus).dumps({"sid": secret})  # type: ignore[attr-defined]
        context = chromium.new_context(base_url=url, reduced_motion="reduce")
        context.set_default_timeout(20_000)
        context.add_cookies([{"name": "careercenter", "value": cookie, "url": url}])
        yield Window(context)
        context.close()
        db.session.remove()


def fill() -> dict[str, int]:
    """Months of a campus: a board that lost its season, one that is stale, one paused, records set aside, sources in every state."""
    now = datetime.now(UTC)
    make = Factory(now - timedelta(days=2))
    home = make.board("lever", "harborlight", label=LONG, believed_at=now - timedelta(days=4), last_run_at=now)
    make.board("neogov", "old", label="City of Lakemont", believed_at=now - timedelta(days=9), paused_at=now - timedelta(days=1))
    rows = [make.listing(home, title=f"Summer Festival {LONG} Intern {n}", place="Lakemont, OH") for n in range(40)]
    make.placement(listing_id=rows[0].id)
    with db.transaction():
        runs = [
            SyncRun(
                board_id=home.id, started_at=now - timedelta(hours=6 * n), beat_at=now, finished_at=now - timedelta(hours=6 * n),
                outcome="held" if n < 2 else "complete", completeness="complete", seen=52 if n < 2 else 861, received=52 if n < 2 else 861,
                unchanged=50, new=2, held=40 if n < 2 else 0, quarantined=0, message="The board shows 52 listings where 861 are usual.",
            ) for n in range(12, -1, -1)
        ]
        db.session.add_all(runs)
        db.session.flush()
        reason = "The board shows 52 listings where 861 are usual. Nothing was closed; a person has to look at it."
        told = {"board_id": home.id, "run_id": runs[-1].id, "found_at": now - timedelta(hours=7), "seen_at": now, "guard": "drop",
                "reason": reason, "size": 52, "usual": 861, "active": 861}
        asked = HeldClosing(**told)
        past = [HeldClosing(**told, state=s, decided_at=now, decided_by="Omar Haddad" if s in held.DECISIONS else "")
                for s in (held.CLOSED, held.KEPT, held.RESOLVED, held.GAVE_WAY)]
        db.session.add_all([asked, *past])
        db.session.flush()
        db.session.add_all([HeldListing(hold_id=asked.id, listing_id=row.id, since=now - timedelta(hours=7)) for row in rows])
        for n, raw in enumerate(('{"title": null, "text": "' + "many words " * 400 + '"}', "<job>" + "x" * 3000 + "</job>")):
            db.session.add(Quarantined(
                board_id=home.id, run_id=runs[-1].id, post_id=f"#{n}" if n else "4200100407", at=now, reason="It has no title.", raw=raw,
            ))
        good = CheckResult(True, (), LONG, ("Stage Management Intern", "Scenic Design Intern", "Box Office Intern"))
        bad = CheckResult(False, (f'Board "{"x" * 80}": The key was refused (401). Enter a new one.',))
        numbers = {}
        for name, platform, found in (("on", "lever", good), ("proved", "ashby", good), ("failed", "usajobs", bad), ("fresh", "wayup", None)):
            secrets = {"key": "k"} if platform == "usajobs" else {}
            row = entered.add(registry.get(platform).spec(), f"{name.capitalize()}: {LONG}"[:80], [f"{name}-board", "second"], 1440, {},
                              secrets, by=SYSTEM, now=now)
            if found:
                entered.note_test(row.id, row.version, found, by=SYSTEM, now=now)
            if name == "on":
                entered.enable(row.id, row.version, now.date(), by=SYSTEM, now=now)
            numbers[name] = row.id
        for n, reason in enumerate((*refused.REASONS, "signature")):
            if reason != refused.OLDER:
                where = refused.NOWHERE if reason == "no_source" else ("lever", ("harborlight", "on-board")[n % 2])
                refused.note(*where, reason, 400_000, now - timedelta(hours=n))
        record = db.session.scalars(select(Quarantined.id).order_by(Quarantined.id)).first() or 0
        return {**numbers, "hold": asked.id, "board": home.id, "run": runs[-1].id, "record": record, "closed": past[0].id}


def test_entries_by_hand_page_by_page(seen: Window, campus: Flask, monkeypatch: pytest.MonkeyPatch, looks: Looks) -> None:
    configure(campus, monkeypatch, Source(platform="manual", boards=("staff",)))
    assert not (said := examine(seen, "/platforms/entered", "console-entered-empty", looks)), "\n".join(said)
    place = next(iter(by_hand.places()))
    with db.transaction():
        for n in range(by_hand.SHOWN + 8):
            record = {"title": f"{LONG} Intern {n}", "employer": LONG, "kind": "internship", "link": "https://harborlight.example/"}
            by_hand.enter(place, f"e{n}", record, by=SYSTEM, now=datetime.now(UTC))
    assert not (said := examine(seen, "/platforms/entered", "console-entered", looks)), "\n".join(said)
    seen.page.get_by_role("link", name="Older entries").press("Enter")
    seen.page.wait_for_url("**before=*")
    expect(seen.page.get_by_role("link", name=f"{LONG} Intern 7", exact=True)).to_be_visible()
    assert not (said := examine(seen, seen.page.url, "console-entered-older", looks)), "\n".join(said)


def test_an_empty_console_teaches(seen: Window, looks: Looks) -> None:
    said = []
    for at in ("", "/held", "/sources", "/sources/add", "/quarantine", "/catalogue", "/sources/add/greenhouse", "/sources/add/usajobs"):
        said += examine(seen, f"/platforms{at}", f"console-empty{at.replace('/', '-')}", looks)
    assert not said, "\n".join(said)


def test_a_full_console(seen: Window, looks: Looks) -> None:
    at = fill()
    sources = [f"/sources/{at[name]}" for name in ("on", "proved", "failed", "fresh")]
    pages = [
        "", "/held", f"/held/{at['hold']}", f"/held/{at['closed']}", "/sources", *sources, f"/sources/{at['failed']}/change",
        f"/sources/{at['on']}/remove", "/quarantine", f"/quarantine/{at['record']}", f"/boards/{at['board']}", f"/runs/{at['run']}",
    ]
    said = examine(seen, "/", "console-home", looks) + examine(seen, "/listings", "console-listings", looks)
    for each in pages:
        said += examine(seen, f"/platforms{each}", f"console{each.replace('/', '-')}", looks)
    assert not said, "\n".join(said)


def test_a_hold_is_decided_by_keyboard(seen: Window) -> None:
    at = fill()
    page = seen.page
    page.goto("/")
    page.get_by_role("link", name="Decide on held closings").press("Enter")
    page.get_by_role("link", name=LONG).first.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Are these 40 listings gone?")
    page.get_by_text("Show as a table").press("Enter")
    expect(page.get_by_role("cell", name="861").first).to_be_visible()
    page.get_by_role("button", name="Close these 40").press("Enter")
    page.wait_for_url("**/platforms")
    expect(page.get_by_text("40 listings of Harborlight")).to_be_visible()
    db.session.rollback()
    assert db.session.get_one(HeldClosing, at["hold"]).decided_by == "Dana Reyes"
    assert set(db.session.scalars(select(Listing.state).join(Board).where(Board.id == at["board"]))) == {"closed"}
    assert not seen.complaints


def test_a_mistake_in_the_form_is_found_and_mended(seen: Window) -> None:
    page = seen.page
    page.goto("/platforms/sources/add")
    page.get_by_role("link", name="USAJOBS").press("Enter")
    page.get_by_label("Boards").fill("HE")
    page.get_by_label("Read every").fill("5")
    page.get_by_label("Key", exact=True).fill("k-1")
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("may not be asked more often")
    page.get_by_label("Read every").fill("720")
    page.get_by_label("Key", exact=True).fill("k-1")
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("is off.")
    expect(page.get_by_text("Test the connection first.")).to_be_visible()
    assert "k-1" not in page.content()
