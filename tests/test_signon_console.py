"""The wizard of campus IT on both databases: a second provider without a restart, a trial, and what is refused."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from careercenter import audit, by_page, create_app, db
from careercenter.people.model import Person, PersonIdentity, RoleGrant
from careercenter.people.sessions import LoginSession
from careercenter.providers import SignOnTrial, StoredProvider, fetch, look, stored
from careercenter.web import doors
from tests.campus_idp import CampusIdp
from tests.metadata_feed import Feed, serve

SECOND = "http://127.0.0.1:8401"
AT = "/admin/sign-on"


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory, idp: CampusIdp) -> CampusIdp:
    """Another campus with keys of its own; it knows the same service as the first."""
    return CampusIdp(tmp_path_factory.mktemp("second"), SECOND, idp.service)


@pytest.fixture
def admin(app: Flask, factory: Any, sign_in: Any) -> FlaskClient:
    client: FlaskClient = sign_in(app.test_client(), factory.person("admin", name="Ada Lindqvist"))
    return client


def post(client: FlaskClient, page: str, action: str = "", **form: str) -> TestResponse:
    """Fill in the form of a page and send it, hidden fields and all."""
    shown = client.get(page)
    return client.post(action or page, data={**fields(shown), **form})


def fields(page: TestResponse) -> dict[str, str]:
    """What the page's main form would send if nothing were touched."""
    form = BeautifulSoup(page.text, "html.parser").select_one('main form[method="post"]')
    assert form is not None, page.text
    found: dict[str, str] = {}
    for control in form.find_all(["input", "textarea", "select"]):
        if control.name == "select":
            chosen = control.find("option", selected=True) or control.find("option")
            found[str(control["name"])] = str(chosen["value"]) if chosen else ""
        elif control.get("type") not in ("checkbox", "radio") or control.has_attr("checked"):
            found[str(control["name"])] = str(control.get("value", "")) if control.name == "input" else control.text.lstrip("\n")
    return found


def add(client: FlaskClient, idp: CampusIdp, name: str = "second") -> TestResponse:
    looked = post(client, f"{AT}/add/saml", label="Second Campus", name=name, metadata=idp.idp.metadata.decode())
    assert looked.status_code == 200, looked.text
    assert idp.idp.entity_id in looked.text and "Nothing is saved yet" in looked.text
    assert db.session.scalar(select(func.count(StoredProvider.id))) == 0
    return client.post(f"{AT}/add/saml", data=fields(looked))


def version(name: str = "second") -> str:
    db.session.rollback()
    return str(db.session.scalar(select(StoredProvider.version).where(StoredProvider.name == name)))


def open_it(client: FlaskClient, name: str = "second") -> TestResponse:
    token = fields(client.get(f"{AT}/providers/{name}"))["csrf_token"]
    return client.post(f"{AT}/providers/{name}/open", data={"version": version(name), "csrf_token": token})


def test_a_second_provider_without_a_restart(app: Flask, admin: FlaskClient, second: CampusIdp) -> None:
    assert add(admin, second).location == f"{AT}/providers/second"
    assert "is not open yet" in admin.get(f"{AT}/providers/second").text
    visitor = app.test_client()
    assert "Second Campus" not in visitor.get("/sign-in").text
    assert visitor.get("/sign-in/second").status_code == 404  # not before it is open
    assert open_it(admin).status_code == 303
    assert "Continue with Second Campus" in visitor.get("/sign-in").text
    answer = second.walk(visitor, "maya", "/listings", "/sign-in/second")
    assert (answer.status_code, answer.location) == (303, "/listings")
    found = db.session.scalars(select(PersonIdentity)).one()
    assert (found.provider, found.subject) == ("second", "maya@demo.edu")
    page = admin.get(AT)
    assert "Second Campus" in page.text and "All 2 ways of signing in work." in page.text
    assert audit.verify() is None


def test_another_process_sees_it_at_its_next_use(app: Flask, admin: FlaskClient, second: CampusIdp, factory: Any) -> None:
    """A second application on the same database, built before anything was added."""
    other = create_app(app.extensions["careercenter"])
    other.testing = True
    visitor = other.test_client()
    assert visitor.get("/sign-in/second").status_code == 404
    add(admin, second)
    open_it(admin)
    assert second.walk(visitor, "maya", begin="/sign-in/second").status_code == 303
    with db.transaction():
        stored.pause("second", int(version()), by=audit.SYSTEM, now=datetime.now(UTC))
    assert visitor.get("/sign-in/second").status_code == 404


def test_new_metadata_of_a_stored_provider_counts_at_once(
    app: Flask, admin: FlaskClient, second: CampusIdp, idp: CampusIdp, tmp_path: Path
) -> None:
    """Key roll-over by paste: answers under the old key are refused from then on, those under the new one accepted."""
    add(admin, second)
    open_it(admin)
    assert second.walk(app.test_client(), "maya", begin="/sign-in/second").status_code == 303
    rolled = CampusIdp(tmp_path, SECOND, idp.service)
    looked = post(admin, f"{AT}/providers/second/change", metadata=rolled.idp.metadata.decode())
    assert looked.status_code == 200
    assert admin.post(f"{AT}/providers/second/change", data=fields(looked)).status_code == 303
    assert second.walk(app.test_client(), "maya", begin="/sign-in/second").status_code == 403
    assert rolled.walk(app.test_client(), "maya", begin="/sign-in/second").status_code == 303


def test_an_answer_of_the_first_provider_does_not_open_the_second(app: Flask, admin: FlaskClient, second: CampusIdp, idp: CampusIdp) -> None:
    add(admin, second)
    open_it(admin)
    client = app.test_client()
    form, other = second.answer(client, "maya", begin="/sign-in/second"), idp.answer(app.test_client(), "maya")
    assert client.post("/saml/acs", data={**form, "SAMLResponse": other["SAMLResponse"]}).status_code == 403


SAML_MISTAKES = [
    ({"label": ""}, "Write what the sign-in button says"),
    ({"label": "x" * 81}, "Shorten this to 80 characters"),
    ({"name": ""}, "Give a short name"),
    ({"name": "Second Campus"}, "Use small letters, digits and hyphens"),
    ({"name": "1st"}, "beginning with a letter"),
    ({"name": "campus"}, "Another provider has this short name"),
    ({"metadata": ""}, "Paste the provider's metadata, or give its address"),
    ({"metadata": "hello"}, "This is not readable XML"),
    ({"metadata": "<a/>"}, "XML, but no SAML metadata"),
    ({"metadata": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}, "holds no DTD"),
    ({"metadata": "x" * 400_001}, "This is longer than 400 kB"),
    ({"metadata_url": "login.example.edu/metadata", "metadata": ""}, "Write the whole address"),
    ({"metadata_url": "https://login.example.edu/metadata"}, "not both"),
    ({"metadata_url": "https://u:p@login.example.edu/", "metadata": ""}, "Leave user name and password out"),
    ({"metadata_url": "https://login.example.edu:99999/", "metadata": ""}, "Write the whole address"),
    ({"entity_id": "https://other.example/idp"}, "does not describe this entity ID"),
    ({"subject": "mail"}, "is an e-mail address, which passes from one person to the next"),
    ({"subject": "urn:oid:0.9.2342.19200300.100.1.3"}, "is an e-mail address"),
    ({"signed": "nothing"}, "an answer that nobody signed proves nothing"),
    ({"attributes": "campus_id employeeNumber"}, "Write each line as"),
    ({"attributes": "Campus-Id = employeeNumber"}, "Write each line as"),
    ({"clock_skew_seconds": "a minute"}, "a number of seconds from 0 to 300"),
    ({"clock_skew_seconds": "301"}, "a number of seconds from 0 to 300"),
    ({"clock_skew_seconds": "9" * 4400}, "a number of seconds from 0 to 300"),
]


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("typed", "says"), SAML_MISTAKES)
def test_every_mistake_of_the_saml_form_is_a_sentence(admin: FlaskClient, second: CampusIdp, typed: dict[str, str], says: str) -> None:
    good = {"label": "Second Campus", "name": "second", "metadata": second.idp.metadata.decode()}
    looked = post(admin, f"{AT}/add/saml", **{**good, **typed})
    if looked.status_code == 200:  # what only the saving finds out
        looked = admin.post(f"{AT}/add/saml", data=fields(looked))
    text = BeautifulSoup(looked.text, "html.parser").get_text(" ").casefold()
    assert looked.status_code == 422 and says.casefold() in text, text
    assert db.session.scalar(select(func.count(StoredProvider.id))) == 0


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("change", "says"), [
    (lambda x: re.sub(r"<md:KeyDescriptor.*</md:KeyDescriptor>", "", x, flags=re.S), "no signing certificate"),
    (lambda x: re.sub(r"<md:SingleSignOnService[^>]*>", "", x), "neither by redirect nor by POST"),
    (lambda x: x.replace("IDPSSODescriptor", "SPSSODescriptor"), "describes no identity provider"),
    (lambda x: re.sub(r"(<ds:X509Certificate>)[^<]*", r"\1AAAA", x), "certificates in it cannot be read"),
    (lambda x: two(x), "describes 2 providers"),
])
def test_metadata_that_cannot_serve_is_a_sentence(admin: FlaskClient, second: CampusIdp, change: Any, says: str) -> None:
    looked = post(admin, f"{AT}/add/saml", label="Second", name="second", metadata=change(second.idp.metadata.decode()))
    assert looked.status_code == 422 and says in looked.text


def two(xml: str) -> str:
    one = xml[xml.index("<md:EntityDescriptor"):]
    other = one.replace(f'entityID="{SECOND}', 'entityID="https://third.example')
    return f'<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">{one}{other}</md:EntitiesDescriptor>'


def test_one_of_several_is_chosen_by_its_entity_id(admin: FlaskClient, second: CampusIdp) -> None:
    xml = two(second.idp.metadata.decode())
    looked = post(admin, f"{AT}/add/saml", label="Second", name="second", metadata=xml, entity_id=second.idp.entity_id)
    assert looked.status_code == 200, looked.text
    admin.post(f"{AT}/add/saml", data=fields(looked))
    open_it(admin)
    assert second.walk(admin, "ada", begin="/sign-in/second").status_code == 303


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("kind", "typed", "says"), [
    ("oidc", {"issuer": ""}, "Write the issuer"), ("oidc", {"issuer": "ftp://x"}, "Write the whole address"),
    ("oidc", {"client_id": ""}, "Copy the client ID"), ("oidc", {"subject": "email"}, "is an e-mail address"),
    ("cas", {"server_url": ""}, "Write the address of the CAS server"), ("cas", {"protocol": "1"}, "Choose the protocol"),
    ("cas", {"server_url": "https://[::1"}, "Write the whole address"),
])
def test_mistakes_of_the_other_forms(admin: FlaskClient, kind: str, typed: dict[str, str], says: str) -> None:
    good = {"label": "Other", "name": "other", "issuer": "https://login.example.edu", "client_id": "us", "server_url": "https://cas.example.edu/cas"}
    page = post(admin, f"{AT}/add/{kind}", **{**good, **typed})
    assert page.status_code == 422 and says in page.text


@pytest.mark.parametrize("kind", ["header", "ldap", "federation", "nonsense"])
def test_kinds_that_need_the_server_are_not_added_by_page(admin: FlaskClient, kind: str) -> None:
    assert admin.get(f"{AT}/add/{kind}").status_code == 404
    assert "In the configuration file only" in admin.get(f"{AT}/add").text
    with pytest.raises(by_page.Unsound, match=r"config/signon\.toml"):
        stored.read("x", "X", kind, {}, {})


def test_nothing_that_names_a_file_comes_from_a_page(app: Flask, admin: FlaskClient, second: CampusIdp) -> None:
    looked = post(
        admin, f"{AT}/add/saml", label="Second", name="second", metadata=second.idp.metadata.decode(), metadata_file="/etc/passwd",
        metadata_certificate_file="/etc/passwd",
    )
    admin.post(f"{AT}/add/saml", data=fields(looked))
    assert not [key for key in db.session.scalars(select(StoredProvider.settings)).one() if key.endswith("_file")]
    for kind in stored.KINDS_BY_PAGE:
        with pytest.raises(by_page.Unsound, match="cannot name a file"):
            stored.read("x", "X", kind, {"metadata_file": "/etc/passwd"}, {})


def test_a_secret_rests_sealed_and_is_never_shown(app: Flask, admin: FlaskClient) -> None:
    typed = {"label": "Entra", "name": "entra", "issuer": "https://login.example.edu", "client_id": "us", "client_secret": "tell-nobody"}
    assert post(admin, f"{AT}/add/oidc", **typed).status_code == 303
    row = db.session.scalars(select(StoredProvider)).one()
    assert "tell-nobody" not in repr((row.settings, row.sealed)) and stored.opened(row.sealed) == {"client_secret": "tell-nobody"}
    for page in (AT, f"{AT}/providers/entra", f"{AT}/providers/entra/change", "/admin/audit"):
        assert "tell-nobody" not in admin.get(page).text
    kept = post(admin, f"{AT}/providers/entra/change", label="Entra ID")
    assert kept.status_code == 303
    db.session.expire_all()
    assert stored.opened(row.sealed) == {"client_secret": "tell-nobody"} and row.label == "Entra ID"
    post(admin, f"{AT}/providers/entra/change", client_secret="another")
    db.session.expire_all()
    assert stored.opened(row.sealed) == {"client_secret": "another"}
    post(admin, f"{AT}/providers/entra/change", forget_secret="1")
    db.session.expire_all()
    assert row.sealed == ""


def test_a_secret_of_another_key_closes_the_provider_and_says_so(app: Flask, admin: FlaskClient) -> None:
    typed = {"label": "Entra", "name": "entra", "issuer": "https://login.example.edu", "client_id": "us", "client_secret": "x"}
    post(admin, f"{AT}/add/oidc", **typed)
    open_it(admin, "entra")
    with db.transaction():
        db.session.execute(update(StoredProvider).values(sealed="gAAAAABnothing"))
    assert "Entra" not in app.test_client().get("/sign-in").text
    assert "stored secret cannot be opened" in admin.get(AT).text
    page = post(admin, f"{AT}/providers/entra/change", label="Entra")
    assert page.status_code == 422 and "Type it in again" in page.text
    assert post(admin, f"{AT}/providers/entra/change", client_secret="y").status_code == 303


def test_two_edits_at_once_one_wins(admin: FlaskClient, second: CampusIdp) -> None:
    add(admin, second)
    looked = post(admin, f"{AT}/providers/second/change", label="First word")
    late = post(admin, f"{AT}/providers/second/change", label="Second word")
    assert admin.post(f"{AT}/providers/second/change", data=fields(looked)).status_code == 303
    told = admin.post(f"{AT}/providers/second/change", data=fields(late))
    assert told.status_code == 409 and "Somebody changed this provider a moment before you." in told.text
    assert db.session.scalars(select(StoredProvider.label)).one() == "First word"


def test_a_name_that_identities_carry_is_not_given_again(app: Flask, admin: FlaskClient, second: CampusIdp) -> None:
    """Otherwise a new provider under the old name would open the old one's accounts."""
    add(admin, second)
    open_it(admin)
    second.walk(app.test_client(), "maya", begin="/sign-in/second")
    assert post(admin, f"{AT}/providers/second/remove").status_code == 303
    looked = post(admin, f"{AT}/add/saml", label="Second", name="second", metadata=second.idp.metadata.decode())
    assert looked.status_code == 422 and "was used before" in looked.text
    assert "second" in [e.detail["name"] for e in db.session.scalars(select(audit.AuditEvent).where(audit.AuditEvent.action == "provider.removed"))]


def test_closing_shows_who_would_lose_access_and_ends_sessions(app: Flask, admin: FlaskClient, second: CampusIdp, idp: CampusIdp) -> None:
    add(admin, second)
    open_it(admin)
    maya, omar = app.test_client(), app.test_client()
    second.walk(maya, "maya", begin="/sign-in/second")
    second.walk(omar, "omar", begin="/sign-in/second")
    idp.walk(app.test_client(), "omar")  # has another way in: the roster joins both by campus number
    page = admin.get(f"{AT}/providers/second/pause").text
    assert "1 person loses their only way in." in page and "Maya Okafor" in page and "Omar Haddad" not in page
    assert post(admin, f"{AT}/providers/second/pause").status_code == 303
    assert maya.get("/").status_code == 200  # closing alone ends no session
    open_it(admin)
    post(admin, f"{AT}/providers/second/pause", end="1")
    assert maya.get("/").location.startswith("/sign-in") and omar.get("/").location.startswith("/sign-in")
    assert app.test_client().get("/sign-in/second").status_code == 404


def test_closing_ones_own_only_way_in_is_said_loudly(app: Flask, admin: FlaskClient, second: CampusIdp) -> None:
    add(admin, second)
    open_it(admin)
    ada = app.test_client()
    second.walk(ada, "ada", begin="/sign-in/second")
    assert "You are one of them." in ada.get(f"{AT}/providers/second/remove").text


def trial(client: FlaskClient, idp: CampusIdp, uid: str, name: str = "second") -> TestResponse:
    back = idp.walk(client, uid, begin=f"{AT}/providers/{name}/try")
    assert back.status_code == 303 and back.location.startswith(f"{AT}/trials/"), back.text
    return client.get(back.location)


def test_a_trial_shows_everything_and_changes_nothing(app: Flask, admin: FlaskClient, second: CampusIdp, factory: Any) -> None:
    add(admin, second)
    factory.person(name="Ruth Roster", campus_id="800001")
    with admin.session_transaction() as cookie:
        before = cookie["sid"]
    counts = [db.session.scalar(select(func.count()).select_from(t)) for t in (Person, PersonIdentity, RoleGrant, LoginSession)]
    page = trial(admin, second, "ruth")
    for words in (
        "The first sign-in would join the account of Ruth Roster.", "subject-id: ruth@demo.edu", "Career advisor",
        "entitlement=urn:mace:demo.edu:career:advisor", "urn:oid:2.5.4.42", "givenName", "given_name", "ruth@demo.edu", "uid",
    ):
        assert words in page.text, words
    with admin.session_transaction() as cookie:
        assert cookie["sid"] == before
    db.session.rollback()
    assert counts == [db.session.scalar(select(func.count()).select_from(t)) for t in (Person, PersonIdentity, RoleGrant, LoginSession)]
    new = trial(admin, second, "visitor").text
    assert "This would make a new account." in new and "No rule gives a role" in new


def test_a_trial_comes_back_without_our_session_cookie(app: Flask, admin: FlaskClient, second: CampusIdp) -> None:
    """The answer is a POST from another site, where a browser leaves the Lax session cookie behind."""
    add(admin, second)
    form = second.answer(admin, "ruth", begin=f"{AT}/providers/second/try")
    cookie = admin.get_cookie("careercenter-signon", path="/")
    foreign = app.test_client()
    foreign.set_cookie("careercenter-signon", cookie.value, path="/")  # type: ignore[union-attr]
    back = foreign.post("/saml/acs", data=form)
    assert back.status_code == 303 and admin.get(back.location).status_code == 200
    assert foreign.get("/").location.startswith("/sign-in")  # nothing was opened


def test_a_trial_belongs_to_its_maker_for_an_hour(app: Flask, admin: FlaskClient, second: CampusIdp, factory: Any, sign_in: Any) -> None:
    add(admin, second)
    back = second.walk(admin, "ruth", begin=f"{AT}/providers/second/try").location
    other = sign_in(app.test_client(), factory.person("admin"))
    assert (admin.get(back).status_code, other.get(back).status_code) == (200, 404)
    with db.transaction():
        db.session.execute(update(SignOnTrial).values(at=datetime.now(UTC) - timedelta(minutes=61)))
    assert admin.get(back).status_code == 404


def test_a_refused_trial_says_why_and_what_arrived(app: Flask, admin: FlaskClient, second: CampusIdp) -> None:
    looked = post(admin, f"{AT}/add/saml", label="Second", name="second", metadata=second.idp.metadata.decode(), subject="eduPersonUniqueId")
    admin.post(f"{AT}/add/saml", data=fields(looked))
    page = trial(admin, second, "ruth").text
    assert "The sign-in would be refused." in page and "None of the identifiers that we may use was sent." in page
    assert "urn:oasis:names:tc:SAML:attribute:subject-id" in page
    assert "only a transient name" in page
    assert db.session.scalar(select(func.count(LoginSession.id)).where(LoginSession.provider == "second")) == 0


def test_a_trial_of_a_session_that_ended_shows_nothing(app: Flask, admin: FlaskClient, second: CampusIdp) -> None:
    add(admin, second)
    form = second.answer(admin, "ruth", begin=f"{AT}/providers/second/try")
    with db.transaction():
        db.session.execute(update(LoginSession).values(ended_at=datetime.now(UTC)))
    assert admin.post("/saml/acs", data=form).status_code == 403
    assert db.session.scalar(select(func.count(SignOnTrial.id))) == 0


def test_a_trial_answer_is_used_once(app: Flask, admin: FlaskClient, second: CampusIdp) -> None:
    add(admin, second)
    form = second.answer(admin, "ruth", begin=f"{AT}/providers/second/try")
    cookie = admin.get_cookie("careercenter-signon", path="/").value  # type: ignore[union-attr]
    assert "trials" in admin.post("/saml/acs", data=form).location
    admin.set_cookie("careercenter-signon", cookie, path="/")
    assert admin.post("/saml/acs", data=form).status_code == 403
    assert db.session.scalar(select(func.count(SignOnTrial.id))) == 1


def test_the_trial_sees_clocks_that_differ(app: Flask, admin: FlaskClient, second: CampusIdp) -> None:
    add(admin, second)
    form = second.answer(admin, "ruth", begin=f"{AT}/providers/second/try")
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=90), tick=True):
        page = admin.get(admin.post("/saml/acs", data=form).location).text
    seen = re.search(r"clock is (\d+) seconds behind ours", page)
    assert seen and 85 <= int(seen[1]) <= 100


def test_a_trial_warns_of_scopes_and_of_the_certificate(app: Flask, admin: FlaskClient, second: CampusIdp) -> None:
    bare = re.sub(r"<md:Extensions>.*?</md:Extensions>", "", second.idp.metadata.decode())
    looked = post(admin, f"{AT}/add/saml", label="Second", name="second", metadata=bare)
    assert "No scopes are named." in looked.text
    admin.post(f"{AT}/add/saml", data=fields(looked))
    assert "name the provider's scopes" in trial(admin, second, "ruth").text.replace("&#39;", "'")


def test_the_sign_in_notes_the_provider_s_clock_for_the_overview(app: Flask, admin: FlaskClient, idp: CampusIdp) -> None:
    client = app.test_client()
    form = idp.answer(client, "maya")
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=70), tick=True):
        assert client.post("/saml/acs", data=form).status_code == 303
    assert re.search(r"\d\d s behind", admin.get(AT).text)


def test_only_administrators_see_the_console(app: Flask, factory: Any, sign_in: Any) -> None:
    registrar = sign_in(app.test_client(), factory.person("registrar"))
    assert registrar.get(AT).status_code == 404


def test_our_own_metadata_is_offered(admin: FlaskClient) -> None:
    page = admin.get(f"{AT}/ours").text
    assert "http://127.0.0.1:8000/saml/acs" in page and "Download our metadata" in page


def test_refusals_are_found_by_reference_and_explained(app: Flask, admin: FlaskClient) -> None:
    refused = app.test_client().post("/saml/acs", data={})
    reference = str(re.search(r"[0-9a-f]{16}", BeautifulSoup(refused.text, "html.parser").get_text())[0])  # type: ignore[index]
    page = admin.get(f"{AT}/refusals", query_string={"q": reference}).text
    assert reference in page and "no_request" in page and "No sign-in of this browser waits" in page
    assert "Nothing matches." in admin.get(f"{AT}/refusals?q=ffffffffffffffff").text
    assert reference in admin.get(f"{AT}/refusals?reason=no_request").text


def test_the_people_page_says_by_which_rule(app: Flask, admin: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(app.test_client(), "ruth")
    assert "entitlement=urn:mace:demo.edu:career:advisor" in admin.get("/admin/people").text


def test_role_rules_count_and_name_who_would_lose(app: Flask, admin: FlaskClient, idp: CampusIdp) -> None:
    idp.walk(app.test_client(), "maya")
    idp.walk(app.test_client(), "ruth")
    assert "Nobody would lose a role" in admin.get(f"{AT}/rules").text
    with db.transaction():
        db.session.execute(update(RoleGrant).where(RoleGrant.role == "advisor").values(because="entitlement=urn:old"))
    page = admin.get(f"{AT}/rules").text
    assert "1 role would be lost" in page and "Ruth Adeyemi" in page and "Maya Okafor" not in page
    idp.walk(app.test_client(), "ruth")  # the next sign-in notes today's rule
    assert "Nobody would lose a role" in admin.get(f"{AT}/rules").text


def test_a_configured_provider_is_shown_and_not_changed(admin: FlaskClient, idp: CampusIdp) -> None:
    page = admin.get(f"{AT}/providers/campus").text
    assert "config/signon.toml" in page and idp.idp.entity_id in page
    for what in ("change", "pause", "remove"):
        assert admin.get(f"{AT}/providers/campus/{what}").status_code == 404
    assert "trials" in idp.walk(admin, "ruth", begin=f"{AT}/providers/campus/try").location


def test_a_stored_provider_stands_back_for_the_configuration(app: Flask, second: CampusIdp) -> None:
    """A campus that writes a provider of the same name into its file later means that one."""
    now = datetime.now(UTC)
    with db.transaction():
        db.session.add(StoredProvider(
            name="campus", kind="saml", label="Shadow", settings={}, metadata_xml=second.idp.metadata.decode(), created_at=now, changed_at=now
        ))
    assert "Shadow" not in app.test_client().get("/sign-in").text
    begun = app.test_client().get("/sign-in/campus")
    assert begun.location.startswith("http://127.0.0.1:8400/")


@pytest.fixture
def feed() -> Iterator[Feed]:
    yield from serve(Feed())


def test_metadata_by_address_is_looked_at_and_taken_at_once(app: Flask, admin: FlaskClient, second: CampusIdp, feed: Feed) -> None:
    feed.files["/idp.xml"] = second.idp.metadata
    looked = post(admin, f"{AT}/add/saml", label="Second", name="second", metadata_url=f"{feed.url}/idp.xml")
    assert looked.status_code == 200 and second.idp.entity_id in looked.text
    assert admin.post(f"{AT}/add/saml", data=fields(looked)).status_code == 303
    assert "trials" in second.walk(admin, "ruth", begin=f"{AT}/providers/second/try").location
    open_it(admin)
    assert second.walk(app.test_client(), "maya", begin="/sign-in/second").status_code == 303
    assert "Metadata from" in admin.get(f"{AT}/providers/second").text


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("path", "says"), [
    ("/missing.xml", "There is nothing at this address."), ("/page.html", "This is XML, but no SAML metadata"),
    ("/large.xml", "is the limit"), ("/text", "not readable XML"),
])
def test_an_address_without_metadata_is_a_sentence(admin: FlaskClient, feed: Feed, path: str, says: str) -> None:
    feed.files |= {"/page.html": b"<html/>", "/large.xml": b"x" * 3_000_000, "/text": b"hello"}
    looked = post(admin, f"{AT}/add/saml", label="Second", name="second", metadata_url=feed.url + path)
    assert looked.status_code == 422 and says in looked.text


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("address", "says"), [
    ("http://login.example.edu/", "Use an https address"), ("https://localhost/", "leads to this machine itself"),
    ("https://127.0.0.1/", "leads to this machine itself"), ("https://[::1]:8443/", "leads to this machine itself"),
    ("https://[::ffff:127.0.0.1]/", "leads to this machine itself"), ("https://169.254.169.254/latest", "leads to this machine itself"),
    ("https://[64:ff9b::7f00:1]/", "leads to this machine itself"), ("https://[2002:7f00:1::]/", "leads to this machine itself"),
    ("https://[::127.0.0.1]/", "leads to this machine itself"), ("https://[fe80::1]/", "leads to this machine itself"),
    ("https://[fd12::1]/metadata", ""), ("https://[2a00:1450::1]/metadata", ""),
    ("https://0.0.0.0/", "leads to this machine itself"), ("https://login.example.edu/metadata", ""), ("https://10.1.2.3/metadata", ""),
])
def test_a_page_does_not_lead_our_server_to_itself(app: Flask, monkeypatch: pytest.MonkeyPatch, address: str, says: str) -> None:
    """On a real installation; one on loopback, as here, may name its own neighbours."""
    assert look.unsafe("http://127.0.0.1:8400/") == ""
    monkeypatch.setattr(look, "_local", lambda: False)
    assert says in look.unsafe(address) and bool(says) == bool(look.unsafe(address))


def test_a_name_that_resolves_to_this_machine_is_refused_too(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "_local", lambda: False)
    monkeypatch.setattr(look.socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", 443))])
    with pytest.raises(fetch.FetchFailed, match="this machine itself"):
        look.look_at("https://innocent.example.edu/", 2)


def test_a_changed_secret_is_used_at_once(app: Flask, admin: FlaskClient) -> None:
    """Secrets do not show in the settings' text, by which a process tells that a provider changed."""
    typed = {"label": "Entra", "name": "entra", "issuer": "https://login.example.edu", "client_id": "us", "client_secret": "old"}
    post(admin, f"{AT}/add/oidc", **typed)
    with app.test_request_context():
        assert used("entra") == "old"
    post(admin, f"{AT}/providers/entra/change", client_secret="new")
    with app.test_request_context():
        assert used("entra") == "new"


def used(name: str) -> str:
    db.session.rollback()
    built: Any = doors.door(name, paused=True)
    return str(built.settings.client_secret.get_secret_value())
