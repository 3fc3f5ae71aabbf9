"""Logout messages of a provider: genuine ones are read on both bindings; unsigned, forged, stale and inflating ones are not."""

import base64
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import xmlsec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree

from careercenter.signon.identity import AnswerRefused, ProviderDeclined
from careercenter.signon.saml import received
from demo.idp_encrypt import wrap
from tests.test_signon_forged_encrypted import again, der
from tests.test_signon_forger import ACS, BACKENDS, IDP, NS, OTHER_IDP, SLO, World, instant, sign, world

__all__ = ["world"]
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
ECDSA = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"


@dataclass(frozen=True)
class Said:
    """What a logout message says. The defaults are genuine."""

    element: str = "LogoutRequest"
    issuer: str = IDP
    destination: str | None = SLO
    issued: int = 0
    until: int | None = 120
    name: str = "<saml:NameID>_transient</saml:NameID>"
    indexes: tuple[str, ...] = ("_s1",)
    answers: str = "_our-request"
    status: tuple[str, ...] = ("Success",)
    version: str = "2.0"


REPLY = Said(element="LogoutResponse")


def build(said: Said = Said()) -> Any:
    """The unsigned message."""
    destination = "" if said.destination is None else f'Destination="{said.destination}"'
    if said.element == "LogoutRequest":
        until = "" if said.until is None else f'NotOnOrAfter="{instant(said.until)}"'
        body = said.name + "".join(f"<samlp:SessionIndex>{index}</samlp:SessionIndex>" for index in said.indexes)
    else:
        until, codes = f'InResponseTo="{said.answers}"', ""
        for code in reversed(said.status):
            codes = f'<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{code}">{codes}</samlp:StatusCode>'
        body = f"<samlp:Status>{codes}</samlp:Status>"
    return etree.fromstring(f"""<samlp:{said.element} xmlns:samlp="{NS['samlp']}" xmlns:saml="{NS['saml']}" ID="_logout"
 Version="{said.version}" IssueInstant="{instant(said.issued)}" {destination} {until}><saml:Issuer>{said.issuer}</saml:Issuer>
{body}</samlp:{said.element}>""")


def kind_of(document: bytes) -> str:
    return "SAMLResponse" if b"LogoutResponse" in document[:40] else "SAMLRequest"


def deflated(document: bytes) -> str:
    return base64.b64encode(zlib.compress(document)[2:-4]).decode()


def query(world: World, said: Said = Said(), *, algorithm: str = RSA_SHA256, key: str = "idp", relay: str = "r", lower: bool = False) -> bytes:
    """A message in an address with its detached signature; `lower` writes escapes as some programs do."""
    document = etree.tostring(build(said))
    escape = (lambda t: quote(t, safe="").replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d")) if lower else (
        lambda t: quote(t, safe=""))
    parts = [(kind_of(document), deflated(document)), ("RelayState", relay), ("SigAlg", algorithm)]
    covered = "&".join(f"{name}={escape(value)}" for name, value in parts).encode()
    private: Any = load_pem_private_key((world.folder / f"{key}.key").read_bytes(), None)
    if algorithm == ECDSA:
        r, s = decode_dss_signature(private.sign(covered, ec.ECDSA(hashes.SHA256())))
        value = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        value = private.sign(covered, padding.PKCS1v15(), hashes.SHA1() if algorithm == RSA_SHA1 else hashes.SHA256())
    return covered + b"&Signature=" + escape(base64.b64encode(value).decode()).encode()


def posted(document: Any) -> dict[str, str]:
    raw = document if isinstance(document, bytes) else etree.tostring(document)
    return {kind_of(raw): base64.b64encode(raw).decode(), "RelayState": "r"}


def signed(world: World, said: Said = Said(), **how: Any) -> Any:
    return again(sign(build(said), how.pop("key", world.key), **how))


def read(world: World, came: bytes | dict[str, str], crypto: str = "xmlsec", *keys: str) -> Any:
    """What the program makes of a message: by POST if it is a form, else as a query string."""
    message = received("GET", came, {}) if isinstance(came, bytes) else received("POST", b"", came)
    provider, now = world.provider(crypto, *keys), datetime.now(UTC)
    if message.kind == "SAMLResponse":
        return provider.ended(message, "_our-request", now)
    return provider.asked_to_end(message, now)


GENUINE: dict[str, Callable[[World], bytes | dict[str, str]]] = {
    "redirect": query,
    "redirect, escapes in small letters": lambda w: query(w, lower=True),
    "redirect, the provider's new ECDSA key": lambda w: query(w, algorithm=ECDSA, key="ec"),
    "redirect, no end": lambda w: query(w, replace(Said(), until=None)),
    "POST": lambda w: posted(signed(w)),
    "POST, SHA-512": lambda w: posted(signed(
        w, algorithm=xmlsec.constants.TransformRsaSha512, digest=xmlsec.constants.TransformSha512)),
}


@pytest.mark.parametrize("crypto", BACKENDS)
@pytest.mark.parametrize("name", list(GENUINE))
def test_genuine_logout_requests_are_read(world: World, name: str, crypto: str) -> None:
    asked = read(world, GENUINE[name](world), crypto)
    assert (asked.message_id, asked.name, asked.session_indexes, asked.relay) == ("_logout", {"name_id": "_transient"}, ("_s1",), "r")
    assert asked.expires_at > datetime.now(UTC)


def test_the_name_may_be_encrypted_to_us(world: World) -> None:
    document = build()
    wrap(document.find("saml:NameID", NS), "EncryptedID", der(world, "enc"))
    document = again(sign(again(document), world.key))
    assert read(world, posted(document), "xmlsec", "enc").name == {"name_id": "_transient"}
    with pytest.raises(AnswerRefused, match="encrypted"):
        read(world, posted(document))


def test_our_answer_goes_where_the_provider_wants_answers(world: World) -> None:
    provider = world.provider("xmlsec")
    begun = provider.confirm_end(provider.asked_to_end(received("GET", query(world, relay="their state"), {}), datetime.now(UTC)))
    parts = urlsplit(begun.url)
    said = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert (begun.method, begun.url.partition("?")[0]) == ("redirect", f"{IDP}/slo-answers")
    assert (said["RelayState"], said["SigAlg"]) == ("their state", RSA_SHA256)
    answer = zlib.decompress(base64.b64decode(said["SAMLResponse"]), -15)
    assert b'InResponseTo="_logout"' in answer
    assert b"status:Success" in answer


def altered(change: Callable[[str], str]) -> Callable[[World], bytes]:
    return lambda w: change(query(w).decode()).encode()


def without(*names: str) -> Callable[[World], bytes]:
    return altered(lambda q: "&".join(p for p in q.split("&") if p.partition("=")[0] not in names))


def said(**changes: Any) -> Callable[[World], bytes]:
    return lambda w: query(w, replace(Said(), **changes))


def inflating(size: int) -> Callable[[World], bytes]:
    def make(_world: World) -> bytes:
        pack = zlib.compressobj(9, zlib.DEFLATED, -15)
        raw = pack.compress(b"<a>" + b"A" * size + b"</a>") + pack.flush()
        return urlencode({"SAMLRequest": base64.b64encode(raw).decode(), "SigAlg": RSA_SHA256, "Signature": "AAAA"}).encode()
    return make


def posted_with_dtd(world: World) -> dict[str, str]:
    return posted(b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + etree.tostring(signed(world)))


def wrapped(world: World) -> dict[str, str]:
    """The genuine request inside an evil one's Extensions, which carries its signature."""
    genuine, evil = signed(world), build(replace(Said(), name="<saml:NameID>_victim</saml:NameID>"))
    evil.set("ID", "_evil")
    evil.insert(1, again(genuine.find("ds:Signature", NS)))
    extensions = etree.Element(f"{{{NS['samlp']}}}Extensions")
    extensions.append(genuine)
    evil.insert(2, extensions)
    return posted(evil)


def changed_after(world: World) -> dict[str, str]:
    document = signed(world)
    document.find("saml:NameID", NS).text = "_victim"
    return posted(document)


FORGED: dict[str, tuple[Callable[[World], bytes | dict[str, str]], str]] = {
    "redirect, unsigned": (without("Signature", "SigAlg"), "unsigned"),
    "redirect, signature cut out": (without("Signature"), "unsigned"),
    "redirect, algorithm cut out": (without("SigAlg"), "unsigned"),
    "redirect, garbage signature": (lambda w: query(w).partition(b"&Signature=")[0] + b"&Signature=AAAA", "signature"),
    "redirect, not base64": (lambda w: query(w).partition(b"&Signature=")[0] + b"&Signature=!!", "signature"),
    "redirect, a key nobody knows": (lambda w: query(w, key="evil"), "signature"),
    "redirect, another provider's key": (lambda w: query(w, key="other"), "signature"),
    "redirect, SHA-1": (lambda w: query(w, algorithm=RSA_SHA1), "algorithm"),
    "redirect, RelayState altered": (altered(lambda q: q.replace("RelayState=r", "RelayState=s")), "signature"),
    "redirect, message twice": (altered(lambda q: q + "&" + q.partition("&")[0]), "signature"),
    "redirect, signature twice": (altered(lambda q: q + "&SigAlg=x"), "signature"),
    "redirect, a name in other escapes": (altered(lambda q: q + "&SAML%52equest=x"), "signature"),
    "redirect, request and response": (altered(lambda q: q + "&SAMLResponse=x"), "empty"),
    "redirect, nothing": (lambda _w: b"", "empty"),
    "redirect, beyond ASCII": (lambda w: query(w) + "&é=1".encode(), "encoding"),
    "redirect, a signature inside too": (lambda w: urlencode({"SAMLRequest": deflated(etree.tostring(signed(w)))}).encode(), "signature"),
    "redirect, not compressed": (lambda w: urlencode({"SAMLRequest": base64.b64encode(etree.tostring(build())).decode()}).encode(), "deflate"),
    "redirect, something after the end": (lambda w: urlencode({"SAMLRequest": base64.b64encode(
        zlib.compress(etree.tostring(build()))[2:-4] + b"more").decode()}).encode(), "deflate"),
    "redirect, cut off": (lambda w: urlencode({"SAMLRequest": base64.b64encode(
        zlib.compress(etree.tostring(build()))[2:-40]).decode()}).encode(), "deflate"),
    "redirect, inflating to 100 MB": (inflating(100_000_000), "oversize"),
    "redirect, inflating just above the limit": (inflating(256 * 1024), "oversize"),
    "redirect, a long address": (lambda _w: b"SAMLRequest=" + b"A" * 600_000, "oversize"),
    "another issuer": (said(issuer=OTHER_IDP), "issuer"),
    "unknown issuer": (said(issuer="https://nobody.test"), "issuer"),
    "another destination": (said(destination="https://elsewhere.test/slo"), "destination"),
    "our ACS as destination": (said(destination=ACS), "destination"),
    "no destination": (said(destination=None), "destination"),
    "stale": (said(issued=-3600), "issue_instant"),
    "from the future": (said(issued=600), "issue_instant"),
    "expired": (said(until=-200), "expired"),
    "version 1.1": (said(version="1.1"), "not_response"),
    "names nobody": (said(name=""), "assertions"),
    "an empty name": (said(name="<saml:NameID> </saml:NameID>"), "assertions"),
    "two names": (said(name="<saml:NameID>a</saml:NameID><saml:NameID>b</saml:NameID>"), "assertions"),
    "a base id": (said(name="<saml:BaseID/><saml:NameID>a</saml:NameID>"), "assertions"),
    "hundreds of sessions": (said(indexes=tuple(f"_s{n}" for n in range(200))), "assertions"),
    "POST, unsigned": (lambda _w: posted(build()), "unsigned"),
    "POST, a key nobody knows": (lambda w: posted(signed(w, key=w.evil, certificate=w.evil_certificate)), "signature"),
    "POST, another provider's key": (lambda w: posted(signed(w, key=w.other_key)), "signature"),
    "POST, SHA-1": (lambda w: posted(signed(w, algorithm=xmlsec.constants.TransformRsaSha1)), "algorithm"),
    "POST, HMAC with the certificate": (lambda w: posted(signed(w, key=w.certificate, algorithm=xmlsec.constants.TransformHmacSha256)), "algorithm"),
    "POST, altered": (changed_after, "signature"),
    "POST, wrapped": (wrapped, "signature"),
    "POST, DTD": (posted_with_dtd, "markup"),
    "POST, compressed": (lambda w: {"SAMLRequest": deflated(etree.tostring(signed(w)))}, "encoding"),
    "POST, oversize": (lambda _w: {"SAMLRequest": "A" * 300_000}, "oversize"),
    "POST, an answer to a sign-in": (lambda w: {"SAMLResponse": base64.b64encode(etree.tostring(w.genuine())).decode()}, "not_response"),
}


@pytest.mark.parametrize("name", list(FORGED))
def test_forged_logout_requests_end_nothing(world: World, name: str) -> None:
    make, code = FORGED[name]
    came = make(world)
    for crypto in BACKENDS:
        for _ in ("fresh", "again"):
            started = time.process_time()
            with pytest.raises(AnswerRefused) as refused:
                read(world, came, crypto)
            assert refused.value.reason_code == code
            assert time.process_time() - started < 1
            assert "_transient" not in refused.value.detail


@pytest.mark.parametrize("crypto", BACKENDS)
def test_answers_to_our_logout(world: World, crypto: str) -> None:
    assert read(world, query(world, REPLY), crypto) is None
    assert read(world, posted(signed(world, REPLY)), crypto) is None
    for wrong, code in ((replace(REPLY, answers="_another"), "in_response_to"), (replace(REPLY, issuer=OTHER_IDP), "issuer"),
                        (replace(REPLY, destination=ACS), "destination"), (replace(REPLY, issued=-3600), "issue_instant")):
        with pytest.raises(AnswerRefused) as refused:
            read(world, query(world, wrong), crypto)
        assert refused.value.reason_code == code
    for status in (("Responder",), ("Success", "PartialLogout"), ("Responder", "PartialLogout"), ()):
        with pytest.raises(ProviderDeclined):
            read(world, query(world, replace(REPLY, status=status)), crypto)
    for unsigned in (query(world, REPLY).partition(b"&SigAlg")[0], posted(build(REPLY)), query(world, REPLY, key="evil")):
        with pytest.raises(AnswerRefused):
            read(world, unsigned, crypto)


def test_inflating_bodies_cost_nothing(world: World) -> None:
    """Refused before parsing: the 100 MB are never unpacked."""
    came = inflating(100_000_000)(world)
    started = time.process_time()
    for _ in range(5):
        with pytest.raises(AnswerRefused, match="oversize"):
            received("GET", came, {})
    assert time.process_time() - started < 0.2
