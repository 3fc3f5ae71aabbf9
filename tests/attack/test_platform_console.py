"""The console of platforms under hostile input: what staff type, what platforms say, and what a page could be made to reach."""

from urllib.parse import quote

import pytest
from sqlalchemy import func, select

from careercenter import audit, db
from careercenter.audit import SYSTEM
from careercenter.listings import entered, held
from careercenter.listings.held import HeldClosing, HeldListing
from careercenter.listings.model import Board, Listing, Quarantined, SyncRun
from careercenter.listings.stored import StoredSource
from careercenter.platforms import registry
from careercenter.platforms.contract import CheckResult
from careercenter.settings import Source
from careercenter.web import manual_listings
from tests.attack import world
from tests.attack.test_stored_text import EVIL, harmless
from tests.attack.test_strange_input import VALUES
from tests.listing_board import configure


@pytest.fixture
def staff(app, factory, sign_in):  # type: ignore[no-untyped-def]
    return sign_in(world.bare(app), factory.person("advisor", name="Dana Reyes"))


@pytest.fixture
def hold(factory, now) -> int:  # type: ignore[no-untyped-def]
    """A closing that waits, on a board whose every word is hostile."""
    board = factory.board(label=EVIL[:200], board="x")
    listing = factory.listing(board, title=EVIL, place=EVIL[:200], apply_url="javascript:alert(1)")
    with db.transaction():
        run = SyncRun(board_id=board.id, started_at=now, beat_at=now, finished_at=now, outcome="held", seen=1, message=EVIL)
        db.session.add(run)
        db.session.flush()
        asked = HeldClosing(
            board_id=board.id, run_id=run.id, found_at=now, seen_at=now, guard="drop", reason=EVIL, size=1, usual=9, active=9,
        )
        db.session.add(asked)
        db.session.flush()
        db.session.add(HeldListing(hold_id=asked.id, listing_id=listing.id, since=now))
        db.session.add(Quarantined(board_id=board.id, run_id=run.id, post_id=EVIL, at=now, reason=EVIL, raw='{"a": "' + EVIL.replace('"', "") + '"}'))
        return asked.id


@pytest.fixture
def source(app, now) -> int:  # type: ignore[no-untyped-def]
    with db.transaction():
        row = entered.add(
            registry.get("usajobs").spec(), EVIL[:80], [EVIL[:120]], 360, {"base_url": f"https://x.example/{quote(EVIL)}"}, {"key": "top-secret"},
            by=SYSTEM, now=now,
        )
        entered.note_test(row.id, row.version, CheckResult(True, (EVIL,), EVIL, (EVIL, EVIL)), by=SYSTEM, now=now)
        return row.id


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_what_platforms_and_people_say_is_shown_as_text(staff, hold: int, source: int) -> None:  # type: ignore[no-untyped-def]
    record = db.session.scalars(select(Quarantined.id)).one()
    board, run = db.session.scalars(select(Board.id)).one(), db.session.scalars(select(SyncRun.id)).one()
    pages = [
        "", "/held", f"/held/{hold}", "/sources", f"/sources/{source}", f"/sources/{source}/change", f"/sources/{source}/remove",
        "/quarantine", f"/quarantine/{record}", f"/boards/{board}", f"/runs/{run}",
    ]
    for page in pages:
        answer = staff.get(f"/platforms{page}")
        text = answer.get_data(as_text=True)
        assert answer.status_code == 200, page
        assert "evil.example" in text or "onerror" in text, f"{page} does not show it, so this proves nothing"
        assert "top-secret" not in text
        harmless(text, page)


FORMS = {
    "/platforms/sources/add/usajobs": {"label": "Federal", "boards": "HE", "every_minutes": "360", "option_key": "k", "option_base_url": "", "once": ""},
    "/platforms/sources/add/greenhouse": {
        "label": "G", "boards": "a", "every_minutes": "60", "option_base_url": "", "option_metadata_names": "a = pay", "option_employer_names": "a = A",
    },
    "/platforms/sources/SOURCE/change": {"label": "F", "boards": "HE", "every_minutes": "360", "option_key": "", "version": "1", "forget_key": ""},
    "/platforms/sources/SOURCE/on": {"version": "1", "terms": "1"},
    "/platforms/sources/SOURCE/off": {"version": "1"},
    "/platforms/sources/SOURCE/remove": {"version": "1"},
    "/platforms/held/HOLD": {"decision": "closed"},
}


@pytest.mark.parametrize("at", list(FORMS))
def test_values_that_no_person_types_break_nothing(staff, hold: int, source: int, at: str) -> None:  # type: ignore[no-untyped-def]
    csrf, form = world.token(staff), FORMS[at]
    address = at.replace("SOURCE", str(source)).replace("HOLD", str(hold))
    wrong = []
    for field in form:
        for value in VALUES:
            rest = "&".join(f"{name}={quote(text)}" for name, text in {**form, "csrf_token": csrf}.items() if name != field)
            answer = staff.post(address, data=f"{rest}&{field}={quote(value)}", content_type=world.FORM_DATA)
            if answer.status_code >= 500 or "X-Evil" in answer.headers:
                wrong.append((field, value[:24], answer.status_code))
    assert wrong == []
    assert audit.verify() is None
    if "held" in at or "/on" in at:
        assert db.session.scalar(select(func.count()).where(Listing.state == "closed")) == 0
        assert len(held.waiting()) == 1 and db.session.get_one(StoredSource, source).enabled_at is None


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("board", ["../../etc", "x@evil.example/#", "evil.example/?", "a/../b", "127.0.0.1:1/x"])
def test_a_board_cannot_lead_the_key_elsewhere(app, now, board: str) -> None:  # type: ignore[no-untyped-def]
    """A board's name stands quoted in an address, so the host stays the platform's own."""
    from urllib.parse import urlsplit

    from careercenter.platforms.kinds.asking import Asking

    plugin = registry.get("recruitee")
    cfg = registry.configure(plugin, None, {}, [board])
    ask = Asking(plugin.manifest, cfg, board, None)  # type: ignore[attr-defined, arg-type]
    host = urlsplit(ask.filled(plugin.manifest.read.url)).hostname or ""  # type: ignore[attr-defined]
    assert host.endswith(".recruitee.com"), host


ENTRY = {
    "link": "https://harbor.example/3", "email": "", "title": "T", "employer": "E", "kind": "internship", "description": "", "places": "Dayton, OH",
    "workplace": "", "hours_min": "10", "hours_max": "", "hours_per": "week", "pay_kind": "hourly", "pay_min": "16", "pay_max": "",
    "deadline": "", "starts_on": "", "ends_on": "", "weeks": "16", "skills": "", "class_levels": "", "version": "1", "once": "",
}


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_an_entry_of_values_that_no_person_types_breaks_nothing(app, staff, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    configure(app, monkeypatch, Source(platform="manual", boards=("staff",)))
    monkeypatch.setattr(manual_listings, "_take_in", lambda *_: None)  # what a run makes of it is tried in test_hostile
    csrf, wrong = world.token(staff), []
    for field in ENTRY:
        for value in (*VALUES, b"http://[::1", "https://exa\u2100mple.com/1".encode(), b"[" * 2000):
            rest = "&".join(f"{name}={quote(text)}" for name, text in {**ENTRY, "csrf_token": csrf}.items() if name != field)
            answer = staff.post("/platforms/entered/new", data=f"{rest}&{field}={quote(value)}", content_type=world.FORM_DATA)
            if answer.status_code >= 500 or "X-Evil" in answer.headers:
                wrong.append((field, value[:24], answer.status_code))
    assert wrong == []
    assert staff.get("/platforms/entered").status_code == 200
