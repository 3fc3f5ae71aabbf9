"""Where a sign-in may lead: never off this site, however the address is spelled, at every route that takes one.

Each answer's Location is read as browsers read it: tabs and line ends vanish, a backslash is a slash.
"""
# ruff: noqa: F401, F811  (fixtures are imported by name)

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from careercenter import db
from careercenter.people.sessions import SignOnRequest
from careercenter.web.entry import safe_next
from tests.attack import world
from tests.campus_idp import IDP, PUBLIC, CampusIdp
from tests.federation_campus import Fed, Settle, fed, feed, settle
from tests.metadata_feed import aggregate, sign
from tests.test_signon_federation_campus import HERE, entity

AWAY = [
    "https://evil.test", "http://evil.test/", "HTTPS://EVIL.TEST", "https:evil.test", "https:/evil.test", "https:///evil.test", "ftp://evil.test/",
    "//evil.test", "///evil.test", "////evil.test", "/\\evil.test", "\\\\evil.test", "\\/evil.test", "/\\/evil.test", "/\\\\evil.test",
    "/\t/evil.test", "\t//evil.test", "/\n/evil.test", "/\r\n/evil.test", "/\r/evil.test", "\n//evil.test", " //evil.test", "//evil.test\n", "\x00//evil.test",
    "/\x00/evil.test", "/\x0b/evil.test", "\x08//evil.test", "/%0d%0aLocation:%20https://evil.test//x", "//evil.test%2f..", "/.//evil.test",
    "/..//evil.test", "/a/..//evil.test", "/./\\evil.test", "/;//evil.test", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,x",
    "vbscript:x", "//evil.test@127.0.0.1:8000/", "//127.0.0.1:8000@evil.test/", "https://127.0.0.1:8000@evil.test/", "https://127.0.0.1:8000.evil.test/",
    "//evil%E3%80%82test", "//evil。test", "／／evil.test", "/／evil.test", "//[::1]", "@evil.test", "evil.test", "?next=//evil.test", "#//evil.test",
    ".evil.test", "..//evil.test", "/" + "a" * 600, "/é", "", " ", "/ /evil.test",
]
OURS = ["/", "/queue?verdict=clean", "/queue?a=//b", "/placements/3#hours", "/%2F/evil.test", "/%5Cevil.test", "/%09/evil.test", "/~x!$&'()*+,;=:@-._"]
HOST = urlsplit(PUBLIC).netloc


def lands_here(location: str) -> bool:
    """Whether a browser that is sent to this address stays with us."""
    read = re.sub(r"[\t\r\n]", "", location).strip("".join(map(chr, range(33)))).replace("\\", "/")
    parts = urlsplit(urljoin(f"{PUBLIC}/sign-in", read))
    return (parts.scheme, parts.netloc) == tuple(urlsplit(PUBLIC)[:2])


def test_the_judge_knows_what_leads_away() -> None:
    """The control: without the rule, many of these would lead to another site."""
    assert sum(not lands_here(spelling) for spelling in AWAY) > 25
    assert all(lands_here(spelling) for spelling in OURS)
    assert len(AWAY) >= 50


@pytest.mark.parametrize("spelling", AWAY, ids=ascii)
def test_the_rule_sends_it_home(spelling: str) -> None:
    assert safe_next(spelling) == "/"


@pytest.mark.parametrize("spelling", OURS, ids=ascii)
def test_the_rule_lets_our_own_addresses_through(spelling: str) -> None:
    assert safe_next(spelling) == spelling


def malformed(spelling: str, status: int) -> bool:
    """Turned away before any route sees it: control characters, and bytes that are no text."""
    return status == 400 and bool(re.search(r"[\x00-\x08\x0b-\x1f\udc80-\udcff]", spelling))


def asked(spelling: str) -> dict[str, bytes]:
    return {"next": spelling.encode("utf-8", "surrogateescape")}


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_whoever_is_signed_in_stays_here(app: Flask, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    client = sign_in(world.bare(app), factory.student())
    for spelling in AWAY + OURS:
        answer = client.get("/sign-in", query_string=asked(spelling))
        if malformed(spelling, answer.status_code):
            continue
        assert answer.status_code == 303 and lands_here(answer.location), spelling
        assert "evil.test" not in answer.location.partition("?")[0] or spelling in OURS, spelling


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_the_links_of_the_sign_in_page_keep_the_rule(app: Flask) -> None:
    for spelling in AWAY:
        page = world.bare(app).get("/sign-in", query_string=asked(spelling))
        if malformed(spelling, page.status_code):
            continue
        link = BeautifulSoup(page.text, "html.parser").find("a", href=re.compile("/sign-in/campus"))
        assert parse_qs(urlsplit(str(link["href"])).query).get("next") in (None, ["/"]), spelling  # type: ignore[index]


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_after_the_whole_way_people_are_here(app: Flask, idp: CampusIdp) -> None:
    for spelling in AWAY:
        client = world.bare(app)
        begun = client.get("/sign-in/campus", query_string=asked(spelling))
        if malformed(spelling, begun.status_code):
            continue
        assert begun.location.startswith(f"{IDP}/"), "only to the provider, whose address its metadata says"
        answer = client.post("/saml/acs", data=idp.form(begun.location, "maya"))
        assert (answer.status_code, answer.location) == (303, "/"), spelling


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_the_relay_state_names_a_row_and_never_an_address(app: Flask, idp: CampusIdp) -> None:
    client = world.bare(app)
    form = idp.answer(client, "maya", "/placements")
    assert "/" not in form["RelayState"]
    for spelling in [*AWAY, "/placements", form["RelayState"] + " ", form["RelayState"].swapcase(), form["RelayState"][:-1]]:
        answer = client.post("/saml/acs", data={**form, "RelayState": spelling.encode("utf-8", "surrogateescape")})
        assert answer.location is None
        assert answer.status_code == 403 or malformed(spelling, answer.status_code), spelling
    twice = client.post("/saml/acs", data={**form, "RelayState": ["//evil.test", form["RelayState"]]})
    assert twice.status_code == 403
    assert client.post("/saml/acs", data=form).location == "/placements"


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["/sign-in/fed", "/sign-in/fed/chosen"])
def test_the_way_through_a_federation_keeps_the_rule(fed: Fed, idp: CampusIdp, app: Flask, path: str) -> None:
    fed.publish(sign(aggregate([entity(idp.idp)])))
    assert fed.refresh().good
    for spelling in AWAY:
        answer = world.bare(app).get(path, query_string={**asked(spelling), "entityID": HERE})
        if malformed(spelling, answer.status_code):
            continue
        assert answer.status_code == 303
        assert lands_here(answer.location) and "evil.test" not in answer.location if path == "/sign-in/fed" else answer.location.startswith(IDP)
    db.session.rollback()
    assert set(db.session.scalars(select(SignOnRequest.next_path))) <= {"/"}


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_nobody_is_sent_to_a_member_that_an_address_names(fed: Fed, idp: CampusIdp, app: Flask) -> None:
    fed.publish(sign(aggregate([entity(idp.idp)])))
    assert fed.refresh().good
    for spelling in [*AWAY, "https://evil.test/metadata", HERE.upper(), HERE + "/", HERE + "#x", f"{HERE}?x", HERE.replace("127", "⑫7")]:
        answer = world.bare(app).get("/sign-in/fed/chosen", query_string={"entityID": spelling.encode("utf-8", "surrogateescape")})
        assert answer.status_code in (400, 404) and answer.location is None, spelling


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", [
    "/sign-in/campus/return?next={0}", "/sign-in/campus/return?state={0}&redirect_uri={0}", "/sign-in/campus/header?relay={0}", "/sign-in/campus/signed-out?relay={0}",
    "/signed-out?campus={0}", "/signed-out?next={0}", "/saml/slo?SAMLResponse=x&RelayState={0}", "/saml/slo?SAMLRequest=x&RelayState={0}", "/sign-in-again?next={0}",
    "/sign-in/code?next={0}", "/kept?next={0}", "/placements?next={0}",
])
def test_no_other_route_takes_an_address_to_go_to(app: Flask, path: str) -> None:
    from urllib.parse import quote

    for spelling in AWAY:
        answer = world.bare(app).get(path.format(quote(spelling.encode("utf-8", "surrogateescape"))))
        assert answer.status_code < 500
        assert answer.location is None or lands_here(answer.location), spelling


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1:8000@evil.test", "evil.test:8000"])
def test_a_host_header_leads_nobody_away(app: Flask, idp: CampusIdp, host: str) -> None:
    """Addresses that go out are made of the configuration, never of what the request calls us."""
    client = world.bare(app)
    headers = {"Host": host, "X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https"}
    assert client.get("/placements", headers=headers).status_code in (302, 400)
    begun = client.get("/sign-in/campus", headers=headers)
    assert begun.status_code == 400 or (begun.location.startswith(IDP) and "evil.test" not in begun.location)
    assert "evil.test" not in client.get("/saml/metadata", headers=headers).text
