"""Every page of every role in Chromium: axe, console, widths, and a screenshot to look at in var/screenshots.

With --long each page is looked at in both widths and both themes; without it, wide and light, narrow and dark.
"""

import re
import time
from collections.abc import Iterator

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from flask import Flask

from careercenter import create_app
from careercenter.settings import load
from tests.browser.conftest import SCREENSHOTS, DemoCampus, Window, Windows
from tests.browser.crawl import Map, crawl

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
Looks = tuple[tuple[int, str], ...]
"""(width, theme) of each look at a page."""
SHORT: Looks = ((1440, "light"), (390, "dark"))
FULL: Looks = ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark"))
HEIGHT = {1440: 900, 390: 844, 320: 700}
ROLES = {"jokafor": "student", "rmarsh": "advisor", "hlindqvist": "faculty", "gferraro": "registrar", "ndiallo": "admin"}
VARIANTS = {
    "jokafor": ["/listings?q=data", "/listings?kind=micro_internship&pay=hourly", "/listings?q=nothing+has+these+words"],
    "rmarsh": ["/queue?verdict=look", "/queue?verdict=clean&due=overdue", "/evaluations?list=concerns", "/evaluations?list=returned",
               "/evaluations?list=planned"],
    "mtran": ["/", "/placements", "/credit", "/credit/new", "/placements/new"],
    "lbennett": ["/", "/placements"], "dcastillo": ["/", "/credit"], "swhitfield": ["/", "/placements"], "aiyer": ["/", "/credit"],
}
FIRST_OF = {"dcastillo": "credit.edit", "swhitfield": "placements.show", "aiyer": "credit.edit", "lbennett": "placements.show"}


@pytest.fixture(scope="module")
def routes(demo: DemoCampus) -> Map:
    app: Flask = create_app(load(demo.config))
    return Map(app)


@pytest.fixture
def looks(request: pytest.FixtureRequest) -> Looks:
    return FULL if request.config.getoption("--long") else SHORT


@pytest.fixture(scope="module", autouse=True)
def _screenshots() -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)


def examine(window: Window, address: str, name: str, looks: Looks, status: int = 200) -> list[str]:
    """What is wrong with a page in each look, one sentence each."""
    said: list[str] = []
    page = window.page
    for width, theme in looks:
        window.complaints.clear()
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": HEIGHT[width]})
        answer = page.goto(address)
        where = f"{name} {width} {theme}"
        if answer is None or answer.status != status:
            return [f"{where}: {address} answered {answer and answer.status}"]
        page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{theme}.png", full_page=True)
        # Tall enough for everything: what a bar at the foot covers before scrolling is no finding.
        page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight") + 200})
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}).response
        said += [f"{where}: {v['id']}: {v['nodes'][0]['target']} {v['nodes'][0]['failureSummary']}" for v in found["violations"]]
        said += [f"{where}: {complaint}" for complaint in window.complaints if not (status >= 400 and "status of" in complaint)]
    page.set_viewport_size({"width": 320, "height": HEIGHT[320]})
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        said.append(f"{name}: scrolls sideways at 320")
    return said


def names(uid: str, addresses: list[str]) -> Iterator[tuple[str, str]]:
    """(address, name of its screenshot)"""
    for address in addresses:
        yield address, f"{uid}{re.sub(r'[^a-z0-9]+', '-', address.lower()).rstrip('-') or '-home'}"


@pytest.mark.parametrize("uid", ROLES)
def test_every_page_of_a_role(uid: str, window: Windows, demo: DemoCampus, routes: Map, looks: Looks) -> None:
    seen = window(uid)
    cookies = {str(c["name"]): str(c["value"]) for c in seen.context.cookies()}
    if ROLES[uid] == "registrar":
        seen.page.goto("/files")
        seen.page.get_by_role("button", name="Make this file").click()
    found = crawl(demo.url, cookies, routes, ["/"])
    said = [
        problem for endpoint, address in sorted(found.items())
        for problem in examine(seen, address, f"{ROLES[uid]}-{endpoint.replace('.', '-')}", looks)
    ]
    said += [problem for address, name in names(ROLES[uid], VARIANTS.get(uid, [])) for problem in examine(seen, address, name, looks)]
    assert not said, "\n".join(said)
    missing = routes.expected(ROLES[uid]) - found.keys() - UNLINKED[ROLES[uid]]
    assert not missing, f"no link leads a {ROLES[uid]} to {sorted(missing)}"


AS_BOARDS_ARE_READ = {"platforms.catalogue.quarantine", "platforms.catalogue.record", "platforms.held.show"}
"""Linked once the worker has read the board in question; looked at in test_platform_console, too."""
UNLINKED: dict[str, set[str]] = {
    "student": {"placements.edit", "credit.edit", "evaluations.mine"},  # shown while they can still be changed: see the others
    "advisor": {"admin.style", *AS_BOARDS_ARE_READ}, "faculty": {"admin.style"},
    "registrar": {"admin.style", "listings.index", "listings.show"},
    "admin": {
        "admin.style", "listings.index", "listings.show", *AS_BOARDS_ARE_READ,
        "signon_console.change", "signon_console.pausing", "signon_console.removing", "signon_console.trial",  # test_sign_on_console
    },
}


@pytest.mark.parametrize("uid", ["mtran", "lbennett", "dcastillo", "swhitfield", "aiyer"])
def test_pages_of_students_at_other_points(uid: str, window: Windows, demo: DemoCampus, routes: Map, looks: Looks) -> None:
    """Nothing yet, a bundle, a returned request, everything done, a draft of an international student."""
    seen = window(uid)
    cookies = {str(c["name"]): str(c["value"]) for c in seen.context.cookies()}
    addresses = list(VARIANTS[uid])
    if uid in FIRST_OF:
        addresses.append(crawl(demo.url, cookies, routes, ["/", "/credit", "/placements"])[FIRST_OF[uid]])
    said = [problem for address, name in names(uid, addresses) for problem in examine(seen, address, name, looks)]
    assert not said, "\n".join(said)


def test_pages_of_nobody(window: Windows, looks: Looks) -> None:
    seen = window()
    said = examine(seen, "/sign-in", "nobody-sign-in", looks) + examine(seen, "/accessibility", "nobody-accessibility", looks)
    said += examine(seen, "/approve/" + "x" * 43, "nobody-dead-link", looks, status=410)
    said += examine(seen, "/evaluate/" + "x" * 43, "nobody-dead-evaluation", looks, status=410)
    said += examine(seen, "/no-such-page", "nobody-not-found", looks, status=404)
    assert not said, "\n".join(said)


def mailed(demo: DemoCampus, path: str) -> str:
    """The newest link of this kind in the demo's mailbox that still opens its form; a new demo's mail takes a while."""
    session = requests.Session()
    session.trust_env = False
    end = time.monotonic() + 90
    while time.monotonic() < end:
        for mail in sorted((demo.folder / "mail").glob("*.eml"), reverse=True):
            for token in re.findall(path + r"[A-Za-z0-9_-]{43}", mail.read_text(errors="replace").replace("=\n", "")):
                answer = session.get(demo.url + token, timeout=20)
                if answer.status_code == 200 and "<textarea" in answer.text:
                    return token
        time.sleep(2)
    raise AssertionError(f"no mail holds a live {path} link")


@pytest.mark.parametrize("path", ["/approve/", "/evaluate/"])
def test_pages_of_supervisors(path: str, window: Windows, demo: DemoCampus, looks: Looks) -> None:
    said = examine(window(), mailed(demo, path), f"supervisor{path.strip('/')}".replace("supervisor", "supervisor-"), looks)
    assert not said, "\n".join(said)
