"""What people do in the stories, each as one step on the pages."""

import io
from datetime import date

from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from sqlalchemy import select

from careercenter import db
from tests.flows.browser import Browser
from tests.flows.conftest import SUPERVISOR, Campus, link_in

DASHBOARD = "Micro-internship: Dashboard of monthly figures"
TERMS = {
    "What you will do": "Build a dashboard of monthly figures and write a page on how to refresh it.",
    "First day": "2026-11-16", "Last day": "2026-12-11", "Hours in all": "40", "Amount": "650",
    "Supervisor's name": "Priya Raman", "Supervisor's work e-mail": SUPERVISOR, "Supervisor's title": "Data lead",
    "Is the supervisor a relative of yours?": "No",
}
AGREEMENT = {
    "Term": "Fall 2026", "Course": "CS 495", "Credits": "1", "Academic work beside the job": "5",
    "Learning objectives": "Choose a chart that answers a question.\nDocument a report so that somebody else can refresh it.",
}

RATINGS = {
    "Communication": "Outstanding", "Critical thinking": "Strong", "Professionalism": "Strong", "Technology": "Solid",
    "Did you accept what was delivered?": "Yes, as delivered", "Maya logged": "Yes, 40 h", "Would you have them again?": "Yes",
    "One strength": "Explains numbers to people who fear them.",
}


def add_placement_from_listing(student: Browser) -> None:
    """From the search to a saved placement; what the listing says need not be typed."""
    student.open("/listings").write({"Search listings": "dashboard"}).press("Search").click(DASHBOARD)
    student.click("add as placement")
    assert student.value("Title") == DASHBOARD
    assert student.value("Kind of work") == "Micro-internship"
    assert student.value("Employer") == "Lakemont Data Commons"
    student.write(TERMS).press("Save placement")
    assert "Placement saved" in student.text


def add_placement(student: Browser, title: str = "Records clean-up") -> None:
    """A placement that the student found without us."""
    student.open("/placements").click("Add a placement").write({
        "Title": title, "Kind of work": "Micro-internship", "Employer": "Lakemont Data Commons", "Pay": "Fixed fee", **TERMS,
    }).press("Save placement")


def log_hours(student: Browser, day: date, time: str) -> None:
    """On the page of the placement."""
    student.write({"Day": day.isoformat(), "Time worked": time, "What you did": "Cleaned the source tables"}).press("Log hours")
    assert "logged for" in student.text


def ask_for_credit(student: Browser) -> str:
    """From the placement's page to a submitted request. Returns the address of the request."""
    student.click("Ask for credit").write({"Credits": "3"}).press("Save and see the verdict")
    assert "Write at least 2 learning objectives" in student.text, student.text
    student.press("Submit the request", status=422)
    assert "not submitted" in student.text
    student.write(AGREEMENT).press("Save")
    assert "This would earn 1 credit." in student.text
    student.press("Submit the request")
    assert student.title == "Your request is with Priya Raman."
    return student.path


def confirm(campus: Campus) -> None:
    """The supervisor confirms by the mailed link, without an account."""
    supervisor = campus.window().open(link_in(campus.mail(SUPERVISOR)))
    supervisor.press("Confirm the terms")
    assert supervisor.title == "Thank you. We have your answer."


def make_file(registrar: Browser, as_of: str) -> Worksheet:
    """Preview, make and download the credit-hour evidence of the term; the sheet of its data, read back."""
    registrar.open("/files").write({"File": "Credit-hour evidence", "Term": "Fall 2026", "As of": as_of}).press("Show")
    registrar.press("Make this file")
    registrar.click("Download")
    return load_workbook(io.BytesIO(registrar.answer.get_data()))["Data"]


def rows_of(sheet: Worksheet) -> list[dict[str, object]]:
    head, *rest = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, head), row, strict=True)) for row in rest if any(cell is not None for cell in row)]


def only_row(sheet: Worksheet) -> dict[str, object]:
    (row,) = rows_of(sheet)
    return row


def everything() -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables: what a link scanner must leave alone."""
    db.session.remove()
    with db.db.engine.connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in db.Base.metadata.sorted_tables
        }
