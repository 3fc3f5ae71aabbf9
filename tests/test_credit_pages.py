"""The pages of a request, as people use them: forms that keep what was typed, decisions, the supervisor's link."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from careercenter import credit, db
from careercenter.audit import AuditEvent
from careercenter.credit.model import CreditRequest
from careercenter.links import MagicLink
from careercenter.outbox import OutboxMessage
from careercenter.people.model import Person
from tests import credit_story as story
from tests.factories import Factory
from tests.page_linter import lint

SignIn = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def _in_the_term(now: datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=True):
        yield


def fields(answer: TestResponse, form: str = "form[method=post]:not(.post-button)") -> dict[str, object]:
    """What the page's own form would send."""
    page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
    found = next(f for f in page.select(form) if "/sign-out" not in str(f.get("action", "")))
    sent: dict[str, object] = {}
    for control in found.select("input, textarea, select"):
        name, kind = str(control.get("name")), control.get("type")
        if control.name == "select":
            chosen = control.select_one("option[selected]")
            sent[name] = chosen["value"] if chosen else ""
        elif kind in ("checkbox", "radio"):
            if control.has_attr("checked"):
                sent.setdefault(name, []).append(control["value"])  # type: ignore[attr-defined]
        else:
            sent[name] = control.get("value", "") if control.name == "input" else control.get_text().lstrip("\n")
    return sent


def autosave(client: FlaskClient, request: CreditRequest, data: dict[str, object]) -> TestResponse:
    """What htmx sends as somebody types; the answer is a fragment, linted as one."""
    address = f"/credit/{request.id}/draft"
    answer = FlaskClient.open(client, address, method="POST", data=data, headers={"HX-Request": "true"})
    assert lint(answer.get_data(as_text=True), url=address, fragment=True) == []
    return answer


def text(answer: TestResponse) -> str:
    return re.sub(r"\s+", " ", BeautifulSoup(answer.get_data(as_text=True), "html.parser").get_text(" "))


def changes() -> tuple[object, ...]:
    """What the database holds that an opened page could change."""
    db.session.rollback()
    count = [db.session.scalar(select(func.count()).select_from(table)) for table in (AuditEvent, OutboxMessage, MagicLink)]
    used = db.session.scalar(select(func.count()).where(MagicLink.used_at.is_not(None)))
    return (*count, used, tuple(db.session.scalars(select(CreditRequest.version))))


def at_the_advisor(factory: Factory, now: datetime, student: Person | None = None) -> CreditRequest:
    request = factory.credit_request(student) if student else factory.credit_request()
    story.submit(request, now)
    story.confirm(request, now)
    return request


def test_a_student_asks_for_credit_without_javascript(factory: Factory, client: FlaskClient, sign_in: SignIn, now: datetime) -> None:
    student = factory.student()
    factory.term(), factory.course()
    placement = factory.placement(student)
    sign_in(client, student)
    assert "You have not asked for credit yet." in text(client.get("/credit"))
    new = fields(client.get(f"/credit/new?placement={placement.id}"))
    assert new["placements"] == [str(placement.id)]
    edit = client.post("/credit/new", data=new, follow_redirects=True)
    assert "This would earn" in text(edit)
    sent = fields(edit)
    refused = client.post(edit.request.path, data={**sent, "act": "submit"})
    assert refused.status_code == 422
    assert "Write at least 2 learning objectives" in text(refused)
    sent = {**fields(refused), "academic": "20", "objectives": "Build a report.\nExplain it."}
    sent_again = client.post(edit.request.path, data={**sent, "act": "submit"}, follow_redirects=True)
    assert "Your request is with Sam Supervisor" in text(sent_again)
    assert "1 request" not in text(client.get("/credit"))


def test_what_was_typed_stays_on_an_error(factory: Factory, client: FlaskClient, sign_in: SignIn) -> None:
    request = factory.credit_request()
    sign_in(client, request.student)
    sent = fields(client.get(f"/credit/{request.id}/edit"))
    answer = client.post(f"/credit/{request.id}/edit", data={**sent, "credits": "many", "objectives": "My own words"})
    assert answer.status_code == 422
    kept = fields(answer)
    assert (kept["credits"], kept["objectives"]) == ("many", "My own words")
    assert request.objectives != "My own words"


def test_findings_follow_what_is_typed(factory: Factory, client: FlaskClient, sign_in: SignIn) -> None:
    request = factory.credit_request()
    sign_in(client, request.student)
    sent = fields(client.get(f"/credit/{request.id}/edit"))
    for version, (asked, words) in enumerate([("5", "are missing"), ("2", "This would earn 2 credits.")], request.version):
        answer = autosave(client, request, {**sent, "credits": asked, "version": version})
        assert words in text(answer)
        assert f'value="{version + 1}"' in answer.get_data(as_text=True)


def test_a_save_that_overtakes_its_own_answer_is_no_conflict_but_another_window_is(
    factory: Factory, client: FlaskClient, sign_in: SignIn
) -> None:
    request = factory.credit_request()
    sign_in(client, request.student)
    one, other = (fields(client.get(f"/credit/{request.id}/edit")) for _ in range(2))
    for words in ("a", "ab"):
        assert autosave(client, request, {**one, "note": words}).status_code == 200
    refused = autosave(client, request, {**other, "note": "x"})
    assert refused.status_code == 409
    assert "changed in another window" in text(refused)
    db.session.rollback()
    assert request.note == "ab"


def test_an_advisor_works_through_the_queue(factory: Factory, client: FlaskClient, sign_in: SignIn, now: datetime) -> None:
    advisor = factory.person("advisor")
    first, second = at_the_advisor(factory, now), at_the_advisor(factory, now)
    sign_in(client, advisor)
    page = client.get("/queue")
    assert "2 requests wait for you." in text(page)
    assert "Nothing waits" not in text(client.get("/queue?verdict=clean&program=CS&due=week"))
    assert re.search(r">Overdue \(\d+\)</a>", client.get("/queue").text)
    narrowed = client.get("/queue?verdict=clean").text
    assert ">Overdue</a>" in narrowed and not re.search(r"Overdue \(\d", narrowed), "the figure of all would be untrue here"
    assert "No request fits these filters" in text(client.get("/queue?verdict=look"))
    review = client.get(f"/queue/{first.id}")
    assert "This would earn 3 credits." in text(review)
    sent = fields(review, "#decide")
    refused = client.post(f"/queue/{first.id}", data={**sent, "outcome": "return"})
    assert refused.status_code == 422
    assert "Write a reason" in text(refused)
    after = client.post(f"/queue/{first.id}", data={**sent, "outcome": "approve"})
    assert after.location == f"/queue/{second.id}"
    late = client.post(f"/queue/{first.id}", data={**sent, "outcome": "deny", "reason": "Kept words"})
    assert late.status_code == 409
    assert f"{advisor.name} was first" in text(late)


def test_clean_ones_are_approved_together_after_a_preview(factory: Factory, client: FlaskClient, sign_in: SignIn, now: datetime) -> None:
    clean, look = at_the_advisor(factory, now), at_the_advisor(factory, now, factory.student(gpa=None))
    sign_in(client, factory.person("advisor"))
    page = BeautifulSoup(client.get("/queue").get_data(as_text=True), "html.parser")
    ids = [box["value"] for box in page.select("input[name=ids]")]
    before = changes()
    preview = client.post("/queue/preview", data={**fields(client.get("/queue")), "ids": ids})
    assert "This approves 1 request." in text(preview)
    assert changes() == before
    assert "1 request approved" in text(client.post("/queue/approve", data=fields(preview), follow_redirects=True))
    assert (story.opened(clean)[1], story.opened(look)[1]) == ("registrar", "advisor")


def test_the_registrar_registers_in_a_section_and_grades(factory: Factory, client: FlaskClient, sign_in: SignIn, now: datetime) -> None:
    request, advisor = at_the_advisor(factory, now), factory.person("advisor")
    section = factory.section()
    approval, _, version = story.opened(request)
    with db.transaction():
        credit.decide(approval, "approve", version, by=story.viewer(advisor, "advisor"), now=now)
    sign_in(client, factory.person("registrar"))
    assert "1 request waits for you." in text(client.get("/queue"))
    sent = fields(client.get(f"/queue/{request.id}"), "#decide")
    assert sent["section_id"] == str(section.id), "the only section is chosen already"
    refused = client.post(f"/queue/{request.id}", data={**sent, "section_id": "", "outcome": "approve"})
    assert refused.status_code == 422
    client.post(f"/queue/{request.id}", data={**sent, "outcome": "approve"})
    db.session.rollback()
    assert request.state == "registered"
    grade = fields(client.get(f"/queue/{request.id}"), 'form[action$="/grade"]')
    client.post(f"/queue/{request.id}/grade", data={**grade, "grade": "A-"})
    db.session.rollback()
    assert (request.state, request.grade) == ("completed", "A-")


def test_faculty_see_their_students_only(factory: Factory, client: FlaskClient, sign_in: SignIn, now: datetime) -> None:
    sponsor = factory.person("faculty")
    mine, other = at_the_advisor(factory, now), at_the_advisor(factory, now)
    with db.transaction():
        db.session.get_one(CreditRequest, mine.id).sponsor_id = sponsor.id
    sign_in(client, sponsor)
    assert mine.student.name in text(client.get("/queue"))
    assert client.get(f"/queue/{mine.id}").status_code == 200
    assert client.get(f"/queue/{other.id}").status_code == 404


def test_requests_of_other_students_and_programs_do_not_exist(
    factory: Factory, client: FlaskClient, sign_in: SignIn, now: datetime
) -> None:
    request = at_the_advisor(factory, now)
    for person in (factory.student(), factory.person("advisor", scope="MKTG")):
        sign_in(client, person)
        for address in (f"/credit/{request.id}", f"/credit/{request.id}/edit", f"/queue/{request.id}"):
            assert client.get(address).status_code == 404
    page = BeautifulSoup(client.get("/queue").get_data(as_text=True), "html.parser")
    token = page.select_one("input[name=csrf_token]")
    assert token is not None
    approval, _, version = story.opened(request)
    sent = {"csrf_token": token["value"], "outcome": "approve", "approval_id": approval, "version": version}
    assert client.post(f"/queue/{request.id}", data=sent).status_code == 404


def test_a_link_scanner_changes_nothing(factory: Factory, client: FlaskClient, now: datetime) -> None:
    request = factory.credit_request()
    story.submit(request, now)
    address = f"/approve/{story.link_of(credit.opened(request)[0])}"
    before = changes()
    for _ in range(20):
        assert client.get(address).status_code == 200
        assert client.head(address).status_code == 200
    assert changes() == before


def test_a_supervisor_confirms_without_an_account(factory: Factory, client: FlaskClient, now: datetime) -> None:
    student = factory.student(name="Lena Ortiz")
    request = factory.credit_request(student)
    story.submit(request, now)
    address = f"/approve/{story.link_of(credit.opened(request)[0])}"
    page = client.get(address)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    shown = text(page)
    assert "Lena Ortiz" in shown
    for secret in (student.campus_id, student.email, "3.40", "GPA", "Junior", "junior"):
        assert str(secret) not in page.get_data(as_text=True)
    sent = fields(page)
    refused = client.post(address, data={**sent, "outcome": "return"})
    assert refused.status_code == 422
    assert "Write what should change" in text(refused)
    assert "Thank you" in text(client.post(address, data={**sent, "outcome": "approve", "reason": "Glad to"}))
    assert story.opened(request)[1] == "advisor"
    assert client.post(address, data={**sent, "outcome": "deny", "reason": "Again"}).status_code == 410


def test_every_dead_link_looks_the_same(factory: Factory, client: FlaskClient, now: datetime) -> None:
    used, revoked, old = (factory.credit_request() for _ in range(3))
    addresses = []
    for request in (used, revoked, old):
        story.submit(request, now)
        addresses.append(f"/approve/{story.link_of(credit.opened(request)[0])}")
    story.confirm(used, now)
    with db.transaction():
        credit.withdraw(revoked.id, revoked.version, by=revoked.student.actor, now=now)
    with db.transaction():
        link = db.session.scalars(select(MagicLink).where(MagicLink.record_id == credit.opened(old)[0].id)).one()
        link.expires_at = now - timedelta(minutes=1)
    pages = [client.get(address) for address in (*addresses, "/approve/" + "x" * 43)]
    assert {page.status_code for page in pages} == {410}
    assert len({re.sub(r'name="csrf_token"[^>]*', "", page.get_data(as_text=True)) for page in pages}) == 1


def test_a_student_withdraws(factory: Factory, client: FlaskClient, sign_in: SignIn, now: datetime) -> None:
    request = factory.credit_request()
    story.submit(request, now)
    sign_in(client, request.student)
    sent = fields(client.get(f"/credit/{request.id}"), ".post-button")
    assert "You withdrew this request." in text(client.post(f"/credit/{request.id}/withdraw", data=sent, follow_redirects=True))


def test_a_returned_request_says_why_and_opens_again(factory: Factory, client: FlaskClient, sign_in: SignIn, now: datetime) -> None:
    request = at_the_advisor(factory, now)
    approval, _, version = story.opened(request)
    reviewer = story.viewer(factory.person("advisor"), "advisor")
    with db.transaction():
        credit.decide(approval, "return", version, reason="Say which tools.", by=reviewer, now=now + timedelta(days=4))
    sign_in(client, request.student)
    page = client.get(f"/credit/{request.id}")
    assert re.search(r"Correction\b.{0,200}since Fri 20 Nov", text(page)), "not the day on which it was sent in"
    assert "Your request came back for a correction." in text(page)
    assert "Say which tools." in text(page)
    assert "Say which tools." in text(client.get(f"/credit/{request.id}/edit"))
