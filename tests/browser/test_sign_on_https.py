"""Signing in across two sites with TLS, in Chromium: which cookies travel, and what strangers' pages can do to a browser.

`__Host-careercenter-signon` binds an answer to the browser that asked (SameSite=None, it must arrive with a POST from another
site); `__Host-careercenter` is the session (SameSite=Lax, it must not).
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import escape
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response
from sqlalchemy import func, select
from werkzeug.wrappers import Response as Answer

from careercenter import db, people
from careercenter.people.model import Person
from careercenter.people.sessions import LoginSession, SignOnRequest
from tests.browser.https_campus import CAREERS, EVIL, RESOLVER, HttpsCampus, Site, cookies
from tests.conftest import CHROMIUM
from tests.faults.installation import free_port
from tests.smtp_server import Mailbox

SESSION, BINDING = "__Host-careercenter", "__Host-careercenter-signon"
Open = Callable[..., BrowserContext]


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory, smtp: Mailbox) -> Iterator[HttpsCampus]:
    made = HttpsCampus(tmp_path_factory.mktemp("https"), smtp.port)
    yield made
    made.close()


@pytest.fixture(scope="module")
def strict(chromium: Browser, campus: HttpsCampus) -> Iterator[Browser]:
    """A Chromium that finds the two hosts and trusts nothing but their authority."""
    trust = f"--ignore-certificate-errors-spki-list={campus.certificates.pin}"
    found = chromium.browser_type.launch(executable_path="/usr/bin/chromium", args=[*CHROMIUM, RESOLVER, trust])
    yield found
    found.close()


@pytest.fixture
def browser(strict: Browser) -> Iterator[Open]:
    """`browser()`: a browser of its own, with no cookies yet. Takes context options."""
    opened: list[BrowserContext] = []

    def open_browser(**options: Any) -> BrowserContext:
        context = strict.new_context(**options)
        context.set_default_timeout(8_000)
        opened.append(context)
        return context

    yield open_browser
    for context in opened:
        context.close()


def sign_in(campus: HttpsCampus, page: Page, uid: str, way: str = "redirect") -> None:
    """From our page to the provider's, a click on the person, and back; on, where there are no scripts to do it."""
    choose(campus, page, uid, way)
    page.wait_for_load_state()
    button = page.get_by_role("button", name="Continue")
    if page.url.startswith(campus.idp_url) and button.count():
        button.click()
    page.wait_for_url(f"{campus.url}/")


def choose(campus: HttpsCampus, page: Page, uid: str, way: str = "redirect") -> None:
    page.goto(f"{campus.url}/sign-in/{way}")
    if page.url.startswith(campus.url) and page.get_by_role("button", name="Continue").count():
        page.get_by_role("button", name="Continue").click()
    page.locator(f'button[value="{uid}"]').click()


def answer_of(campus: HttpsCampus, page: Page, uid: str) -> dict[str, str]:
    """The provider's signed answer, taken from its form before it goes on; the page must not run scripts."""
    choose(campus, page, uid)
    return {name: page.locator(f'input[name="{name}"]').get_attribute("value") or "" for name in ("SAMLResponse", "RelayState")}


def post_from_evil(campus: HttpsCampus, context: BrowserContext, address: str, fields: dict[str, str]) -> tuple[int, str]:
    """A page of another site that posts a form to us; (status, words) of what follows."""
    inputs = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items())
    form = f'<!doctype html><form method="post" action="{address}">{inputs}<button>Win a prize</button></form>'
    site = Site(lambda environ, start: Answer(form, content_type="text/html")(environ, start), campus.certificates, EVIL, free_port())
    page = context.new_page()
    try:
        page.goto(site.url)
        with page.expect_response(lambda found: found.request.method == "POST") as waiting:
            page.get_by_role("button", name="Win a prize").click()
        answer: Response = waiting.value
        assert answer.request.all_headers()["sec-fetch-site"] == "cross-site"
        page.wait_for_load_state()
        return answer.status, page.inner_text("body")
    finally:
        page.close()
        site.close()


def watch_acs(page: Page) -> list[Request]:
    """The requests that come to the ACS from here on."""
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request) if request.url.endswith("/saml/acs") else None)
    return seen


def sent(request: Request) -> set[str]:
    """The names of the cookies that a request carried."""
    return {part.partition("=")[0].strip() for part in request.all_headers().get("cookie", "").split(";")} - {""}


def who(campus: HttpsCampus, context: BrowserContext) -> str:
    """The name of the person whom this browser is signed in as, or ""."""
    page = context.new_page()
    page.goto(f"{campus.url}/")
    shown = page.content()
    page.close()
    return next((name for name in ("Maya Okafor", "Omar Haddad", "Ruth Adeyemi") if name in shown), "")


def live_sessions(campus: HttpsCampus, uid: str) -> int:
    query = select(func.count(LoginSession.id)).join(Person, Person.id == LoginSession.person_id).where(
        Person.email == f"{uid}@demo.edu", LoginSession.ended_at.is_(None)
    )
    return int(campus.installation.ask(lambda: db.session.scalar(query)))


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("way", ["redirect", "post"])
def test_signing_in_across_two_sites(campus: HttpsCampus, browser: Open, way: str, scripts: bool) -> None:
    context = browser(java_script_enabled=scripts)
    page = context.new_page()
    asked = watch_acs(page)
    sign_in(campus, page, "maya", way)
    assert who(campus, context) == "Maya Okafor"
    assert page.get_by_text("Maya Okafor").count()
    (request,) = asked
    assert (request.method, request.all_headers()["sec-fetch-site"]) == ("POST", "cross-site")
    assert sent(request) == {BINDING}


def test_the_session_cookie_stays_behind_and_a_second_sign_in_leaves_the_first(campus: HttpsCampus, browser: Open) -> None:
    """The cookie of the session does not come with the answer, yet the session before must not live on."""
    context = browser()
    page = context.new_page()
    sign_in(campus, page, "omar")
    before, first = live_sessions(campus, "omar"), cookies(context.cookies())[SESSION]["value"]  # type: ignore[arg-type]
    asked = watch_acs(page)
    sign_in(campus, page, "maya")
    assert sent(asked[0]) == {BINDING}
    assert who(campus, context) == "Maya Okafor"
    assert live_sessions(campus, "omar") == before - 1
    copied = browser()
    copied.add_cookies([{"name": SESSION, "value": first, "url": campus.url, "secure": True}])
    assert who(campus, copied) == ""


def test_cookies_are_for_this_host_and_https_only(campus: HttpsCampus, browser: Open) -> None:
    context = browser(java_script_enabled=False)
    page = context.new_page()
    answer_of(campus, page, "maya")
    under_way = cookies(context.cookies(campus.url))  # type: ignore[arg-type]
    assert BINDING in under_way
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{campus.url}/")
    signed_in = cookies(context.cookies(campus.url))  # type: ignore[arg-type]
    assert set(signed_in) == {SESSION}, "the binding is gone when it has done its work"
    for cookie, same_site in ((under_way[BINDING], "None"), (signed_in[SESSION], "Lax")):
        assert (cookie["sameSite"], cookie["secure"], cookie["httpOnly"], cookie["path"]) == (same_site, True, True, "/")
        assert cookie["domain"] == CAREERS, "no leading dot: this host alone"
    assert not {c["name"] for c in context.cookies(campus.idp_url)} & {SESSION, BINDING}, "the provider sees none of ours"


def test_https_is_remembered(campus: HttpsCampus, browser: Open) -> None:
    page = browser().new_page()
    answer = page.goto(f"{campus.url}/sign-in")
    assert answer is not None
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    page.goto(f"{campus.url.replace('https', 'http')}/sign-in")
    assert page.url.startswith("https://"), "the browser itself turns http into https from now on"


@pytest.mark.parametrize("victim", ["idle", "under way", "signed in"])
def test_somebody_elses_answer_is_refused_here(campus: HttpsCampus, browser: Open, victim: str) -> None:
    """Login CSRF: an attacker's own signed answer, posted from his page by the browser of a victim."""
    attacker = browser(java_script_enabled=False)
    page = attacker.new_page()
    stolen = answer_of(campus, page, "omar")
    context = browser()
    if victim == "under way":
        context.new_page().goto(f"{campus.url}/sign-in/redirect")
    elif victim == "signed in":
        sign_in(campus, context.new_page(), "maya")
    status, words = post_from_evil(campus, context, f"{campus.url}/saml/acs", stolen)
    assert status == 403
    assert "We could not sign you in." in words
    assert who(campus, context) == ("Maya Okafor" if victim == "signed in" else "")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{campus.url}/")
    assert who(campus, attacker) == "Omar Haddad", "the refusal has burnt nothing: a stranger cannot spoil a sign-in"


def test_a_sign_in_under_way_survives_a_strangers_post(campus: HttpsCampus, browser: Open) -> None:
    context = browser(java_script_enabled=False)
    page = context.new_page()
    answer_of(campus, page, "maya")
    status, _ = post_from_evil(campus, context, f"{campus.url}/saml/acs", {"SAMLResponse": "bm8=", "RelayState": "x"})
    assert status == 403
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{campus.url}/")
    assert who(campus, context) == "Maya Okafor"


@pytest.mark.parametrize("address", ["/saml/acs", "/sign-out", "/act-as", "/sign-in", "/"])
def test_a_post_from_another_site_signs_nobody_out(campus: HttpsCampus, browser: Open, address: str) -> None:
    """Such a post carries no session cookie, so its answer must not put another one in its place."""
    context = browser()
    sign_in(campus, context.new_page(), "ruth")
    before = live_sessions(campus, "ruth")
    status, _ = post_from_evil(campus, context, f"{campus.url}{address}", {"role": "admin"})
    assert status >= 400
    assert (who(campus, context), live_sessions(campus, "ruth")) == ("Ruth Adeyemi", before)


def test_a_session_planted_before_is_not_the_one_after(campus: HttpsCampus, browser: Open) -> None:
    """Session fixation: the victim's browser holds an attacker's session cookie when the victim signs in."""
    attacker, victim = browser(), browser()
    sign_in(campus, attacker.new_page(), "omar")
    planted = cookies(attacker.cookies())[SESSION]["value"]  # type: ignore[arg-type]
    victim.add_cookies([{"name": SESSION, "value": planted, "url": campus.url, "secure": True, "sameSite": "Lax", "httpOnly": True}])
    sign_in(campus, victim.new_page(), "maya")
    assert cookies(victim.cookies())[SESSION]["value"] != planted  # type: ignore[arg-type]
    assert who(campus, victim) == "Maya Okafor"
    assert who(campus, attacker) in ("", "Omar Haddad"), "the attacker's cookie opens nothing of the victim's"


@pytest.mark.parametrize("name", [SESSION, BINDING])
def test_a_neighbour_cannot_plant_a_cookie(campus: HttpsCampus, browser: Open, name: str) -> None:
    """`__Host-` keeps a page of a sub-domain out; the control is a cookie without that name, which arrives."""

    def neighbour(environ: Any, start: Any) -> Any:
        answer = Answer("<!doctype html><p>hello", content_type="text/html")
        for cookie in (name, "control"):
            answer.headers.add("Set-Cookie", f"{cookie}=planted; Domain={CAREERS}; Path=/; Secure")
        return answer(environ, start)

    site = Site(neighbour, campus.certificates, f"neighbour.{CAREERS}", free_port())
    context = browser()
    try:
        context.new_page().goto(site.url)
    finally:
        site.close()
    assert set(cookies(context.cookies(campus.url))) == {"control"}  # type: ignore[arg-type]


def test_what_was_begun_is_kept_as_hashes_only(campus: HttpsCampus, browser: Open) -> None:
    context = browser(java_script_enabled=False)
    page = context.new_page()
    form = answer_of(campus, page, "maya")
    binding = cookies(context.cookies())[BINDING]["value"]  # type: ignore[arg-type]
    row = campus.installation.ask(lambda: db.session.scalars(select(SignOnRequest).order_by(SignOnRequest.id.desc())).first())
    assert (row.relay_hash, row.browser_hash) == (people.sessions.hashed(form["RelayState"]), people.sessions.hashed(binding))
    assert row.created_at <= datetime.now(UTC)
    assert form["RelayState"] not in campus.installation.logs()
