"""Encrypted parts of SAML messages: XML Encryption with one key, as SAML uses it, and no other shape of it.

Only RSA-OAEP carries the key and only AES the content: GCM, and CBC where a campus allows it. The arithmetic is that of
the `cryptography` library, whichever way signatures are verified, so that both ways give the same verdict; no program is
started and no key leaves the process. Nothing is fetched or resolved: no CipherReference, no KeyName, no RetrievalMethod.

Whatever goes wrong is the one refusal `decryption`, in the same words: a provider, or whoever pretends to be one, learns
nothing about keys or padding. The decrypted bytes take the place of the encrypted element in the text, and the caller
reads the whole message again from the start.
"""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from careercenter.signon import guard
from careercenter.signon.identity import AnswerRefused, SignOnUnavailable
from careercenter.signon.rules import DSIG, SAML, XENC

_XENC11 = "http://www.w3.org/2009/xmlenc11#"
_OAEP_MGF1P, _OAEP = f"{XENC[1:-1]}rsa-oaep-mgf1p", f"{_XENC11}rsa-oaep"
_GCM = {f"{_XENC11}aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)}
_CBC = {f"{XENC[1:-1]}aes{bits}-cbc": bits // 8 for bits in (128, 192, 256)}
_DIGESTS = {
    f"{DSIG[1:-1]}sha1": "SHA1", f"{XENC[1:-1]}sha256": "SHA256", "http://www.w3.org/2001/04/xmldsig-more#sha384": "SHA384",
    f"{XENC[1:-1]}sha512": "SHA512",
}
_MASKS = {f"{_XENC11}mgf1{name.lower()}": name for name in _DIGESTS.values()}
MAX_KEYS = 4  # one per reader of a message is usual; each costs an RSA operation per key of ours

Keys = Sequence[Any]
"""Our private RSA keys, as `load_keys` gives them."""


class _Failed(Exception):
    """Something in this module did not work out; which, nobody is told."""


def load_keys(files: Sequence[Path]) -> Keys:
    """Private RSA keys from PEM files. Raises `SignOnUnavailable` when one cannot be used."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    found = []
    for file in files:
        try:
            key = load_pem_private_key(file.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise SignOnUnavailable("metadata", f"the decryption key {file.name} cannot be read ({type(error).__name__})") from None
        if not isinstance(key, RSAPrivateKey):
            raise SignOnUnavailable("metadata", f"the decryption key {file.name} is not an RSA key")
        found.append(key)
    return tuple(found)


def assertion(document: str, tree: Element, keys: Keys, *, allow_cbc: bool, without_signature: bool) -> tuple[str, Element]:
    """The response with its assertion in the place of the encrypted one, read anew by the guard.

    `without_signature` cuts out the response's own signature, which the caller has proven and which covers the encrypted
    form. Raises `AnswerRefused`.
    """
    holder = tree.find(f"{SAML}EncryptedAssertion")
    assert holder is not None
    parts = _Parts(document.encode())
    plain = _element(holder, parts.named("EncryptedAssertion"), keys, allow_cbc, "Assertion")
    cuts = [(parts.named("EncryptedAssertion"), plain)]
    if without_signature:
        cuts.append((parts.named("Signature"), b""))
    raw = parts.raw
    for part, instead in sorted(cuts, key=lambda cut: cut[0].start, reverse=True):
        raw = raw[:part.start] + instead + raw[part.end:]
    return guard.checked(raw)


def name_id(document: str, holder: Element, keys: Keys, *, allow_cbc: bool) -> Element:
    """The NameID inside an EncryptedID. Raises `AnswerRefused`."""
    plain = _element(holder, _Parts(document.encode()).named("EncryptedID"), keys, allow_cbc, "NameID")
    _, found = guard.checked(plain)
    if found.tag != f"{SAML}NameID":
        raise _refused()
    return found


class _Part:
    """Where an element stands in the bytes of a message, and the namespaces that are in force in it."""

    def __init__(self, name: str, start: int, scope: dict[str, str]):
        self.name, self.start, self.end, self.scope = name, start, 0, scope


class _Parts:
    """The places of the elements of a message that may be replaced or cut out; the first of each name counts."""

    def __init__(self, raw: bytes):
        self.raw = raw
        self._found: list[_Part] = []
        self._open: list[_Part] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._start, self._end
        self._parser.Parse(raw, True)

    def named(self, local: str) -> _Part:
        return next(part for part in self._found if part.name == local)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        here = {n: value for n, value in attributes.items() if n == "xmlns" or n.startswith("xmlns:")}
        outer = self._open[-1].scope if self._open else {}
        part = _Part(name.rpartition(":")[2], self._parser.CurrentByteIndex, outer | here)
        if part.name == "EncryptedData" and self._open:
            self._open[-1].scope = part.scope  # the content is read as if it stood where EncryptedData does
        self._open.append(part)

    def _end(self, _name: str) -> None:
        part = self._open.pop()
        part.end = self.raw.index(b">", self._parser.CurrentByteIndex) + 1
        if part.name in ("EncryptedAssertion", "EncryptedID") or (part.name == "Signature" and len(self._open) == 1):
            self._found.append(part)


def _refused() -> AnswerRefused:
    return AnswerRefused("decryption", "the encrypted part cannot be decrypted by us in a way that we accept")


def _element(holder: Element, part: _Part, keys: Keys, allow_cbc: bool, wanted: str) -> bytes:
    """The bytes of the element inside an encrypted part, complete in itself: every namespace in force is declared on it."""
    try:
        plain = _decrypted(holder, keys, allow_cbc).strip(b" \t\r\n")
        named, declared = _outermost(plain)
        if named.rpartition(":")[2] != wanted:
            raise _Failed
    except (_Failed, ValueError, expat.ExpatError):
        raise _refused() from None
    missing = "".join(f" {name}={quoteattr(uri)}" for name, uri in sorted(part.scope.items()) if name not in declared)
    after = 1 + len(named.encode())
    return plain[:after] + missing.encode() + plain[after:]


def _outermost(plain: bytes) -> tuple[str, set[str]]:
    """The name of the outermost element and of its attributes; the bytes have to be one well-formed element."""
    guard.check_plain(plain)
    found: list[tuple[str, set[str]]] = []
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = lambda name, attributes: found.append((name, set(attributes))) if not found else None
    parser.Parse(plain, True)
    if not plain.startswith(b"<" + found[0][0].encode()):
        raise _Failed
    return found[0]


def _decrypted(holder: Element, keys: Keys, allow_cbc: bool) -> bytes:
    data = holder.findall(f"{XENC}EncryptedData")
    carried = holder.findall(f".//{XENC}EncryptedKey")
    if len(data) != 1 or not 1 <= len(carried) <= MAX_KEYS:
        raise _Failed
    method = _method(data[0])
    size = (_GCM | _CBC if allow_cbc else _GCM).get(method.get("Algorithm", ""))
    if size is None:
        raise _Failed
    content, gcm = _bytes(data[0]), method.get("Algorithm") in _GCM
    for secret in (secret for one in carried for secret in _secrets(one, keys)):
        if len(secret) == size:
            return _opened(content, secret, gcm)
    raise _Failed


def _secrets(carried: Element, keys: Keys) -> list[bytes]:
    """What our keys make of a carried key; a key that was not meant gives nothing."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    method = _method(carried)
    algorithm = method.get("Algorithm", "")
    if algorithm not in (_OAEP_MGF1P, _OAEP):
        raise _Failed
    digest = _named(method.find(f"{DSIG}DigestMethod"), _DIGESTS)
    mask = "SHA1" if algorithm == _OAEP_MGF1P else _named(method.find(f"{{{_XENC11}}}MGF"), _MASKS)
    label = method.find(f"{XENC}OAEPparams")
    scheme = padding.OAEP(
        padding.MGF1(getattr(hashes, mask)()), getattr(hashes, digest)(), None if label is None else _base64(label)
    )
    content, found = _bytes(carried), []
    for key in keys:
        try:
            found.append(key.decrypt(content, scheme))
        except ValueError:
            continue
    return found


def _opened(content: bytes, secret: bytes, gcm: bool) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if gcm:
        try:
            return AESGCM(secret).decrypt(content[:12], content[12:], None)
        except InvalidTag:
            raise _Failed from None
    if len(content) < 32 or len(content) % 16:
        raise _Failed
    stream = Cipher(algorithms.AES(secret), modes.CBC(content[:16])).decryptor()
    plain = stream.update(content[16:]) + stream.finalize()
    if not 1 <= plain[-1] <= 16:
        raise _Failed
    return plain[:-plain[-1]]


def _method(element: Element) -> Element:
    found = element.findall(f"{XENC}EncryptionMethod")
    if len(found) != 1:
        raise _Failed
    return found[0]


def _named(element: Element | None, known: dict[str, str]) -> str:
    """The name of a digest; without an element it is SHA-1, which is sound inside OAEP."""
    if element is None:
        return "SHA1"
    found = known.get(element.get("Algorithm", ""))
    if found is None:
        raise _Failed
    return found


def _bytes(element: Element) -> bytes:
    found = element.findall(f"{XENC}CipherData/{XENC}CipherValue")
    if len(found) != 1:
        raise _Failed
    return _base64(found[0])


def _base64(element: Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise _Failed from None
