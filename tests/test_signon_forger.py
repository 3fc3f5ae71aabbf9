"""A forger of SAML answers with a key of its own or the provider's, at any time, with any defect; and its genuine ones.

The identity provider of these tests is two key pairs (RSA, and an EC key that is rolling in) and a page of metadata.
What the forger makes without a defect has to be accepted: these are the controls of `test_signon_forged*.py`.
"""

import base64
import copy
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lxml import etree

from careercenter.settings import SamlProvider as Settings
from careercenter.settings import Service
from careercenter.signon.identity import Identity, SubjectMissing, Waiting
from careercenter.signon.rules import DSIG, PERSISTENT, SAML, SAMLP
from careercenter.signon.saml import SamlProvider, ServiceProvider
from demo.idp import make_certificate

IDP, OTHER_IDP, SP, PUBLIC = "https://idp.test/entity", "https://other.test/entity", "https://careers.test/sp", "https://careers.test"
ACS, SLO = f"{PUBLIC}/saml/acs", f"{PUBLIC}/saml/slo"
BACKENDS = ("xmlsec", "xmlsec1")
REQUEST = "_request-1"
NS = {"saml": SAML[1:-1], "samlp": SAMLP[1:-1], "ds": DSIG[1:-1]}
RSA_SHA256 = xmlsec.constants.TransformRsaSha256
SUBJECT_ID = "urn:oasis:names:tc:SAML:attribute:subject-id"
AFFILIATION = "urn:oid:1.3.6.1.4.1.5923.1.1.1.9"


@dataclass(frozen=True)
class Answer:
    """What an answer says. The defaults are genuine; `replace()` makes the defect. Instants are seconds from now."""

    request: str | None = REQUEST
    confirmed_request: str | None = REQUEST
    issuer: str = IDP
    response_issuer: str | None = IDP
    destination: str | None = ACS
    recipient: str | None = ACS
    audiences: tuple[tuple[str, ...], ...] = ((SP,),)
    issued: int = 0
    assertion_issued: int = 0
    not_before: int | None = -5
    not_on_or_after: int | None = 300
    confirmed_until: int | None = 300
    session_until: int | None = 3600
    method: str = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
    status: str = "Success"
    version: str = "2.0"
    name_id: str = "<saml:NameID Format='urn:oasis:names:tc:SAML:2.0:nameid-format:transient'>_transient</saml:NameID>"
    context: str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
    authenticated: int = 0
    attributes: dict[str, tuple[str, ...]] = field(default_factory=lambda: {
        SUBJECT_ID: ("Alice@demo.edu",), AFFILIATION: ("student@demo.edu",), "urn:oid:2.5.4.42": ("Alice",),
    })
    statement: str = ""
    condition: str = ""
    assertion_attribute: str = ""
    assertion_id: str = "_assertion"


def instant(seconds: int) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _attr(name: str, value: str | None) -> str:
    return "" if value is None else f' {name}="{value}"'


def _when(name: str, seconds: int | None) -> str:
    return _attr(name, None if seconds is None else instant(seconds))


def build(said: Answer = Answer()) -> Any:
    """The unsigned answer as an lxml element."""
    conditions = "".join(
        "<saml:AudienceRestriction>" + "".join(f"<saml:Audience>{a}</saml:Audience>" for a in group)
        + "</saml:AudienceRestriction>" for group in said.audiences
    ) + said.condition
    attributes = "".join(
        f'<saml:Attribute Name="{name}" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri">'
        + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values) + "</saml:Attribute>"
        for name, values in said.attributes.items()
    )
    attributes = f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement>" if attributes else ""
    outer = "" if said.response_issuer is None else f"<saml:Issuer>{said.response_issuer}</saml:Issuer>"
    return etree.fromstring(f"""<samlp:Response xmlns:samlp="{NS['samlp']}" xmlns:saml="{NS['saml']}" ID="_response"
 Version="{said.version}"{_when('IssueInstant', said.issued)}{_attr('Destination', said.destination)}
 {_attr('InResponseTo', said.request)}>{outer}<samlp:Status><samlp:StatusCode
 Value="urn:oasis:names:tc:SAML:2.0:status:{said.status}"/></samlp:Status><saml:Assertion ID="{said.assertion_id}" Version="2.0"
 {_when('IssueInstant', said.assertion_issued)}{said.assertion_attribute}><saml:Issuer>{said.issuer}</saml:Issuer><saml:Subject>
{said.name_id}<saml:SubjectConfirmation Method="{said.method}"><saml:SubjectConfirmationData
 {_attr('Recipient', said.recipient)}{_attr('InResponseTo', said.confirmed_request)}
 {_when('NotOnOrAfter', said.confirmed_until)}/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions{_when('NotBefore', said.not_before)}{_when('NotOnOrAfter', said.not_on_or_after)}>{conditions}</saml:Conditions>
<saml:AuthnStatement{_when('AuthnInstant', said.authenticated)} SessionIndex="_s1"{_when('SessionNotOnOrAfter', said.session_until)}>
<saml:AuthnContext><saml:AuthnContextClassRef>{said.context}</saml:AuthnContextClassRef>
</saml:AuthnContext></saml:AuthnStatement>{said.statement}{attributes}
</saml:Assertion></samlp:Response>""")


def sign(
    element: Any, key: Path | bytes, *, algorithm: Any = RSA_SHA256, digest: Any = xmlsec.constants.TransformSha256,
    c14n: Any = xmlsec.constants.TransformExclC14N, uri: str | None = None, certificate: bytes | None = None,
) -> Any:
    """Sign a Response or Assertion in place, behind its Issuer; `key` is a PEM file, or bytes for HMAC."""
    signature = xmlsec.template.create(element, c14n, algorithm, ns="ds")
    place = element.find("saml:Issuer", NS)
    element.insert(0 if place is None else 1, signature)
    reference = xmlsec.template.add_reference(
        signature, digest, uri="#" + element.get("ID") if uri is None else uri
    )
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, c14n)
    context = xmlsec.SignatureContext()
    context.key = (
        xmlsec.Key.from_file(str(key), xmlsec.constants.KeyDataFormatPem) if isinstance(key, Path)
        else xmlsec.Key.from_binary_data(xmlsec.constants.KeyDataHmac, key)
    )
    if certificate:
        xmlsec.template.x509_data_add_certificate(xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(signature)))
        context.key.load_cert_from_memory(certificate, xmlsec.constants.KeyDataFormatCertPem)
    context.register_id(element, "ID")
    context.sign(signature)
    return element


def assertion(response: Any) -> Any:
    return response.find("saml:Assertion", NS)


def form(document: Any) -> dict[str, str]:
    """The posted form of an element, text or bytes."""
    if not isinstance(document, str | bytes):
        document = etree.tostring(document)
    raw = document.encode() if isinstance(document, str) else document
    return {"SAMLResponse": base64.b64encode(raw).decode(), "RelayState": "r"}


@dataclass(frozen=True)
class World:
    """One SP with both ways of verifying, and the provider's keys. `evil` is a key nobody knows."""

    folder: Path
    providers: dict[str, SamlProvider]
    key: Path
    ec_key: Path
    other_key: Path
    evil: Path
    certificate: bytes
    evil_certificate: bytes
    made: dict[Any, SamlProvider]

    def genuine(self, said: Answer = Answer(), signed: str = "assertion") -> Any:
        """An answer as the provider makes it; `signed` is assertion, response or both."""
        response = build(said)
        if signed != "response":
            sign(assertion(response), self.key)
        if signed != "assertion":
            sign(response, self.key)
        return etree.fromstring(etree.tostring(response))  # lxml does not find all elements that xmlsec made

    def provider(self, crypto: str, *keys: str, **settings: Any) -> SamlProvider:
        """Another SP: `keys` names the pairs that we decrypt with, `settings` are those of the provider."""
        name = (crypto, keys, *sorted(settings.items()))
        if name not in self.made:
            told = Settings(name="campus", label="Campus", metadata_file=self.folder / "idp.xml", crypto=crypto, **settings)
            self.made[name] = SamlProvider(told, service(self.folder, *keys), (self.folder / "idp.xml").read_bytes(), entity_id=IDP)
            _ = self.made[name].client  # a second of imports, which no answer pays for
        return self.made[name]

    def finish(self, crypto: str, posted: dict[str, str], request_id: str = REQUEST) -> Identity:
        return finish(self.providers[crypto], posted, request_id)


def finish(provider: SamlProvider, posted: dict[str, str], request_id: str = REQUEST) -> Identity:
    now = datetime.now(UTC)
    return provider.finish(posted, Waiting(request_id, now), now)


def service(folder: Path, *keys: str) -> ServiceProvider:
    """Who we are in these tests; `keys` names the pairs that we decrypt with."""
    pairs = [{"key_file": folder / f"{name}.key", "cert_file": folder / f"{name}.crt"} for name in keys]
    told = {"key_file": folder / "sp.key", "cert_file": folder / "sp.crt", "decryption": pairs}
    return ServiceProvider(SP, PUBLIC, Service.model_validate(told))


def _ec_certificate() -> tuple[bytes, bytes]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rolling in, and expired, which metadata overrules")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(now - timedelta(days=9)).not_valid_after(now - timedelta(days=1)).sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, certificate.public_bytes(pem)


def _entity(entity_id: str, certificates: list[bytes]) -> str:
    keys = "".join(
        "<md:KeyDescriptor use='signing'><ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
        + "".join(pem.decode().splitlines()[1:-1])
        + "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>" for pem in certificates
    )
    return f"""<md:EntityDescriptor entityID="{entity_id}"><md:IDPSSODescriptor
 protocolSupportEnumeration="{NS['samlp']}"><md:Extensions><shibmd:Scope regexp="false">demo.edu</shibmd:Scope></md:Extensions>{keys}
<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{entity_id}/slo"
 ResponseLocation="{entity_id}/slo-answers"/>
<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{entity_id}/sso"/>
</md:IDPSSODescriptor></md:EntityDescriptor>"""


@cache
def _pairs() -> dict[str, tuple[bytes, bytes]]:
    """Keys and certificates, made once: making keys is the slowest thing here."""
    return {name: make_certificate(name, bits=2048) for name in ("sp", "idp", "other", "evil", "enc", "enc2")} | {"ec": _ec_certificate()}


def make_world(folder: Path) -> World:
    pairs = _pairs()
    for name, (key, certificate) in pairs.items():
        (folder / f"{name}.key").write_bytes(key)
        (folder / f"{name}.crt").write_bytes(certificate)
    (folder / "idp.xml").write_text(
        f'<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="{NS["ds"]}" '
        'xmlns:shibmd="urn:mace:shibboleth:metadata:1.0">'
        + _entity(IDP, [pairs["ec"][1], pairs["idp"][1]]) + _entity(OTHER_IDP, [pairs["other"][1]])
        + "</md:EntitiesDescriptor>"
    )
    world = World(folder, {}, folder / "idp.key", folder / "ec.key", folder / "other.key", folder / "evil.key",
                  pairs["idp"][1], pairs["evil"][1], {})
    world.providers.update({crypto: world.provider(crypto) for crypto in BACKENDS})
    return world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


def both_signed(world: World) -> Any:
    return etree.fromstring(etree.tostring(sign(world.genuine(), world.key)))


def wrapped(world: World) -> dict[str, str]:
    posted = form(world.genuine())
    packed = posted["SAMLResponse"]
    return posted | {"SAMLResponse": "\r\n".join(packed[at:at + 76] for at in range(0, len(packed), 76))}


GENUINE = {
    "assertion signed": lambda w: w.genuine(),
    "response signed too": both_signed,
    "line-wrapped base64": wrapped,
    "SHA-512": lambda w: _signed(w, algorithm=xmlsec.constants.TransformRsaSha512, digest=xmlsec.constants.TransformSha512),
    "the provider's new key, ECDSA": lambda w: _signed(w, key=w.ec_key, algorithm=xmlsec.constants.TransformEcdsaSha256),
    "certificate in the signature": lambda w: _signed(w, certificate=w.certificate),
    "no issuer on the response": lambda w: w.genuine(Answer(response_issuer=None)),
    "two audiences": lambda w: w.genuine(Answer(audiences=(("https://elsewhere.test", SP),))),
    "no NameID": lambda w: w.genuine(Answer(name_id="")),
    "a clock two minutes behind": lambda w: w.genuine(Answer(issued=100, assertion_issued=100, not_before=100)),
    "XML declaration": lambda w: b'<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(w.genuine()),
    "one-time use": lambda w: w.genuine(Answer(condition="<saml:OneTimeUse/>")),
}


def _signed(world: World, key: Path | None = None, **how: Any) -> Any:
    response = build()
    sign(assertion(response), key or world.key, **how)
    return response


def posted_by(made: Any) -> dict[str, str]:
    return made if isinstance(made, dict) else form(made)


@pytest.mark.parametrize("crypto", ["xmlsec", "xmlsec1"])
@pytest.mark.parametrize("name", list(GENUINE))
def test_genuine_answers_are_accepted(world: World, name: str, crypto: str) -> None:
    found = world.finish(crypto, posted_by(GENUINE[name](world)))
    assert (found.provider, found.subject_kind, found.subject) == ("campus", "subject-id", "alice@demo.edu")
    assert found.attributes == {"given_name": ("Alice",), "affiliation": ("student@demo.edu",)}
    assert found.assertion_id == "_assertion"
    assert found.session_index == "_s1"
    assert found.authn_context == "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
    assert timedelta(minutes=6) < found.assertion_expires_at - datetime.now(UTC) < timedelta(minutes=8)


def with_attributes(**changes: tuple[str, ...]) -> Answer:
    wire = {"subject": SUBJECT_ID, "affiliation": AFFILIATION, "unique": "urn:oid:1.3.6.1.4.1.5923.1.1.1.13"}
    return replace(Answer(), attributes={wire[name]: values for name, values in changes.items()})


def test_values_outside_the_scope_of_the_provider_are_dropped(world: World) -> None:
    said = with_attributes(subject=("a@demo.edu",), affiliation=("student@demo.edu", "faculty@other.test", "staff"))
    assert world.finish("xmlsec", form(world.genuine(said))).attributes["affiliation"] == ("student@demo.edu",)


@pytest.mark.parametrize(("said", "code"), [
    (with_attributes(affiliation=("student@demo.edu",)), "subject_missing"),
    (with_attributes(subject=("a@other.test",), unique=("b@demo.edu",)), "subject_scope"),
    (with_attributes(subject=("a@demo.edu", "b@demo.edu")), "subject_many"),
    (with_attributes(subject=("a b@demo.edu",)), "subject_form"),
    (with_attributes(subject=("a@evil.test@demo.edu",)), "subject_scope"),
], ids=["none", "foreign scope", "two", "blank", "two signs"])
def test_a_person_without_one_sound_identifier_is_refused(world: World, said: Answer, code: str) -> None:
    with pytest.raises(SubjectMissing) as refused:
        world.finish("xmlsec", form(world.genuine(said)))
    assert refused.value.reason_code == code


def test_persistent_name_id_is_the_last_resort(world: World) -> None:
    said = replace(with_attributes(), name_id=f"<saml:NameID Format='{PERSISTENT}' NameQualifier='{IDP}'>p-1</saml:NameID>")
    found = world.finish("xmlsec", form(world.genuine(said)))
    assert (found.subject_kind, found.subject) == ("persistent", "p-1")
    foreign = replace(said, name_id=said.name_id.replace(IDP, OTHER_IDP))
    with pytest.raises(SubjectMissing):
        world.finish("xmlsec", form(world.genuine(foreign)))


def test_threads_share_a_provider_and_nothing_is_kept(world: World) -> None:
    provider, wrong = world.providers["xmlsec"], []

    def sign_in_often(name: str) -> None:
        posted = form(world.genuine(with_attributes(subject=(f"{name}@demo.edu",))))
        for _ in range(5):
            if world.finish("xmlsec", posted).subject != f"{name}@demo.edu":
                wrong.append(name)

    state = copy.copy(vars(provider.client.users)), dict(provider.client.state)
    threads = [threading.Thread(target=sign_in_often, args=(f"person{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert (vars(provider.client.users), provider.client.state) == state
