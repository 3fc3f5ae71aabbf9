"""How SAML messages travel besides the posted answer: in an address with a detached signature, or in a form.

`received()` reads what came to our logout address, whoever sent it: bytes first, then the tree; it proves nothing.
`send()` makes the way of one of ours. A signature in an address is over the text of the address, so it is checked over
the very characters that came: other programs write their escapes differently from ours.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element

from careercenter.signon import guard
from careercenter.signon.identity import AnswerRefused, Begin
from careercenter.signon.rules import DSIG, SAML, SIGNATURE_ALGORITHMS, text
from careercenter.signon.saml.client import RSA_SHA256

Kind = Literal["SAMLRequest", "SAMLResponse"]
MAX_QUERY = 512 * 1024  # twice what may be in it, for the escapes
_KINDS: tuple[Kind, ...] = ("SAMLRequest", "SAMLResponse")


@dataclass(frozen=True)
class Detached:
    """The signature beside a message in an address, and the bytes that it covers."""

    algorithm: str
    value: bytes
    covered: bytes


@dataclass(frozen=True)
class Message:
    """A message that came. `issuer` is who it claims to come from; `detached` is its signature when it came in an address."""

    kind: Kind
    document: str
    tree: Element
    relay: str
    detached: Detached | None

    @property
    def issuer(self) -> str:
        found = self.tree.find(f"{SAML}Issuer")
        return "" if found is None else text(found)


def received(method: str, query: bytes, form: Mapping[str, str]) -> Message:
    """The message of a request: by POST from the form, else from the query string as it stands. Raises `AnswerRefused`."""
    if method == "POST":
        kind = _only_kind(form)
        document, tree = guard.read(form, kind)
        return Message(kind, document, tree, form.get("RelayState", ""), None)
    if len(query) > MAX_QUERY:
        raise AnswerRefused("oversize", "the address is too long")
    raw = _parts(query)
    kind = _only_kind(raw)
    document, tree = guard.read_deflated(unquote_plus(raw[kind]))
    if tree.find(f".//{DSIG}Signature") is not None:
        raise AnswerRefused("signature", "a message in an address carries its signature beside it, not in it")
    return Message(kind, document, tree, unquote_plus(raw.get("RelayState", "")), _detached(raw, kind))


def _only_kind(given: Mapping[str, str]) -> Kind:
    found = [kind for kind in _KINDS if given.get(kind)]
    if len(found) != 1:
        raise AnswerRefused("empty", "there is not exactly one SAML message")
    return found[0]


def _parts(query: bytes) -> dict[str, str]:
    """The parts of a query as they were written, escapes and all; none may stand twice."""
    try:
        pairs = [part.partition("=") for part in query.decode("ascii").split("&") if part]
    except UnicodeDecodeError:
        raise AnswerRefused("encoding", "the address holds characters that an address cannot hold") from None
    found = {unquote_plus(name): value for name, _, value in pairs}
    if len(found) != len(pairs):
        raise AnswerRefused("signature", "a part of the address stands twice")
    return found


def _detached(raw: Mapping[str, str], kind: Kind) -> Detached | None:
    if "Signature" not in raw or "SigAlg" not in raw:
        return None
    packed = unquote_plus(raw["Signature"]).replace("\r", "").replace("\n", "")
    try:
        value = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise AnswerRefused("signature", "the signature is not base64") from None
    covered = "&".join(f"{name}={raw[name]}" for name in (kind, "RelayState", "SigAlg") if name in raw)
    return Detached(unquote_plus(raw["SigAlg"]), value, covered.encode())


def check_detached(signature: Detached | None, certificates: Iterable[str]) -> None:
    """Whether one of the certificates (base64 DER) holds the key of a detached signature. Raises `AnswerRefused`."""
    from cryptography.x509 import load_der_x509_certificate

    if signature is None:
        raise AnswerRefused("unsigned", "the message is not signed")
    if signature.algorithm not in SIGNATURE_ALGORITHMS:
        raise AnswerRefused("algorithm", f"SigAlg {signature.algorithm[:100]} is not on the list of accepted algorithms")
    for packed in certificates:
        try:
            key = load_der_x509_certificate(base64.b64decode(packed)).public_key()
        except ValueError:
            continue
        if _holds(key, signature):
            return
    raise AnswerRefused("signature", "the signature does not hold")


def _holds(key: Any, signature: Detached) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    family, _, digest = signature.algorithm.rpartition("#")[2].partition("-")
    by = getattr(hashes, digest.upper())()
    try:
        if family == "rsa" and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature.value, signature.covered, padding.PKCS1v15(), by)
        elif family == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(_der(signature.value), signature.covered, ec.ECDSA(by))
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


def _der(value: bytes) -> bytes:
    """An ECDSA signature as the library wants it: XML signatures are the two numbers side by side."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    half = len(value) // 2
    return encode_dss_signature(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))


def send(client: Any, message: Any, message_id: str, method: str, destination: str, relay: str, kind: Kind) -> Begin:
    """The way of a message of ours: signed in the address, or in itself and in a form. `message` is signed already for POST."""
    if method == "post":
        fields = {kind: base64.b64encode(str(message).encode()).decode()}
        return Begin(message_id, "post", destination, fields | ({"RelayState": relay} if relay else {}))
    from saml2 import BINDING_HTTP_REDIRECT

    info = client.apply_binding(
        BINDING_HTTP_REDIRECT, str(message), destination, relay_state=relay, response=kind == "SAMLResponse", sign=True,
        sigalg=RSA_SHA256,
    )
    return Begin(message_id, "redirect", dict(info["headers"])["Location"])
