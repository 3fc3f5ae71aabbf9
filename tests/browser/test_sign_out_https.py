"""Signing out across two sites with TLS, in Chromium, and arriving from the campus' portal: what a browser really lets through.

A form of ours may not be sent on to another site (`form-action`), cookies stay behind where sites differ, and an answer that
another site posts opens nothing before the person has said so.
"""

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.https_campus import HttpsCampus, cookies
from tests.browser.test_sign_on_https import SESSION, Open, browser, campus, live_sessions, post_from_evil, sign_in, strict, who
from tests.campus_idp import PEOPLE

__all__ = ["browser", "campus", "strict"]


def leave(campus: HttpsCampus, page: Page) -> None:
    """Sign out here, by the menu with one's name."""
    page.goto(f"{campus.url}/")
    page.locator("details.me summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{campus.url}/signed-out")


def signed_in_at_campus(campus: HttpsCampus, context: BrowserContext) -> bool:
    page = context.new_page()
    page.goto(campus.idp_url)
    found = "You are signed in as" in page.inner_text("h1")
    page.close()
    return found


@pytest.mark.parametrize("way", ["redirect", "post"])
def test_signing_out_here_and_then_at_the_campus(campus: HttpsCampus, browser: Open, way: str) -> None:
    context = browser()
    page = context.new_page()
    sign_in(campus, page, "maya", way)
    leave(campus, page)
    assert who(campus, context) == ""
    assert signed_in_at_campus(campus, context)
    page.get_by_role("link", name="Also sign out at the campus sign-in").click()
    page.wait_for_url(f"{campus.url}/signed-out?campus=ended")
    assert "here and at your campus sign-in" in page.inner_text("h1")
    assert not signed_in_at_campus(campus, context)


def test_signing_out_at_the_campus_ends_the_session_here(campus: HttpsCampus, browser: Open) -> None:
    context = browser()
    page = context.new_page()
    sign_in(campus, page, "maya")
    before = live_sessions(campus, "maya")
    page.goto(campus.idp_url)
    page.get_by_role("button", name="Sign out everywhere").click()
    page.wait_for_url(f"{campus.idp_url}/slo?*")
    assert "You are signed out" in page.inner_text("h1")
    assert live_sessions(campus, "maya") == before - 1
    assert who(campus, context) == ""


def arriving(campus: HttpsCampus, uid: str) -> dict[str, str]:
    """The form by which the campus' portal sends somebody here."""
    person = next(person for person in PEOPLE if person["uid"] == uid)
    asked = {"id": None, "acs": f"{campus.url}/saml/acs", "sp": f"{campus.url}/saml/metadata"}
    return {"SAMLResponse": campus.idp.answer(person, asked), "RelayState": "/accessibility"}


def test_somebody_elses_answer_slipped_to_a_browser_opens_nothing_by_itself(campus: HttpsCampus, browser: Open) -> None:
    context = browser()
    sign_in(campus, context.new_page(), "maya")
    kept = cookies(context.cookies(campus.url))[SESSION]["value"]
    before = live_sessions(campus, "omar")
    status, _ = post_from_evil(campus, context, f"{campus.url}/saml/acs", arriving(campus, "omar"))
    assert status == 200
    assert cookies(context.cookies(campus.url))[SESSION]["value"] == kept, "a form of another site signs nobody out"
    assert who(campus, context) == "Maya Okafor"
    assert live_sessions(campus, "omar") == before


def test_arriving_from_the_portal_asks_and_goes_on(campus: HttpsCampus, browser: Open) -> None:
    context = browser()
    sign_in(campus, context.new_page(), "maya")
    page = context.new_page()
    fields = arriving(campus, "omar")
    page.goto(campus.idp_url)
    page.evaluate("""([action, fields]) => {
        const form = Object.assign(document.createElement('form'), {method: 'post', action});
        for (const [name, value] of Object.entries(fields)) form.append(Object.assign(document.createElement('input'), {name, value}));
        document.body.append(form); window.pressed = form;
    }""", [f"{campus.url}/saml/acs", fields])
    page.evaluate("window.pressed.submit()")
    page.get_by_role("button", name="Continue as Omar Haddad").wait_for()
    assert "Maya Okafor is signed in here now" in page.inner_text("main")
    page.get_by_role("button", name="Continue as Omar Haddad").click()
    page.wait_for_url(f"{campus.url}/accessibility")
    assert who(campus, context) == "Omar Haddad"
