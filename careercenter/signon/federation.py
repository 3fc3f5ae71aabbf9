"""SAML metadata as federations publish it: the signature is verified once, then the document is cut into entities.

pysaml2 loads an aggregate in every process, takes one whose signature was cut out, and never looks at its end again.
Here a job reads it: one signature of the root, by the given key only, SHA-2, no DTD; an end that is neither past nor far
ahead; then one small document per identity provider, which pysaml2 reads when somebody signs in there.

Memory is the document and its tree, which verification needs at once; entities are cut one by one and freed behind.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from careercenter.signon import crypto, rules

AGGREGATE_BYTES = 200_000_000
SINGLE_BYTES = 1_000_000
FARTHEST = timedelta(days=28)
CLOCK = timedelta(minutes=10)
LONGEST_ID = 400
HIDE = "http://refeds.org/category/hide-from-discovery"

_MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
_UI = "{urn:oasis:names:tc:SAML:metadata:ui}"
_SAML2 = "urn:oasis:names:tc:SAML:2.0:protocol"
_ENTITY, _GROUP, _IDP, _EXTENSIONS = f"{_MD}EntityDescriptor", f"{_MD}EntitiesDescriptor", f"{_MD}IDPSSODescriptor", f"{_MD}Extensions"
_SCOPE = "{urn:mace:shibboleth:metadata:1.0}Scope"
_CATEGORY = "{urn:oasis:names:tc:SAML:metadata:attribute}EntityAttributes"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_KEPT = {_IDP, _EXTENSIONS, f"{_MD}Organization", f"{_MD}ContactPerson"}
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_SCOPE_FORM = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,253}[a-z0-9])?")
_SAME_ID = "//@*[translate(local-name(), 'ID', 'id') = 'id'][. = $wanted]"


class MetadataRefused(Exception):
    """The metadata may not be used; the text is one plain sentence."""


@dataclass(frozen=True)
class Entity:
    """One identity provider. `xml` stands by itself and holds only this role; `scopes` are plain and lower-case.

    `search_text` is folded (no accents, no capitals), begins with the display name and holds at most 1,000 characters.
    `valid_until` is what the entity or a group around it says, not the end of the whole document.
    """

    entity_id: str
    xml: str
    digest: str
    display_name: str
    search_text: str
    logo_url: str
    scopes: tuple[str, ...]
    categories: tuple[str, ...]
    valid_until: datetime | None

    @property
    def hidden(self) -> bool:
        """Whether it asks not to be shown where people choose their campus."""
        return HIDE in self.categories


def read(
    document: bytes, now: datetime, *, certificates: bytes = b"", must_end: bool = True, limit: int = AGGREGATE_BYTES
) -> tuple[datetime | None, Iterator[Entity]]:
    """The end of the metadata, and its identity providers one by one. Raises `MetadataRefused`.

    With `certificates` (PEM; several while the publisher changes its key) the root has to carry a good signature of one
    of them. `must_end`: metadata of a federation has to say until when it is valid, at most 28 days ahead.
    """
    root = _parse(document, limit)
    del document
    if certificates:
        verify(root, certificates)
    until = _instant(root.get("validUntil"))
    _check_end(until, now, must_end)
    return until, _entities(root, now)


def _parse(document: bytes, limit: int) -> Any:
    from lxml import etree

    if len(document) > limit:
        raise MetadataRefused(f"The metadata is larger than {limit // 1_000_000} MB and was not read.")
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise MetadataRefused("The metadata holds a document type definition, which is refused.")
    # A comment inside a value would cut it short for us while the signature, which ignores comments, still held.
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, remove_comments=True)
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise MetadataRefused("The metadata is not whole XML: it was cut off, or it is another kind of file.") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise MetadataRefused("The metadata holds a document type definition, which is refused.")
    if root.tag not in (_ENTITY, _GROUP):
        raise MetadataRefused("The file is XML, but not SAML metadata.")
    return root


def verify(root: Any, certificates: bytes) -> None:
    """Whether the root carries one good signature over itself, by the key of one of the PEM certificates.

    Nothing inside the document names a key that counts, and nothing but the root may be what was signed.
    """
    if not crypto.available():
        raise MetadataRefused("The signature cannot be verified, since the xmlsec library does not load; the doctor says why.")
    import xmlsec

    signatures = root.findall(f"{rules.DSIG}Signature")
    if len(signatures) != 1:
        raise MetadataRefused("The metadata is not signed, although a certificate is configured for it.")
    _check_signature(signatures[0], root)
    pems = _PEM.findall(certificates)
    if not pems:
        raise MetadataRefused("The certificate file for the metadata holds no PEM certificate.")
    for pem in pems:
        context = xmlsec.SignatureContext()
        context.set_enabled_key_data([])
        try:
            context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem)
            if root.get("ID"):
                context.register_id(root, "ID")
            context.verify(signatures[0])
        except xmlsec.Error:
            continue
        return
    raise MetadataRefused(
        "The signature of the metadata does not hold: it was changed on the way, or signed with another key than the configured one."
    )


def _check_signature(signature: Any, root: Any) -> None:
    """One reference, to the root, by current algorithms. An ID that stands twice could mean another element."""
    wanted, dsig = root.get("ID", ""), rules.DSIG
    info, references = signature.findall(f"{dsig}SignedInfo"), signature.findall(f".//{dsig}Reference")
    if len(info) != 1 or len(references) != 1 or references[0].getparent() is not info[0] or signature.find(f".//{dsig}Object") is not None:
        raise MetadataRefused("The signature of the metadata does not cover exactly one element.")
    uri = references[0].get("URI")
    if uri is None or uri not in ("", f"#{wanted}") or uri == "#" or len(root.xpath(_SAME_ID, wanted=wanted)) > 1:
        raise MetadataRefused("The signature of the metadata covers something else than the whole document.")
    allowed = (
        ("SignatureMethod", rules.SIGNATURE_ALGORITHMS), ("DigestMethod", rules.DIGEST_ALGORITHMS),
        ("CanonicalizationMethod", rules.CANONICAL), ("Transform", rules.CANONICAL | {rules.ENVELOPED}),
    )
    for name, algorithms in allowed:
        used = {element.get("Algorithm") for element in info[0].iter(f"{dsig}{name}")}
        if not used or not used <= algorithms:
            shown = ", ".join(sorted(str(algorithm) for algorithm in used)) or "nothing"
            raise MetadataRefused(f"The metadata is signed by an outdated or unknown method ({name}: {shown[:150]}).")


def _check_end(until: datetime | None, now: datetime, must_end: bool) -> None:
    if until is not None and until <= now - CLOCK:
        raise MetadataRefused(f"The metadata has expired: it was valid until {_day(until)}.")
    if must_end and until is None:
        raise MetadataRefused("The metadata does not say until when it is valid, which a federation's must.")
    if must_end and until is not None and until > now + FARTHEST + CLOCK:
        raise MetadataRefused(f"The metadata claims to be valid until {_day(until)}; more than 28 days ahead is refused.")


def _day(moment: datetime) -> str:
    return f"{moment:%d %b %Y, %H:%M} UTC"


def _instant(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        raise MetadataRefused("The metadata says until when it is valid, but not as a date and time.") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _entities(root: Any, now: datetime) -> Iterator[Entity]:
    """Every usable identity provider of the document, each entity ID once; the tree is emptied on the way."""
    seen: set[str] = set()
    own = _instant(root.get("validUntil")) if root.tag == _ENTITY else None
    for element, until in [(root, own)] if root.tag == _ENTITY else _descend(root, None):
        entity_id = element.get("entityID", "")
        if entity_id not in seen and (until is None or until > now) and _usable(entity_id, element):
            seen.add(entity_id)
            yield _cut(entity_id, element, until)
        element.clear()


def _descend(group: Any, until: datetime | None) -> Iterator[tuple[Any, datetime | None]]:
    for child in group.iterchildren(_ENTITY, _GROUP):
        own = _instant(child.get("validUntil"))
        ends = min((end for end in (own, until) if end), default=None)
        if child.tag == _ENTITY:
            yield child, ends
        else:
            yield from _descend(child, ends)


def is_entity_id(text: str) -> bool:
    """Whether a text could be an entity ID that we keep: not too long, no spaces, nothing unprintable."""
    return 0 < len(text) <= LONGEST_ID and text.isprintable() and not any(c.isspace() for c in text)


def _usable(entity_id: str, element: Any) -> bool:
    """A SAML 2.0 identity provider whose name is one that we can keep and compare."""
    spoken = (role.get("protocolSupportEnumeration", "").split() for role in element.iterchildren(_IDP))
    return is_entity_id(entity_id) and any(_SAML2 in protocols for protocols in spoken)


def _cut(entity_id: str, element: Any, until: datetime | None) -> Entity:
    from lxml import etree

    for child in list(element):
        if child.tag not in _KEPT:
            element.remove(child)
    extensions = [*element.iterchildren(_EXTENSIONS), *(e for role in element.iterchildren(_IDP) for e in role.iterchildren(_EXTENSIONS))]
    shown = [found for extension in extensions for found in extension.iter(f"{_UI}UIInfo")]
    names = _named(shown, f"{_UI}DisplayName") or _named(element.iterchildren(f"{_MD}Organization"), f"{_MD}OrganizationDisplayName")
    scopes = tuple(dict.fromkeys(scope for extension in extensions for scope in _scopes(extension)))
    logo = _logo(shown)
    words = _named(shown, f"{_UI}Keywords")
    hints = [_words(hint.text) for extension in extensions for hint in extension.iter(f"{_UI}DomainHint")]
    categories = tuple(
        _words(value.text) for extension in extensions for attributes in extension.iterchildren(_CATEGORY) for attribute in attributes
        if str(attribute.get("Name", "")).startswith("http://macedir.org/entity-category") for value in attribute
    )
    display_name = (names[0] if names else entity_id)[:200]
    xml = etree.tostring(element, encoding="unicode", with_tail=False)
    return Entity(
        entity_id, xml, hashlib.sha256(xml.encode()).hexdigest(), display_name,
        _search_text(display_name, names, scopes, hints, words, entity_id), logo, scopes, categories, until,
    )


def _named(places: Any, tag: str) -> list[str]:
    """The texts of a localised element, English first."""
    found = [(str(e.get(_LANG, "")).lower().partition("-")[0] != "en", _words(e.text)) for place in places for e in place.iterchildren(tag)]
    return list(dict.fromkeys(text for _, text in sorted(found, key=lambda pair: pair[0]) if text))


def _scopes(extension: Any) -> Iterator[str]:
    """Plain scopes. One that is a pattern is refused: it would let a provider speak for names that nobody has seen."""
    for scope in extension.iterchildren(_SCOPE):
        text = (scope.text or "").strip().lower()
        if scope.get("regexp", "false").strip() in ("false", "0") and _SCOPE_FORM.fullmatch(text):
            yield text


def _logo(shown: list[Any]) -> str:
    """The first logo that has an https address; pictures inside the document are dropped, since they make rows large."""
    found = ""
    for logo in [logo for info in shown for logo in info.iterchildren(f"{_UI}Logo")]:
        url = (logo.text or "").strip()
        if not found and url.startswith("https://") and len(url) <= 500 and not re.search(r"\s", url) and _host(url):
            found = url
        if url.startswith("data:"):
            logo.getparent().remove(logo)
    return found


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _words(text: str | None) -> str:
    """A text for people: one line, without control and direction characters."""
    folded = " ".join(unicodedata.normalize("NFC", text or "").split())
    return "".join(c for c in folded if unicodedata.category(c)[0] != "C")


def fold(text: str) -> str:
    """A text as it is searched: without accents and capitals."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c) and (c.isprintable() or c.isspace())).split())


def _search_text(name: str, names: list[str], scopes: tuple[str, ...], hints: list[str], words: list[str], entity_id: str) -> str:
    parts = [name, *names, *scopes, *hints, _host(entity_id), *(keywords.replace("+", " ") for keywords in words)]
    return " ".join(dict.fromkeys(folded for part in parts if (folded := fold(part))))[:1000]
