"""Signing in and out by OpenID Connect and by CAS at LemonLDAP::NG, over the network, on both databases."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from bs4 import BeautifulSoup
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import select

from careercenter import audit, create_app, db
from careercenter.people.model import Person, PersonIdentity
from careercenter.people.sessions import LoginSession
from careercenter.signon.identity import AnswerRefused, Demand, DemandNotMet, Waiting
from careercenter.web import doors
from tests import lemonldap
from tests.campus_idp import ROLES
from tests.conftest import _empty, make_settings
from tests.live import free_port, served

RECENT_SECONDS = 6.1  # LemonLDAP::NG takes a password of the last five seconds for a fresh one
pytestmark = pytest.mark.xdist_group("lemonldap")


@dataclass
class Campus:
    """Our application on a port beside a LemonLDAP::NG that knows it."""

    app: Flask
    url: str
    portal: lemonldap.Server

    def sign_in(self, provider: str, uid: str, next_path: str = "/") -> lemonldap.Person:
        person = lemonldap.Person(uid)
        page = person.walk(f"{self.url}/sign-in/{provider}?next={next_path}", self.url)
        assert page.status_code == 200, page.text
        assert "We could not sign you in" not in page.text
        return person

    def open_sessions(self) -> list[LoginSession]:
        db.session.rollback()  # the server's threads wrote since
        return list(db.session.scalars(select(LoginSession).where(LoginSession.ended_at.is_(None))))


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[lemonldap.Server]:
    ours = {name: f"http://127.0.0.1:{port}/sign-in/{name}" for name in ("oidc", "cas")}
    with lemonldap.running(tmp_path_factory.mktemp("lemonldap") / "portal", ours) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def campus(
    request: pytest.FixtureRequest, tmp_path: object, portal: lemonldap.Server, port: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Campus]:
    monkeypatch.setenv("LLNG_SECRET", lemonldap.CLIENT_SECRET)
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    attributes = {"campus_id": "employee_number", "given_name": "given_name", "family_name": "family_name", "email": "email",
                  "affiliation": "eduperson_scoped_affiliation", "entitlement": "eduperson_entitlement"}
    signon = {"roles": ROLES, "providers": [
        {"name": "oidc", "kind": "oidc", "label": "OpenID Connect", "issuer": portal.issuer, "client_id": lemonldap.CLIENT_ID,
         "client_secret": {"env": "LLNG_SECRET"}, "scopes": ["demo.edu"], "attributes": attributes},
        {"name": "cas", "kind": "cas", "label": "CAS", "server_url": portal.cas, "scopes": ["demo.edu"]},
    ]}
    settings = make_settings(tmp_path, url, signon=signon, server={  # type: ignore[arg-type]
        "secret_key": SecretStr("for tests only " * 4), "public_url": f"http://127.0.0.1:{port}",
    })
    app = create_app(settings)
    with app.app_context(), served(app, port) as address:
        db.upgrade()
        yield Campus(app, address, portal)
        db.session.remove()
        _empty()


@pytest.mark.parametrize(("provider", "subject"), [("oidc", ("sub", "ruth")), ("cas", ("user", "ruth"))])
def test_a_whole_sign_in_opens_a_session_with_the_roles_that_follow(campus: Campus, provider: str, subject: tuple[str, str]) -> None:
    ruth = campus.sign_in(provider, "ruth", "/queue")
    assert "requests wait" in ruth.session.get(campus.url).text
    person = db.session.scalars(select(Person)).one()
    assert (person.name, person.email, person.campus_id) == ("Ruth Adeyemi", "ruth@demo.edu", "800001")
    assert [(r.role, r.source) for r in person.roles] == [("advisor", "signon")]
    known = db.session.scalars(select(PersonIdentity)).one()
    issuer = campus.portal.issuer if provider == "oidc" else campus.portal.cas
    assert (known.provider, known.issuer, known.subject_kind, known.subject) == (provider, issuer, *subject)
    assert audit.verify() is None


def test_scoped_values_and_several_values_arrive_whole(campus: Campus) -> None:
    for provider in ("oidc", "cas"):
        campus.sign_in(provider, "maya")
    people = db.session.scalars(select(Person)).all()
    assert [(p.campus_id, [r.role for r in p.roles]) for p in people] == [("900001", ["student"])]


def test_the_browser_carries_pkce_state_and_nonce_and_never_the_secret(campus: Campus) -> None:
    maya = lemonldap.Person("maya")
    away = maya.session.get(f"{campus.url}/sign-in/oidc", allow_redirects=False).headers["Location"]
    asked = parse_qs(urlsplit(away).query)
    assert asked["code_challenge_method"] == ["S256"] and len(asked["code_challenge"][0]) == 43
    assert asked["state"] and asked["nonce"] and asked["redirect_uri"] == [f"{campus.url}/sign-in/oidc/return"]
    assert lemonldap.CLIENT_SECRET not in away


def test_a_code_or_ticket_of_the_server_works_once_and_in_its_own_browser(campus: Campus) -> None:
    for provider in ("oidc", "cas"):
        maya = lemonldap.Person("maya")
        back = _stop_before_us(campus, maya, provider)
        stranger = lemonldap.Person("ruth").session.get(back)
        assert stranger.status_code == 403 and "We could not sign you in" in stranger.text
        assert maya.session.get(back, allow_redirects=False).status_code == 303  # the control: a stranger burnt nothing
        assert maya.session.get(back, allow_redirects=False).status_code == 403
    assert len(campus.open_sessions()) == 2


def test_a_ticket_for_another_sign_in_is_refused_by_the_server_itself(campus: Campus) -> None:
    """The service address holds our word for the sign-in, so the ticket of one cannot be put into another."""
    maya, ruth = lemonldap.Person("maya"), lemonldap.Person("ruth")
    foreign = parse_qs(urlsplit(_stop_before_us(campus, ruth, "cas")).query)["ticket"][0]
    own = _stop_before_us(campus, maya, "cas")
    swapped = own.replace(parse_qs(urlsplit(own).query)["ticket"][0], foreign)
    assert maya.session.get(swapped, allow_redirects=False).status_code == 403
    assert campus.open_sessions() == []


def test_a_code_of_another_browser_is_refused_by_the_server_for_want_of_its_verifier(campus: Campus) -> None:
    maya, ruth = lemonldap.Person("maya"), lemonldap.Person("ruth")
    foreign = parse_qs(urlsplit(_stop_before_us(campus, ruth, "oidc")).query)["code"][0]
    own = _stop_before_us(campus, maya, "oidc")
    swapped = own.replace(parse_qs(urlsplit(own).query)["code"][0], foreign)
    assert maya.session.get(swapped, allow_redirects=False).status_code == 403
    assert campus.open_sessions() == []


def test_a_new_signing_key_is_taken_without_a_restart(campus: Campus) -> None:
    campus.sign_in("oidc", "maya")
    campus.portal.roll_key(f"second-{campus.app.name}-{id(campus)}")
    campus.sign_in("oidc", "ruth")
    assert len(campus.open_sessions()) == 2


def test_the_cas_server_ends_our_session_when_the_person_signs_out_there(campus: Campus) -> None:
    maya = campus.sign_in("cas", "maya")
    campus.sign_in("cas", "ruth")
    assert len(campus.open_sessions()) == 2
    maya.session.get(f"{campus.portal.cas}/logout", timeout=20)
    left = campus.open_sessions()
    assert [db.session.get_one(Person, row.person_id).given_name for row in left] == ["Ruth"]
    assert "/sign-in" in maya.session.get(campus.url).url


@pytest.mark.parametrize("provider", ["oidc", "cas"])
def test_signing_out_at_the_provider_too_ends_its_session_in_this_browser(campus: Campus, provider: str) -> None:
    maya = campus.sign_in(provider, "maya")
    signed_out = _press(maya, campus.url, "/sign-out")
    assert "may still be open in this browser" in signed_out.text and campus.open_sessions() == []
    assert 'name="password"' not in maya.session.get(campus.portal.url, timeout=20).text  # the control: it knows the browser
    there = maya.session.get(f"{campus.url}/sign-out/campus", allow_redirects=False, timeout=20).headers["Location"]
    assert "here and at your campus sign-in" in _settled(maya, maya.walk_to(there, campus.url)).text
    assert 'name="password"' in maya.session.get(campus.portal.url, timeout=20).text


@pytest.mark.parametrize("campus", ["sqlite"], indirect=True)
@pytest.mark.parametrize("provider", ["oidc", "cas"])
def test_a_fresh_proof_is_asked_for_and_an_older_session_of_the_provider_is_none(campus: Campus, provider: str) -> None:
    maya = lemonldap.Person("maya")
    with campus.app.test_request_context():
        door = doors.door(provider)

    def sign_in(asked: Demand, demanded: Demand, began_at: datetime) -> int:
        """How often the password was typed; `asked` went to the provider, `demanded` has to be proven."""
        begun, before = door.begin("a-word", asked), maya.passwords
        query = parse_qs(urlsplit(maya.walk_to(begun.url, campus.url)).query)
        waiting = Waiting(begun.request_id, began_at, begun.kept, demanded)
        identity = door.finish({name: values[0] for name, values in query.items()}, waiting, datetime.now(UTC))
        assert identity.subject == "maya"
        return maya.passwords - before

    assert sign_in(Demand(), Demand(), datetime.now(UTC)) == 1
    assert sign_in(Demand(), Demand(), datetime.now(UTC)) == 0  # the control: the provider remembers the browser
    time.sleep(RECENT_SECONDS)
    assert sign_in(Demand(fresh=True), Demand(fresh=True), datetime.now(UTC)) == 1
    time.sleep(RECENT_SECONDS)
    later = datetime.now(UTC) + timedelta(minutes=3)  # as if the sign-in began three minutes after the password
    with pytest.raises(DemandNotMet if provider == "oidc" else AnswerRefused, match="stale" if provider == "oidc" else "ticket"):
        sign_in(Demand(), Demand(fresh=True), later)


def _press(person: lemonldap.Person, page: str, action: str) -> requests.Response:
    """Send the form of a page of ours that posts to `action`."""
    form = BeautifulSoup(person.session.get(page, timeout=20).text, "html.parser").find("form", action=action)
    assert form is not None, f"{page} has no form for {action}"
    fields = {str(f["name"]): str(f.get("value", "")) for f in form.find_all("input") if f.get("name")}
    return person.session.post(urljoin(page, action), data=fields, timeout=20)


def _settled(person: lemonldap.Person, address: str) -> requests.Response:
    return person.session.get(address, timeout=20)


def _stop_before_us(campus: Campus, person: lemonldap.Person, provider: str) -> str:
    """Walk to the portal and back, up to the address that the browser would open at our side."""
    return person.walk_to(f"{campus.url}/sign-in/{provider}", f"{campus.url}/sign-in/{provider}/return")

