"""Forged, stolen, stale and malformed answers: each is refused, for its reason, with the same verdict on both backends.

The controls, the same answers without their defect, are in `test_signon_forger.py`.
"""

import base64
import copy
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import xmlsec
from lxml import etree

from careercenter.signon import guard, rules
from careercenter.signon.crypto import InProcessBackend
from careercenter.signon.identity import AnswerRefused, ProviderDeclined, SignOnRefused
from tests.test_signon_forger import (
    ACS,
    NS,
    OTHER_IDP,
    SP,
    SUBJECT_ID,
    Answer,
    World,
    assertion,
    both_signed,
    build,
    form,
    posted_by,
    sign,
    world,
)

__all__ = ["world"]
C = xmlsec.constants
Make = Callable[[World], Any]


def said(**changes: Any) -> Make:
    """An answer that the provider itself signs, with one wrong statement."""
    return lambda w: w.genuine(replace(Answer(), **changes))


# What a real provider may sign, and we must still refuse: meant for others, at other times, in other ways.
STATEMENTS: dict[str, tuple[Make, str]] = {
    "another audience": (said(audiences=(("https://elsewhere.test",),)), "audience"),
    "two restrictions, one of them not ours": (said(audiences=((SP,), ("https://elsewhere.test",))), "audience"),
    "no audience": (said(audiences=()), "audience"),
    "another recipient": (said(recipient="https://elsewhere.test/acs"), "recipient"),
    "our entity ID as recipient": (said(recipient=SP), "recipient"),
    "no recipient": (said(recipient=None), "recipient"),
    "another destination": (said(destination="https://elsewhere.test/acs"), "destination"),
    "no destination": (said(destination=None), "destination"),
    "destination with a suffix": (said(destination=ACS + "/"), "destination"),
    "another issuer": (said(issuer=OTHER_IDP, response_issuer=OTHER_IDP), "issuer"),
    "the response of another issuer": (said(response_issuer=OTHER_IDP), "issuer"),
    "the assertion of another issuer": (said(issuer=OTHER_IDP), "issuer"),
    "another request": (said(request="_request-2", confirmed_request="_request-2"), "in_response_to"),
    "unsolicited": (said(request=None, confirmed_request=None), "in_response_to"),
    "only the confirmation is of another request": (said(confirmed_request="_request-2"), "in_response_to"),
    "only the confirmation is unsolicited": (said(confirmed_request=None), "in_response_to"),
    "expired": (said(not_on_or_after=-121), "expired"),
    "expired confirmation": (said(confirmed_until=-121), "expired"),
    "ended session": (said(session_until=-121), "expired"),
    "no end": (said(not_on_or_after=None), "instant"),
    "no end of confirmation": (said(confirmed_until=None), "instant"),
    "not yet valid": (said(not_before=150), "early"),
    "issued long ago": (said(issued=-3600), "issue_instant"),
    "assertion issued long ago": (said(assertion_issued=-3600), "issue_instant"),
    "issued in the future": (said(issued=300), "issue_instant"),
    "sender vouches": (said(method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"), "confirmation"),
    "holder of key": (said(method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"), "confirmation"),
    "version 1.1": (said(version="1.1"), "not_response"),
    "unknown condition": (said(condition="<saml:Condition xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' "
                                         "xmlns:x='urn:x' xsi:type='x:OnlyOnTuesdays'/>"), "conditions"),
    "two statements of sign-in": (said(statement="<saml:AuthnStatement AuthnInstant='2026-01-01T00:00:00Z'>"
                                                 "<saml:AuthnContext/></saml:AuthnStatement>"), "assertions"),
    "breaks the schema": (said(assertion_attribute=' Forged="yes"'), "signature"),
    "encrypted name": (said(name_id="<saml:EncryptedID/>"), "encrypted"),
}


def changed(find: str, change: Callable[[Any], None]) -> Make:
    """A genuine answer altered after signing."""
    def make(w: World) -> Any:
        response = w.genuine()
        change(response.find(find, NS))
        return response
    return make


def unsigned(_w: World) -> Any:
    return build()


def response_signed_only(w: World) -> Any:
    return sign(build(), w.key)


def signed_with(**how: Any) -> Make:
    def make(w: World) -> Any:
        response = build()
        sign(assertion(response), how.get("key", lambda w: w.key)(w), **{k: v for k, v in how.items() if k != "key"})
        return response
    return make


def own_key_with_certificate(w: World) -> Any:
    response = build()
    sign(assertion(response), w.evil, certificate=w.evil_certificate)
    return response


def hmac_with_certificate(w: World) -> Any:
    response = build()
    sign(assertion(response), w.certificate, algorithm=C.TransformHmacSha256)
    return response


def stripped_value(signature: Any) -> None:
    signature.find("ds:SignatureValue", NS).text = ""


def two_references(w: World) -> Any:
    response = w.genuine()
    info = response.find(".//ds:SignedInfo", NS)
    info.append(copy.deepcopy(info.find("ds:Reference", NS)))
    return response


def xslt(transforms: Any) -> None:
    etree.SubElement(transforms, f"{{{NS['ds']}}}Transform", Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116")


SIGNATURES: dict[str, tuple[Make, str]] = {
    "unsigned": (unsigned, "unsigned"),
    "only the response is signed": (response_signed_only, "unsigned"),
    "signature cut out": (changed(".//ds:Signature", lambda s: s.getparent().remove(s)), "unsigned"),
    "empty signature value": (changed(".//ds:Signature", stripped_value), "signature"),
    "a key nobody knows": (signed_with(key=lambda w: w.evil), "signature"),
    "own key, certificate included": (own_key_with_certificate, "signature"),
    "another provider of the same federation": (signed_with(key=lambda w: w.other_key), "signature"),
    "RSA-SHA1": (signed_with(algorithm=C.TransformRsaSha1), "algorithm"),
    "SHA-1 digest": (signed_with(digest=C.TransformSha1), "algorithm"),
    "HMAC with the public certificate": (hmac_with_certificate, "algorithm"),
    "inclusive canonicalisation": (signed_with(c14n=C.TransformInclC14N), "algorithm"),
    "XSLT": (changed(".//ds:Transforms", xslt), "algorithm"),
    "reference to the whole document": (signed_with(uri=""), "signature"),
    "two references": (two_references, "signature"),
    "name altered": (changed(".//saml:NameID", lambda e: setattr(e, "text", "_admin")), "signature"),
    "subject altered": (changed(".//saml:AttributeValue", lambda e: setattr(e, "text", "admin@demo.edu")), "signature"),
    "assertion ID altered": (changed("saml:Assertion", lambda e: e.set("ID", "_other")), "signature"),
}


def evil_copy(w: World) -> tuple[Any, Any, Any]:
    """A genuine response, its assertion, and a copy of the assertion that says somebody else."""
    response = w.genuine()
    original = assertion(response)
    evil = copy.deepcopy(original)
    evil.set("ID", "_evil")
    for signature in evil.findall("ds:Signature", NS):
        evil.remove(signature)
    evil.find(".//saml:AttributeValue", NS).text = "admin@demo.edu"
    return response, original, evil


def xsw1(w: World) -> Any:
    """The signed response travels inside its own signature, around it an evil one."""
    original = both_signed(w)
    evil = copy.deepcopy(original)
    evil.set("ID", "_evil_response")
    evil.find(".//saml:AttributeValue", NS).text = "admin@demo.edu"
    evil.find("ds:Signature", NS).append(original)
    return evil


def xsw2(w: World) -> Any:
    original = both_signed(w)
    evil = copy.deepcopy(original)
    evil.set("ID", "_evil_response")
    evil.find(".//saml:AttributeValue", NS).text = "admin@demo.edu"
    original.remove(original.find("ds:Signature", NS))
    evil.insert(1, original)
    return evil


def xsw3(w: World) -> Any:
    response, original, evil = evil_copy(w)
    original.addprevious(evil)
    return response


def xsw4(w: World) -> Any:
    response, original, evil = evil_copy(w)
    original.addprevious(evil)
    evil.append(original)
    return response


def xsw5(w: World) -> Any:
    response, original, evil = evil_copy(w)
    evil.insert(1, original.find("ds:Signature", NS))
    original.addprevious(evil)
    return response


def xsw6(w: World) -> Any:
    response, original, evil = evil_copy(w)
    signature = original.find("ds:Signature", NS)
    evil.insert(1, signature)
    original.addprevious(evil)
    signature.append(original)
    return response


def xsw7(w: World) -> Any:
    response, _, evil = evil_copy(w)
    etree.SubElement(response, f"{{{NS['samlp']}}}Extensions").append(evil)
    response.insert(1, response[-1])
    return response


def xsw8(w: World) -> Any:
    response, original, evil = evil_copy(w)
    signature = original.find("ds:Signature", NS)
    evil.insert(1, signature)
    original.addprevious(evil)
    etree.SubElement(signature, f"{{{NS['ds']}}}Object").append(original)
    return response


def same_id(w: World) -> Any:
    response, original, evil = evil_copy(w)
    evil.set("ID", original.get("ID"))
    original.addprevious(evil)
    return response


def in_advice(w: World) -> Any:
    response, original, evil = evil_copy(w)
    signature = original.find("ds:Signature", NS)
    etree.SubElement(evil, f"{{{NS['saml']}}}Advice").append(original)
    evil.insert(1, copy.deepcopy(signature))
    response.append(evil)
    return response


def in_confirmation(w: World) -> Any:
    response, original, evil = evil_copy(w)
    original.addprevious(evil)
    evil.insert(1, copy.deepcopy(original.find("ds:Signature", NS)))
    evil.find(".//saml:SubjectConfirmationData", NS).append(original)
    return response


def sibling_after(w: World) -> Any:
    response, original, evil = evil_copy(w)
    original.addnext(evil)
    return response


WRAPPED: dict[str, Make] = {made.__name__: made for made in (
    xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8, same_id, in_advice, in_confirmation, sibling_after
)}


def text(change: Callable[[str], str]) -> Make:
    """A genuine answer whose text is altered where the signature does not see it, or before any signature matters."""
    return lambda w: change(etree.tostring(w.genuine()).decode()).encode()


def head(markup: str) -> Make:
    return text(lambda xml: markup + xml)


def raw(content: str | bytes) -> Make:
    return lambda _w: {"SAMLResponse": content if isinstance(content, str) else base64.b64encode(content).decode()}


def inflating(w: World) -> dict[str, str]:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflate.compress(b"<" + b"A" * 100_000_000) + deflate.flush()
    return {"SAMLResponse": base64.b64encode(packed).decode()}


def redirect_style(w: World) -> dict[str, str]:
    packed = zlib.compress(etree.tostring(w.genuine()))[2:-4]
    return {"SAMLResponse": base64.b64encode(packed).decode()}


def unnormal(w: World) -> dict[str, str]:
    """Other letters, same bytes: the unused bits before the padding are set."""
    packed = base64.b64encode(etree.tostring(w.genuine()) + b"\n" * 2).decode()
    while not packed.endswith("=="):
        packed = base64.b64encode(base64.b64decode(packed) + b"\n").decode()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return {"SAMLResponse": packed[:-3] + alphabet[alphabet.index(packed[-3]) + 1] + "=="}


_BOMB = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{('&' + chr(97 + n) + ';') * 10}'>" for n in range(9)) + "]>"
BYTES: dict[str, tuple[Make, str]] = {
    "nothing": (raw(""), "empty"),
    "another field": (lambda w: {"SAMLart": form(w.genuine())["SAMLResponse"]}, "empty"),
    "not base64": (raw("<samlp:Response/>"), "base64"),
    "blanks in base64": (lambda w: {"SAMLResponse": form(w.genuine())["SAMLResponse"].replace("A", " A", 1)}, "base64"),
    "unused bits": (unnormal, "base64"),
    "URL alphabet": (raw("PHg-_w=="), "base64"),
    "oversize": (lambda w: {"SAMLResponse": "A" * (guard.MAX_BYTES + 4)}, "oversize"),
    "inflating": (inflating, "encoding"),
    "an answer made for the redirect binding": (redirect_style, "encoding"),
    "DTD": (head("<!DOCTYPE x>"), "markup"),
    "external DTD": (head("<!DOCTYPE x SYSTEM 'http://127.0.0.1:1/x'>"), "markup"),
    "default attribute by DTD": (head("<!DOCTYPE x [<!ATTLIST x ID CDATA '_assertion'>]>"), "markup"),
    "entity bomb": (head(_BOMB), "markup"),
    "comment in the subject": (text(lambda x: x.replace("Alice@demo.edu", "Alice@demo.edu<!---->.evil.test")), "markup"),
    "processing instruction": (text(lambda x: x.replace("Alice@", "Alice<?x y?>@")), "markup"),
    "CDATA": (text(lambda x: x.replace("Alice@demo.edu", "<![CDATA[Alice@demo.edu]]>")), "markup"),
    "two declarations": (head('<?xml version="1.0"?><?xml version="1.0"?>'), "markup"),
    "UTF-16": (lambda w: etree.tostring(w.genuine()).decode().encode("utf-16"), "encoding"),
    "UTF-7 declared": (head('<?xml version="1.0" encoding="UTF-7"?>'), "encoding"),
    "Latin-1 declared": (head('<?xml version="1.0" encoding="iso-8859-1"?>'), "encoding"),
    "NUL": (text(lambda x: x.replace("Alice@", "Alice\0@")), "not_xml"),
    "text before": (head("x"), "not_xml"),
    "cut off": (text(lambda x: x[:-20]), "not_xml"),
    "two roots": (text(lambda x: x + x), "not_xml"),
    "ID with a prefix": (text(lambda x: x.replace(' ID="_assertion"', ' xmlns:x="urn:x" x:ID="_other" ID="_assertion"')), "id"),
    "xml:id": (text(lambda x: x.replace(' ID="_assertion"', ' xml:id="_other" ID="_assertion"')), "id"),
    "an ID twice": (text(lambda x: x.replace('SessionIndex="_s1"', 'SessionIndex="_s1" ID="_assertion"')), "id"),
    "relative namespace": (text(lambda x: x.replace("<saml:Subject>", '<saml:Subject xmlns:x="1">')), "namespace"),
    "depth": (text(lambda x: x.replace("<saml:Subject>", "<saml:Subject>" + "<a>" * 60 + "</a>" * 60)), "flood"),
    "elements": (text(lambda x: x.replace("<saml:Subject>", "<saml:Subject>" + "<a/>" * 2500)), "flood"),
    "many elements": (text(lambda x: x.replace("<saml:Subject>", "<saml:Subject>" + "<a/>" * 9000)), "flood"),
    "attributes": (text(lambda x: x.replace("<saml:Subject>", "<saml:Subject " + " ".join(
        f"a{n}=''" for n in range(5000)) + ">")), "flood"),
    "not a response": (raw(b"<samlp:LogoutResponse xmlns:samlp='urn:oasis:names:tc:SAML:2.0:protocol'/>"), "not_response"),
    "encrypted": (text(lambda x: x.replace("saml:Assertion", "saml:EncryptedAssertion")), "encrypted"),
}
ALL = STATEMENTS | SIGNATURES | BYTES | {name: (made, "") for name, made in WRAPPED.items()}


@pytest.mark.parametrize("name", list(ALL))
def test_refused_for_its_reason_whoever_verifies(world: World, name: str) -> None:
    make, code = ALL[name]
    posted = posted_by(make(world))
    verdicts = set()
    for crypto in world.providers:
        started = time.process_time()
        with pytest.raises(AnswerRefused) as refused:
            world.finish(crypto, posted)
        verdicts.add(refused.value.reason_code)
        assert time.process_time() - started < 1
        assert "demo.edu" not in refused.value.detail, "details of people stay out of the log"
    assert verdicts == {code} if code else verdicts <= {"assertions", "signature", "id", "unsigned"}


@pytest.mark.parametrize("crypto", ["xmlsec", "xmlsec1"])
@pytest.mark.parametrize("name", [*WRAPPED, *SIGNATURES])
def test_the_second_line_holds_without_the_first(world: World, name: str, crypto: str) -> None:
    """pysaml2 and the backend alone never hand out a forged identity. What they accept here says what was signed."""
    weak = {"RSA-SHA1", "SHA-1 digest"}
    document = etree.tostring((WRAPPED.get(name) or SIGNATURES[name][0])(world)).decode()
    facts = rules.Facts("_assertion", *[None] * 2)  # type: ignore[arg-type]
    try:
        answer = world.providers[crypto]._verified(document, "_request-1", facts)
    except SignOnRefused:
        return
    assert name == "xsw7" or (crypto == "xmlsec1" and name in weak)
    found = [a.attribute_value[0].text for a in answer.assertion.attribute_statement[0].attribute if a.name == SUBJECT_ID]
    assert found == ["Alice@demo.edu"]


@pytest.mark.parametrize("name", ["another destination", "another recipient", "expired", "unsolicited"])
def test_half_checked_objects_of_pysaml2_are_refusals(world: World, name: str) -> None:
    document = etree.tostring(STATEMENTS[name][0](world)).decode()
    with pytest.raises(AnswerRefused):
        world.providers["xmlsec"]._verified(document, "_request-1", rules.Facts("_assertion", *[None] * 2))  # type: ignore[arg-type]


@pytest.mark.parametrize(("make", "good"), [
    (lambda w: w.genuine(), True), (same_id, False), (SIGNATURES["RSA-SHA1"][0], False), (SIGNATURES["SHA-1 digest"][0], False),
    (SIGNATURES["a key nobody knows"][0], False), (unsigned, False),
], ids=["genuine", "same ID twice", "RSA-SHA1", "SHA-1", "own key", "unsigned"])
def test_the_backend_by_itself(world: World, make: Make, good: bool) -> None:
    document, certificate = etree.tostring(make(world)), str(world.key.with_suffix(".crt"))
    name = f"{NS['saml']}:Assertion"
    assert InProcessBackend().validate_signature(document, certificate, "pem", name, "_assertion") is good
    assert not InProcessBackend().validate_signature(document, certificate, "pem", name, "_response")
    assert not InProcessBackend().validate_signature(document, certificate, "pem", f"{NS['samlp']}:Response", "_assertion")


@pytest.mark.parametrize("status", ["Responder", "Requester", "AuthnFailed"])
def test_a_provider_that_declines_is_told_apart(world: World, status: str) -> None:
    with pytest.raises(ProviderDeclined, match=status):
        world.finish("xmlsec", form(world.genuine(Answer(status=status))))


def test_an_answer_to_another_request_of_ours_is_refused(world: World) -> None:
    with pytest.raises(AnswerRefused):
        world.finish("xmlsec", form(world.genuine()), request_id="_request-2")


def test_refusals_come_before_parsing_and_are_cheap(world: World) -> None:
    hostile = [posted_by(BYTES[name][0](world)) for name in ("oversize", "inflating", "entity bomb", "many elements")]
    started = time.process_time()
    for posted in hostile:
        with pytest.raises(AnswerRefused):
            guard.read(posted)
    assert time.process_time() - started < 0.1
