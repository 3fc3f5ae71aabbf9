"""One SAML identity provider: off to it, and back with its answer.

`SamlProvider.begin()` makes a signed AuthnRequest, `finish()` turns the posted answer into an `Identity`, `arrive()` an
answer that nobody asked for. The caller binds `request_id` to the browser, uses it up exactly once, and refuses an
assertion ID that it has seen. `end()` and the reading of logout messages are in `logout.py`.

Nothing is kept per sign-in. The pysaml2 client costs 1.2 s to import and is built at the first use.
"""

import copy
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from careercenter.signon import attributes, decrypt, guard, rules
from careercenter.signon.identity import (
    AnswerRefused,
    Begin,
    Demand,
    Identity,
    SignOnUnavailable,
    SubjectMissing,
    Waiting,
    meets,
)
from careercenter.signon.saml import logout
from careercenter.signon.saml.client import RSA_SHA256, SHA256, build
from careercenter.signon.saml.messages import Message, send
from careercenter.signon.saml.service import ServiceProvider

if TYPE_CHECKING:
    from careercenter.settings.signon import SamlTrust


class SamlProvider:
    """One identity provider as we use it. Build one per process and keep it; it may be shared by threads.

    `metadata` is the XML that describes it (or several: then `entity_id` says which). `issuer` goes into each identity:
    the entity ID for a member of a federation, else empty. `guest`: it is another campus, believed about its own things only.
    """

    def __init__(
        self, settings: "SamlTrust", sp: ServiceProvider, metadata: bytes, entity_id: str | None = None,
        scopes: Sequence[str] = (), issuer: str = "", guest: bool = False,
    ):
        self.settings, self.sp, self.metadata, self.issuer = settings, sp, metadata, issuer
        self.guest = guest
        self.acs = sp.acs
        self.skew = timedelta(seconds=settings.clock_skew_seconds)
        self._wanted, self._scopes = entity_id, tuple(scopes)
        self._building = threading.Lock()
        self._client: Any = None

    def begin(self, relay: str, demand: Demand = Demand()) -> Begin:
        """A fresh signed AuthnRequest. `relay` is opaque and comes back with the answer (at most 80 bytes)."""
        from saml2 import BINDING_HTTP_POST

        if len(relay.encode()) > 80:
            raise ValueError("RelayState holds at most 80 bytes; pass an opaque id")
        method, destination = self._door
        request_id = "_" + secrets.token_hex(16)
        wanted = self._wanted_now(demand)
        asked: dict[str, Any] = {"force_authn": "true"} if wanted.fresh else {}
        if wanted.contexts:
            asked["requested_authn_context"] = {"authn_context_class_ref": list(wanted.contexts), "comparison": "exact"}
        _, message = self.client.create_authn_request(
            destination, binding=BINDING_HTTP_POST, message_id=request_id, sign=method == "post",
            sign_alg=RSA_SHA256, digest_alg=SHA256, **asked,
        )
        return send(self.client, message, request_id, method, destination, relay, "SAMLRequest")

    def finish(self, answer: Mapping[str, str], waiting: Waiting, now: datetime) -> Identity:
        """The identity in the posted answer to a request of ours. Raises a `SignOnRefused`."""
        found = self._read(answer, waiting.request_id, now)
        meets(found, self._wanted_now(waiting.demand), waiting.began_at, self.skew)
        return found

    def arrive(self, answer: Mapping[str, str], now: datetime) -> Identity:
        """The identity in an answer that nobody here asked for. Raises a `SignOnRefused`.

        It must name no request anywhere; every other rule is the same. The caller asks the person before a session opens:
        somebody else may have sent this browser here.
        """
        if not self.settings.allow_unsolicited:
            raise AnswerRefused("unsolicited", "people may not begin at this provider; set allow_unsolicited to let them")
        found = self._read(answer, None, now)
        meets(found, self._wanted_now(Demand()), now, self.skew)
        return found

    def end(self, logout_at: Mapping[str, str], relay: str) -> Begin | None:
        """Where to sign out at the provider too; `logout_at` is `Identity.logout`. None when there is no such way."""
        return logout.request(self, logout_at, relay)

    def ended(self, message: Message, request_id: str, now: datetime) -> None:
        """Read the provider's word that it has signed the person out. Raises a `SignOnRefused` unless it has."""
        logout.check_answer(self, message, request_id, now)

    def asked_to_end(self, message: Message, now: datetime) -> logout.Asked:
        """What the provider asks us to end. Raises a `SignOnRefused`."""
        return logout.read_request(self, message, now)

    def confirm_end(self, asked: logout.Asked) -> Begin:
        """Our answer to the provider that we have ended it. Raises `SignOnUnavailable` when it takes none."""
        return logout.answer(self, asked)

    @property
    def client(self) -> Any:
        """The pysaml2 client. Raises `SignOnUnavailable` when it cannot be built; tried again at the next call."""
        with self._building:
            if self._client is None:
                self._client = build(self.sp, self.settings, self.metadata)
            return self._client

    @cached_property
    def idp(self) -> str:
        """The entity ID of the provider: the configured one, else the only one of its metadata."""
        known = list(self.client.metadata.with_descriptor("idpsso"))
        wanted = self._wanted
        if wanted and wanted not in known:
            raise SignOnUnavailable("metadata", f"the metadata of {self.settings.name} does not describe {wanted}")
        if not wanted and len(known) != 1:
            raise SignOnUnavailable(
                "metadata", f"the metadata of {self.settings.name} describes {len(known)} providers; set entity_id"
            )
        return wanted or str(known[0])

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the provider may assert: as configured, else the plain ones of its metadata."""
        if self._scopes:
            return self._scopes
        found = self.client.metadata.shibmd_scopes(self.idp, "idpsso_descriptor")
        return tuple(scope["text"] for scope in found if not scope["regexp"])

    @cached_property
    def keys(self) -> decrypt.Keys:
        """Our keys for what is encrypted to us; none when we publish none."""
        return decrypt.load_keys([pair.key_file for pair in self.sp.service.decryption])

    def services(self, name: str) -> dict[str, tuple[str, str]]:
        """The provider's addresses of a service ("single_sign_on", "single_logout") by "redirect" and "post", each with
        the address for responses."""
        from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
        from saml2.s_utils import UnsupportedBinding

        found = {}
        for method, binding in (("redirect", BINDING_HTTP_REDIRECT), ("post", BINDING_HTTP_POST)):
            try:
                offered = self.client.metadata.service(self.idp, "idpsso_descriptor", f"{name}_service", binding)
            except UnsupportedBinding:
                continue
            if offered:
                location = str(offered[0]["location"])
                found[method] = location, str(offered[0].get("response_location") or location)
        return found

    def certificates(self) -> list[str]:
        """The provider's signing certificates, base64 DER; every one of its metadata, as a key roll-over needs."""
        try:
            return [str(packed) for _, packed in self.client.metadata.certs(self.idp, "idpsso", "signing")]
        except KeyError:  # keys that are described without a certificate
            return []

    @cached_property
    def _door(self) -> tuple[str, str]:
        offered, wanted = self.services("single_sign_on"), self.settings.binding
        method = next((m for m in offered if wanted in ("auto", m)), None)
        if method is None:
            way = {"auto": "neither by redirect nor by POST", "redirect": "not by redirect", "post": "not by POST"}[wanted]
            raise SignOnUnavailable("metadata", f"{self.idp} offers sign-in {way}")
        return method, offered[method][0]

    def _wanted_now(self, demand: Demand) -> Demand:
        """What a sign-in has to prove: what this campus demands of everybody, narrowed by what this sign-in is for."""
        always = self.settings.contexts
        contexts = tuple(c for c in demand.contexts if c in always) or demand.contexts or always
        return Demand(contexts, demand.fresh)

    def _read(self, answer: Mapping[str, str], request_id: str | None, now: datetime) -> Identity:
        document, tree = guard.read(answer)
        expected = rules.Expected(
            request_id=request_id, idp=self.idp, sp=self.sp.entity_id, acs=self.acs, now=now, skew=self.skew,
            signed=self.settings.signed, decrypts=bool(self.keys),
        )
        if rules.is_encrypted(tree):
            proven = rules.check_envelope(tree, expected)
            if proven:
                self._prove_response(document)
            document, tree = decrypt.assertion(
                document, tree, self.keys, allow_cbc=self.settings.allow_cbc, without_signature=proven
            )
            expected = replace(expected, response_proven=proven)
        facts = rules.check(tree, expected)
        name_id = None
        if facts.name_encrypted:
            holder = tree.find(f".//{rules.SAML}EncryptedID")
            assert holder is not None
            name_id = decrypt.name_id(document, holder, self.keys, allow_cbc=self.settings.allow_cbc)
        verified = self._verified(document, request_id, facts, response_proven=expected.response_proven)
        return self._identity(verified, facts, _name_of(verified) if name_id is None else logout.name_in(name_id))

    def _prove_response(self, document: str) -> None:
        """The response's own signature, by pysaml2's schema and signature checks, before anything is decrypted."""
        try:
            self.client.sec.correctly_signed_response(document, require_response_signature=True)
        except Exception as error:  # noqa: BLE001 - pysaml2 raises many kinds; each means that nothing was proven
            raise AnswerRefused("signature", f"the signature does not hold ({type(error).__name__})") from None

    def _verified(self, document: str, request_id: str | None, facts: rules.Facts, *, response_proven: bool = False) -> Any:
        """The answer after pysaml2's schema and signature checks; anything but a full answer is a refusal."""
        from saml2 import BINDING_HTTP_POST
        from saml2.sigver import SigverError

        client = copy.copy(self.client)
        client.allow_unsolicited = request_id is None
        client.want_response_signed = self.settings.signed != "assertion" and not response_proven
        outstanding = {request_id: "/"} if request_id else None
        try:
            answer = client.parse_authn_request_response(
                document, BINDING_HTTP_POST, outstanding=outstanding, conv_info={"entity_id": self.sp.entity_id}
            )
        except SigverError as error:
            raise AnswerRefused("signature", f"the signature does not hold ({type(error).__name__})") from None
        except Exception as error:  # noqa: BLE001 - pysaml2 raises many kinds, bare Exception among them
            raise AnswerRefused("rejected", f"pysaml2 refused the answer ({type(error).__name__})") from None
        # pysaml2 hands back half-checked objects too: `ava` is set only after everything else has passed.
        if answer is None or answer.assertion is None or answer.ava is None or len(answer.assertions) != 1:
            raise AnswerRefused("rejected", "pysaml2 did not accept the answer")
        if answer.assertion.id != facts.assertion_id or answer.in_response_to != request_id:
            raise AnswerRefused("rejected", "pysaml2 read another assertion than we did")
        return answer

    def _identity(self, answer: Any, facts: rules.Facts, name: Mapping[str, str]) -> Identity:
        sent = _values(answer.assertion)
        values = attributes.keep_own_scopes(sent, self.scopes)
        received = {**sent, **({"NameID": (name["format"].rpartition(":")[2],)} if name.get("format") else {})}
        try:
            kind, subject = attributes.choose_subject(values, self.settings.subject, self._persistent(name), sent)
        except SubjectMissing as error:
            error.received = received
            raise
        statement = answer.assertion.authn_statement[0]
        index = {"session_index": statement.session_index} if statement.session_index else {}
        return Identity(
            provider=self.settings.name, issuer=self.issuer, subject_kind=kind, subject=subject,
            attributes=(attributes.of_a_guest if self.guest else attributes.translate)(values, self.settings.attributes),
            guest=self.guest,
            authn_context=next((found for found, *_ in answer.authn_info() if found), None),
            name_id=name.get("name_id"), session_index=statement.session_index,
            authenticated_at=rules.instant(statement.authn_instant), session_not_on_or_after=facts.session_ends_at,
            logout={**name, **index} if name and self.services("single_logout") else {},
            assertion_id=facts.assertion_id, assertion_expires_at=facts.expires_at,
            received=received, issued_at=rules.instant(answer.assertion.issue_instant),
        )

    def _persistent(self, name: Mapping[str, str]) -> str | None:
        """A persistent NameID made by this provider for us; a value made for somebody else is refused."""
        if not name or name.get("format") != rules.PERSISTENT:
            return None
        if name.get("name_qualifier", self.idp) != self.idp:
            raise SubjectMissing("subject_scope", "the NameID belongs to another provider")
        if name.get("sp_name_qualifier", self.sp.entity_id) != self.sp.entity_id:
            raise SubjectMissing("subject_scope", "the NameID was made for another service")
        return name["name_id"]


def unsolicited_from(answer: Mapping[str, str]) -> str | None:
    """The issuer that a posted answer names, when it names no request; it proves nothing. Raises `AnswerRefused`."""
    _, tree = guard.read(answer)
    issuer = tree.find(f"{rules.SAML}Issuer")
    return None if tree.get("InResponseTo") is not None or issuer is None else rules.text(issuer)


def _name_of(answer: Any) -> dict[str, str]:
    """The NameID of a verified answer in the shape of `Identity.logout`; empty when there is none."""
    found = answer.name_id
    if found is None:
        return {}
    return logout.name(found.text, found.format, found.name_qualifier, found.sp_name_qualifier)


def _values(assertion: Any) -> dict[str, tuple[str, ...]]:
    """Attribute values of the verified assertion by wire name; white space is folded, empty values are left out."""
    found: dict[str, list[str]] = {}
    for statement in assertion.attribute_statement:
        for attribute in statement.attribute:
            texts = (" ".join((value.text or "").split()) for value in attribute.attribute_value)
            found.setdefault(attribute.name, []).extend(text for text in texts if text)
    return {name: tuple(dict.fromkeys(texts)) for name, texts in found.items() if texts}
