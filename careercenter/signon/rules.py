"""What an answer has to say, read on the same tree that pysaml2 reads, before pysaml2 checks the signature.

These are the rules of the SAML web browser profile (saml-profiles-2.0 §4.1.4) that pysaml2 leaves open or applies
loosely. They prove nothing by themselves: the caller trusts an answer only when these rules and the signature hold.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element

from careercenter.signon.identity import AnswerRefused, ProviderDeclined

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
DSIG = "{http://www.w3.org/2000/09/xmldsig#}"
XENC = "{http://www.w3.org/2001/04/xmlenc#}"
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
SUCCESS, NO_CONTEXT = f"{STATUS}Success", f"{STATUS}NoAuthnContext"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
FRESH = timedelta(minutes=10)

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
SIGNATURE_ALGORITHMS = {f"{_MORE}{kind}-{digest}" for kind in ("rsa", "ecdsa") for digest in ("sha256", "sha384", "sha512")}
DIGEST_ALGORITHMS = {"http://www.w3.org/2001/04/xmlenc#sha256", f"{_MORE}sha384", "http://www.w3.org/2001/04/xmlenc#sha512"}
CANONICAL = {"http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"}
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_ENCRYPTED = ("EncryptedAssertion", "EncryptedID", "EncryptedAttribute", "EncryptedData", "EncryptedKey")


@dataclass(frozen=True)
class Expected:
    """What a genuine answer to one request of ours says. `skew` is the clock difference that we tolerate.

    `request_id` is None where people may begin at the provider: then nothing may name a request. `signed` says what must
    carry a signature; `response_proven`, that the response's own held before its assertion was decrypted and was cut out
    then. `decrypts`: our metadata offers a key to encrypt to.
    """

    request_id: str | None
    idp: str
    sp: str
    acs: str
    now: datetime
    skew: timedelta
    signed: str = "assertion"
    response_proven: bool = False
    decrypts: bool = False


@dataclass(frozen=True)
class Facts:
    """What the rules read: the one assertion's ID, when it ends at the latest, the session's end if given, and whether
    the person's name at the provider is encrypted by itself."""

    assertion_id: str
    expires_at: datetime
    session_ends_at: datetime | None
    name_encrypted: bool = False


def check(response: Element, expected: Expected) -> Facts:
    """Apply every rule to an answer that is readable; raises `AnswerRefused`, or `ProviderDeclined` when the provider
    reports a failure."""
    _check_kind(response)
    assertion = _only_assertion(response, expected)
    check_issuer(response, expected.idp, optional=True)
    check_issuer(assertion, expected.idp)
    _check_addressed(response, expected)
    check_fresh(assertion, expected.now, expected.skew)
    _check_signatures(response, assertion, expected)
    ends = [_check_conditions(assertion, expected), *_check_confirmations(assertion, expected)]
    hidden = assertion.find(f"{SAML}Subject/{SAML}EncryptedID") is not None
    return Facts(assertion.get("ID", ""), max(ends) + expected.skew, _session_end(assertion, expected), hidden)


def is_encrypted(response: Element) -> bool:
    """Whether the assertion has to be decrypted before the rules can read it."""
    return response.tag == f"{SAMLP}Response" and response.find(f"{SAML}EncryptedAssertion") is not None


def check_envelope(response: Element, expected: Expected) -> bool:
    """The rules that can be read before decryption; whether the response itself carries a signature, which the caller has
    to prove now: what it covers is about to change."""
    _check_kind(response)
    if not expected.decrypts:
        raise AnswerRefused("encrypted", "the answer is encrypted, although our metadata offers no encryption key")
    local = [element.tag.rpartition("}")[2] for element in response.iter()]
    if local.count("EncryptedAssertion") != 1 or local.count("EncryptedData") != 1 or local.count("Response") != 1:
        raise AnswerRefused("assertions", "the answer does not hold exactly one encrypted assertion, in its place")
    if {"Assertion", "EncryptedID", "EncryptedAttribute"} & set(local):
        raise AnswerRefused("assertions", "the answer holds an encrypted assertion and another part beside it")
    check_issuer(response, expected.idp, optional=True)
    _check_addressed(response, expected)
    own = response.findall(f"{DSIG}Signature")
    if local.count("Signature") != len(own) or len(own) > 1:
        raise AnswerRefused("signature", "a signature stands where none belongs")
    if own:
        check_issuer(response, expected.idp)
        check_signature(own[0], response.get("ID", ""))
    elif expected.signed != "assertion":
        raise AnswerRefused("unsigned", "the response is not signed")
    return bool(own)


def _check_kind(response: Element) -> None:
    if response.tag != f"{SAMLP}Response" or response.get("Version") != "2.0" or not response.get("ID"):
        raise AnswerRefused("not_response", "the answer is not a SAML 2.0 Response")
    _check_status(response)


def _check_addressed(response: Element, expected: Expected) -> None:
    if response.get("Destination") != expected.acs:
        raise AnswerRefused("destination", f"the answer is not addressed to {expected.acs}")
    if response.get("InResponseTo") != expected.request_id:
        raise AnswerRefused("in_response_to", "the answer does not belong to this sign-in")
    check_fresh(response, expected.now, expected.skew)


def _check_status(response: Element) -> None:
    codes = [code.get("Value", "") for code in response.findall(f"{SAMLP}Status//{SAMLP}StatusCode")]
    if not codes:
        raise AnswerRefused("not_response", "the answer holds no status")
    if NO_CONTEXT in codes:
        raise ProviderDeclined("no_authn_context", "the provider cannot sign this person in in the way that was asked for")
    if codes[0] != SUCCESS:
        raise ProviderDeclined("idp_declined", "the provider answered " + ", ".join(c.rpartition(":")[2] for c in codes))


def _only_assertion(response: Element, expected: Expected) -> Element:
    local = [element.tag.rpartition("}")[2] for element in response.iter()]
    direct = response.findall(f"{SAML}Assertion")
    names = response.findall(f"{SAML}Assertion/{SAML}Subject/{SAML}EncryptedID") if expected.decrypts else []
    known = [element.tag.rpartition("}")[2] for name in names[:1] for element in name.iter()]
    if any(local.count(name) != known.count(name) for name in _ENCRYPTED):
        raise AnswerRefused("encrypted", "a part of the answer is encrypted that we do not take encrypted")
    if len(direct) != 1 or local.count("Assertion") != 1 or local.count("Response") != 1:
        raise AnswerRefused("assertions", "the answer does not hold exactly one assertion, in its place")
    if local.count("Advice") or local.count("Subject") != 1 or local.count("AuthnStatement") != 1:
        raise AnswerRefused("assertions", "the assertion does not hold exactly one subject and one statement of sign-in")
    if direct[0].get("Version") != "2.0" or not direct[0].get("ID"):
        raise AnswerRefused("assertions", "the assertion is not a SAML 2.0 assertion")
    if names and response.find(f".//{SAML}NameID") is not None:
        raise AnswerRefused("assertions", "the assertion names its subject twice")
    return direct[0]


def check_issuer(element: Element, idp: str, *, optional: bool = False) -> None:
    """A message or assertion comes from the provider; only a response that is not signed itself may leave that out."""
    found = element.findall(f"{SAML}Issuer")
    if len(found) > 1 or not (found or optional):
        raise AnswerRefused("issuer", "the issuer is missing or doubled")
    for issuer in found:
        if text(issuer) != idp or issuer.get("Format", ENTITY) != ENTITY or len(issuer):
            raise AnswerRefused("issuer", f"the message does not come from {idp}")


def check_fresh(element: Element, now: datetime, skew: timedelta) -> None:
    """Issued within the last minutes, by the clock tolerance."""
    issued = instant(element.get("IssueInstant"))
    if not now - FRESH - skew <= issued <= now + skew:
        raise AnswerRefused("issue_instant", "the message was issued too long ago or in the future; compare the clocks")


def _check_signatures(response: Element, assertion: Element, expected: Expected) -> None:
    """What must be signed is, what else is signed is so soundly, and nothing else carries a signature.

    A response's signature covers the whole answer; an assertion's covers the assertion.
    """
    own, outer = assertion.findall(f"{DSIG}Signature"), response.findall(f"{DSIG}Signature")
    everywhere = sum(1 for element in response.iter() if element.tag.rpartition("}")[2] == "Signature")
    if expected.signed != "response" and not own:
        raise AnswerRefused("unsigned", "the assertion is not signed")
    if expected.signed != "assertion" and not outer and not expected.response_proven:
        raise AnswerRefused("unsigned", "the response is not signed")
    if len(own) > 1 or len(outer) > 1 or everywhere != len(own) + len(outer):
        raise AnswerRefused("signature", "a signature stands where none belongs")
    if outer:
        check_issuer(response, expected.idp)  # whose key is to be used
    for signature, signed in (*((s, assertion) for s in own), *((s, response) for s in outer)):
        check_signature(signature, signed.get("ID", ""))


def check_only_signature(message: Element) -> None:
    """A message whose one signature is its own."""
    own = message.findall(f"{DSIG}Signature")
    if len(own) != 1 or sum(1 for element in message.iter() if element.tag.rpartition("}")[2] == "Signature") != 1:
        raise AnswerRefused("signature", "a signature stands where none belongs")
    check_signature(own[0], message.get("ID", ""))


def check_signature(signature: Element, signed_id: str) -> None:
    """A signature over one element, the one it stands in, made in ways that we accept."""
    info = signature.findall(f"{DSIG}SignedInfo")
    references = signature.findall(f".//{DSIG}Reference")
    if len(info) != 1 or len(references) != 1 or signature.find(f".//{DSIG}Object") is not None:
        raise AnswerRefused("signature", "a signature does not cover exactly one element")
    if references[0].get("URI") != f"#{signed_id}":
        raise AnswerRefused("signature", "a signature covers another element than the one it stands in")
    allowed = (
        ("SignatureMethod", SIGNATURE_ALGORITHMS), ("DigestMethod", DIGEST_ALGORITHMS),
        ("CanonicalizationMethod", CANONICAL), ("Transform", CANONICAL | {ENVELOPED}),
    )
    for name, algorithms in allowed:
        used = [element.get("Algorithm") for element in info[0].iter(f"{DSIG}{name}")]
        if not used or not set(used) <= algorithms:
            raise AnswerRefused("algorithm", f"{name} {used} is not on the list of accepted algorithms")


def _check_conditions(assertion: Element, expected: Expected) -> datetime:
    found = assertion.findall(f"{SAML}Conditions")
    restrictions = found[0].findall(f"{SAML}AudienceRestriction") if len(found) == 1 else []
    if not restrictions:
        raise AnswerRefused("audience", "the assertion does not say for whom it is meant")
    for restriction in restrictions:
        if expected.sp not in [text(audience) for audience in restriction.findall(f"{SAML}Audience")]:
            raise AnswerRefused("audience", f"the assertion is not meant for {expected.sp}")
    known = {f"{SAML}{name}" for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}
    if any(condition.tag not in known for condition in found[0]):
        raise AnswerRefused("conditions", "the assertion sets a condition that we do not know")
    return _window(found[0], expected)


def _check_confirmations(assertion: Element, expected: Expected) -> Iterable[datetime]:
    confirmations = assertion.findall(f"{SAML}Subject/{SAML}SubjectConfirmation")
    if not confirmations or any(c.get("Method") != BEARER for c in confirmations):
        raise AnswerRefused("confirmation", "the assertion is not confirmed by bearer, or also by another method")
    for confirmation in confirmations:
        data = confirmation.findall(f"{SAML}SubjectConfirmationData")
        if len(data) != 1 or data[0].get("Recipient") != expected.acs:
            raise AnswerRefused("recipient", f"the assertion is not meant to be received at {expected.acs}")
        if data[0].get("InResponseTo") != expected.request_id:
            raise AnswerRefused("in_response_to", "the assertion does not belong to this sign-in")
        yield _window(data[0], expected)


def _window(element: Element, expected: Expected) -> datetime:
    """NotBefore and NotOnOrAfter of an element; the end is demanded and returned."""
    if element.get("NotBefore") and instant(element.get("NotBefore")) > expected.now + expected.skew:
        raise AnswerRefused("early", "the assertion is not valid yet; compare the clocks")
    end = instant(element.get("NotOnOrAfter"))
    if end <= expected.now - expected.skew:
        raise AnswerRefused("expired", "the assertion has expired")
    return end


def _session_end(assertion: Element, expected: Expected) -> datetime | None:
    statement = assertion.find(f"{SAML}AuthnStatement")
    value = None if statement is None else statement.get("SessionNotOnOrAfter")
    if value and instant(value) <= expected.now - expected.skew:
        raise AnswerRefused("expired", "the provider's own session has ended")
    return instant(value) if value else None


def instant(value: str | None) -> datetime:
    """An xs:dateTime of SAML, which is UTC. Raises `AnswerRefused` when it is absent or malformed."""
    try:
        found = datetime.fromisoformat(value or "")
    except ValueError:
        raise AnswerRefused("instant", "an instant is missing or malformed") from None
    if "T" not in (value or ""):
        raise AnswerRefused("instant", "an instant is missing or malformed")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def text(element: Element) -> str:
    return (element.text or "").strip()
