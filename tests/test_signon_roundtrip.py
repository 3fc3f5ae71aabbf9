"""The whole way through the demo campus' identity provider: request, page of people, answer, identity, roles."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from bs4 import BeautifulSoup
from werkzeug.test import Client, TestResponse

from careercenter.settings import RoleRule, Service
from careercenter.settings import SamlProvider as Settings
from careercenter.signon.attributes import Grant, doubtful, roles_for
from careercenter.signon.identity import AnswerRefused, Identity, SignOnRefused, SignOnUnavailable, Waiting
from careercenter.signon.saml import SamlProvider, ServiceProvider, own_metadata
from demo.idp import DemoIdp, make_certificate, make_idp

IDP_URL, PUBLIC = "http://127.0.0.1:8400", "http://127.0.0.1:8000"
ADVISOR = "urn:demo:career:advisor"
PEOPLE: list[dict[str, Any]] = [
    {"uid": "maya.chen", "given_name": "Maya", "family_name": "Chen & Söns", "email": "maya@demo.edu", "campus_id": "900123",
     "affiliation": ["student", "member"], "entitlement": [], "title": "Junior, Computer Science"},
    {"uid": "advisor1", "given_name": "Ruth", "family_name": "Okafor", "email": "ruth@demo.edu", "campus_id": "800001",
     "affiliation": ["staff", "member"], "entitlement": [ADVISOR], "department": "ENGR"},
    *({"uid": f"s{n}", "given_name": f"First{n}", "family_name": "Student", "email": f"s{n}@demo.edu",
       "campus_id": str(n), "affiliation": ["student"], "entitlement": []} for n in range(400)),
]


@cache
def pair(name: str) -> tuple[bytes, bytes]:
    """Key and certificate, made once: making keys is the slowest thing here."""
    return make_certificate(name, bits=2048)


class Campus:
    """A service and a provider that know each other, with a browser that walks between them."""

    def __init__(self, folder: Path, **settings: Any):
        (folder / "idp").mkdir()
        for path, content in zip(("sp.key", "sp.crt", "idp/idp.key", "idp/idp.crt"), (*pair("sp"), *pair("idp")), strict=True):
            (folder / path).write_bytes(content)
        (folder / "idp/idp.secret").write_text("for tests only")
        service = Service(key_file=folder / "sp.key", cert_file=folder / "sp.crt")
        self.sp = ServiceProvider(f"{PUBLIC}/saml/metadata", PUBLIC, service)
        self.idp: DemoIdp = make_idp(IDP_URL, PEOPLE, lambda: own_metadata(self.sp), folder / "idp")
        (folder / "idp.xml").write_bytes(self.idp.metadata)
        self.settings = Settings(name="campus", label="Demo University", metadata_file=folder / "idp.xml", **settings)
        self.service = self.provider()
        self.browser = Client(self.idp)

    def provider(self) -> SamlProvider:
        metadata = (self.settings.metadata_file or Path()).read_bytes()
        return SamlProvider(self.settings, self.sp, metadata, self.settings.entity_id)

    def visit(self, url: str) -> TestResponse:
        return self.browser.get(url.removeprefix(IDP_URL))

    def submit(self, page: TestResponse, uid: str) -> dict[str, str]:
        """Press a person's button; the fields of the form that goes on to the service."""
        answer = self.browser.post("/sign-in", data={**fields(page, "post"), "uid": uid})
        assert answer.status_code == 200, answer.text
        assert f'action="{self.service.acs}"' in answer.text
        return fields(answer, "post")

    def sign_in(self, uid: str) -> tuple[dict[str, str], str]:
        begun = self.service.begin("row-7")
        return self.submit(self.visit(begun.url), uid), begun.request_id


def fields(page: TestResponse, method: str) -> dict[str, str]:
    form = BeautifulSoup(page.text, "html.parser").find("form", method=method)
    assert form is not None, page.text
    return {str(f["name"]): str(f["value"]) for f in form.find_all("input") if f.get("name") and f.get("type") != "checkbox"}


def buttons(page: TestResponse) -> list[str]:
    return [str(button["value"]) for button in BeautifulSoup(page.text, "html.parser").find_all("button", {"name": "uid"})]


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Campus:
    return Campus(tmp_path_factory.mktemp("campus"))


def finish(campus: Campus, form: dict[str, str], request_id: str) -> Identity:
    now = datetime.now(UTC)
    return campus.service.finish(form, Waiting(request_id, now), now)


def test_a_person_comes_through_with_name_and_affiliation(campus: Campus) -> None:
    form, request_id = campus.sign_in("maya.chen")
    assert form["RelayState"] == "row-7"
    found = finish(campus, form, request_id)
    assert (found.provider, found.subject_kind, found.subject) == ("campus", "subject-id", "maya.chen@demo.edu")
    assert found.attributes == {
        "given_name": ("Maya",), "family_name": ("Chen & Söns",), "display_name": ("Maya Chen & Söns",),
        "email": ("maya@demo.edu",), "campus_id": ("900123",), "affiliation": ("student@demo.edu", "member@demo.edu"),
    }
    assert found.session_not_on_or_after and found.session_not_on_or_after.tzinfo is UTC
    assert found.assertion_expires_at > datetime.now(UTC) + timedelta(minutes=5)


def test_a_replayed_answer_shows_the_same_assertion_id(campus: Campus) -> None:
    """By itself it passes: the caller knows the ID from its rows, and has used up the request."""
    form, request_id = campus.sign_in("maya.chen")
    first, second = finish(campus, form, request_id), finish(campus, form, request_id)
    assert (first.provider, first.assertion_id) == (second.provider, second.assertion_id)
    other, other_id = campus.sign_in("maya.chen")
    assert finish(campus, other, other_id).assertion_id != first.assertion_id


def test_answers_of_two_browsers_cannot_be_swapped(campus: Campus) -> None:
    (mine, my_request), (_, your_request) = campus.sign_in("maya.chen"), campus.sign_in("advisor1")
    assert finish(campus, mine, my_request).first("given_name") == "Maya"
    with pytest.raises(AnswerRefused, match="in_response_to"):
        finish(campus, mine, your_request)


def test_another_clock_refuses(campus: Campus) -> None:
    form, request_id = campus.sign_in("maya.chen")
    for minutes in (-5, 15):
        with pytest.raises(SignOnRefused):
            campus.service.finish(form, Waiting(request_id, datetime.now(UTC)), datetime.now(UTC) + timedelta(minutes=minutes))


def test_begin_by_post_where_the_provider_takes_only_that(campus: Campus, tmp_path: Path) -> None:
    campus_by_post = Campus(tmp_path)
    path = campus_by_post.settings.metadata_file
    path.write_bytes(re.sub(rb"<md:SingleSignOnService Binding=\"[^\"]*HTTP-Redirect\"[^>]*/>", b"", path.read_bytes()))
    campus_by_post.service = campus_by_post.provider()
    begun = campus_by_post.service.begin("row-8")
    assert (begun.method, begun.url, begun.fields["RelayState"]) == ("post", f"{IDP_URL}/sso", "row-8")
    page = campus_by_post.browser.post("/sso", data=begun.fields)
    assert page.status_code == 200
    assert finish(campus_by_post, campus_by_post.submit(page, "advisor1"), begun.request_id).subject == "advisor1@demo.edu"


def test_requests_are_signed_and_never_alike(campus: Campus) -> None:
    first, second = campus.service.begin("a"), campus.service.begin("a")
    assert first.request_id != second.request_id
    query = parse_qs(urlsplit(first.url).query)
    assert query["SigAlg"] == ["http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"]
    with pytest.raises(ValueError, match="80"):
        campus.service.begin("x" * 81)


@pytest.mark.parametrize("spoil", ["Signature", "SigAlg", "RelayState", "SAMLRequest"])
def test_the_provider_takes_only_our_own_requests(campus: Campus, spoil: str) -> None:
    url = campus.service.begin("row-9").url
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert campus.browser.get("/sso?" + urlencode(query)).status_code == 200
    query[spoil] = query[spoil][:-6] + "AAAAAA"
    page = campus.browser.get("/sso?" + urlencode(query))
    assert page.status_code == 400
    assert "Traceback" not in page.text


def test_page_of_people_is_short_and_searchable(campus: Campus) -> None:
    campus.browser = Client(campus.idp)  # nobody has signed in from it yet
    page = campus.visit(campus.service.begin("r").url)
    assert buttons(page) == ["maya.chen", "s0", "advisor1"]
    found = campus.browser.get("/choose", query_string={**fields(page, "get"), "q": "okafor advis"})
    assert buttons(found) == ["advisor1"]
    assert "1 person" in found.text
    many = campus.browser.get("/choose", query_string={**fields(page, "get"), "q": "student"})
    assert len(buttons(many)) == 24
    assert "The first 24 of 401 people" in many.text
    none = campus.browser.get("/choose", query_string={**fields(page, "get"), "q": "<script>"})
    assert "Nobody" in none.text
    assert "<script>" not in none.text


@pytest.mark.parametrize("data", [{"uid": "maya.chen"}, {"uid": "maya.chen", "state": "made-up"}, {}])
def test_the_provider_answers_nothing_without_a_request(campus: Campus, data: dict[str, str]) -> None:
    page = campus.browser.post("/sign-in", data=data)
    assert page.status_code == 400
    assert "SAMLResponse" not in page.text


def test_key_of_the_provider_is_kept_and_private(campus: Campus, tmp_path: Path) -> None:
    first = make_idp(IDP_URL, PEOPLE, b"", tmp_path).metadata
    assert make_idp(IDP_URL, PEOPLE, b"", tmp_path).metadata == first
    assert (tmp_path / "idp.key").stat().st_mode & 0o077 == 0


def test_our_metadata_asks_for_signatures_and_offers_no_weak_algorithm(campus: Campus) -> None:
    metadata = own_metadata(campus.sp).decode()
    assert 'AuthnRequestsSigned="true"' in metadata
    assert 'WantAssertionsSigned="true"' in metadata
    assert f'Location="{campus.service.acs}"' in metadata
    assert 'use="encryption"' not in metadata
    named = re.sub(r"(?s)<(\w+:)?X509Certificate>.*?</", "", metadata)  # any letters may stand in a certificate by chance
    assert named != metadata and not re.search("md5|sha1|ripemd|sha224|dsa-sha1", named, re.IGNORECASE)


@pytest.mark.parametrize(("change", "code"), [
    ({"entity_id": "https://elsewhere.test"}, "metadata"), ({"metadata": b"<not xml"}, "metadata"), ({"key": b"no key"}, "metadata"),
], ids=["unknown provider", "broken metadata", "broken key"])
def test_settings_that_cannot_work_say_so(tmp_path: Path, change: dict[str, Any], code: str) -> None:
    broken = Campus(tmp_path, **({"entity_id": change["entity_id"]} if "entity_id" in change else {}))
    broken.settings.metadata_file.write_bytes(change.get("metadata", broken.idp.metadata))
    if "key" in change:
        broken.sp.service.key_file.write_bytes(change["key"])
    broken.service = broken.provider()
    with pytest.raises(SignOnUnavailable) as refused:
        broken.service.begin("r")
    assert refused.value.reason_code == code


def test_without_the_library_the_program_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xmlsec", None)
    fallback = Campus(tmp_path, crypto="auto")
    assert finish(fallback, *fallback.sign_in("maya.chen")).subject == "maya.chen@demo.edu"
    assert type(fallback.service.client.sec.crypto).__name__ == "Program"


@pytest.mark.parametrize("crypto", ["auto", "xmlsec", "xmlsec1"])
def test_without_any_crypto_sign_in_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crypto: str) -> None:
    bare = Campus(tmp_path, crypto=crypto)
    monkeypatch.setitem(sys.modules, "xmlsec", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SignOnUnavailable) as refused:
        bare.service.begin("r")
    assert refused.value.reason_code == "crypto"


RULES = [
    RoleRule(attribute="affiliation", value="student@demo.edu", role="student"),
    RoleRule(attribute="entitlement", value=ADVISOR, role="advisor", scope="ENGR"),
    RoleRule(attribute="entitlement", value=ADVISOR, role="faculty"),
]


@pytest.mark.parametrize(("uid", "grants"), [
    ("maya.chen", [Grant("student")]), ("advisor1", [Grant("advisor", "ENGR"), Grant("faculty")]),
])
def test_roles_follow_from_the_rules_only(campus: Campus, uid: str, grants: list[Grant]) -> None:
    found = finish(campus, *campus.sign_in(uid))
    assert roles_for(found, RULES) == grants
    assert roles_for(found, []) == []
    assert roles_for(found, [RoleRule(attribute="affiliation", value="student", role="admin")]) == []


def test_staff_roles_for_everybody_are_doubtful() -> None:
    assert doubtful(RULES) == []
    careless = RoleRule(attribute="affiliation", value="staff@demo.edu", role="registrar")
    assert len(doubtful([*RULES, careless])) == 1


@pytest.mark.parametrize("module", ["saml", "directory"])
def test_importing_costs_nothing_until_somebody_signs_in(module: str) -> None:
    heavy = "[m for m in ('saml2', 'xmlsec', 'lxml', 'ldap', 'cryptography', 'flask', 'sqlalchemy') if m in sys.modules]"
    code = f"import careercenter.signon.{module}, sys; print({heavy})"
    clean = "import sys, types; p = types.ModuleType('careercenter'); p.__path__ = ['careercenter']; sys.modules['careercenter'] = p; "
    shown = subprocess.run([sys.executable, "-c", clean + code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
