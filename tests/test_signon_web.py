"""Signing in over the real SAML way, and what a session is worth afterwards; on both databases."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from careercenter import audit, db, people
from careercenter.people.model import Person, PersonIdentity, RoleGrant
from careercenter.people.sessions import LoginSession, SeenAssertion, SignOnRequest
from tests.campus_idp import CampusIdp


def test_first_sign_in_makes_a_person_with_the_roles_that_rules_give(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    answer = idp.walk(client, "ruth", "/queue?verdict=clean")
    assert (answer.status_code, answer.location) == (303, "/queue?verdict=clean")
    person = db.session.scalars(select(Person)).one()
    assert (person.name, person.email, person.campus_id) == ("Ruth Adeyemi", "ruth@demo.edu", "800001")
    assert [(r.role, r.scope, r.source) for r in person.roles] == [("advisor", "", "signon")]
    assert db.session.scalars(select(PersonIdentity.subject)).one() == "ruth@demo.edu"
    assert "requests wait for you" in client.get("/").text
    assert audit.verify() is None


def test_a_second_sign_in_is_the_same_person(app: Flask, idp: CampusIdp) -> None:
    for _ in range(2):
        idp.walk(app.test_client(), "maya")
    assert db.session.scalar(select(func.count(Person.id))) == 1
    assert db.session.scalar(select(func.count(LoginSession.id))) == 2


def test_the_roster_is_matched_by_campus_number_never_by_mail(app: Flask, client: FlaskClient, idp: CampusIdp, factory) -> None:  # type: ignore[no-untyped-def]
    known = factory.person(campus_id="900001", email="other@demo.edu")
    namesake = factory.person(campus_id="123", email="maya@demo.edu")
    idp.walk(client, "maya")
    assert db.session.scalars(select(PersonIdentity.person_id)).one() == known.id
    assert db.session.get_one(Person, namesake.id).campus_id == "123"


def test_a_lost_role_is_gone_at_the_next_sign_in_and_one_given_by_staff_stays(app: Flask, idp: CampusIdp, factory) -> None:  # type: ignore[no-untyped-def]
    person = factory.person("faculty", campus_id="900001")
    with db.transaction():
        db.session.add(RoleGrant(person_id=person.id, role="advisor", scope="", source="signon", granted_at=datetime.now(UTC)))
    idp.walk(app.test_client(), "maya")
    held = {(r.role, r.source) for r in db.session.get_one(Person, person.id).roles}
    assert held == {("student", "signon"), ("faculty", "staff")}


def test_somebody_without_a_role_is_told_so(client: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(client, "visitor")
    assert "you have no role here yet" in client.get("/").text
    assert client.get("/queue").status_code == 404


def test_an_answer_opens_one_session_only(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    form = idp.answer(client, "maya")
    browser = client.get_cookie("careercenter-signon", path="/").value
    assert client.post("/saml/acs", data=form).status_code == 303
    client.set_cookie("careercenter-signon", browser, path="/")
    again = client.post("/saml/acs", data=form)
    assert again.status_code == 403
    assert "We could not sign you in" in again.text
    assert db.session.scalar(select(func.count(LoginSession.id))) == 1


def _race(app: Flask, idp: CampusIdp) -> list[int]:
    """The same answer from the same browser, eight times at once, by somebody who is known already."""
    idp.walk(app.test_client(), "maya")
    client = app.test_client()
    form = idp.answer(client, "maya")
    browser = client.get_cookie("careercenter-signon", path="/").value
    start, results = threading.Barrier(8), []

    def post() -> None:
        mine = app.test_client()
        mine.set_cookie("careercenter-signon", browser, path="/")
        start.wait()
        results.append(mine.post("/saml/acs", data=form).status_code)

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results)


def test_of_eight_at_once_one_wins(app: Flask, idp: CampusIdp) -> None:
    assert _race(app, idp) == [303] + [403] * 7
    assert db.session.scalar(select(func.count(LoginSession.id))) == 2


def test_the_race_is_real_when_nothing_is_consumed(app: Flask, idp: CampusIdp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without the consuming step the same eight posts open more than one session."""
    monkeypatch.setattr(people, "take_sign_on", lambda journey, identity: None)
    assert _race(app, idp).count(303) > 1


def test_an_answer_in_another_browser_is_refused_and_burns_nothing(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    """Login CSRF: somebody's own answer slipped to a victim."""
    form = idp.answer(client, "maya")
    assert app.test_client().post("/saml/acs", data=form).status_code == 403
    assert client.post("/saml/acs", data=form).status_code == 303


def test_an_answer_after_ten_minutes_is_too_late(client: FlaskClient, idp: CampusIdp) -> None:
    form = idp.answer(client, "maya")
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11), tick=True):
        assert client.post("/saml/acs", data=form).status_code == 403
    assert db.session.scalar(select(func.count(SeenAssertion.id))) == 0


@pytest.mark.parametrize("form", [
    {}, {"SAMLResponse": "nonsense"}, {"RelayState": "x"}, {"SAMLResponse": "A" * 300_000, "RelayState": "x"},
])
def test_nonsense_gets_the_same_plain_page(client: FlaskClient, form: dict[str, str]) -> None:
    answer = client.post("/saml/acs", data=form)
    assert answer.status_code == 403
    assert "Reference for campus IT" in answer.text


def test_a_disabled_person_does_not_get_in_and_loses_open_sessions(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(client, "maya")
    assert client.get("/").status_code == 200
    with db.transaction():
        db.session.execute(update(Person).values(disabled_at=datetime.now(UTC)))
    assert client.get("/").location.startswith("/sign-in")
    assert idp.walk(app.test_client(), "maya").status_code == 403


def test_a_reassigned_identifier_is_held(app: Flask, idp: CampusIdp) -> None:
    idp.walk(app.test_client(), "maya")
    with db.transaction():
        db.session.execute(update(Person).values(campus_id="111"))
    assert idp.walk(app.test_client(), "maya").status_code == 403


def test_sign_out_ends_the_session_on_the_server(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(client, "maya")
    with client.session_transaction() as cookie:
        secret = cookie["sid"]
    token = _token(client.get("/").text)
    assert client.post("/sign-out", data={"csrf_token": token}).location == "/signed-out"
    assert "You are signed out" in client.get("/signed-out").text
    assert people.viewer(secret, datetime.now(UTC)) is None


@pytest.mark.parametrize(("column", "ago"), [("last_seen_at", timedelta(minutes=61)), ("expires_at", timedelta(seconds=1))])
def test_sessions_end_idle_and_at_the_absolute_limit(client: FlaskClient, idp: CampusIdp, column: str, ago: timedelta) -> None:
    idp.walk(client, "maya")
    with db.transaction():
        db.session.execute(update(LoginSession).values({column: datetime.now(UTC) - ago}))
    answer = client.get("/admin/style")
    assert (answer.status_code, answer.location) == (302, "/sign-in?next=/admin/style")
    assert "You were signed out" in client.get(answer.location).text


def test_the_session_secret_is_new_at_each_sign_in_and_role_change(app: Flask, client: FlaskClient, idp: CampusIdp, factory) -> None:  # type: ignore[no-untyped-def]
    factory.person("faculty", campus_id="800001")
    idp.walk(client, "ruth")
    with client.session_transaction() as cookie:
        before = cookie["sid"]
    answer = client.post("/act-as", data={"role": "faculty", "csrf_token": _token(client.get("/").text)})
    assert answer.status_code == 303
    with client.session_transaction() as cookie:
        after = cookie["sid"]
    assert before != after
    assert people.viewer(before, datetime.now(UTC)) is None
    assert people.viewer(after, datetime.now(UTC)).role == "faculty"
    assert client.post("/act-as", data={"role": "admin", "csrf_token": _token(client.get("/").text)}).status_code == 404


def test_old_requests_and_assertions_are_forgotten(client: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(client, "maya")
    client.get("/sign-in/campus")
    later = datetime.now(UTC) + timedelta(days=60)
    with db.transaction():
        people.sessions.forget_old(later)
    left = [db.session.scalar(select(func.count()).select_from(table)) for table in (SignOnRequest, SeenAssertion, LoginSession)]
    assert left == [0, 0, 0]


def test_metadata_names_this_service(client: FlaskClient) -> None:
    document = client.get("/saml/metadata").text
    assert 'Location="http://127.0.0.1:8000/saml/acs"' in document
    assert "sha1" not in document


def _token(page: str) -> str:
    return str(BeautifulSoup(page, "html.parser").find("input", {"name": "csrf_token"})["value"])  # type: ignore[index]
