"""The first look at an answer, on raw bytes, before any XML library may trust it.

pysaml2 inflates without limit, takes DTDs and counts nothing; other parsers differ from it about names and encodings.
Everything that two parsers could read differently, or that costs more than it may, is refused here. The rules are those
of `docs/decisions/0004-sign-on.md`.
"""

import base64
import binascii
import re
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


def read(form: Mapping[str, str]) -> tuple[str, Element]:
    """The XML text of a posted `SAMLResponse` and its tree. Raises `AnswerRefused`."""
    raw = decode(form.get("SAMLResponse", ""))
    text = check_bytes(raw)
    check_shape(raw)
    return text, _tree(text)


def decode(field: str) -> bytes:
    """Strict base64, the only spelling of its bytes; line ends are allowed, since some providers wrap."""
    if not field:
        raise AnswerRefused("empty", "the form holds no SAMLResponse")
    if len(field) > MAX_BYTES:
        raise AnswerRefused("oversize", f"the answer is longer than {MAX_BYTES} characters")
    packed = field.replace("\r", "").replace("\n", "")
    try:
        raw = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise AnswerRefused("base64", "the answer is not base64") from None
    if base64.b64encode(raw).decode() != packed:
        raise AnswerRefused("base64", "the answer is not base64 in its normal form")
    return raw


def check_bytes(raw: bytes) -> str:
    """UTF-8, one XML declaration at most, no DTD, comment, CDATA section or processing instruction, no NUL."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise AnswerRefused("encoding", "the answer is not UTF-8") from None
    body = raw
    if found := _DECLARATION.match(raw):
        if (found[2] or b"utf-8").lower() != b"utf-8":
            raise AnswerRefused("encoding", "the answer declares another encoding than UTF-8")
        body = raw[found.end():]
    if b"\0" in body or not body.lstrip(b" \t\r\n").startswith(b"<"):
        raise AnswerRefused("not_xml", "the answer does not begin as an XML document")
    if b"<!" in body or b"<?" in body:
        raise AnswerRefused("markup", "the answer holds a DTD, comment, CDATA section or processing instruction")
    if body.count(b"<") > 2 * MAX_ELEMENTS:
        raise AnswerRefused("flood", "the answer holds too many elements")
    return text


def check_shape(raw: bytes) -> None:
    """Element, attribute and depth limits; IDs without prefix and each only once. One pass, nothing is built."""
    parser = expat.ParserCreate()
    open_elements = elements = attributes = 0
    seen: set[str] = set()

    def start(_name: str, found: dict[str, str]) -> None:
        nonlocal open_elements, elements, attributes
        open_elements, elements, attributes = open_elements + 1, elements + 1, attributes + len(found)
        if open_elements > MAX_DEPTH or elements > MAX_ELEMENTS or attributes > MAX_ATTRIBUTES:
            raise AnswerRefused("flood", "the answer is too deep or too large")
        for name, value in found.items():
            _check_id(name, value, seen)

    def end(_name: str) -> None:
        nonlocal open_elements
        open_elements -= 1

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise AnswerRefused("not_xml", f"the answer is not well-formed XML: {error}") from None


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
        raise AnswerRefused("not_xml", f"the answer is not well-formed XML: {error}") from None
    return found
