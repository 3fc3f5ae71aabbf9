"""A micro-internship from a listing that was just pulled to its row in the registrar's file, on the real pages."""

from datetime import UTC, date, datetime

from careercenter import db, evaluations, placements
from demo.platform_server import PlatformApp
from tests.flows import steps
from tests.flows.browser import Browser
from tests.flows.conftest import SUPERVISOR, Campus, link_in
from tests.smtp_server import Mailbox


def test_from_a_listing_to_the_evidence(campus: Campus, platform: PlatformApp) -> None:
    maya = campus.signed_in("maya", "/listings")
    steps.add_placement_from_listing(maya)
    steps.log_hours(maya, date(2026, 11, 16), "3:30")
    assert "3 h 30 min of 40 h logged." in maya.text
    request = steps.ask_for_credit(maya)
    number = int(request.rsplit("/", 1)[1])
    the_link_opens_and_changes_nothing(campus)
    advisors_decide(campus)
    campus.go_to(datetime(2026, 11, 17, 15, tzinfo=UTC))
    registrar_registers(campus)
    assert campus.signed_in("maya", request).title == "You are registered for 1 credit."
    campus.go_to(datetime(2026, 12, 12, 13, tzinfo=UTC))
    the_hours_are_logged(campus)
    the_supervisor_evaluates(campus)
    student_and_advisor_read_it(campus)
    the_file_has_the_row(campus, number)


def the_link_opens_and_changes_nothing(campus: Campus) -> None:
    """A scanner, a phone and a forwarded mail may open the link as often as they like; one answer counts."""
    address = link_in(campus.mail(SUPERVISOR))
    before = steps.everything()
    for _ in range(5):
        scanner = campus.window()
        scanner.open(address)
        assert scanner.client.head(address).status_code == 200
        assert scanner.client.options(address).status_code == 200
    assert steps.everything() == before
    supervisor = campus.window().open(address)
    assert "Maya Okafor" in supervisor.text and "900001" not in supervisor.answer.text
    late = campus.window().open(address)
    supervisor.press("Confirm the terms")
    assert supervisor.title == "Thank you. We have your answer."
    late.press("Confirm the terms", status=410)
    campus.window().open(address, status=410)


def advisors_decide(campus: Campus) -> None:
    """Two have the same page open; the slower one is told who was first, and nothing of theirs is stored."""
    ruth, noor = campus.signed_in("ruth", "/queue"), campus.colleague("advisor", name="Noor Haidari").open("/queue")
    for advisor in (ruth, noor):
        assert advisor.title == "1 request waits for you."
        advisor.click("Maya Okafor")
        assert "This would earn 1 credit." in advisor.text
    ruth.press("Approve")
    assert "Nothing waits for you." in ruth.text
    before = steps.everything()
    noor.write({"Reason or remark": "Too short for me"}).press("Deny", status=409)
    assert "Ruth Adeyemi was first" in noor.text
    after = steps.everything()
    assert {name for name in after if after[name] != before[name]} <= {"login_session"}


def registrar_registers(campus: Campus) -> None:
    ines = campus.signed_in("ines", "/queue")
    ines.click("Maya Okafor")
    assert "Section 002" in ines.value("Section")
    ines.press("Register")
    assert "Registered: Maya Okafor, 1 credit of CS 495." in ines.text
    assert "CRN 04711" in campus.mail("maya@demo.edu", "registered").get_content()


def the_hours_are_logged(campus: Campus) -> None:
    maya = campus.signed_in("maya", "/placements").click(steps.DASHBOARD)
    for day, time in ((17, "8"), (19, "8"), (23, "8"), (30, "8"), (30, "4:30")):
        steps.log_hours(maya, date(2026, 11, day), time)
    assert maya.title == "40 h of 40 h logged."


def the_supervisor_evaluates(campus: Campus) -> None:
    """The short form, by link; nothing is stored before it is complete, and it counts once."""
    with db.transaction():
        placements.advance(datetime.now(UTC))
        evaluations.invite_due(datetime.now(UTC))
    address = link_in(campus.mail(SUPERVISOR, "How did Maya Okafor do"))
    before = steps.everything()
    supervisor = campus.window().open(address)
    assert supervisor.client.head(address).status_code == 200
    supervisor.press("Send the evaluation", status=422)
    assert steps.everything() == before
    late = campus.window().open(address)
    supervisor.write(steps.RATINGS).press("Send the evaluation")
    assert supervisor.title == "Thank you, Priya Raman. We received your evaluation."
    late.write({**steps.RATINGS, "Critical thinking": "Not yet"}).press("Send the evaluation")
    assert late.title == supervisor.title, "the second answer shows the receipt of the first"
    assert "we received your final evaluation of Maya Okafor" in campus.mail(SUPERVISOR).get_content()


def student_and_advisor_read_it(campus: Campus) -> None:
    maya = campus.signed_in("maya", "/placements").click(steps.DASHBOARD)
    ruth = campus.signed_in("ruth", "/evaluations?list=returned").click("Maya Okafor")
    for reader in (maya, ruth):
        assert "Explains numbers to people who fear them." in reader.text
        assert reader.text.count("Strong (4 of 5)") == 2 and "(1 of 5)" not in reader.text, "the late answer left no trace"
    assert "By your supervisor" in maya.text


def the_file_has_the_row(campus: Campus, number: int) -> None:
    """Credit-hour evidence holds the confirmed minutes now, and nothing as of the day before registration."""
    ines = campus.signed_in("ines", "/files")
    row = steps.only_row(steps.make_file(ines, as_of=""))
    assert (row["Course"], row["CRN"], row["Credits"]) == ("495", "04711", 1)
    assert (row["Verified site minutes"], row["Academic minutes"], row["Total minutes"]) == (2400, 300, 2700)
    assert (row["Required minutes"], row["Meets policy"]) == (2700, "Y")
    assert str(number) in str(row["Agreement"])
    assert row["Registered on"].date() == date(2026, 11, 17)  # type: ignore[attr-defined]
    assert steps.rows_of(steps.make_file(ines, as_of="2026-11-16T23:00")) == []


def test_a_returned_request_is_corrected_and_goes_through(campus: Campus) -> None:
    omar = campus.signed_in("omar", "/placements")
    steps.add_placement(omar)
    request = steps.ask_for_credit(omar)
    steps.confirm(campus)
    ruth = campus.signed_in("ruth", "/queue").click("Omar Haddad")
    ruth.press("Return for correction", status=422)
    assert "Write a reason" in ruth.text
    ruth.write({"Reason or remark": "Say which tools you will learn."}).press("Return for correction")
    assert "Say which tools you will learn." in campus.mail("omar@demo.edu", "Please correct").get_content()
    assert omar.open(request).title == "Your request came back for a correction."
    omar.click("Correct the request")
    assert "Say which tools you will learn." in omar.text
    objectives = "Write SQL that finds duplicates.\nExplain the rules to the people who keep the catalog."
    omar.write({"Learning objectives": objectives}).press("Submit the request")
    assert omar.title == "Your request is with Priya Raman."
    steps.confirm(campus)
    ruth.open("/queue").click("Omar Haddad")
    assert "Write SQL that finds duplicates." in ruth.text
    ruth.press("Approve")
    assert "Your request is with the registrar" in omar.open(request).title


def test_a_denied_request_ends_with_its_reason(campus: Campus) -> None:
    omar = campus.signed_in("omar", "/placements")
    steps.add_placement(omar)
    request = steps.ask_for_credit(omar)
    steps.confirm(campus)
    ruth = campus.signed_in("ruth", "/queue").click("Omar Haddad")
    ruth.write({"Reason or remark": "This is the course that you passed in spring."}).press("Deny")
    assert "passed in spring" in campus.mail("omar@demo.edu", "denied").get_content()
    assert omar.open(request).title == "Your request was denied."
    assert "passed in spring" in omar.text
    omar.open("/placements").click("Records clean-up")
    assert "Change the terms" in omar.text, "a denied request holds the placement no longer"


def test_a_form_that_is_too_old_is_refused_in_a_sentence(campus: Campus) -> None:
    omar = campus.signed_in("omar", "/placements")
    steps.add_placement(omar)
    omar.click("Ask for credit")
    omar.page.find("form", id="request-form").find("input", attrs={"name": "csrf_token"})["value"] = "of-another-session"  # type: ignore[union-attr,index]
    omar.press("Save and see the verdict", status=400)
    assert omar.title == "This form is too old to be sent."


def test_an_ended_session_leads_to_sign_in_and_back(campus: Campus) -> None:
    omar = campus.signed_in("omar", "/placements")
    omar.client.delete_cookie(campus.app.config["SESSION_COOKIE_NAME"])
    assert omar.open("/placements/new").path == "/sign-in"
    again = campus.signed_in("omar", "/placements/new")
    assert again.path == "/placements/new"


def test_used_expired_and_unknown_links_look_alike(campus: Campus, mailbox: Mailbox, now: datetime) -> None:
    """Whoever tries addresses learns nothing."""
    addresses = []
    for uid in ("omar", "maya"):
        student = campus.signed_in(uid, "/placements")
        steps.add_placement(student)
        steps.ask_for_credit(student)
        addresses.append(link_in(campus.mail(SUPERVISOR)))
    used, expired = addresses
    campus.window().open(used).press("Confirm the terms")
    campus.go_to(datetime(2027, 3, 1, 15, tzinfo=UTC))
    pages = [campus.window().open(address, status=410) for address in (used, expired, "/approve/" + "x" * 43)]
    assert {page.title for page in pages} == {"This link is not in use any more."}
    assert len({page.answer.get_data() for page in pages}) == 1


def test_pages_of_others_do_not_exist(campus: Campus) -> None:
    omar = campus.signed_in("omar", "/placements")
    steps.add_placement(omar)
    placement = omar.path
    request = steps.ask_for_credit(omar)
    maya: Browser = campus.signed_in("maya", "/listings")
    for address in (placement, f"{placement}/edit", request, f"{request}/edit", "/queue", "/platforms"):
        maya.open(address, status=404)
