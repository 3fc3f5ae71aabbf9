"""A third party's identity provider: SimpleSAMLphp, as a server, walked over plain HTTP against our own server.

Sign-in with signed and with encrypted assertions, both signed, logout both ways, its keys rolling over, a new proof.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import func, select
from werkzeug.serving import WSGIRequestHandler, make_server

from careercenter import create_app, db
from careercenter.people.model import Person, PersonIdentity
from careercenter.people.sessions import LoginSession, SeenAssertion
from careercenter.signon.saml import own_metadata
from careercenter.web import doors
from demo.idp_keys import make_certificate
from tests import simplesamlphp
from tests.campus_idp import ROLES
from tests.conftest import make_settings

ALICE = {
    "urn:oasis:names:tc:SAML:attribute:subject-id": ["alice@demo.edu"], "urn:oid:2.5.4.42": ["Alice"], "urn:oid:2.5.4.4": ["Arden"],
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.9": ["student@demo.edu", "admin@elsewhere.test"],
}
LIAR = {"urn:oasis:names:tc:SAML:attribute:subject-id": ["alice@elsewhere.test"], "urn:oid:2.5.4.42": ["Liar"]}


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """No line per request."""


@dataclass
class Campus:
    """Our server and theirs, and the settings by which ours trusts theirs: changing the file changes them at the next use."""

    app: Flask
    idp: simplesamlphp.Server
    metadata: Path
    url: str

    def trust(self, metadata: bytes | None = None) -> None:
        self.metadata.write_bytes(self.idp.metadata() if metadata is None else metadata)

    def browser(self) -> "Browser":
        return Browser(self)

    def open_sessions(self) -> int:
        with self.app.app_context():
            return db.session.scalar(select(func.count(LoginSession.id)).where(LoginSession.ended_at.is_(None))) or 0


class Browser(requests.Session):
    """A browser without scripts: it follows redirects and presses the one button of each page in between."""

    def __init__(self, campus: Campus):
        super().__init__()
        self.campus = campus

    def sign_in(self, user: str = "alice", way: str = "campus") -> requests.Response:
        """From our sign-in page through theirs to our home page, or to what is shown instead."""
        page = self.get(f"{self.campus.url}/sign-in/{way}", timeout=30)
        if 'name="password"' in page.text:
            page = self.submit(page, username=user, password=user)
        return self.submit(page)  # their form with the answer

    def submit(self, page: requests.Response, **typed: str) -> requests.Response:
        form = BeautifulSoup(page.text, "html.parser").find("form", method="post")
        assert form is not None, page.text[:2000]
        fields = {str(f["name"]): str(f.get("value", "")) for f in form.find_all(["input", "button"]) if f.get("name")}
        target = requests.compat.urljoin(page.url, str(form.get("action") or page.url))
        return self.post(target, data={**fields, **typed}, timeout=30)

    def answer(self, user: str = "alice") -> dict[str, str]:
        """The form that they would have the browser post to us."""
        page = self.submit(self.get(f"{self.campus.url}/sign-in/campus", timeout=30), username=user, password=user)
        form = BeautifulSoup(page.text, "html.parser").find("form", method="post")
        assert form is not None
        return {str(f["name"]): str(f["value"]) for f in form.find_all("input") if f.get("name")}


@pytest.fixture(scope="module")
def pairs() -> list[tuple[bytes, bytes]]:
    return [make_certificate(f"pair {n}", bits=2048) for n in range(4)]


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[bytes, bytes]]) -> Iterator[Campus]:
    folder = tmp_path_factory.mktemp("ssp")
    for name, (key, certificate) in zip(("sp", "enc"), pairs[1:], strict=False):
        (folder / f"{name}.key").write_bytes(key)
        (folder / f"{name}.crt").write_bytes(certificate)
    users = {"alice:alice": ALICE, "liar:liar": LIAR}
    with simplesamlphp.running(folder / "idp", users, pairs[0]) as idp:
        metadata = folder / "idp.xml"
        metadata.write_bytes(idp.metadata())
        server = make_server("127.0.0.1", 0, lambda environ, respond: app(environ, respond), threaded=True, request_handler=_Quiet)
        url = f"http://127.0.0.1:{server.server_port}"
        app = _application(folder, url, metadata)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            with app.test_request_context():
                idp.know(own_metadata(doors.service_provider()))
            yield Campus(app, idp, metadata, url)
        finally:
            server.shutdown()
            thread.join()


def _application(folder: Path, url: str, metadata: Path) -> Flask:
    trust = {"kind": "saml", "label": "Their sign-in", "metadata_file": str(metadata)}
    providers = [
        {"name": "campus", "allow_cbc": True, **trust}, {"name": "strict", **trust}, {"name": "both", "signed": "both", **trust},
        {"name": "response", "signed": "response", **trust},
        {"name": "context", "contexts": ["urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport", "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"], **trust},
        {"name": "mfa", "contexts": ["https://refeds.org/profile/mfa"], **trust},
    ]
    service = {
        "key_file": str(folder / "sp.key"), "cert_file": str(folder / "sp.crt"),
        "decryption": [{"key_file": str(folder / "enc.key"), "cert_file": str(folder / "enc.crt")}],
    }
    server = {"secret_key": make_settings(folder).server.secret_key, "public_url": url}
    (folder / "data").mkdir()
    app = create_app(make_settings(folder / "data", server=server, signon={"service": service, "providers": providers, "roles": ROLES}))
    with app.app_context():
        db.upgrade()
    return app


@pytest.fixture(autouse=True)
def clean(campus: Campus) -> Iterator[None]:
    yield
    campus.idp.service = {}
    for name in ("new_privatekey", "new_certificate"):
        campus.idp.settings.pop(name, None)
    campus.idp.settings.update(privatekey="idp.key", certificate="idp.crt")
    campus.idp.write()
    campus.trust()


def test_sign_in_with_a_signed_assertion(campus: Campus) -> None:
    page = campus.browser().sign_in()
    assert (page.status_code, page.url) == (200, f"{campus.url}/")
    assert "Alice Arden" in page.text
    with campus.app.app_context():
        person = db.session.scalars(select(Person).join(PersonIdentity).where(PersonIdentity.provider == "campus")).one()
        assert [(grant.role, grant.source) for grant in person.roles] == [("student", "signon")]


@pytest.mark.parametrize(("way", "sends", "enough"), [
    ("both", {"saml20.sign.assertion": True, "saml20.sign.response": True}, True),
    ("both", {"saml20.sign.assertion": True, "saml20.sign.response": False}, False),
    ("both", {"saml20.sign.assertion": False, "saml20.sign.response": True}, False),
    ("response", {"saml20.sign.assertion": False, "saml20.sign.response": True}, True),
    ("response", {"saml20.sign.assertion": True, "saml20.sign.response": False}, False),
    ("strict", {"saml20.sign.assertion": False, "saml20.sign.response": True}, False),
    ("strict", {"saml20.sign.assertion": True, "saml20.sign.response": True}, True),
])
def test_what_has_to_be_signed(campus: Campus, way: str, sends: dict[str, bool], enough: bool) -> None:
    campus.idp.service = sends
    campus.idp.write()
    page = campus.browser().sign_in(way=way)
    assert (page.status_code, "Alice Arden" in page.text) == ((200, True) if enough else (403, False))


@pytest.mark.parametrize("way", ["campus", "both"])
def test_sign_in_with_an_encrypted_assertion(campus: Campus, way: str) -> None:
    """This program encrypts by AES-CBC and nothing else: taken where the campus says so, refused elsewhere."""
    campus.idp.service = {"assertion.encryption": True, "saml20.sign.response": True}
    campus.idp.write()
    browser = campus.browser()
    page = browser.sign_in(way=way)
    assert ("Alice Arden" in page.text) == (way == "campus")
    assert (page.status_code == 403) == (way == "both")


def test_an_encrypted_answer_shows_nothing_on_the_way(campus: Campus) -> None:
    import base64

    campus.idp.service = {"assertion.encryption": True}
    campus.idp.write()
    answer = base64.b64decode(campus.browser().answer()["SAMLResponse"])
    assert b"EncryptedAssertion" in answer
    assert b"Alice" not in answer


def test_an_answer_opens_one_session_and_only_in_its_own_browser(campus: Campus) -> None:
    browser = campus.browser()
    answer = browser.answer()
    assert campus.browser().post(f"{campus.url}/saml/acs", data=answer, timeout=30).status_code == 403
    assert browser.post(f"{campus.url}/saml/acs", data=answer, timeout=30).status_code == 200
    assert browser.post(f"{campus.url}/saml/acs", data=answer, timeout=30).status_code == 403


def test_values_of_a_foreign_scope_are_refused(campus: Campus) -> None:
    assert campus.browser().sign_in("liar").status_code == 403


def test_signing_out_here_and_there(campus: Campus) -> None:
    browser = campus.browser()
    home = browser.sign_in()
    before = campus.open_sessions()
    token = BeautifulSoup(home.text, "html.parser").find("input", {"name": "csrf_token"})
    left = browser.post(f"{campus.url}/sign-out", data={"csrf_token": token["value"]}, timeout=30)  # type: ignore[index]
    assert campus.open_sessions() == before - 1
    assert "Your campus sign-in may still be open" in left.text
    assert 'name="password"' not in browser.get(f"{campus.url}/sign-in/campus", timeout=30).text, "their session is open still"
    there = browser.get(f"{campus.url}/sign-out/campus", timeout=30)
    assert "here and at your campus sign-in" in there.text
    assert 'name="password"' in browser.get(f"{campus.url}/sign-in/campus", timeout=30).text


def test_signing_out_there_ends_the_session_here(campus: Campus) -> None:
    browser, other = campus.browser(), campus.browser()
    browser.sign_in()
    other.sign_in()
    before = campus.open_sessions()
    done = browser.get(
        f"{campus.idp.url}/simplesaml/saml2/idp/initSLO.php", params={"RelayState": f"{campus.url}/accessibility"}, timeout=30
    )
    assert done.status_code == 200, done.text
    assert done.url.startswith(f"{campus.url}/accessibility"), "our answer brought the browser back through them"
    assert campus.open_sessions() == before - 1
    assert browser.get(f"{campus.url}/", timeout=30).url.startswith(f"{campus.url}/sign-in")
    assert other.get(f"{campus.url}/", timeout=30).url == f"{campus.url}/", "another browser of the same person stays"


def test_a_logout_request_is_used_once(campus: Campus) -> None:
    browser = campus.browser()
    browser.sign_in()
    history = browser.get(
        f"{campus.idp.url}/simplesaml/saml2/idp/initSLO.php", params={"RelayState": f"{campus.url}/accessibility"}, timeout=30
    ).history
    asked = next(step.url for step in history if "/saml/slo?SAMLRequest" in step.url)
    again = requests.get(asked, allow_redirects=False, timeout=30)
    assert again.status_code == 403
    assert "Nothing was ended" in again.text
    forged = requests.get(asked.replace("Signature=", "Signature=AA"), allow_redirects=False, timeout=30)
    assert forged.status_code == 403
    with campus.app.app_context():
        assert db.session.scalar(select(func.count(SeenAssertion.id)).where(SeenAssertion.assertion_id.startswith("logout ")))


def test_its_key_rolls_over_without_an_outage(campus: Campus, pairs: list[tuple[bytes, bytes]]) -> None:
    """It publishes old and new, then signs with the new one, then drops the old one; people sign in at every step."""
    simplesamlphp.put_key(campus.idp, "next", pairs[3])
    campus.idp.settings.update(new_privatekey="next.key", new_certificate="next.crt")
    campus.idp.write()
    both = campus.idp.metadata()
    assert both.count(b'use="signing"') == 2
    campus.trust(both)
    assert "Alice Arden" in campus.browser().sign_in().text
    for name in ("new_privatekey", "new_certificate"):
        del campus.idp.settings[name]
    campus.idp.settings.update(privatekey="next.key", certificate="next.crt")
    campus.idp.write()
    assert "Alice Arden" in campus.browser().sign_in().text, "signed by the new key, while we know both"
    campus.trust()
    assert campus.metadata.read_bytes().count(b'use="signing"') == 1
    assert "Alice Arden" in campus.browser().sign_in().text
    campus.idp.settings.update(privatekey="idp.key", certificate="idp.crt")
    campus.idp.write()
    assert campus.browser().sign_in().status_code == 403, "the key that was dropped signs nobody in"


def test_our_key_rolls_over_without_an_outage(campus: Campus, pairs: list[tuple[bytes, bytes]], tmp_path: Path) -> None:
    """We publish the next certificate, then sign with its key; the provider, which checks our requests, notices nothing."""
    for name, content in zip(("key", "crt"), pairs[3], strict=True):
        (tmp_path / f"next.{name}").write_bytes(content)
    signon = campus.app.extensions["careercenter"].signon
    published = signon.service.model_copy(update={"next_cert_file": tmp_path / "next.crt"})
    switched = signon.service.model_copy(update={
        "key_file": tmp_path / "next.key", "cert_file": tmp_path / "next.crt", "next_cert_file": signon.service.cert_file,
    })
    settings = campus.app.extensions["careercenter"]
    try:
        for service, known in ((published, True), (switched, False)):
            campus.app.extensions["careercenter"] = settings.model_copy(update={"signon": signon.model_copy(update={"service": service})})
            campus.app.extensions.pop("careercenter.doors", None)
            if known:
                with campus.app.test_request_context():
                    campus.idp.know(own_metadata(doors.service_provider()))
            assert "Alice Arden" in campus.browser().sign_in().text
    finally:
        campus.app.extensions["careercenter"] = settings
        campus.app.extensions.pop("careercenter.doors", None)
        with campus.app.test_request_context():
            campus.idp.know(own_metadata(doors.service_provider()))


def test_a_context_that_it_cannot_prove_is_not_taken(campus: Campus) -> None:
    assert "Alice Arden" in campus.browser().sign_in(way="context").text
    assert campus.browser().sign_in(way="mfa").status_code == 403


def test_a_new_proof_is_asked_for_and_given(campus: Campus) -> None:
    """ForceAuthn: with an open session at the provider, the person types the password again."""
    from careercenter.signon.identity import Demand, Waiting

    browser = campus.browser()
    browser.sign_in()
    with campus.app.test_request_context():
        provider: Any = doors.door("campus")
        asked, started = provider.begin("r", Demand(fresh=True)), datetime.now(UTC)
        page = browser.get(asked.url, timeout=30)
        assert 'name="password"' in page.text
        page = browser.submit(page, username="alice", password="alice")
        form = BeautifulSoup(page.text, "html.parser").find("form", method="post")
        answer = {str(f["name"]): str(f["value"]) for f in form.find_all("input") if f.get("name")}  # type: ignore[union-attr]
        waiting = Waiting(asked.request_id, started, demand=Demand(fresh=True))
        assert provider.finish(answer, waiting, datetime.now(UTC)).subject == "alice@demo.edu"
