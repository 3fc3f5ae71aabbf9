"""Whose record is it: a student against another's, staff against another program's; both look like no record at all."""

import pytest
from sqlalchemy import select

from careercenter import credit, db
from careercenter.people.model import Person
from tests import credit_story as story
from tests.attack import world
from tests.attack.world import World

STUDENT_PAGES = (
    "/placements/{placement}", "/placements/{placement}/edit", "/credit/{request}", "/credit/{request}/edit", "/credit/{draft}",
    "/credit/{draft}/edit", "/evaluations/{debrief}/answer", "/evaluations/{evaluation}/answer",
)
STUDENT_POSTS = (
    "/placements/{placement}/edit", "/placements/{placement}/hours", "/placements/{placement}/cancel", "/hours/{entry}/remove",
    "/credit/{request}/edit", "/credit/{draft}/edit", "/credit/{request}/draft", "/credit/{draft}/draft",
    "/credit/{request}/withdraw", "/credit/{draft}/withdraw", "/evaluations/{debrief}/answer", "/evaluations/{evaluation}/answer",
)
STAFF_PAGES = ("/queue/{request}", "/queue/{draft}", "/evaluations/{evaluation}", "/evaluations/{debrief}")
STAFF_POSTS = ("/queue/{request}", "/queue/{draft}", "/queue/{request}/grade", "/evaluations/{evaluation}/send")
FORM = {
    "title": "Work", "kind": "internship", "employer": "Harbor", "supervisor_name": "Sam", "supervisor_email": "s@harbor.example",
    "supervisor_related": "no", "starts_on": "2026-09-01", "ends_on": "2026-12-01", "hours": "1", "pay_kind": "unpaid",
    "worked_on": "2026-10-01", "term_id": "1", "course_id": "1", "credits": "3", "academic": "1", "version": "1", "outcome": "deny",
    "reason": "No", "grade": "A", "started": "1", "act": "save",
}


@pytest.fixture
def campus(factory, now) -> World:
    return world.build(factory, now)


@pytest.mark.parametrize("who", ["mallory"])
def test_another_students_records_look_absent(app, campus, sign_in, who: str) -> None:
    client = sign_in(world.bare(app), campus.people[who])
    absent = world.body(client.get("/no-such-page"))
    data = {**FORM, "csrf_token": world.token(client), "approval_id": str(campus.ids["approval"])}
    before = world.contents()
    for address in STUDENT_PAGES:
        answer = client.get(address.format(**campus.ids))
        assert (answer.status_code, world.body(answer) == absent) == (404, True), address
    for address in STUDENT_POSTS:
        answer = client.post(address.format(**campus.ids), data=data)
        assert (answer.status_code, world.body(answer) == absent) == (404, True), address
    db.session.rollback()
    assert world.contents() == before


@pytest.mark.parametrize("who", ["stranger", "other_faculty", "faculty"])
def test_another_programs_records_look_absent(app, campus, sign_in, who: str) -> None:
    """`faculty` holds the role within CS, but nobody asked them to sponsor."""
    client = sign_in(world.bare(app), campus.people[who])
    absent = world.body(client.get("/no-such-page"))
    data = {**FORM, "csrf_token": world.token(client), "approval_id": str(campus.ids["approval"]), "version": str(campus.ids["version"])}
    before = world.contents()
    for address in STAFF_PAGES:
        answer = client.get(address.format(**campus.ids))
        assert (answer.status_code, world.body(answer) == absent) == (404, True), address
    for address in STAFF_POSTS:
        answer = client.post(address.format(**campus.ids), data=data)
        assert (answer.status_code, world.body(answer) == absent) == (404, True), address
    db.session.rollback()
    assert world.contents() == before


def test_lists_of_another_program_name_nobody(app, campus, sign_in) -> None:
    client = sign_in(world.bare(app), campus.people["stranger"])
    for address in ("/", "/queue", "/queue?program=CS", "/evaluations", "/evaluations?list=planned", "/evaluations?list=concerns"):
        page = client.get(address).get_data(as_text=True)
        assert "Maya" not in page and "Mallory" not in page, address


def test_a_bundle_with_another_programs_request_approves_none_of_it(app, campus, sign_in, now) -> None:
    request = db.session.get(credit.model.CreditRequest, campus.ids["request"])
    story.confirm(request, now)
    approval, step, version = story.opened(request)
    assert step == "advisor"
    client = sign_in(world.bare(app), campus.people["stranger"])
    before = world.contents()
    answer = client.post("/queue/approve", data={"csrf_token": world.token(client), "ids": [f"{approval}:{version}"]})
    assert answer.status_code in (303, 404)
    db.session.rollback()
    assert world.contents() == before


def test_a_sponsor_learns_nothing_of_other_students(app, campus, factory, sign_in, now) -> None:
    """“Similar requests” are decided ones of the same course: for a sponsor only those that they sponsored."""
    faculty = campus.people["faculty"]
    factory.credit_request(campus.people["mallory"], state="registered")
    asked = factory.credit_request(campus.people["victim"], state="in_review", sponsor_id=faculty.id)
    client = sign_in(world.bare(app), faculty)
    page = client.get(f"/queue/{asked.id}")
    assert page.status_code == 200
    assert "Maya Chen" in page.get_data(as_text=True)
    assert "Mallory" not in page.get_data(as_text=True)


def test_forms_take_what_they_ask_for_and_nothing_else(app, campus, sign_in) -> None:
    """Mass assignment: whatever else is sent, none of it lands in a row."""
    client = sign_in(world.bare(app), campus.people["mallory"])
    extra = {
        "state": "registered", "student_id": str(campus.people["victim"].id), "verified_at": "2026-01-01", "fixed_at": "2026-01-01",
        "grade": "A", "section_id": "1", "policy": "faculty", "policy_version": "9", "round": "9", "verdict": "clean", "role": "admin",
        "id": str(campus.ids["placement"]), "supervisor_id": "1", "employer_id": "1", "person_id": "1", "submitted_at": "2026-01-01",
        "created_at": "2000-01-01", "by": "Ann Advisor",
    }
    form = {**FORM, **extra, "csrf_token": world.token(client), "hours": "140"}
    made = client.post("/placements/new", data=form)
    assert made.status_code == 303
    number = int(made.location.rpartition("/")[2])
    db.session.rollback()
    from careercenter.credit.model import CreditRequest
    from careercenter.placements.model import HourEntry, Placement

    row = db.session.get_one(Placement, number)
    assert (row.student_id, row.state, row.fixed_at) == (campus.people["mallory"].id, "running", None)
    assert client.post(f"/placements/{number}/hours", data={**form, "hours": "2"}).status_code == 303
    entry = db.session.scalars(select(HourEntry).where(HourEntry.placement_id == number)).one()
    assert (entry.verified_at, entry.minutes) == (None, 120)
    made = client.post("/credit/new", data={**form, "placements": [str(number), str(campus.ids["placement"])]})
    assert made.status_code == 303, made.get_data(as_text=True)[:500]
    asked = db.session.get_one(CreditRequest, int(made.location.split("/")[2]))
    assert (asked.student_id, asked.state, asked.round, asked.grade, asked.policy) == (campus.people["mallory"].id, "draft", 0, "", "standard")
    assert [p.id for p in asked.placements] == [number], "another student's placement was taken along"
    assert {g.role for g in db.session.get_one(Person, campus.people["mallory"].id).roles} == {"student"}


def test_twice_the_same_field_is_read_once(app, campus, sign_in) -> None:
    """Parameter pollution: the first value counts everywhere, so what was checked is what is used."""
    client = sign_in(world.bare(app), campus.people["mallory"])
    data = {
        **FORM, "csrf_token": world.token(client), "hours": ["140", "99999999"], "pay_kind": ["unpaid", "nonsense"],
        "title": ["First", "Second"],
    }
    made = client.post("/placements/new", data=data)
    assert made.status_code == 303
    from careercenter.placements.model import Placement

    row = db.session.get_one(Placement, int(made.location.rpartition("/")[2]))
    assert (row.title, row.planned_minutes, row.pay_kind) == ("First", 8400, "unpaid")
