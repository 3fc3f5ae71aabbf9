"""Signature wrapping: shapes 1 to 8 and their cousins × what the provider signed × what our settings demand.

Every document starts as a genuine one of the provider, signed in the assertion, in the response, or in both, and is then
rearranged around a forged identity. None signs anybody in, whatever `signed` says, whichever way signatures are verified,
fresh and sent again. The controls are the same documents before anybody rearranged them.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from careercenter.signon import rules
from careercenter.signon.identity import AnswerRefused, SignOnRefused
from tests.test_signon_forger import BACKENDS, NS, SUBJECT_ID, Answer, World, assertion, build, finish, form, sign, world

__all__ = ["world"]
SIGNED = ("assertion", "response", "both")
ENOUGH = {("assertion", "assertion"), ("assertion", "both"), ("response", "response"), ("response", "both"), ("both", "both")}
CODES = {"assertions", "signature", "id", "unsigned"}


def evil_copy(original: Any, name: str = "_evil", keep_signature: bool = False) -> Any:
    """A copy of a response or assertion that says somebody else."""
    evil = copy.deepcopy(original)
    evil.set("ID", name)
    for inner in evil.iter(f"{{{NS['saml']}}}Assertion"):
        inner.set("ID", "_evil_assertion" if inner is not evil else name)
    if not keep_signature:
        for signature in evil.findall("ds:Signature", NS) + evil.findall("saml:Assertion/ds:Signature", NS):
            signature.getparent().remove(signature)
    evil.find(".//saml:AttributeValue", NS).text = "admin@demo.edu"
    return evil


def _signature(element: Any) -> Any:
    return element.find("ds:Signature", NS)


def _own(response: Any) -> tuple[Any, Any | None]:
    """The assertion and a signature that may be moved: its own, else the response's."""
    original = assertion(response)
    found = _signature(original)
    return original, _signature(response) if found is None else found


def xsw1(response: Any) -> Any:
    """An evil response outside; its signature carries the genuine one."""
    evil = evil_copy(response)
    signature = copy.deepcopy(_own(response)[1])
    evil.insert(1, signature)
    signature.append(response)
    return evil


def xsw2(response: Any) -> Any:
    """The same with a detached signature: the genuine response is its neighbour."""
    evil = evil_copy(response)
    evil.insert(1, copy.deepcopy(_own(response)[1]))
    evil.insert(2, response)
    return evil


def xsw3(response: Any) -> Any:
    """An evil assertion before the genuine one."""
    original = assertion(response)
    original.addprevious(evil_copy(original))
    return response


def xsw4(response: Any) -> Any:
    """The genuine assertion inside the evil one."""
    original = assertion(response)
    evil = evil_copy(original)
    original.addprevious(evil)
    evil.append(original)
    return response


def xsw5(response: Any) -> Any:
    """The evil assertion carries the signature, the genuine one follows."""
    original, signature = _own(response)
    evil = evil_copy(original)
    evil.insert(1, signature)
    response.insert(len(response) - 1, evil)
    return response


def xsw6(response: Any) -> Any:
    """The evil assertion carries the signature, and that the genuine one."""
    original, signature = _own(response)
    evil = evil_copy(original)
    original.addprevious(evil)
    evil.insert(1, signature)
    signature.append(original)
    return response


def xsw7(response: Any) -> Any:
    """The evil assertion hides in Extensions, where anything may stand."""
    extensions = etree.Element(f"{{{NS['samlp']}}}Extensions")
    extensions.append(evil_copy(assertion(response), "_evil"))
    response.find("samlp:Status", NS).addprevious(extensions)
    return response


def xsw8(response: Any) -> Any:
    """The genuine assertion hides in an Object of the signature of the evil one."""
    original, signature = _own(response)
    evil = evil_copy(original)
    original.addprevious(evil)
    evil.insert(1, signature)
    etree.SubElement(signature, f"{{{NS['ds']}}}Object").append(original)
    return response


def same_id(response: Any) -> Any:
    original = assertion(response)
    original.addprevious(evil_copy(original, original.get("ID")))
    return response


def in_advice(response: Any) -> Any:
    original, signature = _own(response)
    evil = evil_copy(original)
    evil.insert(1, copy.deepcopy(signature))
    original.addprevious(evil)
    etree.SubElement(evil, f"{{{NS['saml']}}}Advice").append(original)
    return response


def in_confirmation(response: Any) -> Any:
    original, signature = _own(response)
    evil = evil_copy(original)
    evil.insert(1, copy.deepcopy(signature))
    original.addprevious(evil)
    evil.find(".//saml:SubjectConfirmationData", NS).append(original)
    return response


def in_attribute(response: Any) -> Any:
    original = assertion(response)
    evil = evil_copy(original)
    original.addprevious(evil)
    evil.find(".//saml:AttributeValue", NS).append(original)
    return response


def sibling_after(response: Any) -> Any:
    original = assertion(response)
    original.addnext(evil_copy(original))
    return response


def response_in_status(response: Any) -> Any:
    """The genuine response in StatusDetail of an evil one that carries its signature."""
    evil = evil_copy(response, response.get("ID") + "x")
    evil.insert(1, copy.deepcopy(_own(response)[1]))
    etree.SubElement(evil.find("samlp:Status", NS), f"{{{NS['samlp']}}}StatusDetail").append(response)
    return evil


def unsigned_beside_root(response: Any) -> Any:
    """Only the assertion changes; whatever is signed stays as it was."""
    assertion(response).find(".//saml:AttributeValue", NS).text = "admin@demo.edu"
    return response


WRAPPED: dict[str, Callable[[Any], Any]] = {made.__name__: made for made in (
    xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8, same_id, in_advice, in_confirmation, in_attribute, sibling_after,
    response_in_status, unsigned_beside_root,
)}


def shaped(world: World, name: str, signed: str) -> Any:
    """One rearranged document, as it travels."""
    return etree.tostring(WRAPPED[name](world.genuine(signed=signed)))


@pytest.mark.parametrize("demanded", SIGNED)
@pytest.mark.parametrize("signed", SIGNED)
@pytest.mark.parametrize("name", list(WRAPPED))
def test_wrapped_answers_sign_nobody_in(world: World, name: str, signed: str, demanded: str) -> None:
    posted, verdicts = form(shaped(world, name, signed)), set()
    for crypto in BACKENDS:
        provider = world.provider(crypto, signed=demanded)
        for _ in ("fresh", "replayed"):
            started = time.process_time()
            with pytest.raises(AnswerRefused) as refused:
                finish(provider, posted)
            verdicts.add(refused.value.reason_code)
            assert time.process_time() - started < 1
    assert len(verdicts) == 1
    assert verdicts <= CODES


@pytest.mark.parametrize("demanded", SIGNED)
@pytest.mark.parametrize("signed", SIGNED)
def test_the_same_answers_unwrapped_pass_where_enough_is_signed(world: World, signed: str, demanded: str) -> None:
    for crypto in BACKENDS:
        provider = world.provider(crypto, signed=demanded)
        if (demanded, signed) in ENOUGH:
            assert finish(provider, form(world.genuine(signed=signed))).subject == "alice@demo.edu"
        else:
            with pytest.raises(AnswerRefused, match="unsigned"):
                finish(provider, form(world.genuine(signed=signed)))


@pytest.mark.parametrize("demanded", SIGNED)
@pytest.mark.parametrize("signed", SIGNED)
@pytest.mark.parametrize("crypto", BACKENDS)
def test_without_our_rules_pysaml2_never_hands_out_the_forged_identity(world: World, crypto: str, signed: str, demanded: str) -> None:
    """The second line by itself. What it does accept says what the provider signed."""
    provider = world.provider(crypto, signed=demanded)
    for name in WRAPPED:
        document = shaped(world, name, signed).decode()
        try:
            answer = provider._verified(document, "_request-1", rules.Facts("_assertion", *[None] * 2))  # type: ignore[arg-type]
        except SignOnRefused:
            continue
        found = [a.attribute_value[0].text for a in answer.assertion.attribute_statement[0].attribute if a.name == SUBJECT_ID]
        assert found == ["Alice@demo.edu"], name


@pytest.mark.parametrize("signed", ["response", "both"])
def test_a_signed_response_names_who_signed_it(world: World, signed: str) -> None:
    """Without an issuer nobody can say whose key to use."""
    document = form(world.genuine(replace(Answer(), response_issuer=None), signed=signed))
    for crypto in BACKENDS:
        with pytest.raises(AnswerRefused, match="issuer"):
            finish(world.provider(crypto, signed=signed), document)


@pytest.mark.parametrize("demanded", SIGNED)
def test_exactly_one_assertion_even_when_the_provider_itself_signs_two(world: World, demanded: str) -> None:
    """The second one names nobody: no other rule than the count stands in its way."""
    response = build()
    more = copy.deepcopy(assertion(response))
    more.set("ID", "_more")
    for part in (more.find("saml:Subject", NS), more.find("saml:AuthnStatement", NS)):
        more.remove(part)
    sign(assertion(response), world.key)
    response.append(sign(more, world.key))
    document = form(etree.fromstring(etree.tostring(sign(response, world.key))))
    for crypto in BACKENDS:
        with pytest.raises(AnswerRefused) as refused:
            finish(world.provider(crypto, signed=demanded), document)
        assert (refused.value.reason_code, "one assertion" in refused.value.detail) == ("assertions", True)


@pytest.mark.parametrize("which", ["response", "assertion"])
def test_of_two_signatures_both_have_to_hold(world: World, which: str) -> None:
    """A second signature that nobody demands is not decoration."""
    response = world.genuine(signed="both")
    value = _signature(response if which == "response" else assertion(response)).find("ds:SignatureValue", NS)
    value.text = ("B" if value.text.strip()[0] == "A" else "A") + value.text.strip()[1:]
    for crypto in BACKENDS:
        for demanded in SIGNED:
            with pytest.raises(AnswerRefused, match="signature"):
                finish(world.provider(crypto, signed=demanded), form(response))
