"""The pysaml2 client of one provider: its settings, its way of verifying, and what we take out of its hands."""

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from careercenter.signon import crypto
from careercenter.signon.identity import SignOnUnavailable
from careercenter.signon.saml.service import ServiceProvider

if TYPE_CHECKING:
    from careercenter.settings.signon import SamlTrust

RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"


def build(sp: ServiceProvider, trust: "SamlTrust", metadata: bytes) -> Any:
    """A client that knows the providers of `metadata`. Raises `SignOnUnavailable`."""
    from saml2.client import Saml2Client
    from saml2.sigver import RSACrypto, import_rsa_key_from_file

    # pysaml2 logs whole answers, with the person's data, on errors; our refusals carry the reason instead.
    logging.getLogger("saml2").setLevel(logging.CRITICAL)
    try:
        client = Saml2Client(_config(sp, trust, metadata))
        client.sec.sec_backend = RSACrypto(import_rsa_key_from_file(str(sp.service.key_file)))
    except Exception as error:  # noqa: BLE001 - files, keys and metadata fail in as many ways
        raise SignOnUnavailable("metadata", f"the SAML settings cannot be used: {type(error).__name__}") from None
    client.sec.crypto = backend(trust.crypto)
    client.sec.decrypt_keys = _leave_encrypted
    client.unravel = _as_it_is
    client.users = _Forgetful()
    return client


def backend(choice: str) -> Any:
    """The way of signing and verifying that the settings choose. Raises `SignOnUnavailable`."""
    if choice in ("auto", "xmlsec") and crypto.available():
        return crypto.InProcessBackend()
    if choice == "xmlsec":
        raise SignOnUnavailable("crypto", "the xmlsec library cannot be loaded; install it or set crypto to xmlsec1")
    return _program()


def _config(sp: ServiceProvider, trust: "SamlTrust", metadata: bytes) -> Any:
    from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
    from saml2.config import SPConfig

    return SPConfig().load({
        "entityid": sp.entity_id,
        # "XMLSecurity" only keeps pysaml2 from looking for the xmlsec1 program; `build` puts the real one in.
        "crypto_backend": "XMLSecurity",
        "key_file": str(sp.service.key_file),
        "cert_file": str(sp.service.cert_file),
        "metadata": {"inline": [metadata.decode()]},
        "metadata_key_usage": "signing",
        "accepted_time_diff": trust.clock_skew_seconds,
        "allow_unknown_attributes": True,
        "delete_tmpfiles": True,
        "signing_algorithm": RSA_SHA256,
        "digest_algorithm": SHA256,
        "service": {"sp": {
            "endpoints": {
                "assertion_consumer_service": [(sp.acs, BINDING_HTTP_POST)],
                "single_logout_service": [(sp.slo, BINDING_HTTP_REDIRECT), (sp.slo, BINDING_HTTP_POST)],
            },
            "want_assertions_signed": trust.signed != "response", "want_response_signed": trust.signed != "assertion",
            "allow_unsolicited": False, "authn_requests_signed": True, "logout_requests_signed": True,
            "name_id_policy_format": None,
        }},
    })


class _Forgetful:
    """Stands where pysaml2 keeps every person who ever signed in, for ever, in this process."""

    def add_information_about_person(self, _info: Mapping[str, Any]) -> None:
        """Nothing is kept: the session row of the caller holds what is needed later."""


def _as_it_is(text: str, _binding: str, _kind: str = "response") -> str:
    """pysaml2 would decode the form again, and inflate it without limit; the guard has done it already."""
    return text


def _leave_encrypted(_text: str, keys: Any = None) -> str:
    """pysaml2 would try any algorithm on an encrypted name, and lose a key beside it; `decrypt.py` reads it instead."""
    return '<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>'


def _program() -> Any:
    """Stock pysaml2 through the xmlsec1 program, which is asked for its version once instead of twice per signature."""
    from saml2.sigver import CryptoBackendXmlSec1, SigverError, get_xmlsec_binary

    class Program(CryptoBackendXmlSec1):
        version_nums = cached_property(CryptoBackendXmlSec1.version_nums.fget)

    try:
        return Program(get_xmlsec_binary(), delete_tmpfiles=True)
    except SigverError:
        raise SignOnUnavailable("crypto", "neither the xmlsec library nor the xmlsec1 program is installed") from None
