"""Signing in at one member of a federation: the list, the way there and back, and what another member cannot do."""
# ruff: noqa: F401, F811  (fixtures are imported by name)

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from careercenter import db
from careercenter.people.model import Person, PersonIdentity
from careercenter.people.sessions import LoginSession, SignOnRequest
from careercenter.providers import discover
from careercenter.signon.saml import own_metadata
from careercenter.web import doors
from demo.idp import PASSWORD, DemoIdp, make_idp
from tests.campus_idp import PEOPLE, PUBLIC, CampusIdp
from tests.federation_campus import Fed, Settle, fed, feed, settle
from tests.metadata_feed import aggregate, campuses, hidden, identity_provider, sign

HERE = "http://127.0.0.1:8400/metadata"
OTHER = "http://127.0.0.1:8401/metadata"


def entity(idp: DemoIdp) -> str:
    return idp.metadata.decode().split("?>", 1)[1]


@dataclass
class Two:
    """A federation of the demo's campus and of another one, which has its own key."""

    fed: Fed
    idp: CampusIdp
    other: DemoIdp

    def publish(self, *entities: str) -> None:
        self.fed.publish(sign(aggregate([*entities, entity(self.other), *campuses(3)])))
        assert self.fed.refresh().good, self.fed.state().problem


@pytest.fixture
def two(fed: Fed, idp: CampusIdp, tmp_path: Path) -> Two:
    other = make_idp("http://127.0.0.1:8401", PEOPLE, lambda: own_metadata(doors.service_provider()), tmp_path / "other")
    found = Two(fed, idp, other)
    found.publish(entity(idp.idp))
    return found


def walk(two: Two, client: FlaskClient, uid: str = "maya", next_path: str = "/"):  # type: ignore[no-untyped-def]
    return two.idp.walk(client, uid, next_path, "/sign-in/fed/chosen", entityID=HERE)


def test_a_whole_sign_in_at_a_member(two: Two, client: FlaskClient) -> None:
    listed = client.get("/sign-in/fed?next=/placements", follow_redirects=True)
    assert listed.request.path == "/sign-in/fed/where"
    chosen = BeautifulSoup(listed.text, "html.parser").find("a", href=lambda href: href and "8400" in href)
    assert chosen is not None and "next=/placements" in chosen["href"]
    answer = walk(two, client, "maya", "/placements")
    assert (answer.status_code, answer.location) == (303, "/placements")
    known = db.session.scalars(select(PersonIdentity)).one()
    assert (known.provider, known.issuer, known.subject) == ("fed", HERE, "maya@demo.edu")
    assert db.session.scalars(select(LoginSession.issuer)).one() == HERE
    assert [role.role for role in db.session.scalars(select(Person)).one().roles] == ["student"]
    assert "Used in this browser" in client.get("/sign-in/fed/where").text


def _given(idp: DemoIdp, uid: str, request_id: str) -> str:
    """The signed answer of a provider to whatever request one says."""
    said = {"subject-id": [f"{uid}@demo.edu"], "givenName": [uid.title()], "sn": ["Somebody"]}
    asked = {"id": request_id, "acs": f"{PUBLIC}/saml/acs", "sp": doors.service_provider().entity_id}
    return idp.speaker.answer(said, asked, PASSWORD)[0]


def _answer_of_the_other(two: Two, client: FlaskClient) -> dict[str, str]:
    """What the other member answers, with its own good key, to the request that went to this one."""
    client.get("/sign-in/fed/chosen", query_string={"entityID": HERE})
    asked = db.session.scalars(select(SignOnRequest)).one()
    given = _given(two.other, "ada", asked.request_id)
    begun = client.get("/sign-in/fed/chosen", query_string={"entityID": HERE})
    return {"SAMLResponse": given, "RelayState": parse_qs(urlsplit(begun.location).query)["RelayState"][0]}


def test_an_answer_of_another_member_than_the_one_asked_is_refused(two: Two, client: FlaskClient) -> None:
    refused = client.post("/saml/acs", data=_answer_of_the_other(two, client))
    assert refused.status_code == 403 and "We could not sign you in" in refused.text
    assert db.session.scalar(select(func.count(Person.id))) == 0


def test_the_other_member_may_speak_for_its_own_people(two: Two, client: FlaskClient) -> None:
    """The control: the same answer to a request that went there opens a session, for another person than here."""
    walk(two, client, "maya")
    begun = client.get("/sign-in/fed/chosen", query_string={"entityID": OTHER})
    asked = db.session.scalars(select(SignOnRequest).where(SignOnRequest.issuer == OTHER)).one()
    given = _given(two.other, "maya", asked.request_id)
    relay = parse_qs(urlsplit(begun.location).query)["RelayState"][0]
    client.post("/saml/acs", data={"SAMLResponse": given, "RelayState": relay})
    keys = db.session.execute(select(PersonIdentity.issuer, PersonIdentity.subject)).all()
    assert sorted(keys) == [(HERE, "maya@demo.edu"), (OTHER, "maya@demo.edu")]


def test_an_identifier_outside_the_scopes_of_a_member_is_refused(two: Two, client: FlaskClient) -> None:
    two.publish(entity(two.idp.idp).replace(">demo.edu<", ">elsewhere.edu<"))
    assert walk(two, client).status_code == 403
    assert db.session.scalar(select(func.count(Person.id))) == 0


def test_scoped_values_outside_the_scopes_of_a_member_are_dropped(settle: Settle, idp: CampusIdp, client: FlaskClient) -> None:
    found = settle(subject=["uid"])
    found.publish(sign(aggregate([entity(idp.idp).replace(">demo.edu<", ">elsewhere.edu<")])))
    assert found.refresh().good
    assert idp.walk(client, "maya", "/", "/sign-in/fed/chosen", entityID=HERE).status_code == 303
    assert db.session.scalars(select(Person)).one().roles == []  # student@demo.edu was not theirs to say


def test_a_member_that_is_gone_or_has_ended_signs_nobody_in(two: Two, client: FlaskClient) -> None:
    form = two.idp.answer(client, "maya", "/", "/sign-in/fed/chosen", entityID=HERE)
    two.publish()
    assert client.post("/saml/acs", data=form).status_code == 403
    assert client.get("/sign-in/fed/chosen", query_string={"entityID": HERE}).status_code == 404


def test_a_member_changes_its_key_without_a_restart(two: Two, app: Flask, tmp_path: Path) -> None:
    assert walk(two, app.test_client()).status_code == 303
    renewed = make_idp("http://127.0.0.1:8400", PEOPLE, lambda: own_metadata(doors.service_provider()), tmp_path / "renewed")
    two.publish(entity(renewed))
    assert walk(two, app.test_client()).status_code == 403  # the old key
    two.publish(entity(two.idp.idp))
    assert walk(two, app.test_client()).status_code == 303


def names(client: FlaskClient, query: str = "") -> list[str]:
    page = BeautifulSoup(client.get("/sign-in/fed/where", query_string={"q": query} if query else {}).text, "html.parser")
    return [link.get_text(strip=True) for link in page.select(".campus a")]


def test_the_list_finds_by_name_domain_and_keyword_without_accents(two: Two, client: FlaskClient) -> None:
    words = '<mdui:UIInfo><mdui:DisplayName xml:lang="en">École of Ümlauts</mdui:DisplayName><mdui:Keywords xml:lang="en">zither+lab</mdui:Keywords></mdui:UIInfo>'
    two.publish(
        identity_provider("https://a.example", inner=words, scope="umlaut.example"),
        identity_provider("https://b.example", "Hidden College", scope="hidden.example", extensions=hidden()),
        identity_provider("https://c.example", "100% College", scope="percent.example"),
    )
    for query in ("ecole", "ÉCOLE", "umlaut.example", "zither", "lab ecole", "  umlauts  "):
        assert names(client, query) == ["École of Ümlauts"], query
    assert names(client, "hidden") == []
    assert names(client, "100%") == ["100% College"] and names(client, "%") == ["100% College"] and names(client, "_") == []
    assert names(client, "no such campus") == []
    assert names(client, "college")[0] == "100% College"
    assert names(client)[0] == "100% College"  # from A to Z


def test_a_hidden_member_may_still_be_signed_in_at(two: Two, client: FlaskClient) -> None:
    two.publish(identity_provider("https://b.example", "Hidden College", extensions=hidden()))
    assert client.get("/sign-in/fed/chosen", query_string={"entityID": "https://b.example"}).status_code == 303


def test_names_that_begin_with_the_words_come_first(two: Two, client: FlaskClient) -> None:
    two.publish(*(identity_provider(f"https://{n}.example", name) for n, name in enumerate(("Upper Iowa University", "Kiowa College", "Iowa State"))))
    assert names(client, "iowa") == ["Iowa State", "Upper Iowa University", "Kiowa College"]


def test_the_search_as_one_types_is_a_part_of_the_page(two: Two, client: FlaskClient) -> None:
    part = client.get("/sign-in/fed/where?q=birch", headers={"HX-Request": "true"})
    assert "Birch State University 1" in part.text and "<html" not in part.text and "1 campus found." in part.text


@pytest.mark.parametrize("cookie", ["", "x", "W10", "eyJhIjoxfQ==", "WzEsMl0=", "\u00e9", "A" * 3000, "WyJcdTAwMDAiLCAiXHVkODAwIl0="])
def test_a_cookie_that_is_nonsense_does_no_harm(two: Two, client: FlaskClient, cookie: str) -> None:
    client.set_cookie("campus-fed", cookie)
    assert "Used in this browser" not in client.get("/sign-in/fed/where").text


@pytest.mark.parametrize("next_path", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a//b"])
def test_the_way_through_the_list_is_no_open_redirect(two: Two, client: FlaskClient, next_path: str) -> None:
    page = client.get("/sign-in/fed/where", query_string={"next": next_path})
    links = [link["href"] for link in BeautifulSoup(page.text, "html.parser").select(".campus a")]
    assert links and not any("evil" in link for link in links)
    client.get("/sign-in/fed/chosen", query_string={"entityID": HERE, "next": next_path})
    kept = db.session.scalars(select(SignOnRequest.next_path)).one()
    assert kept.startswith("/") and not kept.startswith(("//", "/\\"))


@pytest.mark.parametrize("issuer", ["https://evil.example", "", "x" * 2000, "two words"])
def test_what_is_not_a_member_is_not_gone_to(two: Two, client: FlaskClient, issuer: str) -> None:
    answer = client.get("/sign-in/fed/chosen", query_string={"entityID": issuer})
    assert answer.status_code in (400, 404)
    assert "Back to sign-in" in answer.text
    assert db.session.scalar(select(func.count(SignOnRequest.id))) == 0


def test_only_federations_have_a_list(client: FlaskClient, fed: Fed) -> None:
    assert client.get("/sign-in/campus/where").status_code == 404
    assert client.get("/sign-in/nothing/chosen?entityID=x").status_code == 404


def test_a_discovery_service_is_asked_and_its_answer_is_checked(settle: Settle, idp: CampusIdp, client: FlaskClient) -> None:
    found = settle(discovery_url="https://service.seamlessaccess.example/ds/?trust=fed")
    found.publish(sign(aggregate([entity(idp.idp)])))
    found.refresh()
    away = client.get("/sign-in/fed/where?next=/credit")
    assert away.status_code == 303 and away.location.startswith("https://service.seamlessaccess.example/ds/?trust=fed&")
    asked = parse_qs(urlsplit(away.location).query)
    assert asked["entityID"] == [doors.service_provider().entity_id]
    assert asked["return"] == [f"{PUBLIC}/saml/discovery?at=fed&next=%2Fcredit"]
    assert f'{PUBLIC}/saml/discovery"'.encode() in own_metadata(doors.service_provider())  # which is what the service compares it with
    back = client.get(asked["return"][0].removeprefix(PUBLIC) + f"&entityID={HERE}")
    assert back.status_code == 303 and back.location.startswith("http://127.0.0.1:8400/sso?")
    assert client.get("/saml/discovery?next=/credit&entityID=https://evil.example").status_code == 404
    assert client.get("/saml/discovery?at=nothing&entityID=x").status_code == 404
    cancelled = client.get("/saml/discovery?at=fed")
    assert cancelled.status_code == 400 and "No campus was chosen" in cancelled.text


def test_initials_stand_for_a_logo() -> None:
    assert [discover.Member("", name, "").initials for name in ("University of Iowa", "École", "3rd Street", "— ?")] == ["UI", "É", "3S", "?"]


def test_the_page_of_a_federation_that_was_never_fetched_teaches(fed: Fed, client: FlaskClient) -> None:
    assert "No campus can be shown yet" in client.get("/sign-in/fed/where").text
