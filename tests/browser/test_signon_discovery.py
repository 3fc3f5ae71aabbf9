"""Choosing one's campus in Chromium: 4,000 of them, none, none that fits; by keyboard, without scripts, widths and themes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page

from careercenter import create_app, db
from careercenter.providers import entities
from careercenter.signon import federation
from tests.browser.conftest import SCREENSHOTS
from tests.browser.test_pages import FULL, HEIGHT, TAGS
from tests.campus_idp import CampusIdp
from tests.conftest import NOW, make_settings
from tests.face_sample import serving
from tests.metadata_feed import aggregate, campus_name, campuses, pair

MANY = 4000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, idp: CampusIdp) -> Iterator[str]:
    """The pages of two federations: one with 4,000 campuses, one that was never fetched."""
    folder = tmp_path_factory.mktemp("discovery")
    (folder / "federation.crt").write_bytes(pair("federation")[1])
    told = {"kind": "federation", "metadata_url": "https://fed.example/metadata", "metadata_certificate_file": str(folder / "federation.crt")}
    providers = [{"name": "many", "label": "InCommon", **told}, {"name": "none", "label": "InCommon", **told}]
    app = create_app(make_settings(folder, signon={"service": idp.settings["service"], "providers": providers}))
    with app.app_context():
        db.upgrade()
        _fill(app)
    with serving(app) as url:
        yield url


def _fill(app: Flask) -> None:
    found = next(iter(federation.read(aggregate(campuses(1)), NOW, must_end=False)[1]))
    def like(n: int) -> Any:
        name = campus_name(n) if n != 7 else "The Consolidated Polytechnic University and Conservatory of the Northern Lakes Region " * 2
        return replace(
            found, entity_id=f"https://idp.campus{n}.example/entity", display_name=name[:200], scopes=(f"campus{n}.example",),
            search_text=federation.fold(f"{name} campus{n}.example"),
        )
    with db.transaction():
        entities.put("many", [like(n) for n in range(MANY)], NOW)


def open_page(chromium: Browser, **options: Any) -> tuple[Page, list[str]]:
    context = chromium.new_context(reduced_motion="reduce", **options)
    page, complaints = context.new_page(), []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


@pytest.mark.parametrize(("name", "address"), [
    ("first", "/sign-in/many/where?next=/credit"), ("found", "/sign-in/many/where?q=polytechnic"), ("no-match", "/sign-in/many/where?q=nowhere+at+all"),
    ("nobody", "/sign-in/none/where"),
])
def test_the_page_in_every_look(chromium: Browser, site: str, name: str, address: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page, complaints = open_page(chromium)
    for width, theme in FULL:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": HEIGHT[width]})
        page.goto(site + address)
        page.screenshot(path=SCREENSHOTS / f"discovery-{name}-{width}-{theme}.png", full_page=True)
        page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight") + 200})
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}).response
        assert not found["violations"], [(v["id"], v["nodes"][0]["target"]) for v in found["violations"]]
    page.set_viewport_size({"width": 320, "height": HEIGHT[320]})
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not complaints
    page.context.close()


def test_the_list_follows_as_one_types(chromium: Browser, site: str) -> None:
    page, complaints = open_page(chromium)
    page.goto(f"{site}/sign-in/many/where?next=/credit")
    assert "12 of 4,000 campuses" in page.locator("#found").inner_text()
    page.get_by_label("Name or domain of your campus").press_sequentially("harbor coll", delay=30)
    page.get_by_text("Harbor College").first.wait_for()
    shown = page.locator(".campus a").all_inner_texts()
    assert shown and all("Harbor" in name for name in shown)
    assert "/sign-in/many/where" in page.url and "q=" not in page.url
    assert "of 133 campuses" in page.locator("#found-words").inner_text()  # said to those who do not see the list
    link = page.locator(".campus a").first
    assert "next=/credit" in str(link.get_attribute("href"))
    page.get_by_label("Name or domain of your campus").fill("")
    page.get_by_text("12 of 4,000 campuses").first.wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.campus') !== null")
    assert not complaints
    page.context.close()


def test_without_scripts_the_search_is_a_form(chromium: Browser, site: str) -> None:
    page, _ = open_page(chromium, java_script_enabled=False)
    page.goto(f"{site}/sign-in/many/where?next=/credit")
    page.get_by_label("Name or domain of your campus").fill("campus3999.example")
    page.get_by_role("button", name="Search").click()
    assert page.locator(".campus a").count() == 1 and "next=%2Fcredit" in page.url
    page.context.close()
