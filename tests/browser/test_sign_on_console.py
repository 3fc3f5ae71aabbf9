"""The console of sign-on in Chromium, empty and full: axe, widths, both themes, and the form by keyboard.

The provider is a second campus of the tests, added on the page; screenshots are in var/screenshots.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser

from careercenter import create_app, db, people
from careercenter.audit import SYSTEM, Actor
from careercenter.people import break_glass
from careercenter.people.model import Person, PersonIdentity, RoleGrant
from careercenter.people.sessions import LoginSession
from careercenter.people.waiting import HeldSignIn
from careercenter.providers import SignOnTrial, refusals, stored
from careercenter.signon.identity import Identity
from tests.browser.conftest import Window
from tests.browser.test_pages import Looks, examine
from tests.campus_idp import ROLES, CampusIdp
from tests.conftest import make_settings
from tests.face_sample import serving

AT = "/admin/sign-on"


@pytest.fixture
def looks(request: pytest.FixtureRequest) -> Looks:
    from tests.browser.test_pages import FULL, SHORT

    return FULL if request.config.getoption("--long") else SHORT


@pytest.fixture
def campus(tmp_path: Path, idp: CampusIdp) -> Flask:
    """A campus of its own with one administrator and nothing else, not even a provider."""
    app = create_app(make_settings(tmp_path, signon={"service": idp.service, "providers": [], "roles": ROLES}))
    with app.app_context():
        db.upgrade()
    return app


@pytest.fixture
def seen(campus: Flask, chromium: Browser) -> Iterator[Window]:
    """A window in which the administrator is signed in."""
    with campus.app_context(), serving(campus) as url:
        now = datetime.now(UTC)
        with db.transaction():
            person = Person(given_name="Ada", family_name="Lindqvist", email="ada@demo.edu", campus_id="800004", created_at=now)
            person.roles = [RoleGrant(role="admin", source="staff", granted_at=now)]
            db.session.add(person)
            db.session.flush()
            secret = people.start_session(person, Identity(
                provider="gone", subject_kind="subject-id", subject="ada", attributes={}, assertion_id="a", assertion_expires_at=now,
            ), now)
        cookie = campus.session_interface.get_signing_serializer(campus).dumps({"sid": secret})  # type: ignore[attr-defined]
        context = chromium.new_context(base_url=url, reduced_motion="reduce")
        context.set_default_timeout(20_000)
        context.add_cookies([{"name": "careercenter", "value": cookie, "url": url}])
        yield Window(context)
        context.close()
        db.session.remove()


def fill(idp: CampusIdp) -> None:
    """A week of a campus: two providers, people, refusals, a held sign-in, emergency sessions, a trial of each kind."""
    now = datetime.now(UTC)
    with db.transaction():
        me = db.session.query(Person).one()
        for name, label, kind, settings, metadata in (
            ("second", "Hollis State sign-in", "saml", {"scopes": ["demo.edu"]}, idp.idp.metadata.decode()),
            ("entra", "Medical School (Entra ID)", "oidc", {"issuer": "https://login.example.edu/v2.0", "client_id": "careercenter"}, ""),
            ("broken", "Law School", "saml", {}, "<a/>"),
        ):
            stored.add(stored.read(name, label, kind, settings, {}), settings, {}, metadata, by=SYSTEM, now=now - timedelta(days=9))
            if name != "entra":
                stored.resume(name, 1, by=SYSTEM, now=now)
        for n, (given, family) in enumerate((("Maya", "Okafor"), ("Zoë", "O’Brien-Featherstonehaugh"), ("Omar", "Haddad")), 1):
            person = Person(given_name=given, family_name=family, email=f"p{n}@demo.edu", campus_id=f"90000{n}", created_at=now)
            why = "affiliation=student@demo.edu" if n < 3 else "entitlement=urn:mace:demo.edu:career:formerly-known-as-something-long"
            person.roles = [RoleGrant(role="student", source="signon", because=why, granted_at=now)]
            db.session.add(person)
            db.session.flush()
            known = PersonIdentity(
                person_id=person.id, provider="second", subject_kind="eduPersonPrincipalName", subject=f"p{n}@demo.edu",
                first_seen_at=now - timedelta(days=400), last_seen_at=now - timedelta(days=200),
            )
            db.session.add(known)
            db.session.flush()
            db.session.add(LoginSession(
                token_hash=f"x{n}", person_id=person.id, acting_role="student", provider="second", created_at=now, last_seen_at=now,
                expires_at=now + timedelta(hours=9), clock_ahead=-47,
            ))
        db.session.add(HeldSignIn(
            identity_id=known.id, person_id=person.id, reason="name", first_at=now - timedelta(hours=3), last_at=now,
            seen={"given_name": "Olivia", "family_name": "Haddow", "email": "p3@demo.edu", "campus_id": ""},
        ))
        for n, code in enumerate(("signature", "held", "idp_declined", "expired", "replay", "subject_missing", "metadata")):
            refusals.note(f"{n}f00ba4deadbeef1", "second" if n else "", "", code, f"the detail of {code}, {idp.idp.entity_id}", now)
        break_glass.issue("Pat Lee", "the provider is down since seven o’clock", 30, by=Actor("root on the server", via="cli"), now=now)
        good = {"issuer": "", "received": [
            {"ours": "campus_id", "theirs": "employeeNumber", "wire": "urn:oid:2.16.840.1.113730.3.1.3", "values": ["900001"], "all": 1},
            {"ours": "", "theirs": "", "wire": "urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "values": ["cn=" + "long," * 20], "all": 60},
        ], "warnings": ["The provider's clock is 47 seconds behind ours, the way here included. Synchronise both (chrony)."],
            "name_id": "transient", "subject": {"kind": "subject-id", "value": "maya@demo.edu"}, "attributes": [],
            "grants": [["student", "", "", "affiliation=student@demo.edu"]], "lost": [["advisor", "CS", "", "entitlement=old"]],
            "match": {"how": "known", "doubt": "", "name": "Maya Okafor", "campus_id": "900001"}, "clock_ahead": -47, "context": "urn:x"}
        bad = {"issuer": "", "received": [], "warnings": [], "name_id": "", "refused": {
            "code": "signature", "detail": "the signature does not hold", "says": "The signature does not fit.", "mend": "Take its newest metadata."}}
        db.session.add_all([SignOnTrial(at=now, by_id=me.id, provider="second", shown=shown) for shown in (good, bad)])


def test_the_console_when_nothing_is_there(seen: Window, looks: Looks) -> None:
    said = [
        problem for page in ("", "/add", "/add/saml", "/add/oidc", "/add/cas", "/ours", "/rules", "/refusals", "/refusals?q=zzz", "/held")
        for problem in examine(seen, AT + page, f"console-empty{page.replace('/', '-').replace('?q=', '-')}", looks)
    ]
    said += examine(seen, "/break-glass/" + "x" * 43, "console-dead-glass", looks, status=410)
    assert not said, "\n".join(said)


def test_the_console_of_a_busy_campus(seen: Window, idp: CampusIdp, looks: Looks) -> None:
    fill(idp)
    pages = [
        "", "/providers/second", "/providers/entra", "/providers/broken", "/providers/second/change", "/providers/entra/change",
        "/providers/second/pause", "/providers/second/remove", "/rules", "/refusals", "/held", "/trials/1", "/trials/2",
    ]
    said = [
        problem for page in pages for problem in examine(seen, AT + page, f"console-full{page.replace('/', '-')}", looks)
    ]
    said += examine(seen, "/", "console-home", looks) + examine(seen, "/admin/people", "console-people", looks)
    with db.transaction():
        token = break_glass.issue("Sam Doe", "a drill", 10, by=Actor("root on the server", via="cli"), now=datetime.now(UTC))
    said += examine(seen, f"/break-glass/{token}", "console-glass", looks)
    assert not said, "\n".join(said)


def test_mistakes_and_what_was_understood(seen: Window, idp: CampusIdp, looks: Looks) -> None:
    page = seen.page
    page.goto(f"{AT}/add/saml")
    page.get_by_label("What the sign-in button says").fill("Hollis State sign-in")
    page.get_by_label("Short name").fill("Hollis State")
    page.get_by_label("Or the metadata itself").fill(idp.idp.metadata.decode())
    page.get_by_role("button", name="Look at it").click()
    assert page.evaluate("document.activeElement.id") == "error-summary"
    page.get_by_role("link", name="Use small letters").click()
    assert page.evaluate("document.activeElement.id") == "f-name"
    page.keyboard.press("Control+a")
    page.keyboard.type("hollis")
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="Is this Hollis State sign-in?").wait_for()
    for width, theme in looks:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=f"var/screenshots/console-look-{width}-{theme}.png", full_page=True)
    page.get_by_role("button", name="Yes, save it").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="is not open yet").wait_for()
    assert not [complaint for complaint in seen.complaints if "422" not in complaint]
