"""The life of an internship by clicking: student, supervisor from the mailbox, advisor, registrar; keyboard; no scripts."""

import re
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from demo.installation import ZONE
from tests.browser.conftest import DemoCampus, Window, Windows
from tests.browser.test_pages import mailed

PHONE = {"viewport": {"width": 390, "height": 844}}


def days(n: int) -> str:
    return (datetime.now(ZoneInfo(ZONE)).date() + timedelta(days=n)).isoformat()


def fill_placement(page: Page, supervisor: str, address: str) -> None:
    """The form of a placement, by its labels."""
    page.get_by_label("What you will do").fill("Build a dashboard of monthly figures and explain how to refresh it.")
    page.get_by_label("First day").fill(days(0))
    page.get_by_label("Last day").fill(days(20))
    page.get_by_label("Hours in all").fill("40")
    page.get_by_label("Fixed fee").check()
    page.get_by_label("Amount").fill("650")
    page.get_by_label("Supervisor's name").fill(supervisor)
    page.get_by_label("Supervisor's work e-mail").fill(address)
    page.get_by_role("group", name="Is the supervisor a relative").get_by_label("No").check()
    page.get_by_role("button", name="Save placement").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("0 min of 40 h logged.")


def log_hours(page: Page) -> None:
    page.get_by_label("Time worked").fill("3:30")
    page.get_by_label("What you did").fill("Read the source tables")
    page.get_by_role("button", name="Log hours").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("3 h 30 min of 40 h logged.")


def write_request(page: Page) -> None:
    page.get_by_label("Academic work beside the job").fill("5")
    page.get_by_label("Learning objectives").fill("Choose a chart that answers a question.\nDocument a report for others.")


def read_mail(page: Page, demo: DemoCampus, address: str, subject: str) -> None:
    """Wait for a mail in the demo's mailbox and follow its link."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        page.goto(f"{demo.mail_url}?q={address}")
        found = page.get_by_role("link", name=re.compile(subject))
        if found.count():
            found.first.click()
            page.locator(".body a").first.click()
            return
        time.sleep(1)
    raise AssertionError(f"no mail about {subject} for {address}")


def find_in_queue(page: Page, student: str) -> None:
    page.goto("/queue")
    page.get_by_role("link", name=student, exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("This would earn")


def test_from_a_listing_to_a_registration(window: Windows, demo: DemoCampus) -> None:
    maya, address = window("mtran"), f"priya.raman.{int(time.time())}@lakemont.example"
    student_asks(maya.page, address)
    supervisor = window(**PHONE)
    read_mail(supervisor.page, demo, address, "Please confirm the terms of Maya Tran")
    expect(supervisor.page.get_by_role("heading", level=1)).to_contain_text("Please confirm the terms of")
    supervisor.page.get_by_role("button", name="Confirm the terms").click()
    expect(supervisor.page.get_by_role("heading", level=1)).to_have_text("Thank you. We have your answer.")
    advisor = window("rmarsh")
    find_in_queue(advisor.page, "Maya Tran")
    advisor.page.get_by_role("button", name="Approve", exact=True).click()
    expect(advisor.page.get_by_text("Approved: Maya Tran")).to_be_visible()
    registrar = window("gferraro")
    find_in_queue(registrar.page, "Maya Tran")
    section = registrar.page.get_by_label("Section")
    section.select_option(index=section.locator("option").count() - 1)
    registrar.page.get_by_role("button", name="Register", exact=True).click()
    expect(registrar.page.get_by_text("Maya Tran, 1 credit")).to_be_visible()
    maya.page.reload()
    expect(maya.page.get_by_role("heading", level=1)).to_have_text("You are registered for 1 credit.")
    quiet(maya, supervisor, advisor, registrar)


def student_asks(page: Page, supervisor: str) -> None:
    """Search, placement, hours, request; the verdict follows while typing, without turning the page."""
    page.goto("/listings")
    page.get_by_role("searchbox").fill("dashboard")
    page.get_by_role("button", name="Search").click()
    page.locator("ul.listings a").first.click()
    page.get_by_role("link", name="I got this: add as placement").click()
    assert page.get_by_label("Title", exact=True).input_value()
    fill_placement(page, "Priya Raman", supervisor)
    log_hours(page)
    page.get_by_role("link", name="Ask for credit").click()
    page.get_by_role("button", name="Save and see the verdict").click()
    draft = page.url
    page.get_by_label("Credits", exact=True).fill("1")
    expect(page.locator("#findings")).to_contain_text("Write at least 2 learning objectives")
    write_request(page)
    expect(page.locator("#findings")).to_contain_text("This would earn 1 credit.")
    expect(page.locator("#findings")).to_contain_text("Saved")
    assert page.url == draft
    page.get_by_role("button", name="Submit the request").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your request is with Priya Raman.")


def quiet(*windows: Window) -> None:
    """Nobody's console has anything to say. A draft that was saving itself when the page was left is no complaint."""
    said = [complaint for seen in windows for complaint in seen.complaints if "/draft net::ERR_ABORTED" not in complaint]
    assert not said, said


def test_a_supervisor_evaluates_on_a_phone(window: Windows, demo: DemoCampus) -> None:
    """Taps only, from the mailed link to the receipt; what is missing is said first."""
    seen = window(**PHONE, has_touch=True)
    page = seen.page
    page.goto(mailed(demo, "/evaluate/"))
    page.get_by_role("button", name="Send the evaluation").tap()
    expect(page.get_by_role("alert")).to_be_focused()
    for group in page.get_by_role("group").filter(has=page.get_by_role("radio")).all():
        group.locator("label").nth(min(3, group.get_by_role("radio").count() - 1) if group.get_by_role("radio").count() > 3 else 0).tap()
    page.get_by_role("button", name="Send the evaluation").tap()
    expect(page.get_by_role("heading", level=1)).to_contain_text("We received your evaluation")
    quiet_but_for_refusals = [said for said in seen.complaints if "422" not in said]
    assert not quiet_but_for_refusals, quiet_but_for_refusals


def test_the_queue_by_keyboard(window: Windows) -> None:
    page = window("rmarsh").page
    page.goto("/queue")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    names = page.locator("table[data-keys] .row-link")
    for key, at in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        expect(names.nth(at)).to_be_focused()
    student = names.nth(1).inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{student} asks for")).to_be_visible()
    assert tabs_to(page, "Approve") < 40


def tabs_to(page: Page, words: str) -> int:
    """How many times Tab must be pressed until this button has the focus."""
    for pressed in range(1, 60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == words:
            return pressed
    raise AssertionError(f"Tab never reaches {words}")


def test_sign_in_by_keyboard(window: Windows) -> None:
    page = window().page
    page.goto("/sign-in")
    for _ in range(8):
        page.keyboard.press("Tab")
        if "Continue with" in page.evaluate("document.activeElement.textContent"):
            return
    raise AssertionError("Tab does not reach the way to sign in")


def test_an_advisor_approves_together(window: Windows) -> None:
    """What a bulk approval will do is said before it is done."""
    page = window("rmarsh").page
    page.goto("/queue?verdict=clean")
    boxes = page.locator('input[name="ids"]')
    before = boxes.count()
    for n in range(3):
        boxes.nth(n).check()
    expect(page.get_by_text("3 requests chosen.")).to_be_visible()
    page.get_by_role("button", name="Preview approving").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This approves 3 requests.")
    page.get_by_role("button", name="Approve 3 requests").click()
    expect(page.get_by_text("3 requests approved.")).to_be_visible()
    page.goto("/queue?verdict=clean")
    assert boxes.count() == before - 3


def test_everything_works_without_scripts(window: Windows) -> None:
    """Placement, hours and request by a student whose browser runs no scripts."""
    page = window("swhitfield", java_script_enabled=False, **PHONE).page
    page.goto("/placements/new")
    page.get_by_label("Title", exact=True).fill("Records clean-up")
    page.get_by_label("Kind of work").select_option("micro_internship")
    page.get_by_label("Employer").fill("Quarry Road Brewing")
    fill_placement(page, "Hugo Brandt", "hugo.brandt@quarry.example")
    log_hours(page)
    page.get_by_role("link", name="Ask for credit").click()
    page.get_by_label("Credits", exact=True).fill("1")
    write_request(page)
    page.get_by_role("button", name="Save and see the verdict").click()
    expect(page.locator("#findings")).to_contain_text("This would earn 1 credit.")
    page.get_by_role("button", name="Submit the request").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your request is with Hugo Brandt.")


def test_a_double_click_does_things_once(window: Windows) -> None:
    """People click twice when a page is slow; hours are logged once and a request is submitted without an error."""
    page = window("lbennett").page
    page.goto("/placements/new")
    page.get_by_label("Title", exact=True).fill("Poster series")
    page.get_by_label("Kind of work").select_option("micro_internship")
    page.get_by_label("Employer").fill("Trellis & Vine Events")
    fill_placement(page, "Odile Marchand", "odile.marchand@trellis.example")
    page.get_by_label("Time worked").fill("3:30")
    page.get_by_role("button", name="Log hours").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("3 h 30 min of 40 h logged.")
    page.get_by_role("link", name="Ask for credit").click()
    page.get_by_label("Credits", exact=True).fill("1")
    write_request(page)
    page.get_by_role("button", name="Save and see the verdict").dblclick()
    page.get_by_role("button", name="Submit the request").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your request is with Odile Marchand.")


@pytest.mark.parametrize("path", ["/", "/listings", "/queue", "/evaluations", "/platforms"])
def test_text_at_twice_its_size_fits(path: str, window: Windows) -> None:
    """200 % text at 1280 is 640 pixels wide: nothing is cut off or needs sideways scrolling."""
    page = window("rmarsh", viewport={"width": 640, "height": 450}).page
    page.goto(path)
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
