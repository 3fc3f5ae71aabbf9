"""The SAML side of the demo campus' identity provider: requests read, answers and logout messages made, by pysaml2.

`Speaker` knows no pages and keeps nothing per person. Answers are encrypted when the service publishes a key for it.
"""

import base64
import re
import secrets
import threading
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"  # noqa: S105 - the name of a way to sign in
MFA = "https://refeds.org/profile/mfa"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
SCOPE = "demo.edu"
_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"


class Speaker:
    """One provider's voice. `sp_metadata` may be a function, asked at the first message, when the service is up."""

    def __init__(self, base_url: str, entity_id: str, key_file: Path, cert_file: Path, sp_metadata: bytes | Callable[[], bytes]):
        self.base_url, self.entity_id, self.key_file, self.cert_file = base_url, entity_id, key_file, cert_file
        self._sp_metadata = sp_metadata
        self._building = threading.Lock()

    @property
    def server(self) -> Any:
        """The pysaml2 server, built at the first message; building fails while the service's metadata is not there."""
        with self._building:
            return self._built

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
                "endpoints": {
                    "single_sign_on_service": [(f"{self.base_url}/sso", REDIRECT), (f"{self.base_url}/sso", POST)],
                    "single_logout_service": [(f"{self.base_url}/slo", REDIRECT), (f"{self.base_url}/slo", POST)],
                },
                "scope": [SCOPE], "want_authn_requests_signed": True,
                "policy": {"default": {"lifetime": {"minutes": 10}, "attribute_restrictions": None,
                                       "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"}},
            }},
        }))
        server.session_db = _Forgetful()
        return server

    def read_sign_in(self, values: Mapping[str, str], binding: str) -> dict[str, Any]:
        """An AuthnRequest: id, acs and sp as the answer needs them, the contexts asked for, and whether to ask anew."""
        asked = self.server.parse_authn_request(values["SAMLRequest"], binding, **_beside(values, binding))
        found, context = self.server.response_args(asked.message, [POST]), asked.message.requested_authn_context
        wanted = [ref.text.strip() for ref in context.authn_context_class_ref] if context else []
        return {
            "id": found["in_response_to"], "acs": found["destination"], "sp": found["sp_entity_id"], "contexts": wanted,
            "fresh": str(asked.message.force_authn).lower() in ("true", "1"),
        }

    def answer(self, attributes: Mapping[str, list[str]], asked: Mapping[str, Any], context: str) -> tuple[str, dict[str, str]]:
        """The signed answer, base64, encrypted where the service can read it; and what to remember, to end it later."""
        from saml2.saml import NameID

        name_id = "_" + secrets.token_hex(16)
        response = self.server.create_authn_response(
            attributes, asked["id"], asked["acs"], asked["sp"],
            name_id=NameID(format=_TRANSIENT, text=name_id, sp_name_qualifier=asked["sp"]),
            authn={"class_ref": context, "authn_auth": self.entity_id},
            sign_assertion=True, sign_response=False, sign_alg=_RSA_SHA256, digest_alg=_SHA256,
            session_not_on_or_after=(datetime.now(UTC) + timedelta(hours=10)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        document = str(response)
        index = re.search(r'SessionIndex="([^"]+)"', document)  # pysaml2 makes its own
        if keys := self.server.metadata.certs(asked["sp"], "spsso", "encryption"):
            from demo.idp_encrypt import encrypted

            document = encrypted(document, base64.b64decode(keys[0][1]))
        told = {"name_id": name_id, "session_index": index[1] if index else ""}
        return base64.b64encode(document.encode()).decode(), told

    def decline(self, asked: Mapping[str, Any], status: str) -> str:
        """The answer that nobody was signed in, base64."""
        response = self.server.create_error_response(
            asked["id"], asked["acs"], (f"{_STATUS}{status}", "The person cannot sign in in this way."), sign=True,
            sign_alg=_RSA_SHA256, digest_alg=_SHA256,
        )
        return base64.b64encode(str(response).encode()).decode()

    def end_at_service(self, sp: str, told: Mapping[str, str]) -> str:
        """The address that asks a service to end a session; signed."""
        from saml2.saml import NameID

        destination = self.server.metadata.single_logout_service(sp, REDIRECT, "spsso")[0]["location"]
        _, message = self.server.create_logout_request(
            destination, sp, name_id=NameID(format=_TRANSIENT, text=told["name_id"], sp_name_qualifier=sp),
            session_indexes=[told["session_index"]], sign=False,
        )
        return self._redirect(message, destination, "", response=False)

    def read_logout(self, values: Mapping[str, str], binding: str) -> tuple[str, str]:
        """A service's LogoutRequest: the NameID to end, and the address of our signed answer."""
        asked = self.server.parse_logout_request(values["SAMLRequest"], binding, **_beside(values, binding))
        message = asked.message
        destination = self.server.metadata.single_logout_service(message.issuer.text, REDIRECT, "spsso")[0]["location"]
        answer = self.server.create_logout_response(message, [REDIRECT], sign=False)
        answer.destination = destination
        return message.name_id.text.strip(), self._redirect(answer, destination, values.get("RelayState", ""), response=True)

    def _redirect(self, message: Any, destination: str, relay: str, *, response: bool) -> str:
        info = self.server.apply_binding(
            REDIRECT, str(message), destination, relay_state=relay, response=response, sign=True, sigalg=_RSA_SHA256
        )
        return str(dict(info["headers"])["Location"])


def _beside(values: Mapping[str, str], binding: str) -> dict[str, str | None]:
    """What stands beside a message in an address."""
    if binding != REDIRECT:
        return {}
    return {"relay_state": values.get("RelayState"), "sigalg": values.get("SigAlg"), "signature": values.get("Signature")}


class _Forgetful:
    """pysaml2 would keep every assertion in memory."""

    def store_assertion(self, _assertion: Any, _to_sign: Any) -> None:
        """Nobody asks for an assertion again."""


def metadata(base_url: str, entity_id: str, *pems: str) -> bytes:
    """Written by hand, so that it is ready without importing pysaml2. Several certificates: a key is rolling over."""
    keys = "".join(
        '<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>'
        + "".join(line for line in pem.splitlines() if "CERTIFICATE" not in line)
        + "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>" for pem in pems
    )

    def doors(element: str, path: str) -> str:
        return "".join(
            f"<md:{element} Binding={quoteattr(binding)} Location={quoteattr(base_url + path)}/>" for binding in (REDIRECT, POST)
        )

    return f"""<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
 xmlns:shibmd="urn:mace:shibboleth:metadata:1.0" entityID={quoteattr(entity_id)}>
<md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:Extensions><shibmd:Scope regexp="false">{SCOPE}</shibmd:Scope></md:Extensions>
{keys}{doors("SingleLogoutService", "/slo")}
<md:NameIDFormat>{_TRANSIENT}</md:NameIDFormat>{doors("SingleSignOnService", "/sso")}
</md:IDPSSODescriptor></md:EntityDescriptor>
""".encode()
