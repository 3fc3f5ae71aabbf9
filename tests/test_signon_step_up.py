"""A second factor for chosen roles and a new proof before signing: asked of the person's own provider, by the real SAML way."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import select, update

from careercenter import audit, db
from careercenter.audit import AuditEvent
from careercenter.credit.model import CreditRequest
from careercenter.people.model import Person
from careercenter.people.sessions import Journey, LoginSession, SignOnRequest
from careercenter.settings.signon import REFEDS_MFA, StepUp
from careercenter.signon.identity import Demand, Identity, SignOnRefused, Waiting
from careercenter.web import entry, step_up
from careercenter.web.access import ACCESS
from careercenter.web.kept import WORTH_KEEPING
from tests.campus_idp import CampusIdp, _fields, local
from tests.test_credit_pages import fields
from tests.test_credit_race import at_the_advisor
from tests.test_signon_kept import kept_forms


@pytest.fixture(autouse=True)
def _in_the_term(now):  # type: ignore[no-untyped-def]
    with time_machine.travel(now, tick=True):
        yield


@pytest.fixture
def demand(app: Flask, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """`demand(roles=("advisor",))`: the campus asks for it from now on."""

    def ask(**told: Any) -> None:
        settings = app.extensions["careercenter"]
        signon = settings.signon.model_copy(update={"step_up": StepUp(**told)})
        monkeypatch.setitem(app.extensions, "careercenter", settings.model_copy(update={"signon": signon}))

    return ask


def session_row() -> LoginSession:
    db.session.rollback()
    return db.session.scalars(select(LoginSession).order_by(LoginSession.id.desc())).first()  # type: ignore[return-value]


def secret(client: FlaskClient) -> str:
    with client.session_transaction() as cookie:
        return str(cookie["sid"])


def again(idp: CampusIdp, client: FlaskClient, uid: str, next_path: str, fresh: bool = False) -> Any:
    return idp.walk(client, uid, next_path, begin="/sign-in-again", **({"fresh": "1"} if fresh else {}))


def test_a_role_that_needs_a_second_factor_gets_no_page_before_it(app, client, idp, demand) -> None:  # type: ignore[no-untyped-def]
    demand(roles=("advisor",))
    idp.walk(client, "ruth", "/queue?verdict=clean")
    for address in ("/", "/queue", "/evaluations", "/listings", "/me/sessions"):
        answer = client.get(address)
        assert answer.status_code == 302 and answer.location == f"/sign-in-again?next={address}", address
    assert client.get("/queue?verdict=clean").location == "/sign-in-again?next=/queue?verdict%3Dclean"
    before, number = secret(client), session_row().id
    answer = again(idp, client, "ruth", "/queue?verdict=clean")
    assert (answer.status_code, answer.location) == (303, "/queue?verdict=clean")
    row = session_row()
    assert (row.id, row.authn_context) == (number, REFEDS_MFA) and secret(client) != before
    assert client.get("/queue").status_code == 200
    thief = app.test_client()
    with thief.session_transaction() as cookie:
        cookie["sid"] = before
    assert thief.get("/queue").location == "/sign-in?next=/queue", "the secret from before the proof is worth nothing"
    assert audit.verify() is None


def test_other_roles_go_on_and_so_does_changing_to_one(app, client, idp, demand, factory, now) -> None:  # type: ignore[no-untyped-def]
    demand(roles=("advisor",))
    idp.walk(client, "maya")
    assert client.get("/").status_code == 200
    both = factory.person("faculty", "advisor", campus_id="800001")
    other = app.test_client()
    idp.walk(other, "ruth")
    assert both.id and other.get("/").location.startswith("/sign-in-again")
    g.pop("csrf_token", None)
    lost = other.get("/nowhere").text  # the error page still has the menu, with the way to the other role
    token = re.search(r'name="csrf_token" value="([^"]+)"', lost)[1]  # type: ignore[index]
    assert other.post("/act-as", data={"csrf_token": token, "role": "faculty"}).status_code == 303
    assert other.get("/").status_code == 200


def test_a_provider_that_proves_less_is_refused_and_the_session_stays_as_it_was(app, client, idp, demand) -> None:  # type: ignore[no-untyped-def]
    demand(roles=("advisor",), contexts=("urn:example:stronger",))
    idp.walk(client, "ruth")
    begun = client.get("/sign-in-again?next=/queue")
    assert begun.status_code == 303
    page = idp.browser.get(local(begun.location))
    answer = client.post("/saml/acs", data=_fields(page))
    assert answer.status_code == 403 and "We could not sign you in" in answer.text
    assert client.get("/queue").location == "/sign-in-again?next=/queue"


def test_an_answer_without_the_context_is_refused_whatever_the_protocol_let_through(app, client, idp, demand, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """The purpose looks again by itself: a door that ignores demands must not open one."""
    demand(roles=("advisor",))
    idp.walk(client, "ruth")
    number = session_row().id
    with app.test_request_context():
        step_up.g.now, step_up.g.viewer = datetime.now(UTC), None
        now = datetime.now(UTC)
        weak = Identity("campus", "subject-id", "ruth@demo.edu", {}, "a1", now, authn_context="password", authenticated_at=now)
        journey = Journey(1, "campus", "", Waiting("r", now, demand=Demand((REFEDS_MFA,))), "step_up", number, "/")
        with pytest.raises(SignOnRefused, match="context"):
            entry.PURPOSES["step_up"](weak, journey)


@pytest.fixture
def stale(app, idp, demand, factory, now):  # type: ignore[no-untyped-def]
    """An advisor who signed in an hour ago, with a decision open: (client, request, form)."""
    demand(fresh_minutes=15)
    request = at_the_advisor(factory, now)
    number = request.id
    client = app.test_client()
    idp.walk(client, "ruth")
    typed = {**fields(client.get(f"/queue/{number}")), "outcome": "return", "reason": "Name the tools."}
    with db.transaction():
        db.session.execute(update(LoginSession).values(authenticated_at=datetime.now(UTC) - timedelta(hours=1)))
    return client, number, typed


def test_signing_after_a_while_asks_for_a_new_proof_and_keeps_the_form(stale, idp) -> None:  # type: ignore[no-untyped-def]
    client, number, typed = stale
    assert client.get(f"/queue/{number}").status_code == 200, "looking needs no new proof"
    answer = client.post(f"/queue/{number}", data=typed)
    assert answer.status_code == 302 and answer.location == "/sign-in-again?next=/kept&fresh=1"
    assert db.session.get_one(CreditRequest, number).state == "in_review"
    begun = client.get(answer.location)
    asked = db.session.scalars(select(SignOnRequest)).one()
    assert begun.status_code == 303 and asked.fresh and asked.purpose == "step_up"
    before = secret(client)
    assert again(idp, client, "ruth", "/kept", fresh=True).location == "/kept" and secret(client) != before
    ((where, form),) = kept_forms(client)
    assert client.post(where, data=form).status_code == 303
    db.session.rollback()
    assert db.session.get_one(CreditRequest, number).state == "returned"
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "person.proven_again")).one()
    assert event.detail == {"provider": "campus", "contexts": [], "fresh": True}


def test_a_kept_form_that_waits_too_long_is_kept_again(stale, idp) -> None:  # type: ignore[no-untyped-def]
    client, number, typed = stale
    client.post(f"/queue/{number}", data=typed)
    again(idp, client, "ruth", "/kept", fresh=True)
    ((where, form),) = kept_forms(client)
    with db.transaction():
        db.session.execute(update(LoginSession).values(authenticated_at=datetime.now(UTC) - timedelta(hours=1)))
    assert client.post(where, data=form).location == "/sign-in-again?next=/kept&fresh=1"
    again(idp, client, "ruth", "/kept", fresh=True)
    ((where, form),) = kept_forms(client)
    assert client.post(where, data=form).status_code == 303


def test_a_proof_of_unknown_age_is_none(stale, idp) -> None:  # type: ignore[no-untyped-def]
    client, number, typed = stale
    with db.transaction():
        db.session.execute(update(LoginSession).values(authenticated_at=None))
    assert client.post(f"/queue/{number}", data=typed).location.endswith("fresh=1")


def test_leaving_fresh_out_of_the_address_gains_nothing(stale, idp) -> None:  # type: ignore[no-untyped-def]
    """A door that does not say when: what was not demanded is not taken for new."""
    client, *_ = stale
    old, now = session_row(), datetime.now(UTC)
    vague = Identity("campus", "subject-id", "ruth@demo.edu", {}, "a9", now + timedelta(minutes=5))
    with db.transaction():
        db.session.add(row := SignOnRequest(
            relay_hash="r" * 64, browser_hash="b" * 64, provider="campus", request_id="x", purpose="step_up", session_id=old.id,
            next_path="/", created_at=now,
        ))
        db.session.flush()
        journey = Journey(row.id, "campus", "", Waiting("x", now), "step_up", old.id, "/")
    with client.application.test_request_context():
        g.now, g.viewer = now, None
        entry.PURPOSES["step_up"](vague, journey)
    db.session.rollback()
    assert session_row().authenticated_at is None


def test_soon_after_a_sign_in_nothing_is_asked(stale, app, idp) -> None:  # type: ignore[no-untyped-def]
    client, number, typed = stale
    with db.transaction():
        db.session.execute(update(LoginSession).values(authenticated_at=datetime.now(UTC) - timedelta(minutes=14)))
    assert client.post(f"/queue/{number}", data=typed).status_code == 303


def test_another_person_who_proves_themselves_ends_the_session(stale, app, idp) -> None:  # type: ignore[no-untyped-def]
    client, number, typed = stale
    client.post(f"/queue/{number}", data=typed)
    answer = again(idp, client, "ines", "/kept", fresh=True)
    assert answer.status_code == 403 and "We could not sign you in" in answer.text
    assert session_row().ended_at is not None
    assert client.get("/queue").location == "/sign-in?next=/queue"
    assert db.session.scalar(select(Person.id).where(Person.given_name == "Ines")) is None, "the proof made no account"
    assert db.session.scalar(select(AuditEvent.action).where(AuditEvent.action == "person.proof_refused"))


def test_a_session_that_ran_out_meanwhile_is_a_sign_in_like_any_other(stale, idp) -> None:  # type: ignore[no-untyped-def]
    client, number, typed = stale
    client.post(f"/queue/{number}", data=typed)
    old = session_row().id
    form = idp.answer(client, "ruth", "/kept", begin="/sign-in-again", fresh="1")
    with db.transaction():
        db.session.execute(update(LoginSession).values(ended_at=datetime.now(UTC)))
    assert client.post("/saml/acs", data=form).location == "/kept"
    assert session_row().id != old and len(kept_forms(client)) == 1


def test_an_answer_to_the_proof_works_once(stale, idp) -> None:  # type: ignore[no-untyped-def]
    client, *_ = stale
    form = idp.answer(client, "ruth", "/queue", begin="/sign-in-again", fresh="1")
    browser = client.get_cookie("careercenter-signon", path="/").value
    assert client.post("/saml/acs", data=form).status_code == 303
    client.set_cookie("careercenter-signon", browser, path="/")
    assert client.post("/saml/acs", data=form).status_code == 403


def test_a_session_by_mailed_code_cannot_prove_more(app, client, factory, now, demand, sign_in) -> None:  # type: ignore[no-untyped-def]
    demand(roles=("alumni",))
    sign_in(client, factory.person("alumni"))
    with db.transaction():
        db.session.execute(update(LoginSession).values(provider="mail"))
    assert client.get("/").location == "/sign-in-again?next=/"
    assert client.get("/sign-in-again?next=/").status_code == 403


def test_the_emergency_session_is_never_asked(app, client, factory, demand, sign_in) -> None:  # type: ignore[no-untyped-def]
    demand(roles=("admin",), fresh_minutes=5)
    sign_in(client, factory.person("admin"))
    assert client.get("/").location == "/sign-in-again?next=/"
    with db.transaction():
        db.session.execute(update(LoginSession).values(provider="breakglass"))
    assert client.get("/").status_code == 200


def test_what_signs_is_kept_and_exists() -> None:
    assert ACCESS.keys() >= step_up.SIGNING and WORTH_KEEPING.keys() >= step_up.SIGNING
