"""The supervisor's form, the student's debrief and the staff's list, over HTTP."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select

from careercenter import db, evaluations, links
from careercenter.evaluations.model import Evaluation
from careercenter.placements.model import HourEntry

ANSWERS = {
    "communication": "4", "critical_thinking": "3", "professionalism": "5", "technology": "not_observed",
    "deliverable": "accepted", "hours": "yes", "again": "yes", "strength": "Reads data <carefully> & asks.", "growth": "",
}


@pytest.fixture
def placement(factory):
    placement = factory.placement(
        factory.student(name="Maya Chen"), factory.supervisor(name="Sam Ortiz"), ends_on=date(2026, 11, 13), planned_minutes=2400,
        state="completed",
    )
    factory.hours(placement, 1200)
    with db.transaction():
        evaluations.invite_due(datetime.now(UTC))
    return placement


def of(placement, rater: str) -> Evaluation:
    return next(e for e in evaluations.of_placement(placement.id) if e.rater == rater)


def address(placement) -> str:
    link = select(links.MagicLink).where(links.MagicLink.record_id == of(placement, "supervisor").id)
    return f"/evaluate/{links.token(db.session.scalars(link.order_by(links.MagicLink.id.desc())).first())}"


def fields(page) -> dict[str, str]:
    """The hidden fields of a fetched form, as a browser sends them."""
    form = BeautifulSoup(page.text, "html.parser").find("main").find("form", method="post")
    return {i["name"]: i.get("value", "") for i in form.find_all("input", type="hidden")}


def test_the_form_says_who_what_and_when_and_nothing_private(client, placement):
    page = client.get(address(placement))
    assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "How did Maya Chen do?" in page.text and "Data internship" in page.text
    assert placement.student.email not in page.text and placement.student.campus_id not in page.text
    assert address(placement) not in page.text


def test_a_supervisor_answers_and_sees_the_receipt(client, placement):
    page = client.get(address(placement))
    sent = client.post(address(placement), data={**fields(page), **ANSWERS})
    assert (sent.status_code, sent.headers["Referrer-Policy"]) == (303, "no-referrer")
    receipt = client.get(address(placement))
    assert "We received your evaluation" in receipt.text and f"EV-{of(placement, 'supervisor').id:06d}" in receipt.text
    assert "carefully" not in receipt.text
    assert db.session.scalar(select(HourEntry.verified_at)) is not None
    again = client.post(address(placement), data={**fields(page), **ANSWERS, "communication": "1"})
    assert "We received your evaluation" in again.text
    assert evaluations.results(placement.id)[0].lines[0].level == 4


def test_scanners_change_nothing(client, placement):
    for method in ("get", "head", "options", "get"):
        getattr(client, method)(address(placement))
    assert of(placement, "supervisor").state == "invited"
    assert client.get(address(placement)).status_code == 200


def test_mistakes_are_shown_with_everything_that_was_typed(client, placement):
    page = client.get(address(placement))
    answer = client.post(address(placement), data={
        **fields(page), **ANSWERS, "technology": "", "hours": "no", "hours_claimed": "lots", "growth": "Be bolder.",
    })
    assert answer.status_code == 422
    shown = BeautifulSoup(answer.text, "html.parser")
    assert {a["href"] for a in shown.select(".error-summary a")} == {"#f-technology", "#f-hours_claimed"}
    assert shown.select_one('input[name="communication"][checked]')["value"] == "4"
    assert shown.select_one('textarea[name="growth"]').text.strip() == "Be bolder."
    assert shown.select_one('input[name="hours_claimed"]')["value"] == "lots"


@pytest.mark.parametrize("end", ["unknown", "expired", "revoked", "other purpose"])
def test_every_dead_link_is_one_and_the_same_page(client, placement, end):
    dead = address(placement)
    filled = {**fields(client.get(dead)), **ANSWERS}
    with db.transaction():
        link = db.session.scalars(select(links.MagicLink)).first()
        if end == "expired":
            link.expires_at = datetime.now(UTC) - timedelta(seconds=1)
        elif end == "revoked":
            link.revoked_at = datetime.now(UTC)
        elif end == "other purpose":
            link.purpose = "approval"
    if end == "unknown":
        dead = "/evaluate/" + "x" * 43
    plain = re.compile(r'name="csrf_token" value="[^"]*"')
    one, other = client.get(dead), client.get("/evaluate/nothing")
    assert one.status_code == other.status_code == 410
    assert plain.sub("", one.text) == plain.sub("", other.text)
    assert client.post(dead, data=filled).status_code == 410


def test_the_student_answers_the_own_debrief_only(client, placement, factory, sign_in):
    debrief = of(placement, "student")
    sign_in(client, factory.student())
    assert client.get(f"/evaluations/{debrief.id}/answer").status_code == 404
    sign_in(client, placement.student)
    page = client.get(f"/evaluations/{debrief.id}/answer")
    wrong = client.post(f"/evaluations/{debrief.id}/answer", data=fields(page))
    assert wrong.status_code == 422
    form = {"communication": "3", "critical_thinking": "3", "professionalism": "4", "technology": "3",
            "as_agreed": "yes", "feedback": "weekly", "recommend": "yes", "learned": "SQL joins."}
    sent = client.post(f"/evaluations/{debrief.id}/answer", data={**fields(page), **form})
    assert (sent.status_code, sent.location) == (303, f"/placements/{placement.id}")
    assert client.get(f"/evaluations/{debrief.id}/answer").status_code == 302
    assert "SQL joins." in client.get(f"/placements/{placement.id}").text


@pytest.mark.parametrize(("state", "waits"), [("invited", True), ("planned", False), ("submitted", False)])
def test_the_students_home_names_the_debriefs_that_wait(client, placement, sign_in, state, waits):
    debrief = of(placement, "student")
    with db.transaction():
        db.session.get_one(Evaluation, debrief.id).state = state
    sign_in(client, placement.student)
    assert (f"Look back on {placement.title}" in client.get("/").text) is waits


def test_the_student_reads_the_answers_on_the_placement(client, placement, sign_in):
    client.post(address(placement), data={**fields(client.get(address(placement))), **ANSWERS})
    sign_in(client, placement.student)
    page = client.get(f"/placements/{placement.id}").text
    assert "Final evaluation by Sam Ortiz" in page and "Fitted the message to the reader" in page
    assert "Reads data &lt;carefully&gt; &amp; asks." in page


@pytest.mark.parametrize("which", ["outstanding", "concerns", "returned", "planned", "nonsense"])
def test_every_list_opens_empty_and_full(client, placement, factory, sign_in, which):
    sign_in(client, factory.person("advisor"))
    page = client.get(f"/evaluations?list={which}")
    assert page.status_code == 200
    assert ("Maya Chen" in page.text) is (which in ("outstanding", "nonsense"))


def test_an_advisor_sends_a_new_link_and_reads_the_answer(client, placement, factory, sign_in):
    old = address(placement)
    sign_in(client, factory.person("advisor", scope="CS"))
    evaluation = of(placement, "supervisor")
    page = client.get(f"/evaluations/{evaluation.id}")
    assert "Sam Ortiz was asked today" in page.text
    assert client.post(f"/evaluations/{evaluation.id}/send", data=fields(page)).status_code == 303
    assert client.get(old).status_code == 410
    client.post(address(placement), data={**fields(client.get(address(placement))), **ANSWERS, "hours": "no", "hours_claimed": "18"})
    page = client.get(f"/evaluations/{evaluation.id}")
    assert "The supervisor names other hours: 18 h in all." in page.text
    assert client.post(f"/evaluations/{evaluation.id}/send", data=fields(client.get("/evaluations"))).status_code in (400, 422)


def test_reminding_everybody_waits_two_days_after_the_last_mail(client, placement, factory, sign_in):
    sign_in(client, factory.person("advisor"))
    page = client.get("/evaluations")
    client.post("/evaluations/remind", data=fields(page))
    assert "nobody was reminded" in client.get("/evaluations").text
    with db.transaction():
        for message in evaluations.mails(of(placement, "supervisor").id):
            message.created_at -= timedelta(days=2)
    client.post("/evaluations/remind", data=fields(page))
    assert "1 reminder is on the way." in client.get("/evaluations").text


def test_staff_see_only_their_programs_and_students_nothing(client, placement, factory, sign_in):
    evaluation = of(placement, "supervisor")
    sign_in(client, factory.person("advisor", scope="SW"))
    assert "Maya Chen" not in client.get("/evaluations").text
    assert client.get(f"/evaluations/{evaluation.id}").status_code == 404
    sign_in(client, placement.student)
    assert client.get("/evaluations").status_code == 404
    assert client.get(f"/evaluations/{evaluation.id}").status_code == 404


def test_faculty_see_the_work_that_they_sponsor_and_no_other(app, placement, factory, sign_in):
    sponsor, colleague = factory.person("faculty"), factory.person("faculty")
    factory.credit_request(placement.student, placement, sponsor_id=sponsor.id, state="registered")
    evaluation = of(placement, "supervisor")
    for person, found in ((sponsor, True), (colleague, False)):
        client = sign_in(app.test_client(), person)
        assert ("Maya Chen" in client.get("/evaluations").text) is found
        assert client.get(f"/evaluations/{evaluation.id}").status_code == (200 if found else 404)


def test_the_long_form_opens_and_can_be_sent(client, factory):
    placement = factory.placement(ends_on=date(2026, 11, 13), planned_minutes=20_000)
    with db.transaction():
        evaluations.invite_due(datetime.now(UTC))
    page = client.get(address(placement))
    version = evaluations.opened(address(placement).rpartition("/")[2], datetime.now(UTC)).version
    ratings = {item.code: "3" for item in version.items if item.kind == "rating"}
    assert client.post(address(placement), data={**fields(page), **ANSWERS, **ratings}).status_code == 303
