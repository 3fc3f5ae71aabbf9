"""The password page, completion and loss of roles at sign-in: the product against a real slapd, on both databases."""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask, g
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import func, select

from careercenter import db
from careercenter.people.model import Person, PersonIdentity, RoleGrant
from careercenter.people.sessions import LoginSession
from careercenter.people.waiting import Tries
from careercenter.settings import Directory as DirectorySettings
from careercenter.settings.signon import LdapProvider, Limits
from careercenter.signon.directory import Directory
from careercenter.web import passwords
from tests import slapd
from tests.bad_servers import Silent
from tests.campus_idp import CampusIdp

PAGE = "/sign-in/directory"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slapd.Server]:
    with slapd.running(tmp_path_factory.mktemp("slapd"), anonymous_bind=True) as found:
        for uid, number in (("maya", "900101"), ("ruth", "900102")):
            found.add(
                slapd.person_dn(number), objectClass=("inetOrgPerson", "eduPerson", "test389"), employeeNumber=number, uid=uid, cn=uid, sn="Dir",
                givenName=uid.title(), mail=f"{uid}@demo.edu", userPassword=f"{uid}-password", eduPersonScopedAffiliation="student@demo.edu",
            )
        yield found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "REFUSED_SECONDS", 0.05)


class Campus:
    """The application's sign-on settings, changed for a test."""

    def __init__(self, app: Flask, server: slapd.Server):
        self.app, self.server, self.before = app, server, app.extensions["careercenter"]

    def tell(self, limits: dict[str, int] | None = None, complete: bool = False, roles: Any = None, **directory: Any) -> None:
        told = DirectorySettings(**{
            "urls": (self.server.ldap,), "ca_file": self.server.ca_file, "bind_dn": slapd.SERVICE_DN, "base_dn": slapd.BASE,
            "bind_password": SecretStr(slapd.SERVICE_PASSWORD), **directory,
        })
        signon = self.before.signon
        doors = [door.model_copy(update={"complete_from_directory": complete}) for door in signon.providers]
        changed = signon.model_copy(update={
            "directory": told, "providers": (*doors, LdapProvider(kind="ldap", label="Demo University password")),
            "limits": Limits(**(limits or {})), **({"roles": roles} if roles is not None else {}),
        })
        self.app.extensions["careercenter"] = self.before.model_copy(update={"signon": changed})
        self.app.extensions.pop("careercenter.directory", None)

    def back(self) -> None:
        self.app.extensions["careercenter"] = self.before
        self.app.extensions.pop("careercenter.directory", None)


@pytest.fixture
def campus(app: Flask, server: slapd.Server) -> Iterator[Campus]:
    found = Campus(app, server)
    found.tell()
    yield found
    found.back()


def fields(client: FlaskClient, address: str = PAGE) -> dict[str, str]:
    g.pop("csrf_token", None)  # tests share one application context, where the token of another browser may rest
    form = BeautifulSoup(client.get(address, follow_redirects=True).text, "html.parser").find("form", action=PAGE)
    assert form is not None
    return {str(i["name"]): str(i.get("value", "")) for i in form.find_all("input") if i.get("type") == "hidden"}


def post(client: FlaskClient, username: str, password: str, address: str = PAGE, **more: Any):  # type: ignore[no-untyped-def]
    return client.post(PAGE, data={**fields(client, address), "username": username, "password": password}, **more)


def sessions() -> int:
    return db.session.scalar(select(func.count(LoginSession.id)).where(LoginSession.ended_at.is_(None))) or 0


def roles(uid: str) -> set[tuple[str, str]]:
    db.session.rollback()
    return {(r.role, r.source) for r in db.session.scalars(select(RoleGrant).join(Person).where(Person.email == f"{uid}@demo.edu"))}


# The page


def test_somebody_signs_in_and_goes_where_they_were_headed(campus: Campus, client: FlaskClient) -> None:
    page = client.get(f"{PAGE}?next=/listings")
    assert page.status_code == 200 and "Demo University password" in page.text
    answer = post(client, "maya", "maya-password", f"{PAGE}?next=/listings")
    assert (answer.status_code, answer.location) == (303, "/listings")
    person = db.session.scalars(select(Person)).one()
    assert (person.name, person.campus_id) == ("Maya Dir", "900101")
    assert db.session.scalars(select(PersonIdentity.provider)).one() == "directory"
    assert roles("maya") == {("student", "signon")}
    assert client.get("/").status_code == 200


def test_the_sign_in_page_leads_there(campus: Campus, client: FlaskClient) -> None:
    link = BeautifulSoup(client.get("/sign-in").text, "html.parser").find("a", string=lambda t: t and "Demo University password" in t)
    assert 'href="/sign-in/directory?next=/"' in client.get("/sign-in").text or link is not None


def test_the_form_suits_password_managers_and_keeps_the_name_only(campus: Campus, client: FlaskClient) -> None:
    answer = post(client, 'may"a<', "my-secret-password")
    form = BeautifulSoup(answer.text, "html.parser").find("form", method="post")
    assert form is not None
    name, password = form.find("input", {"name": "username"}), form.find("input", {"name": "password"})
    assert name is not None and password is not None
    assert (name["autocomplete"], name["value"]) == ("username", 'may"a<')
    assert (password["autocomplete"], password["type"], password["value"]) == ("current-password", "password", "")
    assert "my-secret-password" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("next_path", ["//evil.example", "https://evil.example", "/\\evil.example", "/x\r\nSet-Cookie: a=b"])
def test_next_leads_nowhere_else(campus: Campus, client: FlaskClient, next_path: str) -> None:
    assert client.post(PAGE, data={**fields(client), "username": "maya", "password": "maya-password", "next": next_path}).location == "/"


def test_without_the_forms_token_nothing_is_tried(campus: Campus, client: FlaskClient) -> None:
    assert client.post(PAGE, data={"username": "maya", "password": "maya-password"}).status_code == 400
    assert sessions() == 0 and db.session.scalar(select(func.count(Tries.id))) == 0


def test_the_session_is_new_and_the_one_before_ends(campus: Campus, client: FlaskClient) -> None:
    secrets = []
    for _ in range(2):
        post(client, "maya", "maya-password")
        with client.session_transaction() as cookie:
            secrets.append(cookie["sid"])
    assert secrets[0] != secrets[1] and sessions() == 1


def test_without_a_door_there_is_no_page(app: Flask, client: FlaskClient) -> None:
    assert client.get(PAGE).status_code == 404


@pytest.mark.parametrize(("username", "password"), [
    ("maya", "wrong"), ("nobody", "maya-password"), ("*", "maya-password"), ("maya)(|(uid=*", "x"),
    ("m" * 3000, "x"), ("maya", "x" * 3000), ("\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"), "x"),
])
def test_every_refusal_is_the_same(campus: Campus, client: FlaskClient, username: str, password: str) -> None:
    answer = post(client, username, password)
    assert answer.status_code == 403
    assert "This name and password do not belong together" in answer.text
    assert sessions() == 0


@pytest.mark.parametrize(("username", "password"), [("maya", "\0"), ("maya\0", "maya-password"), ("maya", "maya-password\0")])
def test_a_nul_is_no_text_and_is_not_tried(campus: Campus, client: FlaskClient, username: str, password: str) -> None:
    assert post(client, username, password).status_code == 400
    assert sessions() == 0


@pytest.mark.parametrize(("username", "password"), [("", "x"), ("maya", ""), ("  ", "x")])
def test_an_empty_field_is_named_and_not_tried(campus: Campus, client: FlaskClient, username: str, password: str) -> None:
    answer = post(client, username, password)
    assert answer.status_code == 422 and "Type your" in answer.text
    assert db.session.scalar(select(func.count(Tries.id))) == 0


def test_a_closed_account_gets_the_same_answer(campus: Campus, client: FlaskClient, server: slapd.Server) -> None:
    wrong = post(client, "ruth", "wrong")
    server.change(slapd.person_dn("900102"), nsAccountLock="true")
    try:
        closed = post(client, "ruth", "ruth-password")
    finally:
        server.change(slapd.person_dn("900102"), nsAccountLock=None)
    assert closed.status_code == wrong.status_code == 403 and sessions() == 0
    assert _bare(closed.text) == _bare(wrong.text)


def test_unknown_names_and_wrong_passwords_take_the_same_time(campus: Campus, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "REFUSED_SECONDS", 0.25)
    campus.tell({"tries_per_account": 10_000, "tries_per_address": 10_000})
    form, took = fields(client), {"maya": [], "nobody": []}  # type: ignore[var-annotated]
    for _ in range(12):
        for name, times in took.items():
            began = time.perf_counter()
            assert client.post(PAGE, data={**form, "username": name, "password": "wrong"}).status_code == 403
            times.append(time.perf_counter() - began)
    known, unknown = (statistics.median(times) for times in took.values())
    assert abs(known - unknown) / known < 0.05


def _bare(page: str) -> str:
    found = BeautifulSoup(page, "html.parser")
    for tag in found.find_all(["meta", "input"]):
        tag.decompose()
    return found.get_text()


# Too many tries


def test_an_account_is_tried_so_often_and_no_more(campus: Campus, app: Flask, client: FlaskClient) -> None:
    campus.tell({"tries_per_account": 3})
    assert [post(client, name, "wrong").status_code for name in ("maya", "MAYA ", "maya", "maya")] == [403, 403, 403, 429]
    other = app.test_client()
    assert post(other, "maya", "maya-password").status_code == 429, "also from elsewhere, also with the right password"
    assert post(other, "ruth", "ruth-password").status_code == 303
    assert post(app.test_client(), "nobody", "x").status_code == 403
    stored = db.session.scalars(select(Tries.key)).all()
    assert all(len(key) == 64 and "maya" not in key for key in stored)


def test_unknown_accounts_are_counted_like_known_ones(campus: Campus, client: FlaskClient) -> None:
    campus.tell({"tries_per_account": 2})
    assert [post(client, "nobody", "x").status_code for _ in range(3)] == [403, 403, 429]


@pytest.mark.parametrize("limit", ["tries_per_address", "tries_everywhere"])
def test_an_address_and_everybody_have_limits_too(campus: Campus, client: FlaskClient, limit: str) -> None:
    campus.tell({limit: 2})
    assert [post(client, f"name{n}", "x").status_code for n in range(3)] == [403, 403, 429]


def test_of_an_ipv6_network_one_address_is_counted() -> None:
    assert passwords.address("2001:db8:1:2:aaaa::1") == passwords.address("2001:db8:1:2:bbbb::9") != passwords.address("2001:db8:1:3::1")
    assert passwords.address("192.0.2.7") == "192.0.2.7"


# A directory that does not answer


def test_a_dead_directory_is_said_to_be_away(campus: Campus, client: FlaskClient) -> None:
    campus.tell(urls=("ldap://127.0.0.1:1",))
    answer = post(client, "maya", "maya-password")
    assert answer.status_code == 503 and "The campus directory does not answer at the moment" in answer.text
    assert answer.headers["Retry-After"] and 'value="maya"' in answer.text and sessions() == 0


def test_a_silent_directory_is_away_within_six_seconds_and_then_at_once(campus: Campus, client: FlaskClient) -> None:
    with Silent() as silent:
        campus.tell(urls=(f"ldaps://127.0.0.1:{silent.port}",), security="ldaps")
        began = time.monotonic()
        assert post(client, "maya", "maya-password").status_code == 503
        assert time.monotonic() - began < 6
        began = time.monotonic()
        assert post(client, "maya", "maya-password").status_code == 503
        assert time.monotonic() - began < 1
    assert sessions() == 0


# Another sign-in that needs the password: a journey


def test_a_sign_in_that_began_elsewhere_is_proven_by_the_same_page(campus: Campus, app: Flask, client: FlaskClient) -> None:
    from careercenter.web import entry

    with app.test_request_context("/"):
        app.preprocess_request()
        begun = entry.start("directory", "/listings")
    site, _, there = begun.location.partition("/sign-in")
    there = f"/sign-in{there}"
    assert site == "http://127.0.0.1:8000" and there.startswith(f"{PAGE}?to=")
    name, value = begun.headers["Set-Cookie"].partition(";")[0].split("=", 1)
    stranger = post(app.test_client(), "maya", "maya-password", there)
    assert stranger.status_code == 403 and sessions() == 0, "another browser may not end it"
    client.set_cookie(name, value, path="/")
    assert post(client, "maya", "wrong", there).status_code == 403
    answer = post(client, "maya", "maya-password", there)
    assert (answer.status_code, answer.location) == (303, "/listings")
    assert post(client, "maya", "maya-password", there).status_code == 403, "once"


def test_a_new_proof_for_the_same_session_is_the_password_again(campus: Campus, client: FlaskClient) -> None:
    post(client, "maya", "maya-password")
    before = db.session.scalars(select(LoginSession)).one()
    number, hashed = before.id, before.token_hash
    again = "/sign-in-again?fresh=1&next=/listings"
    there = client.get(again).location.partition("8000")[2]
    assert there.startswith(f"{PAGE}?to=") and post(client, "maya", "wrong", there).status_code == 403
    answer = post(client, "maya", "maya-password", there)
    assert (answer.status_code, answer.location) == (303, "/listings")
    db.session.rollback()
    after = db.session.scalars(select(LoginSession)).one()
    assert after.id == number and after.token_hash != hashed and after.ended_at is None
    there = client.get(again).location.partition("8000")[2]
    assert post(client, "ruth", "ruth-password", there).status_code == 403 and sessions() == 0, "somebody else's ends it"


# Roles at sign-in


def test_a_lost_affiliation_takes_the_role_and_ends_the_sessions(campus: Campus, app: Flask, client: FlaskClient, server: slapd.Server) -> None:
    elsewhere = app.test_client()
    post(elsewhere, "maya", "maya-password")
    assert elsewhere.get("/placements").status_code == 200
    server.change(slapd.person_dn("900101"), eduPersonScopedAffiliation="affiliate@demo.edu")
    try:
        assert post(client, "maya", "maya-password").status_code == 303
    finally:
        server.change(slapd.person_dn("900101"), eduPersonScopedAffiliation="student@demo.edu")
    assert roles("maya") == set() and sessions() == 1
    assert elsewhere.get("/").location.startswith("/sign-in")
    assert client.get("/placements").status_code == 404


# Completion after SAML; the campus provider proves campus numbers 900001 (maya, student) and 800001 (ruth, advisor)


@pytest.fixture
def group(server: slapd.Server) -> Iterator[str]:
    dn = server.add(
        slapd.person_dn("800001"), objectClass=("inetOrgPerson", "eduPerson", "test389"), employeeNumber="800001", uid="ruth.a", cn="R", sn="Wrong",
        givenName="Wrong", mail="wrong@demo.edu", eduPersonScopedAffiliation="student@demo.edu", eduPersonEntitlement="urn:other",
    )
    yield server.group("coordinators", dn)
    server.delete(f"cn=coordinators,{slapd.GROUPS}")
    server.delete(dn)


def with_group_rule(campus: Campus, group: str) -> tuple[Any, ...]:
    from careercenter.settings import RoleRule

    return (*campus.before.signon.roles, RoleRule(attribute="groups", value=group, role="faculty"))


def test_missing_attributes_come_from_the_directory_and_proven_ones_stay(
    campus: Campus, client: FlaskClient, idp: CampusIdp, group: str
) -> None:
    campus.tell(complete=True, roles=with_group_rule(campus, group))
    idp.walk(client, "ruth")
    assert roles("ruth") == {("advisor", "signon"), ("faculty", "directory")}, "student@ of the directory does not replace staff@ of the provider"
    assert db.session.scalars(select(Person.given_name)).one() == "Ruth"


def test_with_a_nightly_look_the_directory_gives_what_that_gives(campus: Campus, client: FlaskClient, idp: CampusIdp, group: str) -> None:
    campus.tell(complete=True, roles=with_group_rule(campus, group), sync=True)
    idp.walk(client, "ruth")
    assert roles("ruth") == {("advisor", "signon"), ("faculty", "directory"), ("student", "directory")}


def test_a_directory_that_is_away_locks_nobody_out_and_gives_nothing(campus: Campus, app: Flask, idp: CampusIdp, group: str) -> None:
    rules = with_group_rule(campus, group)
    campus.tell(complete=True, roles=rules, urls=("ldap://127.0.0.1:1",))
    idp.walk(app.test_client(), "ruth")
    assert roles("ruth") == {("advisor", "signon")}
    campus.tell(complete=True, roles=rules)
    idp.walk(app.test_client(), "ruth")
    with Silent() as silent:
        campus.tell(complete=True, roles=rules, urls=(f"ldap://127.0.0.1:{silent.port}",), timeout_seconds=1)
        began = time.monotonic()
        assert idp.walk(app.test_client(), "ruth").status_code == 303
        assert time.monotonic() - began < 6
    assert roles("ruth") == {("advisor", "signon"), ("faculty", "directory")}, "what it gave before stays until it is asked again"


def test_somebody_who_left_the_group_loses_the_role_at_the_next_sign_in(
    campus: Campus, app: Flask, idp: CampusIdp, group: str, server: slapd.Server
) -> None:
    campus.tell(complete=True, roles=with_group_rule(campus, group))
    elsewhere = app.test_client()
    idp.walk(elsewhere, "ruth")
    server.change(group, member=slapd.person_dn("900101"))
    idp.walk(app.test_client(), "ruth")
    assert roles("ruth") == {("advisor", "signon")} and sessions() == 1


def test_an_account_closed_in_the_directory_does_not_get_in(
    campus: Campus, client: FlaskClient, idp: CampusIdp, group: str, server: slapd.Server
) -> None:
    campus.tell(complete=True)
    server.change(slapd.person_dn("800001"), nsAccountLock="true")
    assert idp.walk(client, "ruth").status_code == 403
    assert sessions() == 0


def test_a_provider_that_does_not_ask_for_it_is_not_completed(campus: Campus, client: FlaskClient, idp: CampusIdp, group: str) -> None:
    campus.tell(roles=with_group_rule(campus, group))
    idp.walk(client, "ruth")
    assert roles("ruth") == {("advisor", "signon")}


# Two at once


def _both_sign_in(app: Flask) -> list[int]:
    """Somebody who gained a role signs in from eight browsers at the same moment."""
    clients = [app.test_client() for _ in range(8)]
    forms = [fields(client) for client in clients]
    gate, results = threading.Barrier(8), []

    def run(client: FlaskClient, form: dict[str, str]) -> None:
        gate.wait()
        results.append(client.post(PAGE, data={**form, "username": "maya", "password": "maya-password"}).status_code)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(clients, forms, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Everybody:
    """A directory that answers at once, so that only the database decides."""

    def __init__(self, one: Directory):
        self.found, self.servers = one.verify("maya", "maya-password"), SimpleNamespace(room=nullcontext)

    def verify(self, username: str, password: str) -> Any:
        from dataclasses import replace
        from secrets import token_hex

        return replace(self.found, assertion_id=token_hex(16))


@pytest.fixture
def at_once(campus: Campus, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    campus.tell({"tries_per_account": 10_000})
    post(client, "maya", "maya-password")
    stand_in = Everybody(Directory(app.extensions["careercenter"].signon.directory))
    monkeypatch.setattr(passwords.doors, "directory", lambda: stand_in)


def test_of_eight_at_once_each_gets_in_and_the_role_is_given_once(at_once: None, app: Flask) -> None:
    for _ in range(3):
        with db.transaction():
            db.session.execute(RoleGrant.__table__.delete())  # type: ignore[attr-defined]
        assert _both_sign_in(app) == [303] * 8
        assert roles("maya") == {("student", "signon")}
