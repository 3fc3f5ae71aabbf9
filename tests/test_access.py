"""Who may call what: every route has a row, and the row is what happens."""

import re

import pytest
from flask import Flask, url_for

from careercenter.web.access import ACCESS, CSRF_EXEMPT, LINK, PUBLIC
from careercenter.web.entry import safe_next

ROLES = ("student", "alumni", "advisor", "faculty", "registrar", "admin", "")
EXAMPLES = {"int": 999_999, "default": "nothing", "string": "nothing", "path": "nothing", "uuid": "0" * 32, "any": "pause"}


def _routes(app: Flask):  # type: ignore[no-untyped-def]
    for rule in app.url_map.iter_rules():
        values = {name: _example(converter) for name, converter in rule._converters.items()}
        with app.test_request_context():
            yield rule.endpoint, url_for(rule.endpoint, **values), (rule.methods or set()) - {"HEAD", "OPTIONS"}


def _example(converter: object) -> object:
    """A value of an address: one of those that it names itself, or one that no record has."""
    return next(iter(sorted(getattr(converter, "items", ()))), None) or EXAMPLES[_converter(converter)]


def _converter(converter: object) -> str:
    return re.sub("Converter$", "", type(converter).__name__).lower().replace("integer", "int").replace("unicode", "string")


def test_every_route_has_a_row_and_every_row_a_route(sqlite_app: Flask) -> None:
    routes = {rule.endpoint for rule in sqlite_app.url_map.iter_rules()}
    assert routes - ACCESS.keys() == set()
    assert ACCESS.keys() - routes == set()


def test_only_what_proves_itself_goes_without_a_form_token() -> None:
    assert {
        "signon.acs", "logout.slo", "protocols.cas_logout", "protocols.backchannel", "credit.answer", "evaluations.answer",
        "hooks.take",
    } == CSRF_EXEMPT
    assert all(ACCESS[endpoint] in (LINK, PUBLIC) for endpoint in CSRF_EXEMPT)


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_signed_out_people_are_sent_to_sign_in(app: Flask, client) -> None:  # type: ignore[no-untyped-def]
    for endpoint, address, methods in _routes(app):
        if "GET" not in methods or ACCESS[endpoint] in (PUBLIC, LINK):
            continue
        answer = client.get(address)
        assert answer.status_code == 302, endpoint
        assert answer.location.startswith("/sign-in?next="), endpoint


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_gets_through_its_doors_only(app: Flask, factory, sign_in, role: str) -> None:  # type: ignore[no-untyped-def]
    """A forbidden page looks exactly like one that does not exist; an allowed one never answers so by its door."""
    client = sign_in(app.test_client(), factory.person(*([role] if role else [])))
    nowhere = _body(client.get("/no-such-page"))
    for endpoint, address, methods in _routes(app):
        allowed = ACCESS[endpoint]
        if allowed in (PUBLIC, LINK) or role in allowed or "GET" not in methods:
            continue
        answer = client.get(address)
        assert answer.status_code == 404, (endpoint, role)
        assert _body(answer) == nowhere, (endpoint, role)


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_every_unsafe_route_refuses_a_missing_and_a_foreign_form_token(app: Flask, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    client = sign_in(app.test_client(), factory.person(*(r for r in ROLES if r)))
    for endpoint, address, methods in _routes(app):
        if "POST" not in methods or endpoint in CSRF_EXEMPT:
            continue
        for form in ({}, {"csrf_token": "IjEyMyI.aaaa.bbbb"}):
            answer = client.post(address, data=form)
            assert answer.status_code == 400, endpoint
            assert "This form is too old" in answer.get_data(as_text=True), endpoint
            assert f'<span class="num">{answer.headers["X-Request-ID"]}</span>' in answer.get_data(as_text=True), endpoint
            assert len(answer.headers["X-Request-ID"]) == 16


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_every_answer_carries_the_headers(app: Flask, client) -> None:  # type: ignore[no-untyped-def]
    for address in ("/", "/sign-in", "/no-such-page", "/healthz", "/static-theme.css"):
        headers = client.get(address).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"], address
        assert "unsafe" not in headers["Content-Security-Policy"], address
        assert headers["X-Content-Type-Options"] == "nosniff", address
        assert headers["X-Request-ID"], address


@pytest.mark.parametrize("spelling", [
    "//evil.example", "/\\evil.example", "https://evil.example", "https:evil.example", "/\t/evil.example", "\x00//evil.example",
    "/%09//evil.example", "javascript:alert(1)", "///evil.example", "/x//evil", "/é", "/a b", "", None, "/" + "a" * 600,
])
def test_next_leads_nowhere_else(spelling: str | None) -> None:
    assert safe_next(spelling) == "/"


@pytest.mark.parametrize("path", ["/", "/listings?q=data&place=Dayton", "/credit/12", "/listings?next=https://x.example"])
def test_next_leads_to_own_pages(path: str) -> None:
    assert safe_next(path) == path


def _body(answer) -> str:  # type: ignore[no-untyped-def]
    """The page without what differs each time: tokens and the reference."""
    return re.sub(r'[0-9a-f]{16}|csrf_token"[^>]*|X-CSRFToken[^>]*', "", answer.get_data(as_text=True))
