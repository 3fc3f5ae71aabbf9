"""OpenID Connect, CAS and the web server's own sign-on through our pages: bound to the browser, used once, ended from afar."""

import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from bs4 import BeautifulSoup
from flask import Flask, g
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import select
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from careercenter import create_app, db
from careercenter.people import provider_logout
from careercenter.people.model import Person
from careercenter.people.sessions import LoginSession
from careercenter.providers import SignOnRefusal
from tests.campus_idp import ROLES
from tests.cas_server import CasServer
from tests.conftest import LintingClient, _empty, make_settings
from tests.oidc_server import CLIENT_ID, CLIENT_SECRET, KEY, OTHER_KEY, OidcServer
from tests.test_signon_cas import logout_request

SECRET = "a secret of the web server"
EVENT = {"http://schemas.openid.net/event/backchannel-logout": {}}
HEADERS = {"X-Careercenter-Proxy": SECRET, "subject-id": "maya@demo.edu", "givenName": "Maya", "affiliation": "student@demo.edu"}
NOW = int(time.time())


@pytest.fixture(scope="module")
def op() -> Iterator[OidcServer]:
    with OidcServer() as found:
        yield found


@pytest.fixture(scope="module")
def cas() -> Iterator[CasServer]:
    with CasServer() as found:
        yield found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, op: OidcServer, cas: CasServer) -> Flask:
    oidc = {"kind": "oidc", "issuer": op.url, "client_id": CLIENT_ID, "client_secret": SecretStr(CLIENT_SECRET), "scopes": ["demo.edu"]}
    signon = {"roles": ROLES, "providers": [
        {"name": "op", "label": "OP", **oidc}, {"name": "twin", "label": "Twin", **oidc},
        {"name": "cas", "label": "CAS", "kind": "cas", "server_url": cas.url, "scopes": ["demo.edu"]},
        {"name": "shib", "label": "Shibboleth", "kind": "header", "proxies": ["10.9.9.9"], "secret": SecretStr(SECRET),
         "scopes": ["demo.edu"], "attributes": {"given_name": "givenName", "affiliation": "affiliation"}},
    ]}
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    found = create_app(make_settings(tmp_path_factory.mktemp("protocols"), url, signon=signon, server={
        "secret_key": SecretStr("for tests only " * 4), "public_url": "http://127.0.0.1:8000", "trusted_proxies": 1,
    }))
    found.test_client_class, found.testing = LintingClient, True
    with found.app_context():
        db.upgrade()
    return found


@pytest.fixture
def app(installed: Flask, op: OidcServer, cas: CasServer) -> Iterator[Flask]:
    """The application with honest servers and an empty database; what it remembered of the servers is forgotten."""
    op.reset()
    cas.reset()
    installed.extensions.pop("careercenter.doors", None)
    with installed.app_context():
        yield installed
        db.session.remove()
        _empty()


def away(client: FlaskClient, provider: str, server: OidcServer | CasServer) -> dict[str, str]:
    """Off to the provider; what the browser brings back from there."""
    url = client.get(f"/sign-in/{provider}?next=/listings").location
    return server.consent(url) if isinstance(server, OidcServer) else server.sign_in(url)


def back(client: FlaskClient, provider: str, answer: dict[str, str]) -> TestResponse:
    return client.get(f"/sign-in/{provider}/return?{urlencode(answer)}")


def opened() -> list[LoginSession]:
    db.session.rollback()
    return list(db.session.scalars(select(LoginSession).where(LoginSession.ended_at.is_(None)).order_by(LoginSession.id)))


def reason() -> str:
    """Why the last sign-in was refused, as campus IT sees it."""
    db.session.rollback()
    return db.session.scalars(select(SignOnRefusal.reason_code).order_by(SignOnRefusal.id.desc())).first() or ""


@pytest.fixture(params=["op", "cas"])
def way(request: pytest.FixtureRequest, op: OidcServer, cas: CasServer) -> tuple[str, Any]:
    return request.param, op if request.param == "op" else cas


# --- bound to the browser, once


def test_a_sign_in_goes_where_the_person_was_headed(app: Flask, client: FlaskClient, way: tuple[str, Any]) -> None:
    answer = back(client, way[0], away(client, *way))
    assert (answer.status_code, answer.location) == (303, "/listings")
    row = opened()[0]
    assert (row.provider, row.name_id) == (way[0], "u-1" if way[0] == "op" else "maya")
    assert [r.role for r in db.session.get_one(Person, row.person_id).roles] == ["student"]
    assert client.get("/listings").status_code == 200


def test_an_answer_in_another_browser_is_refused_and_burns_nothing(app: Flask, client: FlaskClient, way: tuple[str, Any]) -> None:
    answer = away(client, *way)
    stranger = app.test_client()
    away(stranger, *way)
    assert back(stranger, way[0], answer).status_code == 403
    assert reason() == "no_request" and opened() == []
    assert back(client, way[0], answer).status_code == 303


def test_an_answer_is_used_once(app: Flask, client: FlaskClient, way: tuple[str, Any]) -> None:
    answer = away(client, *way)
    browser = client.get_cookie("careercenter-signon", path="/").value  # type: ignore[union-attr]
    assert back(client, way[0], answer).status_code == 303
    client.set_cookie("careercenter-signon", browser, path="/")
    assert back(client, way[0], answer).status_code == 403
    assert len(opened()) == 1


def test_an_answer_at_the_address_of_another_provider_is_refused(app: Flask, client: FlaskClient, op: OidcServer, cas: CasServer) -> None:
    """Mix-up: each provider has a return address of its own, and an answer counts only there."""
    answer = away(client, "op", op)
    asked = op.asked["/token"]
    assert back(client, "twin", answer).status_code == 403
    assert reason() == "issuer" and op.asked["/token"] == asked  # the code went to nobody
    assert back(client, "cas", {**answer, "relay": answer["state"], "ticket": "ST-1"}).status_code == 403
    assert back(client, "op", answer).status_code == 303


def test_a_doubled_word_in_the_answer_is_refused(app: Flask, client: FlaskClient, way: tuple[str, Any]) -> None:
    answer = away(client, *way)
    for name in answer:
        assert client.get(f"/sign-in/{way[0]}/return?{urlencode(answer)}&{name}=x").status_code == 403
    assert back(client, way[0], answer).status_code == 303


@pytest.mark.parametrize("address", [
    "/sign-in/nobody/return", "/sign-in/nobody/header", "/sign-in/op/header", "/sign-in/cas/header", "/sign-in/shib/return",
])
def test_an_address_that_no_provider_has_does_not_exist(app: Flask, client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("address", ["/sign-in/op/return", "/sign-in/shib/backchannel", "/sign-in/cas/backchannel", "/sign-in/nobody/backchannel"])
def test_nothing_is_posted_to_a_provider_that_takes_no_posts(app: Flask, client: FlaskClient, address: str) -> None:
    assert client.post(address).status_code == 404


# --- the web server's word


def _walk_header(app: Flask, peer: str, headers: dict[str, str]) -> TestResponse:
    client = app.test_client()
    address = client.get("/sign-in/shib").location
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}", headers=headers, environ_overrides={"REMOTE_ADDR": peer})


def test_the_web_server_signs_people_in(app: Flask) -> None:
    answer = _walk_header(app, "10.9.9.9", {**HEADERS, "X-Forwarded-For": "198.51.100.7"})
    assert answer.status_code == 303
    assert db.session.scalars(select(Person.given_name)).all() == ["Maya"]


def test_a_forwarded_address_does_not_make_somebody_the_web_server(app: Flask) -> None:
    """ProxyFix believes X-Forwarded-For; who may set headers is judged by the connection before that."""
    for peer, forwarded in (("203.0.113.5", "10.9.9.9"), ("203.0.113.5", "10.9.9.9, 10.9.9.9"), ("127.0.0.1", "")):
        assert _walk_header(app, peer, {**HEADERS, "X-Forwarded-For": forwarded}).status_code == 403
        assert reason() == "proxy"
    assert opened() == []


@pytest.mark.parametrize("secret", ["", "x", SECRET + "x"])
def test_the_right_peer_without_the_secret_signs_nobody_in(app: Flask, secret: str) -> None:
    assert _walk_header(app, "10.9.9.9", {**HEADERS, "X-Careercenter-Proxy": secret}).status_code == 403
    assert reason() == "proxy" and opened() == []


def test_headers_count_at_no_other_address(app: Flask, client: FlaskClient) -> None:
    for address in ("/", "/sign-in", "/sign-in/op/return", "/listings"):
        client.get(address, headers=HEADERS, environ_overrides={"REMOTE_ADDR": "10.9.9.9"})
    assert opened() == [] and client.get("/listings").status_code == 302


def test_a_link_to_the_protected_address_signs_nobody_in(app: Flask, client: FlaskClient) -> None:
    """Login CSRF: the address needs the word of a sign-in that this browser began."""
    theirs = app.test_client().get("/sign-in/shib").location
    for address in ("/sign-in/shib/header", f"{urlsplit(theirs).path}?{urlsplit(theirs).query}"):
        assert client.get(address, headers=HEADERS, environ_overrides={"REMOTE_ADDR": "10.9.9.9"}).status_code == 403
        assert reason() == "no_request"


# --- ended from afar


def logout_token(op: OidcServer, **changed: Any) -> str:
    claims = {"iss": op.url, "aud": CLIENT_ID, "iat": NOW, "exp": int(time.time()) + 120, "jti": f"j{time.perf_counter_ns()}", "sid": "s-1",
              "events": EVENT, **changed}
    claims["iat"] = changed.get("iat", int(time.time()))
    return KEY.sign("RS256", {name: value for name, value in claims.items() if value is not None}, typ="logout+jwt")


def _post(client: FlaskClient, token: str) -> int:
    return client.post("/sign-in/op/backchannel", data={"logout_token": token}).status_code


def _three_sessions(app: Flask, op: OidcServer) -> None:
    """Two of the person, under two session names, and one of the same person by the twin provider."""
    for sid, provider in (("s-1", "op"), ("s-2", "op"), ("s-1", "twin")):
        op.token = {"sid": sid}
        client = app.test_client()
        assert back(client, provider, away(client, provider, op)).status_code == 303
    op.reset()


@pytest.mark.parametrize(("claims", "left"), [
    ({"sid": "s-1"}, [("op", "s-2"), ("twin", "s-1")]), ({"sid": None, "sub": "u-1"}, [("twin", "s-1")]),
    ({"sid": "s-1", "sub": "u-1"}, [("op", "s-2"), ("twin", "s-1")]), ({"sid": "s-1", "sub": "u-2"}, None), ({"sid": "s-9"}, None),
])
def test_the_provider_ends_a_session_or_all_of_a_person(
    app: Flask, client: FlaskClient, op: OidcServer, claims: dict[str, Any], left: list[tuple[str, str]] | None
) -> None:
    _three_sessions(app, op)
    assert _post(client, logout_token(op, **claims)) == 200
    assert [(row.provider, row.session_index) for row in opened()] == (left or [("op", "s-1"), ("op", "s-2"), ("twin", "s-1")])


def test_a_forged_logout_ends_nothing(app: Flask, client: FlaskClient, op: OidcServer) -> None:
    _three_sessions(app, op)
    honest = logout_token(op)
    forged = [
        "", "x", honest[:-4] + "AAAA", logout_token(op, iss="https://evil.example"), logout_token(op, aud="other"), logout_token(op, nonce="n"),
        logout_token(op, events={}), logout_token(op, events={"http://schemas.openid.net/event/backchannel-logout": None}),
        logout_token(op, events="x"), logout_token(op, jti=None), logout_token(op, jti=7), logout_token(op, sid=None),
        logout_token(op, exp=NOW - 3600), logout_token(op, iat=NOW - 3600), logout_token(op, iat=NOW + 3600), logout_token(op, iat=None),
        logout_token(op, sid=["s-1"]), KEY.sign("HS256", op.claims(events=EVENT, jti="h")), KEY.sign("none", op.claims(events=EVENT)) + "x",
        KEY.sign("RS256", op.claims(jti="an ID token")), OTHER_KEY.sign("RS256", op.claims(events=EVENT, jti="o", exp=NOW + 600)),
        KEY.sign("RS256", op.claims(events=EVENT, jti="t", sub=None), typ="at+jwt"),
    ]
    for token in forged:
        assert _post(client, token) == 400, token
    assert len(opened()) == 3
    assert _post(client, honest) == 200  # the control
    assert len(opened()) == 2


def test_a_logout_token_works_once(app: Flask, client: FlaskClient, op: OidcServer) -> None:
    token = logout_token(op, jti="once", sid="s-1")
    assert [_post(client, token) for _ in range(2)] == [200, 400]
    _three_sessions(app, op)
    assert _post(client, token) == 400 and len(opened()) == 3


def _race(app: Flask, token: str) -> list[int]:
    start, results = threading.Barrier(6), []

    def post() -> None:
        client = app.test_client()
        start.wait()
        results.append(_post(client, token))

    threads = [threading.Thread(target=post) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results)


def test_of_six_at_once_one_is_the_first(app: Flask, op: OidcServer) -> None:
    assert _race(app, logout_token(op)) == [200] + [400] * 5


def test_the_race_is_real_when_nobody_remembers(app: Flask, op: OidcServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without the row that is inserted once, every copy is the first."""
    monkeypatch.setattr(provider_logout, "first_time", lambda *_: True)
    assert _race(app, logout_token(op)) == [200] * 6


def test_strangers_tokens_do_not_make_us_fetch_keys_again_and_again(app: Flask, client: FlaskClient, op: OidcServer) -> None:
    assert _post(client, logout_token(op)) == 200
    before = op.asked["/jwks"]
    for n in range(5):
        assert _post(client, OTHER_KEY.sign("RS256", op.claims(events=EVENT, jti=f"s{n}"), kid=f"unknown{n}")) == 400
    assert op.asked["/jwks"] == before


def test_a_cas_server_ends_the_session_of_its_ticket_and_nothing_else(app: Flask, client: FlaskClient, cas: CasServer, op: OidcServer) -> None:
    for _ in range(2):
        other = app.test_client()
        back(other, "cas", away(other, "cas", cas))
    back(client, "op", away(client, "op", op))
    first = opened()[0]
    anywhere = app.test_client()
    assert anywhere.post("/sign-in/cas/return?relay=x", data={"logoutRequest": _logout("ST-unknown")}).status_code == 204
    assert anywhere.post("/sign-in/cas/return", data={"logoutRequest": "<x/>"}).status_code == 400
    assert anywhere.post("/sign-in/cas/return").status_code == 400
    assert len(opened()) == 3
    assert anywhere.post("/sign-in/cas/return?relay=x", data={"logoutRequest": _logout(str(first.session_index))}).status_code == 204
    assert first.id not in [row.id for row in opened()] and len(opened()) == 2


def test_a_session_of_another_provider_has_no_ticket_to_be_ended_by(app: Flask, client: FlaskClient, op: OidcServer) -> None:
    op.token = {"sid": "ST-1-abc"}
    back(client, "op", away(client, "op", op))
    assert client.post("/sign-in/cas/return", data={"logoutRequest": _logout("ST-1-abc")}).status_code == 204
    assert len(opened()) == 1


def test_back_from_the_provider_the_person_is_told_what_is_over(app: Flask, client: FlaskClient, way: tuple[str, Any]) -> None:
    back(client, way[0], away(client, *way))
    client.post("/sign-out", data={"csrf_token": _token(client.get("/listings"))})
    assert opened() == []
    g.pop("csrf_token", None)  # the open context of the test would keep it past the end of the session
    page = client.get("/signed-out")
    assert 'href="/sign-out/campus"' in page.text
    there = parse_qs(urlsplit(client.get("/sign-out/campus").location).query)
    home = f'{there["post_logout_redirect_uri"][0]}?state={there["state"][0]}' if way[0] == "op" else there["service"][0]
    here, word = f"{urlsplit(home).path}?{urlsplit(home).query}", home.rpartition("=")[2]
    assert app.test_client().get(here).location == "/signed-out?campus=unsure"  # another browser, and it burns nothing
    assert client.get(here.replace(f"/{way[0]}/", "/twin/")).location == "/signed-out?campus=unsure"
    assert back(client, way[0], {"state": word, "relay": word, "ticket": "ST-1"}).status_code == 403  # it signs nobody in
    assert client.get(here).location == "/signed-out?campus=ended"
    assert client.get(here).location == "/signed-out?campus=unsure"


def _token(page: TestResponse) -> str:
    return str(BeautifulSoup(page.text, "html.parser").find("input", {"name": "csrf_token"})["value"])  # type: ignore[index]


def _logout(ticket: str) -> str:
    return logout_request(f"<samlp:SessionIndex>{ticket}</samlp:SessionIndex>")


def test_a_silent_provider_is_a_plain_page_within_six_seconds(app: Flask, client: FlaskClient, op: OidcServer) -> None:
    answer = away(client, "op", op)
    op.pages["/token"] = lambda request: time.sleep(8) or Response()
    started = time.monotonic()
    page = back(client, "op", answer)
    assert time.monotonic() - started < 6
    assert page.status_code == 403 and "We could not sign you in" in page.text and reason() == "unavailable"
