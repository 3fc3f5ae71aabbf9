"""The demo campus' identity provider: a real SAML 2.0 provider (pysaml2 `Server`) where one click is the password.

`make_idp()` gives a WSGI application with `.metadata` (bytes, ready at once) and `.entity_id`. To walk it by plain HTTP:
GET the sign-in address with `SAMLRequest` and `RelayState` → a page with one form holding `state` and buttons
`name=uid`; POST that form → a page with one form to the ACS holding `SAMLResponse` and `RelayState`.
It must never be reachable from outside this machine: anybody may sign in as anybody.
"""

import os
import secrets
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from itsdangerous import BadData, URLSafeTimedSerializer
from jinja2 import Environment, FileSystemLoader
from werkzeug.wrappers import Request, Response

TEMPLATES = Path(__file__).parent / "idp_templates"
SCOPE = "demo.edu"
STATE_SECONDS = 1800
FOUND_AT_MOST = 24
_FEATURED = 8
_SIGNED_IN_BY = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

Person = Mapping[str, Any]


def make_idp(
    base_url: str, people: Sequence[Person], sp_metadata: bytes | Callable[[], bytes], state_dir: Path
) -> "DemoIdp":
    """A provider at `base_url` for `people` (uid, given_name, family_name, email, campus_id, affiliation, entitlement;
    optional department, title, blurb, group, featured). Key and certificate are made once in `state_dir`.
    `sp_metadata` may be a function, asked at the first sign-in, when the service is up."""
    return DemoIdp(base_url, people, sp_metadata, state_dir)


class DemoIdp:
    """The WSGI application. Holds no session: what a sign-in needs travels signed in the form."""

    def __init__(
        self, base_url: str, people: Sequence[Person], sp_metadata: bytes | Callable[[], bytes], state_dir: Path
    ):
        self.base_url = base_url.rstrip("/")
        self.entity_id = f"{self.base_url}/metadata"
        self.people = list(people)
        self.key_file, self.cert_file, secret = _keys(Path(state_dir))
        self.metadata = _metadata(self.base_url, self.entity_id, self.cert_file.read_text())
        self._sp_metadata = sp_metadata
        self._by_uid = {str(person["uid"]): person for person in self.people}
        self._signer = URLSafeTimedSerializer(secret, salt="demo-idp")
        self._pages = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)
        self._building = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self.respond(Request(environ))(environ, start_response)

    def respond(self, request: Request) -> Response:
        """One request, one page."""
        routes: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", "/"): self._home, ("GET", "/metadata"): self._show_metadata,
            ("GET", "/sso"): self._sign_in, ("POST", "/sso"): self._sign_in,
            ("GET", "/choose"): self._choose, ("POST", "/sign-in"): self._answer,
            ("GET", "/idp.css"): _asset("text/css"), ("GET", "/idp.js"): _asset("text/javascript"),
        }
        handler = routes.get(("GET" if request.method == "HEAD" else request.method, request.path))
        if handler is None:
            return self._page("message.html", 404, title="There is nothing at this address",
                              text="Go back to the career center and choose Sign in.")
        return handler(request)

    def _home(self, _request: Request) -> Response:
        return self._page("message.html", title="Hollis State University sign-in",
                          text="Start at the career center: choose Sign in there, and it will send you here.")

    def _show_metadata(self, _request: Request) -> Response:
        return Response(self.metadata, content_type="application/samlmetadata+xml")

    def _sign_in(self, request: Request) -> Response:
        """The service's AuthnRequest, by redirect (signed query) or POST (signed XML)."""
        binding = _REDIRECT if request.method == "GET" else _POST
        values = request.args if request.method == "GET" else request.form
        try:
            asked = self._read(values.to_dict(), binding)
        except Exception as error:  # noqa: BLE001 - pysaml2 raises many kinds; each means that the request cannot be answered
            return self._page("message.html", 400, title="This sign-in request cannot be answered",
                              text="Go back to the career center and choose Sign in again.", detail=type(error).__name__)
        state = self._signer.dumps({**asked, "relay": values.get("RelayState", "")})
        return self._people_page(state, "")

    def _choose(self, request: Request) -> Response:
        state = request.args.get("state", "")
        return self._expired() if self._open(state) is None else self._people_page(state, request.args.get("q", ""))

    def _answer(self, request: Request) -> Response:
        asked, person = self._open(request.form.get("state", "")), self._by_uid.get(request.form.get("uid", ""))
        if asked is None or person is None:
            return self._expired()
        return self._page("answer.html", person=person, acs=asked["acs"], relay=asked["relay"],
                          answer=self.answer(person, asked), form_action=_origin(asked["acs"]))

    def answer(self, person: Person, asked: Mapping[str, str]) -> str:
        """The signed answer, base64. `asked` holds id (of the request), acs and sp."""
        import base64

        from saml2.saml import NameID

        response = self.server.create_authn_response(
            _attributes(person), asked["id"], asked["acs"], asked["sp"],
            name_id=NameID(format=_TRANSIENT, text="_" + secrets.token_hex(16), sp_name_qualifier=asked["sp"]),
            authn={"class_ref": _SIGNED_IN_BY, "authn_auth": self.entity_id},
            sign_assertion=True, sign_response=False, sign_alg=_RSA_SHA256, digest_alg=_SHA256,
            session_not_on_or_after=(datetime.now(UTC) + timedelta(hours=10)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        return base64.b64encode(str(response).encode()).decode()

    @cached_property
    def _built(self) -> Any:
        from saml2.config import IdPConfig

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pysaml2 imports a cipher by its old place, and never uses it here
            from saml2.server import Server

        source = self._sp_metadata() if callable(self._sp_metadata) else self._sp_metadata
        server = Server(config=IdPConfig().load({
            "entityid": self.entity_id,
            "key_file": str(self.key_file), "cert_file": str(self.cert_file),
            "metadata": {"inline": [source.decode()]},
            "service": {"idp": {
                "endpoints": {"single_sign_on_service": [(f"{self.base_url}/sso", _REDIRECT), (f"{self.base_url}/sso", _POST)]},
                "scope": [SCOPE], "want_authn_requests_signed": True,
                "policy": {"default": {"lifetime": {"minutes": 10}, "attribute_restrictions": None,
                                       "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"}},
            }},
        }))
        server.session_db = _Forgetful()
        return server

    @property
    def server(self) -> Any:
        """The pysaml2 server, built at the first sign-in; building fails while the service's metadata is not there."""
        with self._building:
            return self._built

    def _read(self, values: Mapping[str, str], binding: str) -> dict[str, str]:
        signature = {"relay_state": values.get("RelayState"), "sigalg": values.get("SigAlg"),
                     "signature": values.get("Signature")} if binding == _REDIRECT else {}
        asked = self.server.parse_authn_request(values["SAMLRequest"], binding, **signature)
        found = self.server.response_args(asked.message, [_POST])
        return {"id": found["in_response_to"], "acs": found["destination"], "sp": found["sp_entity_id"]}

    def _open(self, state: str) -> dict[str, str] | None:
        try:
            found: dict[str, str] = self._signer.loads(state, max_age=STATE_SECONDS)
        except BadData:
            return None
        return found

    def _people_page(self, state: str, query: str) -> Response:
        found = self.search(query) if query.strip() else self.featured()
        return self._page("choose.html", state=state, query=query, groups=_grouped(found[:FOUND_AT_MOST]),
                          found=len(found), shown=min(len(found), FOUND_AT_MOST), everybody=len(self.people))

    def featured(self) -> list[Person]:
        """The people marked `featured`; if nobody is, the first two of each group."""
        chosen = [person for person in self.people if person.get("featured")]
        return chosen or [p for members in _grouped(self.people).values() for p in members[:2]][:_FEATURED]

    def search(self, query: str) -> list[Person]:
        """Everybody whose name, uid, title or role holds every word of the query."""
        words = query.casefold().split()
        return [p for p in self.people if all(word in _haystack(p) for word in words)]

    def _expired(self) -> Response:
        return self._page("message.html", 400, title="This sign-in has expired",
                          text="Go back to the career center and choose Sign in again.")

    def _page(self, template: str, status: int = 200, form_action: str = "", **values: Any) -> Response:
        page = self._pages.get_template(template).render(role_of=_group, **values)
        return Response(page, status, content_type="text/html; charset=utf-8", headers={
            "Content-Security-Policy": f"default-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; "
                                       f"form-action 'self' {form_action}".strip(),
            "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
        })


class _Forgetful:
    """pysaml2 would keep every assertion in memory."""

    def store_assertion(self, _assertion: Any, _to_sign: Any) -> None:
        """Nobody asks for an assertion again."""


def _asset(kind: str) -> Callable[[Request], Response]:
    def send(request: Request) -> Response:
        return Response((TEMPLATES / request.path.lstrip("/")).read_bytes(), content_type=f"{kind}; charset=utf-8",
                        headers={"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"})
    return send


def _attributes(person: Person) -> dict[str, list[str]]:
    """Friendly names; pysaml2 writes them as OIDs. Empty ones are left out, as a real provider does."""
    given, family = person["given_name"], person["family_name"]
    found = {
        "subject-id": [f"{person['uid']}@{SCOPE}"], "uid": [person["uid"]],
        "givenName": [given], "sn": [family], "displayName": [f"{given} {family}"],
        "mail": [person.get("email")], "employeeNumber": [person.get("campus_id")], "ou": [person.get("department")],
        "eduPersonScopedAffiliation": [f"{value}@{SCOPE}" for value in person.get("affiliation", ())],
        "eduPersonEntitlement": list(person.get("entitlement", ())),
    }
    kept = {name: [str(value) for value in values if value] for name, values in found.items()}
    return {name: values for name, values in kept.items() if values}


def _group(person: Person) -> str:
    """The heading a person stands under: given, else the entitlement's last word, else the first affiliation."""
    if person.get("group"):
        return str(person["group"])
    entitlement = next(iter(person.get("entitlement", ())), "")
    word = entitlement.replace("/", ":").rpartition(":")[2] or next(iter(person.get("affiliation", ())), "Everybody else")
    return str(word).replace("-", " ").capitalize()


def _grouped(people: Iterable[Person]) -> dict[str, list[Person]]:
    groups: dict[str, list[Person]] = {}
    for person in people:
        groups.setdefault(_group(person), []).append(person)
    return groups


def _haystack(person: Person) -> str:
    names = ("given_name", "family_name", "uid", "title", "blurb", "department")
    return " ".join([*(str(person.get(name) or "") for name in names), _group(person)]).casefold()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _metadata(base_url: str, entity_id: str, pem: str) -> bytes:
    """Written by hand, so that it is ready without importing pysaml2."""
    certificate = "".join(line for line in pem.splitlines() if "CERTIFICATE" not in line)
    doors = "".join(
        f"<md:SingleSignOnService Binding={quoteattr(binding)} Location={quoteattr(base_url + '/sso')}/>"
        for binding in (_REDIRECT, _POST)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
 xmlns:shibmd="urn:mace:shibboleth:metadata:1.0" entityID={quoteattr(entity_id)}>
<md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:Extensions><shibmd:Scope regexp="false">{SCOPE}</shibmd:Scope></md:Extensions>
<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data>
<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
<md:NameIDFormat>{_TRANSIENT}</md:NameIDFormat>{doors}
</md:IDPSSODescriptor></md:EntityDescriptor>
""".encode()


def _keys(folder: Path) -> tuple[Path, Path, str]:
    """Key file, certificate file and the secret of the form's state; made on the first start, kept afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    key_file, cert_file, secret_file = folder / "idp.key", folder / "idp.crt", folder / "idp.secret"
    if not (key_file.exists() and cert_file.exists() and secret_file.exists()):
        key, certificate = make_certificate("Hollis State University sign-in")
        for path, content in ((key_file, key), (cert_file, certificate), (secret_file, secrets.token_hex(32).encode())):
            _write_private(path, content)
    return key_file, cert_file, secret_file.read_text()


def make_certificate(name: str, days: int = 3650, bits: int = 3072) -> tuple[bytes, bytes]:
    """A new RSA key and its self-signed certificate, both PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)


def _write_private(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(f"{path.suffix}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
