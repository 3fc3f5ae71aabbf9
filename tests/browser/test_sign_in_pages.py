"""The pages around one's own sign-in, in Chromium: codes, sessions, kept forms, a look, an account; axe, widths, themes, keys."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy import delete, select
from werkzeug.serving import make_server

from careercenter import db, evaluations
from careercenter.people import codes
from careercenter.people.model import Person
from careercenter.people.sessions import LoginSession
from tests.browser.conftest import SCREENSHOTS, Window
from tests.browser.test_pages import FULL, examine

pytestmark = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
Open = Callable[..., Window]


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    """The test's own application, over HTTP."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def browser_of(app: Flask, url: str, chromium: Browser, sign_in: Any) -> Iterator[Open]:
    """`browser_of(person)`: a window in which that person is signed in; without one, nobody is."""
    opened = []

    def open_window(person: Person | None = None) -> Window:
        context = chromium.new_context(base_url=url, reduced_motion="reduce")
        context.set_default_timeout(20_000)
        opened.append(context)
        if person:
            held = sign_in(app.test_client(), person).get_cookie("careercenter")
            context.add_cookies([{"name": "careercenter", "value": held.value, "url": url}])
        return Window(context)

    yield open_window
    for context in opened:
        context.close()


def test_pages_of_codes(browser_of: Open, factory: Any) -> None:
    seen = browser_of()
    said: list[str] = []
    for address in ("/sign-in", "/sign-in/code", "/sign-in/code/enter", "/sign-in/supervisor", "/sign-in/supervisor/enter"):
        said += examine(seen, address, "codes" + address.replace("/", "-"), FULL)
    assert not said, "\n".join(said)
    page = seen.page
    page.goto("/sign-in/code")
    page.get_by_label("Your e-mail address").fill("nobody")
    page.keyboard.press("Enter")
    page.locator("#error-summary").wait_for()
    assert page.title().startswith("Error: ")
    page.get_by_label("Your e-mail address").fill("nobody@home.example")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sign-in/code/enter")
    page.get_by_label("Code").fill("1234 5678")
    page.keyboard.press("Enter")
    page.locator("#error-summary").wait_for()
    assert "That is not the code" in page.locator("#error-summary").inner_text()


def test_the_supervisors_list(browser_of: Open, url: str, factory: Any) -> None:
    now, sam = datetime.now(UTC), factory.supervisor(email="sam@works.example")
    factory.placement(factory.student(name="Maya Chen"), sam, ends_on=date(2026, 10, 13), state="completed")
    with db.transaction():
        evaluations.invite_due(now)
    with db.transaction():
        asked = codes.ask("supervisor", "sam@works.example", codes.supervisor("sam@works.example", now), now)
    with db.transaction():
        found = codes.attempt("supervisor", asked, codes.links.digits(codes.hashed(asked)), now)
        secret = codes.let_read(found.id, now)  # type: ignore[union-attr]
    seen = browser_of()
    seen.context.add_cookies([{"name": "careercenter-supervisor", "value": secret, "url": url}])
    said = examine(seen, "/supervising", "codes-supervising", FULL)
    assert not said, "\n".join(said)
    assert "Maya Chen" in seen.page.content()


def test_pages_of_the_own_sign_in(browser_of: Open, factory: Any) -> None:
    student = factory.student(name="Maya Chen")
    seen, _ = browser_of(student), browser_of(student)
    said: list[str] = []
    for address in ("/me/sessions", "/me/address", "/me/address/code"):
        said += examine(seen, address, "own" + address.replace("/", "-"), FULL)
    assert not said, "\n".join(said)
    seen.page.goto("/me/sessions")
    seen.page.get_by_role("button", name="Sign out everywhere else").press("Enter")
    seen.page.wait_for_load_state()
    assert "Only this browser" in seen.page.get_by_role("heading", level=1).inner_text()


def test_what_was_typed_is_kept_and_sent(app: Flask, browser_of: Open, factory: Any, sign_in: Any, url: str) -> None:
    student = factory.student(name="Maya Chen")
    placement = factory.placement(student, starts_on=date(2026, 9, 1), ends_on=date(2027, 12, 1))
    number = placement.id
    seen = browser_of(student)
    seen.page.goto(f"/placements/{number}")
    seen.page.get_by_label("Time worked").fill("2:30")
    seen.page.get_by_label("What you did").fill("Sorted the archive, read two reports")
    with db.transaction():
        db.session.execute(delete(LoginSession))
    seen.page.get_by_role("button", name="Log hours").click()
    seen.page.wait_for_url("**/sign-in?next=/kept")
    assert "What you typed is kept" in seen.page.content()
    said = examine(seen, "/sign-in?next=/kept", "kept-sign-in", ((1440, "light"),))
    held = sign_in(app.test_client(), db.session.get_one(Person, student.id)).get_cookie("careercenter")
    seen.context.add_cookies([{"name": "careercenter", "value": held.value, "url": url}])
    said += examine(seen, "/kept", "kept", FULL)
    assert not said, "\n".join(said)
    seen.page.get_by_role("button", name="Send it now").press("Enter")
    seen.page.wait_for_url(f"**/placements/{number}")
    assert "2 h 30 min logged for" in seen.page.content()


def test_pages_of_alumni(browser_of: Open, factory: Any) -> None:
    former = factory.person("alumni", name="Maya Chen")
    placement = factory.placement(former, state="completed", ends_on=date(2026, 10, 1))
    factory.hours(placement, 600)
    factory.credit_request(former, placement, state="registered")
    seen = browser_of(former)
    said: list[str] = []
    for address in ("/", "/placements", f"/placements/{placement.id}", "/credit", "/credit/1"):
        said += examine(seen, address, "alumni" + (address.replace("/", "-").rstrip("-") or "-home"), FULL)
    assert not said, "\n".join(said)


def test_an_account_and_a_look(browser_of: Open, factory: Any) -> None:
    student, admin = factory.student(name="Maya Chen"), factory.person("admin", name="Ada Admin")
    factory.placement(student)
    seen, _ = browser_of(admin), browser_of(student)
    said = examine(seen, f"/admin/people/{student.id}", "admin-person", FULL) + examine(seen, "/admin/people", "admin-people", FULL)
    page = seen.page
    page.goto(f"/admin/people/{student.id}")
    page.get_by_label("Reason for looking").fill("She sees no form")
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    for address, name in (("/", "look-home"), ("/placements", "look-placements")):
        said += examine(seen, address, name, FULL)
    assert not said, "\n".join(said)
    page.get_by_role("button", name="Stop", exact=True).press("Enter")
    page.wait_for_url(f"**/admin/people/{student.id}")
    assert db.session.scalars(select(LoginSession.viewing_as).where(LoginSession.person_id == admin.id)).all() == [None]
