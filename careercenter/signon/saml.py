"""SAML 2.0 sign-on against one campus identity provider, by pysaml2. Nothing else imports pysaml2.

`SamlProvider.begin()` makes a signed AuthnRequest, `finish()` turns the posted answer into an `Identity`. pysaml2 is
never used bare: `guard.py` reads the bytes first, `rules.py` applies the browser profile, pysaml2 checks schema and
signature, and the identity is taken from the very assertion that it verified. The caller binds `request_id` to the
browser, uses it up exactly once, and refuses an assertion ID that it has seen.

Nothing is kept per sign-in. The pysaml2 client costs 1.2 s to import and is built at the first use.
"""

import base64
import logging
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from careercenter.signon import attributes, crypto, guard, rules
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

if TYPE_CHECKING:
    from careercenter.settings.signon import SamlTrust, Service

ACS_PATH = "/saml/acs"
_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_ADVERTISED = (
    ("DigestMethod", _SHA256), ("DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha512"),
    ("SigningMethod", _RSA_SHA256), ("SigningMethod", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"),
    ("SigningMethod", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"),
)


@dataclass(frozen=True)
class ServiceProvider:
    """Who we are towards SAML providers: our entity ID, our address, our keys and words."""

    entity_id: str
    public_url: str
    service: "Service"

    @property
    def acs(self) -> str:
        return self.public_url.rstrip("/") + ACS_PATH


class SamlProvider:
    """One identity provider as we use it. Build one per process and keep it; it may be shared by threads.

    `metadata` is the XML that describes it (or several: then `entity_id` says which). `issuer` goes into each identity:
    the entity ID for a member of a federation, else empty.
    """

    def __init__(
        self, settings: "SamlTrust", sp: ServiceProvider, metadata: bytes, entity_id: str | None = None,
        scopes: Sequence[str] = (), issuer: str = "",
    ):
        self.settings, self.sp, self.metadata, self.issuer = settings, sp, metadata, issuer
        self.acs = sp.acs
        self._wanted, self._scopes = entity_id, tuple(scopes)
        self._building = threading.Lock()
        self._client: Any = None

    def begin(self, relay: str, demand: Demand = Demand()) -> Begin:
        """A fresh signed AuthnRequest. `relay` is opaque and comes back with the answer (at most 80 bytes)."""
        from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT

        if len(relay.encode()) > 80:
            raise ValueError("RelayState holds at most 80 bytes; pass an opaque id")
        method, destination = self._door
        request_id = "_" + secrets.token_hex(16)
        _, message = self.client.create_authn_request(
            destination, binding=BINDING_HTTP_POST, message_id=request_id, sign=method == "post",
            sign_alg=_RSA_SHA256, digest_alg=_SHA256,
        )
        if method == "post":
            packed = base64.b64encode(str(message).encode()).decode()
            return Begin(request_id, "post", destination, {"SAMLRequest": packed, "RelayState": relay})
        info = self.client.apply_binding(
            BINDING_HTTP_REDIRECT, str(message), destination, relay_state=relay, sign=True, sigalg=_RSA_SHA256
        )
        return Begin(request_id, "redirect", dict(info["headers"])["Location"])

    def finish(self, answer: Mapping[str, str], waiting: Waiting, now: datetime) -> Identity:
        """The identity in the posted answer to a request of ours. Raises a `SignOnRefused`."""
        document, tree = guard.read(answer)
        skew = timedelta(seconds=self.settings.clock_skew_seconds)
        facts = rules.check(tree, rules.Expected(
            request_id=waiting.request_id, idp=self.idp, sp=self.sp.entity_id, acs=self.acs, now=now, skew=skew,
        ))
        found = self._identity(self._verified(document, waiting.request_id, facts), facts)
        meets(found, waiting.demand, waiting.began_at, skew)
        return found

    def end(self, logout: Mapping[str, str], relay: str) -> Begin | None:
        """Where to sign out at the provider too."""
        return None

    @property
    def client(self) -> Any:
        """The pysaml2 client. Raises `SignOnUnavailable` when it cannot be built; tried again at the next call."""
        with self._building:
            if self._client is None:
                self._client = self._build()
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
    def _door(self) -> tuple[Any, str]:
        from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
        from saml2.s_utils import UnsupportedBinding

        for method, binding in (("redirect", BINDING_HTTP_REDIRECT), ("post", BINDING_HTTP_POST)):
            try:
                services = self.client.metadata.single_sign_on_service(self.idp, binding)
            except UnsupportedBinding:
                continue
            if services:
                return method, str(services[0]["location"])
        raise SignOnUnavailable("metadata", f"{self.idp} offers sign-in neither by redirect nor by POST")

    def _verified(self, document: str, request_id: str, facts: rules.Facts) -> Any:
        """The answer after pysaml2's schema and signature checks; anything but a full answer is a refusal."""
        from saml2 import BINDING_HTTP_POST
        from saml2.sigver import SigverError

        client, sp = self.client, self.sp.entity_id
        try:
            answer = client.parse_authn_request_response(
                document, BINDING_HTTP_POST, outstanding={request_id: "/"}, conv_info={"entity_id": sp}
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

    def _identity(self, answer: Any, facts: rules.Facts) -> Identity:
        sent = _values(answer.assertion)
        values = attributes.keep_own_scopes(sent, self.scopes)
        try:
            kind, subject = attributes.choose_subject(
                values, self.settings.subject, self._persistent(answer.name_id), sent
            )
        except SubjectMissing as error:
            error.received = _received(answer, sent)
            raise
        statement = answer.assertion.authn_statement[0]
        return Identity(
            provider=self.settings.name, issuer=self.issuer, subject_kind=kind, subject=subject,
            attributes=attributes.translate(values, self.settings.attributes),
            authn_context=next((found for found, *_ in answer.authn_info() if found), None),
            name_id=answer.name_id.text.strip() if answer.name_id is not None and answer.name_id.text else None,
            session_index=statement.session_index, authenticated_at=rules.instant(statement.authn_instant),
            session_not_on_or_after=facts.session_ends_at,
            assertion_id=facts.assertion_id, assertion_expires_at=facts.expires_at,
            received=_received(answer, sent), issued_at=rules.instant(answer.assertion.issue_instant),
        )

    def _persistent(self, name_id: Any) -> str | None:
        """A persistent NameID made by this provider for us; a value made for somebody else is refused."""
        if name_id is None or name_id.format != rules.PERSISTENT or not name_id.text:
            return None
        if (name_id.name_qualifier or self.idp) != self.idp:
            raise SubjectMissing("subject_scope", "the NameID belongs to another provider")
        if (name_id.sp_name_qualifier or self.sp.entity_id) != self.sp.entity_id:
            raise SubjectMissing("subject_scope", "the NameID was made for another service")
        return str(name_id.text).strip()

    def _build(self) -> Any:
        from saml2.client import Saml2Client
        from saml2.sigver import RSACrypto, import_rsa_key_from_file

        # pysaml2 logs whole answers, with the person's data, on errors; our refusals carry the reason instead.
        logging.getLogger("saml2").setLevel(logging.CRITICAL)
        try:
            client = Saml2Client(_config(self.sp, self.settings, self.metadata))
            client.sec.sec_backend = RSACrypto(import_rsa_key_from_file(str(self.sp.service.key_file)))
        except Exception as error:  # noqa: BLE001 - files, keys and metadata fail in as many ways
            raise SignOnUnavailable("metadata", f"the SAML settings cannot be used: {type(error).__name__}") from None
        client.sec.crypto = self._backend()
        client.unravel = _as_it_is
        client.users = _Forgetful()
        return client

    def _backend(self) -> Any:
        choice = self.settings.crypto
        if choice in ("auto", "xmlsec") and crypto.available():
            return crypto.InProcessBackend()
        if choice == "xmlsec":
            raise SignOnUnavailable("crypto", "the xmlsec library cannot be loaded; install it or set crypto to xmlsec1")
        return _program_backend()


def own_metadata(sp: ServiceProvider) -> bytes:
    """Our metadata for identity providers: ACS, signing certificate, current algorithms only."""
    from saml2.extension import algsupport
    from saml2.md import Extensions
    from saml2.metadata import entity_descriptor

    descriptor = entity_descriptor(_config(sp))
    descriptor.extensions = descriptor.extensions or Extensions()
    for kind, algorithm in _ADVERTISED:
        descriptor.extensions.add_extension_element(getattr(algsupport, kind)(algorithm=algorithm))
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + str(descriptor).encode()


def _config(sp: ServiceProvider, trust: "SamlTrust | None" = None, metadata: bytes = b"") -> Any:
    from saml2 import BINDING_HTTP_POST
    from saml2.config import SPConfig

    return SPConfig().load({
        "entityid": sp.entity_id,
        # "XMLSecurity" only keeps pysaml2 from looking for the xmlsec1 program; `_build` puts the real one in.
        "crypto_backend": "XMLSecurity",
        "key_file": str(sp.service.key_file),
        "cert_file": str(sp.service.cert_file),
        "metadata": {"inline": [metadata.decode()]} if metadata else {},
        "metadata_key_usage": "signing",
        "accepted_time_diff": trust.clock_skew_seconds if trust else 0,
        "allow_unknown_attributes": True,
        "delete_tmpfiles": True,
        "signing_algorithm": _RSA_SHA256,
        "digest_algorithm": _SHA256,
        "service": {"sp": {
            "endpoints": {"assertion_consumer_service": [(sp.acs, BINDING_HTTP_POST)]},
            "want_assertions_signed": True, "want_response_signed": False, "allow_unsolicited": False,
            "authn_requests_signed": True, "name_id_policy_format": None,
        }},
    })


class _Forgetful:
    """Stands where pysaml2 keeps every person who ever signed in, for ever, in this process."""

    def add_information_about_person(self, _info: Mapping[str, Any]) -> None:
        """Nothing is kept: the session row of the caller holds what is needed later."""


def _as_it_is(text: str, _binding: str, _kind: str = "response") -> str:
    """pysaml2 would decode the form again, and inflate it without limit; the guard has done it already."""
    return text


def _program_backend() -> Any:
    """Stock pysaml2 through the xmlsec1 program, which is asked for its version once instead of twice per signature."""
    from saml2.sigver import CryptoBackendXmlSec1, SigverError, get_xmlsec_binary

    class Program(CryptoBackendXmlSec1):
        version_nums = cached_property(CryptoBackendXmlSec1.version_nums.fget)

    try:
        return Program(get_xmlsec_binary(), delete_tmpfiles=True)
    except SigverError:
        raise SignOnUnavailable("crypto", "neither the xmlsec library nor the xmlsec1 program is installed") from None


def _received(answer: Any, sent: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Everything that the provider sent, for campus IT; of the NameID, its kind."""
    kind = (answer.name_id.format or "unspecified").rpartition(":")[2] if answer.name_id is not None else ""
    return {**sent, **({"NameID": (kind,)} if kind else {})}


def _values(assertion: Any) -> dict[str, tuple[str, ...]]:
    """Attribute values of the verified assertion by wire name; white space is folded, empty values are left out."""
    found: dict[str, list[str]] = {}
    for statement in assertion.attribute_statement:
        for attribute in statement.attribute:
            texts = (" ".join((value.text or "").split()) for value in attribute.attribute_value)
            found.setdefault(attribute.name, []).extend(text for text in texts if text)
    return {name: tuple(dict.fromkeys(texts)) for name, texts in found.items() if texts}
