"""Single logout: telling the provider, and being told by it.

Our LogoutRequest is made from what the session row kept (`Identity.logout`), with no memory of pysaml2's. A provider's
messages count only when they are signed by a key of its metadata, with current algorithms, addressed to our logout
address, fresh, and from the very provider; that a message comes once only is for the caller, who has a database.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from careercenter.signon import decrypt, rules
from careercenter.signon.identity import AnswerRefused, Begin, ProviderDeclined, SignOnUnavailable
from careercenter.signon.rules import DSIG, SAML, SAMLP
from careercenter.signon.saml.client import RSA_SHA256, SHA256
from careercenter.signon.saml.messages import Kind, Message, check_detached, send

if TYPE_CHECKING:
    from careercenter.signon.saml.provider import SamlProvider

MAX_INDEXES = 50


@dataclass(frozen=True)
class Asked:
    """A provider's wish to end sessions: those of `name` (as in `Identity.logout`), only the named ones if any are named.

    `message_id` may come once until `expires_at`; `relay` goes back with the answer.
    """

    message_id: str
    name: Mapping[str, str]
    session_indexes: tuple[str, ...]
    relay: str
    expires_at: datetime


def request(provider: "SamlProvider", told: Mapping[str, str], relay: str) -> Begin | None:
    """A signed LogoutRequest for a session, or None when there is no way or nobody to name."""
    from saml2.saml import NameID

    offered = provider.services("single_logout")
    if not offered or not told.get("name_id"):
        return None
    method = next(iter(offered))
    named = NameID(
        text=told["name_id"], format=told.get("format"), name_qualifier=told.get("name_qualifier"),
        sp_name_qualifier=told.get("sp_name_qualifier"),
    )
    request_id, destination = "_" + secrets.token_hex(16), offered[method][0]
    _, message = provider.client.create_logout_request(
        destination, provider.idp, name_id=named, message_id=request_id, sign=method == "post",
        session_indexes=[told["session_index"]] if told.get("session_index") else None,
        sign_alg=RSA_SHA256, digest_alg=SHA256,
    )
    return send(provider.client, message, request_id, method, destination, relay, "SAMLRequest")


def read_request(provider: "SamlProvider", message: Message, now: datetime) -> Asked:
    """What the provider asks us to end, after every rule. Raises `AnswerRefused`."""
    tree = message.tree
    _check(provider, message, "SAMLRequest", "LogoutRequest", now)
    if tree.get("NotOnOrAfter") and rules.instant(tree.get("NotOnOrAfter")) <= now - provider.skew:
        raise AnswerRefused("expired", "the logout request has expired")
    plain, hidden = tree.findall(f"{SAML}NameID"), tree.findall(f"{SAML}EncryptedID")
    if len(plain) + len(hidden) != 1 or tree.find(f"{SAML}BaseID") is not None:
        raise AnswerRefused("assertions", "the logout request does not name exactly one person")
    if hidden and not provider.keys:
        raise AnswerRefused("encrypted", "the name is encrypted, although our metadata offers no encryption key")
    named = plain[0] if plain else decrypt.name_id(
        message.document, hidden[0], provider.keys, allow_cbc=provider.settings.allow_cbc
    )
    who = name_in(named)
    indexes = tuple(rules.text(index) for index in tree.findall(f"{SAMLP}SessionIndex"))
    if not who or len(indexes) > MAX_INDEXES:
        raise AnswerRefused("assertions", "the logout request names nobody, or more sessions than it may")
    issued = rules.instant(tree.get("IssueInstant"))
    return Asked(tree.get("ID", ""), who, indexes, message.relay, issued + rules.FRESH + 2 * provider.skew)


def answer(provider: "SamlProvider", asked: Asked) -> Begin:
    """A signed LogoutResponse: it has been done. Raises `SignOnUnavailable` when the provider has no address for it."""
    from saml2 import samlp
    from saml2.s_utils import success_status_factory
    from saml2.saml import Issuer
    from saml2.time_util import instant

    offered = provider.services("single_logout")
    if not offered:
        raise SignOnUnavailable("metadata", f"{provider.idp} has no address for our answer")
    method = next(iter(offered))
    destination, response_id = offered[method][1], "_" + secrets.token_hex(16)
    client = provider.client
    made: Any = samlp.LogoutResponse(
        id=response_id, version="2.0", issue_instant=instant(), destination=destination, in_response_to=asked.message_id,
        issuer=Issuer(text=provider.sp.entity_id), status=success_status_factory(),
    )
    if method == "post":
        made = client.sign(made, response_id, sign_alg=RSA_SHA256, digest_alg=SHA256)
    return send(client, made, response_id, method, destination, asked.relay, "SAMLResponse")


def check_answer(provider: "SamlProvider", message: Message, request_id: str, now: datetime) -> None:
    """A LogoutResponse to our request that says success. Raises `AnswerRefused` or `ProviderDeclined`."""
    _check(provider, message, "SAMLResponse", "LogoutResponse", now)
    if message.tree.get("InResponseTo") != request_id:
        raise AnswerRefused("in_response_to", "the message does not belong to this sign-out")
    codes = [code.get("Value", "") for code in message.tree.findall(f"{SAMLP}Status//{SAMLP}StatusCode")]
    if not codes or codes[0] != rules.SUCCESS or f"{rules.STATUS}PartialLogout" in codes:
        said = ", ".join(code.rpartition(":")[2] for code in codes) or "nothing"
        raise ProviderDeclined("idp_declined", f"the provider answered {said}")


def name_in(element: Element) -> dict[str, str]:
    """A NameID element as `name()` has it."""
    return {} if len(element) else name(
        element.text, element.get("Format"), element.get("NameQualifier"), element.get("SPNameQualifier")
    )


def name(text: str | None, form: str | None, qualifier: str | None, sp_qualifier: str | None) -> dict[str, str]:
    """A NameID in the shape of `Identity.logout`; empty when it names nobody."""
    said = {"name_id": (text or "").strip(), "format": form, "name_qualifier": qualifier, "sp_name_qualifier": sp_qualifier}
    return {part: value for part, value in said.items() if value} if said["name_id"] else {}


def _check(provider: "SamlProvider", message: Message, kind: Kind, element: str, now: datetime) -> None:
    """What every logout message has to be: of its kind, from this provider, to us, fresh, and signed."""
    tree = message.tree
    if message.kind != kind or tree.tag != f"{SAMLP}{element}" or tree.get("Version") != "2.0" or not tree.get("ID"):
        raise AnswerRefused("not_response", f"the message is not a SAML 2.0 {element}")
    rules.check_issuer(tree, provider.idp)
    if tree.get("Destination") != provider.sp.slo:
        raise AnswerRefused("destination", f"the message is not addressed to {provider.sp.slo}")
    rules.check_fresh(tree, now, provider.skew)
    if message.detached is not None or tree.find(f"{DSIG}Signature") is None:
        check_detached(message.detached, provider.certificates())
        return
    rules.check_only_signature(tree)
    sec = provider.client.sec
    try:
        (sec.correctly_signed_logout_request if kind == "SAMLRequest" else sec.correctly_signed_logout_response)(
            message.document, must=True
        )
    except Exception as error:  # noqa: BLE001 - pysaml2 raises many kinds; each means that nothing was proven
        raise AnswerRefused("signature", f"the signature does not hold ({type(error).__name__})") from None

