"""The web server's word: believed only from the web server itself, with its secret, and read as the modules write it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from careercenter.settings.signon import HeaderProvider as Settings
from careercenter.signon.header import PEER, HeaderProvider, split
from careercenter.signon.identity import Demand, DemandNotMet, Identity, SignOnRefused, Waiting

PUBLIC, SECRET = "https://careers.demo.edu", "a secret of the web server"
HONEST = {
    PEER: "127.0.0.1", "x-careercenter-proxy": SECRET, "subject-id": "Maya@demo.edu", "givenname": "Zoë".encode().decode("latin-1"),
    "sn": "Okafor", "mail": "maya@demo.edu", "affiliation": "student@demo.edu;faculty@elsewhere.edu", "entitlement": r"a\;b;c",
    "shib-identity-provider": "https://idp.demo.edu", "shib-authncontext-class": "mfa", "shib-authentication-instant": "2026-11-16T14:00:00.5Z",
}
ATTRIBUTES = {"given_name": "givenName", "family_name": "sn", "email": "mail", "affiliation": "affiliation", "entitlement": "entitlement"}


def door(**changed: Any) -> HeaderProvider:
    told = {"name": "shib", "kind": "header", "label": "Shibboleth", "proxies": ("127.0.0.1", "10.1.0.0/24"), "secret": SecretStr(SECRET),
            "scopes": ("demo.edu",), "attributes": ATTRIBUTES, **changed}
    return HeaderProvider(Settings.model_validate(told), PUBLIC)


def sign_in(provider: HeaderProvider | None = None, demand: Demand = Demand(), began_at: datetime | None = None, **headers: str | None) -> Identity:
    provider = provider or door()
    begun = provider.begin("relay", demand)
    sent = {name: value for name, value in {**HONEST, **{n.replace("_", "-"): v for n, v in headers.items()}}.items() if value is not None}
    now = datetime.now(UTC)
    return provider.finish(sent, Waiting(begun.request_id, began_at or now, begun.kept, demand), now)


def test_an_honest_request_is_an_identity() -> None:
    found = sign_in()
    assert (found.provider, found.issuer, found.subject_kind, found.subject) == ("shib", "", "subject-id", "maya@demo.edu")
    assert found.attributes["given_name"] == ("Zoë",) and found.attributes["entitlement"] == ("a;b", "c")
    assert found.attributes["affiliation"] == ("student@demo.edu",)
    assert found.authn_context is None and found.authenticated_at is None  # not configured, so not believed
    assert sign_in().assertion_id != found.assertion_id


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.0.7", "::ffff:127.0.0.1"])
def test_the_web_server_is_known_by_its_address(peer: str) -> None:
    assert sign_in(**{PEER: peer}).subject == "maya@demo.edu"


@pytest.mark.parametrize("peer", ["127.0.0.2", "10.1.1.7", "::1", "", None, "localhost", "127.0.0.1, 10.0.0.1", "::ffff:127.0.0.2"])
def test_from_elsewhere_headers_count_for_nothing(peer: str | None) -> None:
    with pytest.raises(SignOnRefused) as raised:
        sign_in(**{PEER: peer})
    assert raised.value.reason_code == "proxy"


@pytest.mark.parametrize("secret", [None, "", "x", SECRET[:-1], SECRET + " ", SECRET.upper(), "é" * 10, f"{SECRET},{SECRET}"])
def test_without_the_secret_headers_count_for_nothing(secret: str | None) -> None:
    with pytest.raises(SignOnRefused) as raised:
        sign_in(x_careercenter_proxy=secret)
    assert raised.value.reason_code == "proxy"


def test_a_unix_socket_is_believed_only_where_it_is_named() -> None:
    assert sign_in(door(proxies=("unix",)), **{PEER: ""}).subject == "maya@demo.edu"
    with pytest.raises(SignOnRefused):
        sign_in(door(proxies=("unix",)))


@pytest.mark.parametrize(("headers", "reason"), [
    ({"subject_id": "maya@demo.edu;ada@demo.edu"}, "subject_many"), ({"subject_id": "ada@elsewhere.edu"}, "subject_scope"),
    ({"subject_id": None}, "subject_missing"), ({"subject_id": ";;"}, "subject_missing"), ({"subject_id": "maya ada@demo.edu"}, "subject_form"),
    ({"subject_id": "x" * 20_000}, "oversize"), ({"subject_id": "\xff"}, "encoding"), ({"subject_id": "(null)"}, "subject_missing"),
    ({"subject_id": "ada@elsewhere.edu", "pairwise_id": "maya@demo.edu"}, "subject_scope"),
])
def test_identifiers_that_cannot_be_a_key(headers: dict[str, str | None], reason: str) -> None:
    with pytest.raises(SignOnRefused) as raised:
        sign_in(**headers)
    assert raised.value.reason_code == reason and "ada" not in raised.value.detail


def test_no_header_at_all_says_that_the_address_is_not_protected() -> None:
    provider = door()
    with pytest.raises(SignOnRefused) as raised:
        provider.finish({PEER: "127.0.0.1", "x-careercenter-proxy": SECRET}, Waiting("r", datetime.now(UTC)), datetime.now(UTC))
    assert raised.value.reason_code == "headers"


@pytest.mark.parametrize(("text", "values"), [
    ("a", ("a",)), ("a;b", ("a", "b")), (r"a\;b", ("a;b",)), (r"a\\;b", ("a\\", "b")), (r"a\\\;b", ("a\\;b",)), (";a;;a; b ;", ("a", "b")),
    ("a\\", ("a",)), ("", ()), ("  ", ()), ("(null)", ()), ("a;(null)", ("a",)),
])
def test_several_values_and_semicolons(text: str, values: tuple[str, ...]) -> None:
    assert split(text) == values


def test_how_and_when_and_by_whom_count_where_they_are_named() -> None:
    told = door(
        issuer_header="Shib-Identity-Provider", context_header="Shib-AuthnContext-Class", instant_header="Shib-Authentication-Instant",
    )
    found = sign_in(told)
    assert (found.issuer, found.authn_context) == ("https://idp.demo.edu", "mfa")
    assert found.authenticated_at == datetime(2026, 11, 16, 14, 0, 0, 500_000, UTC)
    assert sign_in(told, Demand(("mfa",))).authn_context == "mfa"
    with pytest.raises(DemandNotMet, match="context"):
        sign_in(told, Demand(("other",)))
    with pytest.raises(DemandNotMet, match="stale"):
        sign_in(told, Demand(fresh=True))
    assert sign_in(told, Demand(fresh=True), datetime(2026, 11, 16, 14, 0, tzinfo=UTC) + timedelta(seconds=30)).subject
    with pytest.raises(SignOnRefused) as raised:
        sign_in(told, shib_identity_provider="a;b")
    assert raised.value.reason_code == "headers"


def test_where_the_browser_goes() -> None:
    assert door().begin("word").url == f"{PUBLIC}/sign-in/shib/header?relay=word"
    told = door(login_path="/Shibboleth.sso/Login")
    assert told.begin("word").url == f"{PUBLIC}/sign-in/shib/header?relay=word"
    asked = told.begin("word", Demand(("mfa",), fresh=True)).url
    assert asked.startswith(f"{PUBLIC}/Shibboleth.sso/Login?target=https%3A%2F%2Fcareers.demo.edu%2Fsign-in%2Fshib%2Fheader%3Frelay%3Dword")
    assert "forceAuthn=true" in asked and "authnContextClassRef=mfa" in asked


@pytest.mark.parametrize(("changed", "says"), [
    ({"proxies": ()}, "at least 1"), ({"proxies": ("0.0.0.0/0",)}, "half the world"), ({"proxies": ("::/0",)}, "half the world"),
    ({"proxies": ("web.demo.edu",)}, "no address"), ({"secret": SecretStr("short")}, "24 letters"), ({"login_path": "https://x"}, "pattern"),
    ({"login_path": "//evil.example"}, "pattern"),
])
def test_settings_that_would_believe_anybody_do_not_start(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        door(**changed)
