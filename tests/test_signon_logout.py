"""Signing out with the demo's provider, on both databases: here, there too, and from there; and who may not."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import Client

from careercenter import audit, db
from careercenter.audit import AuditEvent
from careercenter.people.sessions import LoginSession, SignOnRequest
from tests.campus_idp import IDP, PUBLIC, CampusIdp, local


def token(page: str) -> str:
    return str(BeautifulSoup(page, "html.parser").find("input", {"name": "csrf_token"})["value"])  # type: ignore[index]


def open_sessions() -> int:
    return db.session.scalar(select(func.count(LoginSession.id)).where(LoginSession.ended_at.is_(None))) or 0


def leave(client: FlaskClient) -> str:
    """Sign out here; the page that follows."""
    assert client.post("/sign-out", data={"csrf_token": token(client.get("/").text)}).location == "/signed-out"
    return client.get("/signed-out").text


def to_campus(client: FlaskClient, page: str) -> str:
    """On to the campus sign-in; the address that we send the browser to."""
    assert 'href="/sign-out/campus"' in page
    away = client.get("/sign-out/campus")
    assert away.location.startswith(f"{IDP}/slo?"), away.text
    return away.location


def test_signing_out_here_offers_the_campus_too(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(client, "maya")
    page = leave(client)
    assert open_sessions() == 0
    assert "Also sign out at the campus sign-in" in page
    back = idp.browser.get(local(to_campus(client, page)))
    assert back.location.startswith(f"{PUBLIC}/saml/slo?SAMLResponse=")
    done = client.get(local(back.location))
    assert (done.status_code, done.location) == (303, "/signed-out?campus=ended")
    assert "here and at your campus sign-in" in client.get(done.location).text
    assert db.session.scalar(select(func.count(SignOnRequest.id)).where(SignOnRequest.purpose == "sign_out")) == 0
    assert audit.verify() is None


def test_the_answer_counts_in_its_browser_once_and_is_proven(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(client, "maya")
    back = idp.browser.get(local(to_campus(client, leave(client)))).location
    for wrong in (app.test_client().get(local(back)), client.get(local(back).replace("Signature=", "Signature=AAAA"))):
        assert wrong.location == "/signed-out?campus=unsure"
    assert client.get(local(back)).location == "/signed-out?campus=ended"
    assert client.get(local(back)).location == "/signed-out?campus=unsure"
    assert "could not confirm" in client.get("/signed-out?campus=unsure").text


def test_the_offer_ends_with_the_browser_and_after_minutes(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(client, "maya")
    leave(client)
    assert "Also sign out" not in app.test_client().get("/signed-out").text
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11), tick=True):
        assert "Also sign out" not in client.get("/signed-out").text


def test_a_session_without_a_way_to_the_provider_ends_all_the_same(client: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(client, "maya")
    with db.transaction():
        db.session.execute(update(LoginSession).values(logout={}))
    page = leave(client)
    assert "Also sign out" not in page
    assert "You are signed out of the career center." in page
    assert open_sessions() == 0


def asked_by_campus(idp: CampusIdp) -> str:
    """Press "Sign out everywhere" on the provider's own page; the address at our side that it sends the browser to."""
    sent = idp.browser.post("/sign-out")
    assert sent.location.startswith(f"{PUBLIC}/saml/slo?SAMLRequest="), sent.text
    return local(sent.location)


def test_signing_out_at_the_campus_ends_the_session_here(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    other = app.test_client()
    idp.walk(other, "maya")
    idp.walk(client, "maya")
    told = client.get(asked_by_campus(idp))
    assert told.status_code == 303
    assert told.location.startswith(f"{IDP}/slo?SAMLResponse=")
    assert "Signature=" in told.location
    assert "You are signed out" in idp.browser.get(local(told.location)).text
    assert client.get("/").location.startswith("/sign-in")
    assert other.get("/").status_code == 200, "another session of the same person has another index"
    entry = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "person.signed_out")).one()
    assert entry.actor_label == audit.SYSTEM.label


def test_the_request_works_from_any_browser_and_once(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    """The provider's frame may have no cookies of ours: the signature is what counts."""
    idp.walk(client, "maya")
    asked = asked_by_campus(idp)
    assert app.test_client().get(asked).status_code == 303
    assert open_sessions() == 0
    idp.walk(client, "maya")
    again = app.test_client().get(asked)
    assert again.status_code == 403
    assert "Nothing was ended" in again.text
    assert open_sessions() == 1


@pytest.mark.parametrize("spoil", ["SAMLRequest", "Signature", "SigAlg"])
def test_a_request_that_nobody_can_prove_ends_nothing_and_touches_no_cookie(
    app: Flask, client: FlaskClient, idp: CampusIdp, spoil: str
) -> None:
    idp.walk(client, "maya")
    parts = dict(part.partition("=")[::2] for part in urlsplit(asked_by_campus(idp)).query.split("&"))
    parts[spoil] = "AAAA"
    address = "/saml/slo?" + "&".join(f"{name}={value}" for name, value in parts.items())
    assert client.get(address).status_code == 403
    assert "Set-Cookie" not in app.test_client().get(address).headers, "from another site our cookie stays behind"
    assert open_sessions() == 1


@pytest.mark.parametrize("form", [
    {}, {"SAMLRequest": "x"}, {"SAMLResponse": "x"}, {"SAMLRequest": "A" * 300_000}, {"SAMLRequest": "x", "SAMLResponse": "x"},
])
def test_nonsense_is_a_plain_page(app: Flask, client: FlaskClient, idp: CampusIdp, form: dict[str, str]) -> None:
    idp.walk(client, "maya")
    stranger = app.test_client()
    for answer in (stranger.post("/saml/slo", data=form), stranger.get("/saml/slo", query_string=form)):
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers
    assert client.get("/").status_code == 200


def test_an_index_of_another_session_ends_nothing(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(client, "maya")
    with db.transaction():
        db.session.execute(update(LoginSession).values(session_index="_another"))
    assert client.get(asked_by_campus(idp)).status_code == 303
    assert open_sessions() == 1
    with db.transaction():
        db.session.execute(update(LoginSession).values(session_index=None))
    idp.browser = Client(idp.idp)
    idp.walk(app.test_client(), "omar")
    assert open_sessions() == 2


def test_of_eight_at_once_each_is_answered_and_one_ends(app: Flask, client: FlaskClient, idp: CampusIdp) -> None:
    import threading

    idp.walk(client, "maya")
    asked, start, codes = asked_by_campus(idp), threading.Barrier(8), []

    def visit() -> None:
        mine = app.test_client()
        start.wait()
        codes.append(mine.get(asked).status_code)

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [303] + [403] * 7
    db.session.rollback()  # this thread looked before
    assert open_sessions() == 0


def test_signed_out_page_sends_those_who_are_signed_in_home(client: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(client, "maya")
    assert client.get("/signed-out?campus=ended").location == "/"
