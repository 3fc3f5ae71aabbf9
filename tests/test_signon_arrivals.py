"""People who begin at their campus' portal: asked who they are before a session opens; and login CSRF that fails."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from bs4 import BeautifulSoup
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import func, select

from careercenter import db
from careercenter.people.model import Person
from careercenter.people.sessions import LoginSession
from careercenter.signon.identity import AnswerRefused
from tests.campus_idp import PEOPLE, PUBLIC, CampusIdp
from tests.test_signon_forger import BACKENDS, Answer, World, form, world

__all__ = ["world"]
OURS = {"Origin": PUBLIC}
UNASKED = {"request": None, "confirmed_request": None}


@pytest.fixture
def portal(app: Flask) -> Iterator[None]:
    """The same campus, where people may begin at the provider."""
    settings = app.extensions["careercenter"]
    provider = settings.signon.providers[0].model_copy(update={"allow_unsolicited": True})
    signon = settings.signon.model_copy(update={"providers": (provider,)})
    app.extensions["careercenter"] = settings.model_copy(update={"signon": signon})
    yield
    app.extensions["careercenter"] = settings


def from_portal(idp: CampusIdp, uid: str, relay: str = "", asked: str | None = None) -> dict[str, str]:
    """The form that the provider's portal makes the browser post."""
    person = next(person for person in PEOPLE if person["uid"] == uid)
    return {"SAMLResponse": idp.unasked(person, asked), "RelayState": relay}


def fields(page: str) -> dict[str, str]:
    found = BeautifulSoup(page, "html.parser").find("form", action="/saml/arrive")
    assert found is not None, page
    return {str(f["name"]): str(f["value"]) for f in found.find_all("input")}


def sessions() -> int:
    return db.session.scalar(select(func.count(LoginSession.id))) or 0


@pytest.mark.usefixtures("portal")
def test_the_person_is_asked_and_goes_on(client: FlaskClient, idp: CampusIdp) -> None:
    answer = from_portal(idp, "maya", "/listings")
    hop = client.post("/saml/acs", data=answer, headers={"Origin": "http://127.0.0.1:8400"})
    assert "Set-Cookie" not in hop.headers, "a post from another site changes no cookie"
    assert f'action="{PUBLIC}/saml/acs"' in hop.text
    page = client.post("/saml/acs", data=answer, headers=OURS)
    assert "Continue as Maya Okafor" in page.text
    assert sessions() == 0
    done = client.post("/saml/arrive", data=fields(page.text), headers=OURS)
    assert (done.status_code, done.location) == (303, "/listings")
    assert "Maya" in client.get("/").text
    assert db.session.scalars(select(Person)).one().name == "Maya Okafor"


@pytest.mark.usefixtures("portal")
def test_login_csrf_needs_the_form_of_our_own_page(client: FlaskClient, idp: CampusIdp) -> None:
    """Somebody's own answer slipped to a victim: shown, and opened by nothing but the victim's own press."""
    answer = from_portal(idp, "omar")
    for headers in ({}, OURS, {"Origin": "https://evil.test"}, {"Origin": "null"}):
        client.post("/saml/acs", data=answer, headers=headers)
        assert client.post("/saml/arrive", data=answer, headers=headers).status_code == 400
    assert sessions() == 0


@pytest.mark.usefixtures("portal")
def test_whoever_is_signed_in_already_is_named(client: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(client, "ruth")
    page = client.post("/saml/acs", data=from_portal(idp, "maya"), headers=OURS)
    assert "Ruth Adeyemi is signed in here now" in page.text
    client.post("/saml/arrive", data=fields(page.text), headers=OURS)
    assert db.session.scalar(select(func.count(LoginSession.id)).where(LoginSession.ended_at.is_(None))) == 1
    assert "Maya Okafor" in client.get("/").text


@pytest.mark.usefixtures("portal")
def test_an_answer_opens_one_session(client: FlaskClient, idp: CampusIdp) -> None:
    page = client.post("/saml/acs", data=from_portal(idp, "maya"), headers=OURS)
    assert client.post("/saml/arrive", data=fields(page.text), headers=OURS).status_code == 303
    again = {**fields(page.text), "csrf_token": _token(client)}
    assert client.post("/saml/arrive", data=again, headers=OURS).status_code == 403
    assert sessions() == 1


@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize("relay", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)", "/ok\n//x", "x" * 600])
def test_relay_state_leads_to_pages_of_ours_only(client: FlaskClient, idp: CampusIdp, relay: str) -> None:
    page = client.post("/saml/acs", data=from_portal(idp, "maya", relay), headers=OURS)
    assert client.post("/saml/arrive", data=fields(page.text), headers=OURS).location == "/"


@pytest.mark.usefixtures("portal")
def test_an_answer_to_a_request_is_no_arrival(client: FlaskClient, idp: CampusIdp) -> None:
    """With InResponseTo it has to be a journey of this browser; none is known."""
    assert client.post("/saml/acs", data=from_portal(idp, "maya", asked="_somebody-elses"), headers=OURS).status_code == 403
    assert client.post("/saml/acs", data=idp.answer(client, "maya")).status_code == 303


@pytest.mark.usefixtures("portal")
def test_a_page_that_lay_open_too_long_signs_nobody_in(client: FlaskClient, idp: CampusIdp) -> None:
    page = client.post("/saml/acs", data=from_portal(idp, "maya"), headers=OURS)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=20), tick=True):
        assert client.post("/saml/arrive", data=fields(page.text), headers=OURS).status_code == 403


def test_where_people_may_not_begin_there_the_answer_is_refused(client: FlaskClient, idp: CampusIdp) -> None:
    answer = from_portal(idp, "maya")
    assert client.post("/saml/acs", data=answer, headers=OURS).status_code == 403
    assert client.post("/saml/arrive", data={**answer, "csrf_token": _token(client)}, headers=OURS).status_code in (400, 403)
    assert sessions() == 0


def _token(client: FlaskClient) -> str:
    g.pop("csrf_token", None)  # the context of a test outlives a request, and would keep the token of a session that is over
    page = client.get("/").text if client.get("/").status_code == 200 else client.get("/signed-out").text
    found = BeautifulSoup(page, "html.parser").find("input", {"name": "csrf_token"})
    return str(found["value"]) if found else ""


def arrive(world: World, crypto: str, document: Any) -> Any:
    return world.provider(crypto, allow_unsolicited=True).arrive(form(document), datetime.now(UTC))


@pytest.mark.parametrize("crypto", BACKENDS)
def test_unsolicited_answers_name_no_request_anywhere(world: World, crypto: str) -> None:
    assert arrive(world, crypto, world.genuine(Answer(**UNASKED))).subject == "alice@demo.edu"
    for half in ({"request": None}, {"confirmed_request": None}, {"request": "", "confirmed_request": ""}, {}):
        with pytest.raises(AnswerRefused) as refused:
            arrive(world, crypto, world.genuine(Answer(**half)))
        assert refused.value.reason_code == "in_response_to"
    with pytest.raises(AnswerRefused, match="audience"):
        arrive(world, crypto, world.genuine(Answer(**UNASKED, audiences=())))
    with pytest.raises(AnswerRefused, match="unsolicited"):
        world.providers[crypto].arrive(form(world.genuine(Answer(**UNASKED))), datetime.now(UTC))


def test_an_unsolicited_answer_is_no_answer_to_a_request(world: World) -> None:
    """The same provider, where people may begin there: what was asked for has to be answered."""
    from tests.test_signon_forger import finish

    for crypto in BACKENDS:
        with pytest.raises(AnswerRefused, match="in_response_to"):
            finish(world.provider(crypto, allow_unsolicited=True), form(world.genuine(Answer(**UNASKED))))


def test_the_answer_travels_whole(idp: CampusIdp) -> None:
    assert b"InResponseTo" not in base64.b64decode(from_portal(idp, "maya")["SAMLResponse"])
