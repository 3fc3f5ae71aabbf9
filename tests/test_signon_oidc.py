"""OpenID Connect under attack: what the server or somebody in between says is not believed; honest answers are."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr, ValidationError
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from careercenter.settings.signon import OidcProvider as Settings
from careercenter.signon import calls
from careercenter.signon.identity import (
    AnswerRefused,
    Demand,
    DemandNotMet,
    Identity,
    ProviderDeclined,
    SignOnRefused,
    SignOnUnavailable,
    SubjectMissing,
    Waiting,
)
from careercenter.signon.oidc import OidcProvider, server, tokens
from demo.idp import make_certificate
from tests.oidc_server import CLIENT_ID, CLIENT_SECRET, EC_KEY, KEY, OTHER_KEY, OidcServer, SigningKey

PUBLIC = "http://127.0.0.1:8000"
MFA = "https://refeds.org/profile/mfa"


def dated(claims: dict[str, Any]) -> dict[str, Any]:
    """Claims whose instants are said as the distance from the moment that a test asks, not from when it was collected."""
    return {name: int(time.time() + value.total_seconds()) if isinstance(value, timedelta) else value for name, value in claims.items()}


@pytest.fixture(scope="module")
def provider_server() -> Iterator[OidcServer]:
    with OidcServer() as found:
        yield found


@pytest.fixture
def op(provider_server: OidcServer) -> OidcServer:
    provider_server.reset()
    return provider_server


def door(op: OidcServer, **changed: Any) -> OidcProvider:
    told = {"name": "op", "kind": "oidc", "label": "OP", "issuer": op.url, "client_id": CLIENT_ID,
            "client_secret": SecretStr(CLIENT_SECRET), "scopes": ("demo.edu",), **changed}
    return OidcProvider(Settings.model_validate(told), PUBLIC)


def sign_in(op: OidcServer, provider: OidcProvider | None = None, demand: Demand = Demand(), **answer: str | None) -> Identity:
    """A whole sign-in; `answer` changes what the browser brings back."""
    provider, began = provider or door(op), datetime.now(UTC)
    begun = provider.begin("relay", demand)
    brought = {name: value for name, value in {**op.consent(begun.url), **answer}.items() if value is not None}
    return provider.finish(brought, Waiting(begun.request_id, began, begun.kept, demand), datetime.now(UTC))


def refused(op: OidcServer, provider: OidcProvider | None = None, **answer: str | None) -> SignOnRefused:
    with pytest.raises(SignOnRefused) as raised:
        sign_in(op, provider, **answer)
    assert "Maya" not in raised.value.detail and "maya" not in raised.value.detail
    return raised.value


# --- genuine answers


def test_an_honest_answer_is_an_identity(op: OidcServer) -> None:
    found = sign_in(op)
    assert (found.provider, found.issuer, found.subject_kind, found.subject) == ("op", op.url, "sub", "u-1")
    assert found.attributes["affiliation"] == ("student@demo.edu",)  # the other scope is not this campus'
    assert found.first("given_name") == "Maya" and found.first("display_name") == "Maya Okafor"
    assert (found.name_id, found.session_index) == ("u-1", "s-1")
    assert found.authenticated_at is not None and found.authenticated_at.tzinfo is UTC
    assert len(found.assertion_id) == 64 and found.assertion_expires_at > datetime.now(UTC) + timedelta(minutes=10)
    assert op.asked["/userinfo"] == 0  # nothing was lacking


@pytest.mark.parametrize(("key", "alg"), [
    *((KEY, f"{kind}{size}") for kind in ("RS", "PS") for size in (256, 384, 512)), (EC_KEY, "ES256"),
])
def test_every_method_of_our_list_is_taken(op: OidcServer, key: SigningKey, alg: str) -> None:
    op.token, op.sign = {"at_hash": None}, lambda claims: key.sign(alg, claims)
    assert sign_in(op).subject == "u-1"


@pytest.mark.parametrize("head", [{"kid": None}, {"typ": None}, {"typ": "id_token+jwt"}])
def test_heads_that_honest_servers_send(op: OidcServer, head: dict[str, Any]) -> None:
    op.sign = lambda claims: KEY.sign("RS256", claims, **head)
    assert sign_in(op).subject == "u-1"


@pytest.mark.parametrize("claims", [
    {"aud": [CLIENT_ID]}, {"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID}, {"azp": CLIENT_ID}, {"at_hash": None}, {"auth_time": None},
    {"iat": timedelta(minutes=1)}, {"iat": timedelta(seconds=-400), "exp": timedelta(minutes=-1)},
])
def test_claims_that_honest_servers_send(op: OidcServer, claims: dict[str, Any]) -> None:
    op.token = dated(claims)
    assert sign_in(op).subject == "u-1"


def test_the_request_asks_for_everything_that_the_answer_is_checked_by(op: OidcServer) -> None:
    begun = door(op, contexts=("loa-2",)).begin("relay", Demand(fresh=True))
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}
    assert asked["response_type"] == "code" and asked["state"] == "relay" and "openid" in asked["scope"]
    assert asked["code_challenge_method"] == "S256" and begun.kept["verifier"] not in begun.url
    assert (asked["nonce"], asked["acr_values"], asked["prompt"], asked["max_age"]) == (begun.kept["nonce"], "loa-2", "login", "0")
    assert asked["redirect_uri"] == f"{PUBLIC}/sign-in/op/return"
    again = door(op).begin("relay")
    assert again.kept["nonce"] != begun.kept["nonce"] and again.kept["verifier"] != begun.kept["verifier"]


def test_the_secret_goes_by_the_way_that_the_server_offers(op: OidcServer) -> None:
    sign_in(op)
    assert op.forms[-1]["client_secret"] == CLIENT_SECRET
    op.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}
    assert refused(op).reason_code == "code"  # our server does not read the head, so it does not know us
    assert "client_secret" not in op.forms[-1]


# --- forged tokens

FORGED: dict[str, tuple[str, dict[str, Any], Callable[[dict[str, Any]], str] | None]] = {
    "alg none": ("algorithm", {}, lambda c: KEY.sign("none", c) + "x"),
    "alg none, no signature": ("token", {}, lambda c: KEY.sign("none", c)),
    "alg None in other letters": ("algorithm", {}, lambda c: KEY.sign("nOnE", c) + "x"),
    "HMAC with the public key": ("algorithm", {}, lambda c: KEY.sign("HS256", c)),
    "RSA with SHA-1": ("algorithm", {}, lambda c: KEY.sign("RS1", c)),
    "no method named": ("algorithm", {}, lambda c: KEY.sign("RS256", c, alg=None)),
    "method as a list": ("token", {}, lambda c: KEY.sign("RS256", c, alg=["RS256"])),
    "somebody's own key under the known name": ("signature", {}, lambda c: OTHER_KEY.sign("RS256", c)),
    "somebody's own key in the head": ("signature", {}, lambda c: OTHER_KEY.sign("RS256", c, jwk=OTHER_KEY.jwk)),
    "somebody's own key by address": ("signature", {}, lambda c: OTHER_KEY.sign("RS256", c, kid="other", jku="http://127.0.0.1:1/jwks")),
    "an EC method with an RSA key": ("signature", {}, lambda c: OTHER_KEY.sign("RS256", c, alg="ES256")),
    "a name that is a path": ("signature", {}, lambda c: OTHER_KEY.sign("RS256", c, kid="../../dev/null")),
    "critical extension": ("signature", {}, lambda c: KEY.sign("RS256", c, crit=["x"], x=1)),
    "altered after signing": ("signature", {}, lambda c: _altered(KEY.sign("RS256", c))),
    "no signature": ("token", {}, lambda c: KEY.sign("RS256", c).rpartition(".")[0] + "."),
    "encrypted": ("token", {}, lambda c: "a.b.c.d.e"),
    "white space": ("token", {}, lambda c: KEY.sign("RS256", c) + "\n"),
    "no token": ("token", {}, lambda c: ""),
    "too long": ("token", {}, lambda c: KEY.sign("RS256", {**c, "x": "x" * 70_000})),
    "a logout token": ("token", {}, lambda c: KEY.sign("RS256", c, typ="logout+jwt")),
    "an access token": ("token", {}, lambda c: KEY.sign("RS256", c, typ="at+jwt")),
    "issuer": ("issuer", {"iss": "https://evil.example"}, None),
    "issuer with a slash": ("issuer", {"iss": "http://127.0.0.1/"}, None),
    "no issuer": ("issuer", {"iss": None}, None),
    "audience": ("audience", {"aud": "other"}, None),
    "audience as part": ("audience", {"aud": f"{CLIENT_ID}x"}, None),
    "no audience": ("audience", {"aud": None}, None),
    "audience empty": ("audience", {"aud": []}, None),
    "audience of two without azp": ("token", {"aud": [CLIENT_ID, "other"]}, None),
    "azp of another": ("token", {"azp": "other"}, None),
    "nonce": ("nonce", {"nonce": "other"}, None),
    "no nonce": ("nonce", {"nonce": None}, None),
    "nonce as a list": ("nonce", {"nonce": ["x"]}, None),
    "expired": ("expired", {"exp": timedelta(minutes=-5)}, None),
    "no end": ("expired", {"exp": None}, None),
    "end as text": ("expired", {"exp": "tomorrow"}, None),
    "end is true": ("expired", {"exp": True}, None),
    "issued in the future": ("early", {"iat": timedelta(minutes=10)}, None),
    "issued an hour ago": ("expired", {"iat": timedelta(hours=-1)}, None),
    "not issued": ("early", {"iat": None}, None),
    "not yet valid": ("early", {"nbf": timedelta(minutes=10)}, None),
    "at_hash of another": ("token", {"at_hash": "x"}, None),
    "nobody": ("token", {"sub": None}, None),
    "nobody at all": ("token", {"sub": ""}, None),
    "somebody as a number": ("token", {"sub": 7}, None),
}


def _altered(token: str) -> str:
    head, body, signature = token.split(".")
    return f"{head}.{body[:-4]}{'AAAA' if body[-4:] != 'AAAA' else 'BBBB'}.{signature}"


@pytest.mark.parametrize("name", FORGED)
def test_forged_tokens_are_refused(op: OidcServer, name: str) -> None:
    reason, claims, sign = FORGED[name]
    op.token = dated(claims)
    op.sign = sign or op.sign
    assert refused(op).reason_code == reason
    op.reset()
    assert sign_in(op).subject == "u-1"  # the control


def test_infinite_and_absurd_times_are_refused_and_never_crash(op: OidcServer) -> None:
    for value in (float("inf"), float("nan"), 10**400, -1, [], {}):
        op.token = {"iat": value}
        assert refused(op).reason_code in ("early", "expired")
    op.token = {"auth_time": 10**20}
    assert sign_in(op).authenticated_at is None


# --- forged answers


@pytest.mark.parametrize(("answer", "reason"), [
    ({"iss": "https://evil.example"}, "issuer"), ({"iss": None}, "issuer"), ({"code": None}, "code"), ({"code": ""}, "code"),
    ({"code": "x" * 5000}, "code"), ({"code": "made up"}, "code"), ({"error": "access_denied"}, "idp_declined"),
    ({"error": "<b>Maya</b>"}, "idp_declined"),
])
def test_forged_answers_are_refused(op: OidcServer, answer: dict[str, str | None], reason: str) -> None:
    assert refused(op, **answer).reason_code == reason


def test_an_answer_without_issuer_passes_where_the_server_does_not_promise_one(op: OidcServer) -> None:
    op.discovery = {"authorization_response_iss_parameter_supported": None}
    assert sign_in(op, iss=None).subject == "u-1"
    assert refused(op, iss="https://evil.example").reason_code == "issuer"


def test_a_declined_sign_in_is_named_so(op: OidcServer) -> None:
    with pytest.raises(ProviderDeclined, match="access_denied"):
        sign_in(op, error="access_denied")


def test_a_code_works_once_and_only_with_its_own_verifier(op: OidcServer) -> None:
    provider = door(op)
    begun, theirs = provider.begin("relay"), provider.begin("other")
    waiting, now = Waiting(begun.request_id, datetime.now(UTC), begun.kept), datetime.now(UTC)
    stolen = op.consent(theirs.url)
    with pytest.raises(AnswerRefused, match="invalid_grant"):  # PKCE: the code of another browser
        provider.finish(stolen, waiting, now)
    answer = op.consent(begun.url)
    first = provider.finish(answer, waiting, now)
    with pytest.raises(AnswerRefused, match="invalid_grant"):
        provider.finish(answer, waiting, now)
    assert first.subject == "u-1"


def test_a_server_that_forgets_pkce_does_not_help_a_stolen_code(op: OidcServer) -> None:
    """Even then the nonce of the token is the other sign-in's."""
    provider = door(op)
    begun, theirs = provider.begin("relay"), provider.begin("other")
    op.pages["/token"] = lambda request: Response(json.dumps({
        "access_token": "a", "id_token": KEY.sign("RS256", op.claims(nonce=theirs.kept["nonce"])),
    }), mimetype="application/json")
    with pytest.raises(AnswerRefused) as raised:
        provider.finish(op.consent(begun.url), Waiting(begun.request_id, datetime.now(UTC), begun.kept), datetime.now(UTC))
    assert raised.value.reason_code == "nonce"


def test_the_same_token_has_the_same_name_for_replay_whatever_its_signature() -> None:
    """Of one text there are many valid EC signatures; whoever re-signs nothing must not get a second token."""
    twins = [EC_KEY.sign("ES256", {"sub": "u-1"}) for _ in range(2)]
    found = {tokens.read(twin, lambda again: tokens.usable_keys({"keys": [EC_KEY.jwk]})).digest for twin in twins}
    assert twins[0] != twins[1] and len(found) == 1


# --- keys


def test_an_unknown_key_is_looked_for_once(op: OidcServer) -> None:
    provider = door(op)
    sign_in(op, provider)
    assert op.asked["/jwks"] == 1
    op.sign = lambda claims: OTHER_KEY.sign("RS256", claims, kid="unknown")
    assert refused(op, provider).reason_code == "signature"
    assert op.asked["/jwks"] == 2


def test_a_new_key_is_taken_at_once_and_the_old_one_as_long_as_it_is_published(op: OidcServer) -> None:
    provider, fresh = door(op), SigningKey("k2")
    sign_in(op, provider)
    op.keys.append(fresh.jwk)
    op.sign = lambda claims: fresh.sign("RS256", claims)
    assert sign_in(op, provider).subject == "u-1"
    op.sign = lambda claims: KEY.sign("RS256", claims)
    assert sign_in(op, provider).subject == "u-1"
    op.keys[:] = [fresh.jwk]
    assert refused(op, door(op)).reason_code == "signature"


def test_a_new_key_under_the_old_name_is_taken_too(op: OidcServer) -> None:
    provider = door(op)
    sign_in(op, provider)
    op.keys[:] = [OTHER_KEY.jwk]
    op.sign = lambda claims: OTHER_KEY.sign("RS256", claims)
    assert sign_in(op, provider).subject == "u-1"


def test_keys_that_do_not_verify_by_public_key_are_left_out(op: OidcServer) -> None:
    short = SigningKey("short", bits=1024)
    op.keys[:] = [
        short.jwk, {"kty": "oct", "kid": "k1", "k": "c2VjcmV0"}, {**KEY.jwk, "use": "enc"}, {"kty": "RSA", "kid": "k1", "n": "!", "e": 3},
        "text", EC_KEY.jwk,  # type: ignore[list-item]
    ]
    for key, alg in ((short, "RS256"), (KEY, "RS256"), (KEY, "HS256")):
        op.sign = lambda claims, key=key, alg=alg: key.sign(alg, claims)  # type: ignore[misc]
        assert refused(op).reason_code in ("signature", "algorithm")
    op.sign, op.token = lambda claims: EC_KEY.sign("ES256", claims), {"at_hash": None}
    assert sign_in(op).subject == "u-1"


def test_a_server_that_is_away_for_a_while_is_no_outage_for_what_we_know_of_it(op: OidcServer, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = door(op)
    sign_in(op, provider)
    monkeypatch.setattr(server, "FRESH_SECONDS", -1.0)
    op.pages["/jwks"] = op.pages["/.well-known/openid-configuration"] = lambda request: Response(status=503)
    assert sign_in(op, provider).subject == "u-1"
    monkeypatch.setattr(server, "KEPT_SECONDS", -1.0)
    assert refused(op, provider).reason_code == "discovery"


# --- the discovery document


@pytest.mark.parametrize(("changed", "says"), [
    ({"issuer": "https://evil.example"}, "another issuer"), ({"issuer": None}, "another issuer"), ({"jwks_uri": None}, "jwks_uri"),
    ({"token_endpoint": "ftp://x"}, "token_endpoint"), ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
    ({"authorization_endpoint": ["https://x"]}, "authorization_endpoint"), ({"userinfo_endpoint": "https://a@b"}, "userinfo_endpoint"),
    ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "by no method"),
])
def test_an_odd_discovery_document_is_refused(op: OidcServer, changed: dict[str, Any], says: str) -> None:
    op.discovery = changed
    with pytest.raises(SignOnUnavailable, match=says):
        door(op).begin("relay")


@pytest.mark.parametrize("page", [
    lambda r: Response(status=404), lambda r: Response("<html>"), lambda r: Response("[]"), lambda r: Response("[" * 100_000),
    lambda r: Response('{"issuer": 1' + " " * 600_000 + "}"), lambda r: Response(status=302, headers={"Location": "/elsewhere"}),
    lambda r: Response(status=302, headers={"Location": "file:///etc/passwd"}),
    lambda r: Response(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
])
def test_a_discovery_document_that_is_huge_moved_or_none_is_refused(op: OidcServer, page: Callable[[Any], Response]) -> None:
    op.pages["/.well-known/openid-configuration"] = page
    started = time.monotonic()
    with pytest.raises(SignOnUnavailable):
        door(op).begin("relay")
    assert time.monotonic() - started < 3
    assert op.asked["/elsewhere"] == 0


def test_a_document_that_would_be_sound_is_not_read_past_the_limit(op: OidcServer) -> None:
    op.discovery = {"padding": "x" * calls.MAX_BYTES}
    with pytest.raises(SignOnUnavailable, match="larger than"):
        door(op).begin("relay")
    op.discovery = {"padding": "x" * (calls.MAX_BYTES - 5000)}
    assert door(op).begin("relay").url  # the control


def test_an_endpoint_without_https_is_refused_beside_an_https_issuer() -> None:
    found = server.Server("https://op.example.edu")
    with pytest.raises(SignOnUnavailable, match="token_endpoint"):
        found._check_address("token_endpoint", "http://op.example.edu/token", True)
    found._check_address("token_endpoint", "https://op.example.edu/token", True)


@pytest.mark.parametrize(("changed", "says"), [
    ({"issuer": "http://op.example.edu"}, "use https"), ({"issuer": ""}, "issuer"), ({"issuer": "https://op.example.edu?x"}, "without"),
    ({"issuer": "https://accounts.google.com"}, "anybody with a Google account"),
    ({"issuer": "https://login.microsoftonline.com/common/v2.0"}, "anybody with a Microsoft account"),
    ({"subject": ["email"]}, "passes from one person"), ({"client_id": ""}, "at least 1"),
])
def test_settings_that_would_let_strangers_in_do_not_start(changed: dict[str, Any], says: str) -> None:
    told = {"name": "op", "kind": "oidc", "label": "OP", "issuer": "https://op.example.edu", "client_id": "c", **changed}
    with pytest.raises(ValidationError, match=says):
        Settings.model_validate(told)
    Settings.model_validate({**told, "issuer": "https://accounts.google.com", "require": {"hd": "demo.edu"}, "client_id": "c", "subject": ["sub"]})


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Any) -> None:
    key, certificate = make_certificate("127.0.0.1", bits=2048)
    (tmp_path / "key").write_bytes(key)
    (tmp_path / "crt").write_bytes(certificate)
    http = make_server("127.0.0.1", 0, Response("{}"), ssl_context=(str(tmp_path / "crt"), str(tmp_path / "key")))  # type: ignore[arg-type]
    threading.Thread(target=http.serve_forever, daemon=True).start()
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    try:
        with pytest.raises(SignOnUnavailable, match="certificate"):
            server.Server(f"https://127.0.0.1:{http.server_port}").document(calls.Deadline())
    finally:
        http.shutdown()
        http.server_close()


# --- slow and dead servers


@pytest.mark.parametrize("habit", ["silent", "drip", "drip in the head", "closed"])
def test_a_slow_or_dead_server_is_given_up_in_time(habit: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    if habit == "closed":
        listener.close()
    else:
        threading.Thread(target=_misbehave, args=(listener, habit), daemon=True).start()
    started = time.monotonic()
    with pytest.raises(SignOnUnavailable, match=r"in time|cannot be reached"):
        server.Server(address).document(calls.Deadline(1.0))
    assert time.monotonic() - started < 2.5
    listener.close()


def _misbehave(listener: socket.socket, habit: str) -> None:
    connection, _ = listener.accept()
    try:
        if habit == "drip":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            if habit != "silent":
                connection.sendall(b"x")
            time.sleep(0.1)
    except OSError:
        connection.close()


def test_a_name_server_that_stays_silent_holds_nobody_longer_than_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking up a name cannot be interrupted; the helper thread is left behind, and too many of them refuse further calls."""
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: release.wait(20) or [])
    monkeypatch.setattr(calls, "_helpers", threading.BoundedSemaphore(2))
    try:
        for expected in ("in time", "in time", "too many"):
            started = time.monotonic()
            with pytest.raises(SignOnUnavailable, match=expected):
                server.Server("https://op.example.edu").document(calls.Deadline(0.3))
            assert time.monotonic() - started < 1
    finally:
        release.set()


def test_a_dead_server_is_not_waited_for_again_at_once() -> None:
    listener = socket.create_server(("127.0.0.1", 0))  # accepts, says nothing
    found = server.Server(f"http://127.0.0.1:{listener.getsockname()[1]}")
    with pytest.raises(SignOnUnavailable):
        found.document(calls.Deadline(0.5))
    started = time.monotonic()
    with pytest.raises(SignOnUnavailable):
        found.document(calls.Deadline(5))
    assert time.monotonic() - started < 0.1
    listener.close()


# --- what was proven


@pytest.mark.parametrize(("claims", "context"), [
    ({"acr": MFA}, MFA), ({"amr": ["pwd", "mfa"]}, MFA), ({"acr": "1", "amr": ["mfa"]}, MFA), ({"acr": "1"}, "1"), ({}, None),
    ({"amr": ["pwd"]}, None), ({"amr": "mfa"}, None),
])
def test_how_the_person_signed_in(op: OidcServer, claims: dict[str, Any], context: str | None) -> None:
    op.token = claims
    if claims.get("amr") == "mfa":
        assert refused(op).reason_code == "token"  # a list, says the standard
        return
    assert sign_in(op).authn_context == context


def test_a_second_factor_is_demanded_and_has_to_be_proven(op: OidcServer) -> None:
    for provider, demand in ((door(op), Demand((MFA,))), (door(op, contexts=(MFA,)), Demand())):
        with pytest.raises(DemandNotMet, match="context"):
            sign_in(op, provider, demand)
        op.token = {"amr": ["mfa"]}
        assert sign_in(op, provider, demand).authn_context == MFA
        op.reset()


@pytest.mark.parametrize("told", [None, timedelta(hours=-1)], ids=["untold", "an hour ago"])
def test_a_fresh_proof_has_to_be_fresh(op: OidcServer, told: timedelta | None) -> None:
    op.token = dated({"auth_time": told})
    with pytest.raises(DemandNotMet, match="stale"):
        sign_in(op, demand=Demand(fresh=True))
    op.reset()
    assert sign_in(op, demand=Demand(fresh=True)).subject == "u-1"


def test_what_the_token_lacks_is_asked_of_userinfo_about_the_same_person(op: OidcServer) -> None:
    op.token, op.userinfo = {"email": None, "family_name": None}, {"email": "maya@demo.edu", "family_name": "O.", "name": "Other", "exp": 1}
    found = sign_in(op)
    assert (found.first("email"), found.first("family_name"), found.first("display_name")) == ("maya@demo.edu", "O.", "Maya Okafor")
    op.userinfo = {"sub": "u-2", "email": "ruth@demo.edu"}
    assert refused(op).reason_code == "token"
    op.pages["/userinfo"] = lambda request: Response(status=500)
    assert refused(op).reason_code == "unavailable"


def test_a_person_of_another_organisation_at_the_same_issuer_is_refused(op: OidcServer) -> None:
    ours = door(op, require={"hd": "demo.edu"})
    assert "hd=demo.edu" in ours.begin("relay").url
    for claims in ({}, {"hd": "evil.example"}, {"hd": "demo.edu.evil.example"}):
        op.token = claims
        assert refused(op, ours).reason_code == "audience"
    op.token = {"hd": "demo.edu"}
    assert sign_in(op, ours).subject == "u-1"


@pytest.mark.parametrize(("claims", "subject", "reason"), [
    ({}, ("oid",), "subject_missing"), ({"oid": ["a", "b"]}, ("oid",), "subject_many"), ({"oid": "a b"}, ("oid",), "subject_form"),
    ({"subject_id": "x@elsewhere.edu"}, ("subject_id", "sub"), "subject_scope"),
])
def test_identifiers_that_cannot_be_a_key(op: OidcServer, claims: dict[str, Any], subject: tuple[str, ...], reason: str) -> None:
    op.token = claims
    with pytest.raises(SubjectMissing) as raised:
        sign_in(op, door(op, subject=subject))
    assert raised.value.reason_code == reason
    assert "sub" in raised.value.received
    op.token = {"oid": "7d0c", "subject_id": "Maya@demo.edu"}
    found = sign_in(op, door(op, subject=subject))
    assert found.subject in ("7d0c", "maya@demo.edu")


def test_groups_of_keycloak_and_the_pointer_of_entra(op: OidcServer) -> None:
    inner = door(op, attributes={"groups": "realm_access.roles", "email": "email"})
    op.token = {"realm_access": {"roles": ["advisor", 3, None, ["x"]]}}
    assert sign_in(op, inner).attributes["groups"] == ("advisor", "3")
    op.token = {"groups": None, "_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "http://127.0.0.1:1/"}}}
    assert "too many groups" in refused(op).detail


def test_an_address_that_the_provider_has_not_verified_is_left_out(op: OidcServer) -> None:
    op.token = {"email_verified": False}
    assert sign_in(op).first("email") is None


def test_nothing_personal_is_logged(op: OidcServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        sign_in(op)
    said = caplog.text
    assert "Maya" not in said and CLIENT_SECRET not in said and "code=" not in said and "eyJ" not in said


def test_signing_out_there_carries_the_hint_or_none_that_would_be_too_long(op: OidcServer) -> None:
    provider = door(op)
    found = sign_in(op, provider)
    url = provider.end(found.logout, "word").url  # type: ignore[union-attr]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked == {
        "client_id": CLIENT_ID, "post_logout_redirect_uri": f"{PUBLIC}/sign-in/op/signed-out", "state": "word",
        "id_token_hint": found.logout["id_token_hint"],
    }
    op.token = {"groups": ["a long name of a group"] * 300}
    assert "id_token_hint" not in sign_in(op, provider).logout
    op.discovery = {"end_session_endpoint": None}
    assert door(op).end(found.logout, "word") is None and not sign_in(op, door(op)).logout
