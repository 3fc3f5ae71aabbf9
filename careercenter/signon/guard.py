"""The first look at a message of a provider, on raw bytes, before any XML library may trust it.

pysaml2 inflates without limit, takes DTDs and counts nothing; other parsers differ from it about names and encodings.
Everything that two parsers could read differently, or that costs more than it may, is refused here. The rules are those
of `docs/decisions/0004-sign-on.md`.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from xml.etree.ElementTree import Element
from xml.parsers import expat

from careercenter.signon.identity import AnswerRefused

MAX_BYTES = 256 * 1024
MAX_ELEMENTS = 2000
MAX_ATTRIBUTES = 4000
MAX_DEPTH = 40
_DECLARATION = re.compile(rb"""<\?xml[ \t\r\n]+version=["']1\.0["']([ \t\r\n]+encoding=["']([A-Za-z0-9._-]+)["'])?"""
                          rb"""([ \t\r\n]+standalone=["'](yes|no)["'])?[ \t\r\n]*\?>""")

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def read(form: Mapping[str, str], field: str = "SAMLResponse") -> tuple[str, Element]:
    """The XML text of a posted message (`SAMLResponse` or `SAMLRequest`) and its tree. Raises `AnswerRefused`."""
    return checked(decode(form.get(field, "")))


def read_deflated(field: str) -> tuple[str, Element]:
    """The same of a message in an address, which is compressed; a body that grows too large is not unpacked to its end."""
    unpack = zlib.decompressobj(-15)
    try:
        raw = unpack.decompress(decode(field), MAX_BYTES + 1)
    except zlib.error:
        raise AnswerRefused("deflate", "the message is not compressed as its binding demands") from None
    if len(raw) > MAX_BYTES:
        raise AnswerRefused("oversize", f"the message unpacks to more than {MAX_BYTES} bytes")
    if not unpack.eof or unpack.unused_data:
        raise AnswerRefused("deflate", "the compressed message is cut off, or something follows it")
    return checked(raw)


def checked(raw: bytes) -> tuple[str, Element]:
    """The XML text of a message and its tree, after every rule on bytes and shape. Raises `AnswerRefused`."""
    if len(raw) > MAX_BYTES:
        raise AnswerRefused("oversize", f"the message is longer than {MAX_BYTES} bytes")
    text = check_bytes(raw)
    check_shape(raw)
    return text, _tree(text)


def decode(field: str) -> bytes:
    """Strict base64, the only spelling of its bytes; line ends are allowed, since some providers wrap."""
    if not field:
        raise AnswerRefused("empty", "there is no SAML message")
    if len(field) > MAX_BYTES:
        raise AnswerRefused("oversize", f"the message is longer than {MAX_BYTES} characters")
    packed = field.replace("\r", "").replace("\n", "")
    try:
        raw = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise AnswerRefused("base64", "the message is not base64") from None
    if base64.b64encode(raw).decode() != packed:
        raise AnswerRefused("base64", "the message is not base64 in its normal form")
    return raw


def check_bytes(raw: bytes) -> str:
    """UTF-8, one XML declaration at most, no DTD, comment, CDATA section or processing instruction, no NUL."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise AnswerRefused("encoding", "the message is not UTF-8") from None
    body = raw
    if found := _DECLARATION.match(raw):
        if (found[2] or b"utf-8").lower() != b"utf-8":
            raise AnswerRefused("encoding", "the message declares another encoding than UTF-8")
        body = raw[found.end():]
    if b"\0" in body or not body.lstrip(b" \t\r\n").startswith(b"<"):
        raise AnswerRefused("not_xml", "the message does not begin as an XML document")
    if b"<!" in body or b"<?" in body:
        raise AnswerRefused("markup", "the message holds a DTD, comment, CDATA section or processing instruction")
    if body.count(b"<") > 2 * MAX_ELEMENTS:
        raise AnswerRefused("flood", "the message holds too many elements")
    return text


def check_plain(raw: bytes) -> None:
    """Decrypted bytes that are about to stand inside a message: UTF-8 text that begins with an element, and no markup that
    `check_bytes` refuses. Raises ValueError: what was encrypted is not told apart from what could not be decrypted."""
    if b"<!" in raw or b"<?" in raw or b"\0" in raw or not raw.startswith(b"<"):
        raise ValueError("not the text of one element")
    raw.decode("utf-8")


def check_shape(raw: bytes) -> None:
    """Element, attribute and depth limits; IDs without prefix and each only once. One pass, nothing is built."""
    parser = expat.ParserCreate()
    open_elements = elements = attributes = 0
    seen: set[str] = set()

    def start(_name: str, found: dict[str, str]) -> None:
        nonlocal open_elements, elements, attributes
        open_elements, elements, attributes = open_elements + 1, elements + 1, attributes + len(found)
        if open_elements > MAX_DEPTH or elements > MAX_ELEMENTS or attributes > MAX_ATTRIBUTES:
            raise AnswerRefused("flood", "the message is too deep or too large")
        for name, value in found.items():
            _check_id(name, value, seen)

    def end(_name: str) -> None:
        nonlocal open_elements
        open_elements -= 1

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise AnswerRefused("not_xml", f"the message is not well-formed XML: {error}") from None


def _check_id(name: str, value: str, seen: set[str]) -> None:
    prefix, _, local = name.rpartition(":")
    if prefix == "xmlns" or name == "xmlns":
        if value and not _ABSOLUTE.match(value):
            raise AnswerRefused("namespace", "a namespace name is not absolute, which breaks canonicalisation")
        return
    if local.lower() != "id":
        return
    if prefix:
        raise AnswerRefused("id", "an ID attribute carries a namespace prefix")
    if value in seen:
        raise AnswerRefused("id", "two elements carry the same ID")
    seen.add(value)


def _tree(text: str) -> Element:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        found: Element = fromstring(text.encode(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise AnswerRefused("not_xml", f"the message is not well-formed XML: {error}") from None
    return found
