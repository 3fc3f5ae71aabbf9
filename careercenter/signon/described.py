"""What a provider's SAML metadata says, in words for the people who check it: names, certificates and their ends, ways.

It reads and judges nothing: whether metadata may be used is decided where it is used. For the wizard and the doctor.
"""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

LONGEST = 400_000
_MD, _DS = "{urn:oasis:names:tc:SAML:2.0:metadata}", "{http://www.w3.org/2000/09/xmldsig#}"
_UI, _SHIB = "{urn:oasis:names:tc:SAML:metadata:ui}", "{urn:mace:shibboleth:metadata:1.0}"
_ATTR, _VALUE = "{urn:oasis:names:tc:SAML:2.0:assertion}Attribute", "{urn:oasis:names:tc:SAML:2.0:assertion}AttributeValue"
_ASSURANCE = "urn:oasis:names:tc:SAML:attribute:assurance-certification"
_BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"
_WAYS = {f"{_BINDINGS}HTTP-Redirect": "redirect", f"{_BINDINGS}HTTP-POST": "POST", f"{_BINDINGS}SOAP": "SOAP",
         f"{_BINDINGS}HTTP-Artifact": "artifact", f"{_BINDINGS}HTTP-POST-SimpleSign": "POST-SimpleSign"}
SIRTFI = "https://refeds.org/sirtfi"


class Unreadable(ValueError):
    """The text is no metadata of an identity provider; the message is one plain sentence."""


@dataclass(frozen=True)
class Certificate:
    """One signing certificate: whom it names, when it ends, its key, its SHA-256 fingerprint."""

    name: str
    ends: datetime
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Description:
    """One identity provider as its metadata describes it. `sign_in` and `logout` are binding names; `until` ends it all."""

    entity_id: str
    display_name: str
    certificates: tuple[Certificate, ...]
    scopes: tuple[str, ...]
    patterns: tuple[str, ...]
    sign_in: tuple[str, ...]
    logout: tuple[str, ...]
    name_ids: tuple[str, ...]
    assurance: tuple[str, ...]
    until: datetime | None

    @property
    def ends(self) -> datetime | None:
        """When the last of its signing certificates ends."""
        return max((found.ends for found in self.certificates), default=None)


def read(document: bytes) -> tuple[Description, ...]:
    """Every identity provider of a metadata document. Raises `Unreadable`."""
    if len(document) > LONGEST:
        raise Unreadable(f"This is longer than {LONGEST // 1000} kB. Give the metadata of one provider, not of a whole federation.")
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise Unreadable("Metadata holds no DTD; this text does, so it is refused.")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(document.strip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Unreadable("This is not readable XML. Copy the whole document, from <EntityDescriptor to its end.") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unreadable("Metadata holds no DTD; this text does, so it is refused.")
    if root.tag not in (f"{_MD}EntityDescriptor", f"{_MD}EntitiesDescriptor"):
        raise Unreadable("This is XML, but no SAML metadata: it should begin with <EntityDescriptor.")
    found = [
        _describe(entity, idp, root) for entity in root.iter(f"{_MD}EntityDescriptor") for idp in entity.findall(f"{_MD}IDPSSODescriptor")
    ]
    if not found:
        raise Unreadable("This metadata describes no identity provider. You may have pasted ours, or another service's.")
    return tuple(found)


def _describe(entity: Any, idp: Any, root: Any) -> Description:
    scopes = [s for place in (entity, idp) for s in place.findall(f"{_MD}Extensions/{_SHIB}Scope")]
    plain = [s for s in scopes if s.get("regexp", "false") not in ("true", "1")]
    untils = [when for place in (entity, idp, root) if (when := _instant(place.get("validUntil")))]
    return Description(
        entity_id=entity.get("entityID", ""), display_name=_display_name(entity, idp), certificates=tuple(_certificates(idp)),
        scopes=_texts(plain), patterns=_texts(s for s in scopes if s not in plain),
        sign_in=_ways(idp, "SingleSignOnService"), logout=_ways(idp, "SingleLogoutService"),
        name_ids=tuple(text.rpartition(":")[2] for text in _texts(idp.findall(f"{_MD}NameIDFormat"))),
        assurance=tuple(_assurance(entity)), until=min(untils, default=None),
    )


def _display_name(entity: Any, idp: Any) -> str:
    """In English where it is given, else in the first language."""
    names = idp.findall(f"{_MD}Extensions/{_UI}UIInfo/{_UI}DisplayName") or entity.findall(
        f"{_MD}Organization/{_MD}OrganizationDisplayName"
    )
    names = sorted(names, key=lambda found: found.get("{http://www.w3.org/XML/1998/namespace}lang") != "en")
    return " ".join((names[0].text or "").split())[:80] if names else ""


def _certificates(idp: Any) -> Iterator[Certificate]:
    seen = set()
    for key in idp.findall(f"{_MD}KeyDescriptor"):
        if key.get("use") not in (None, "signing"):
            continue
        for text in key.iter(f"{_DS}X509Certificate"):
            try:
                found = x509.load_der_x509_certificate(b64decode("".join((text.text or "").split())))
            except ValueError:
                raise Unreadable("One of the certificates in it cannot be read. Copy the metadata anew.") from None
            print_ = found.fingerprint(SHA256()).hex(":").upper()
            if print_ not in seen:
                seen.add(print_)
                yield Certificate(_subject(found), found.not_valid_after_utc, _key(found), print_)


def _subject(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string() or "without a name"


def _key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return f"EC {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__.strip("_")


def _ways(idp: Any, service: str) -> tuple[str, ...]:
    found = (place.get("Binding", "") for place in idp.findall(f"{_MD}{service}"))
    return tuple(dict.fromkeys(_WAYS.get(binding, binding.rpartition(":")[2]) for binding in found))


def _assurance(entity: Any) -> Iterator[str]:
    for attribute in entity.iter(_ATTR):
        if attribute.get("Name") == _ASSURANCE:
            yield from _texts(attribute.findall(_VALUE))


def _texts(elements: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for element in elements if (text := " ".join((element.text or "").split()))))


def _instant(value: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if value else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
