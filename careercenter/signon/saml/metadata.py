"""Our metadata for identity providers and federations: addresses, keys, what we ask for, who answers for us; signed.

Equal settings give equal text within the hour: ID and validUntil follow from content and clock, so that caches and those
who compare two downloads see a change only when there is one.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from careercenter.signon.attributes import DEFAULT_ATTRIBUTES, NAMES, SCOPED, wire_name
from careercenter.signon.rules import DIGEST_ALGORITHMS, SIGNATURE_ALGORITHMS
from careercenter.signon.saml.client import RSA_SHA256, SHA256, backend
from careercenter.signon.saml.service import DISCOVERY_PATH, ServiceProvider

_NAMESPACES = {
    "md": "urn:oasis:names:tc:SAML:2.0:metadata", "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#", "alg": "urn:oasis:names:tc:SAML:metadata:algsupport",
    "idpdisc": "urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol", "mdattr": "urn:oasis:names:tc:SAML:metadata:attribute",
    "mdui": "urn:oasis:names:tc:SAML:metadata:ui", "remd": "http://refeds.org/metadata",
}
_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-"
_URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
_ENCRYPTION = (
    "http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
)
_SUBJECTS = ("subject-id", "pairwise-id")
_CATEGORY, _ASSURANCE = "http://macedir.org/entity-category", "urn:oasis:names:tc:SAML:attribute:assurance-certification"
_SUBJECT_ASKED = "urn:oasis:names:tc:SAML:profiles:subject-id:req"
DEFAULT_ASKED = (*_SUBJECTS, *DEFAULT_ATTRIBUTES.values())


def own_metadata(sp: ServiceProvider, now: datetime | None = None) -> bytes:
    """The signed EntityDescriptor, valid for `metadata_days` from this hour on. Raises `SignOnUnavailable` or OSError."""
    hour = (now or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0)
    until = (hour + timedelta(days=sp.service.metadata_days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    content = "".join((_entity_extensions(sp), _role(sp), *_organization(sp), *_contacts(sp)))
    name = "_" + hashlib.sha256(f"{sp.entity_id} {until} {content}".encode()).hexdigest()[:32]
    spaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
    document = (
        f'<md:EntityDescriptor{spaces} ID="{name}" entityID={quoteattr(sp.entity_id)} validUntil="{until}">'
        f"{_signature(name, sp)}{content}</md:EntityDescriptor>"
    )
    signed = backend("auto").sign_statement(document, f"{_NAMESPACES['md']}:EntityDescriptor", str(sp.service.key_file), name)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + re.sub(r"^<\?xml[^>]*>\s*", "", signed).encode()


def _signature(name: str, sp: ServiceProvider) -> str:
    """The place of the signature, which the signing fills in."""
    return (
        '<ds:Signature><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
        f'<ds:SignatureMethod Algorithm="{RSA_SHA256}"/><ds:Reference URI="#{name}"><ds:Transforms>'
        '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
        '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{SHA256}"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/>'
        f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{_packed(sp.service.cert_file)}</ds:X509Certificate></ds:X509Data>"
        "</ds:KeyInfo></ds:Signature>"
    )


def _entity_extensions(sp: ServiceProvider) -> str:
    algorithms = [f'<alg:DigestMethod Algorithm="{name}"/>' for name in sorted(DIGEST_ALGORITHMS)]
    algorithms += [f'<alg:SigningMethod Algorithm="{name}"/>' for name in sorted(SIGNATURE_ALGORITHMS)]
    asked = set(sp.asked or DEFAULT_ASKED)
    subjects = [name for name in _SUBJECTS if name in asked]
    claims = {
        _CATEGORY: sp.service.entity_categories, _ASSURANCE: sp.service.assurance,
        _SUBJECT_ASKED: ("any",) if len(subjects) == 2 else tuple(subjects),
    }
    attributes = "".join(
        f'<saml:Attribute Name="{name}" NameFormat="{_URI}">'
        + "".join(f"<saml:AttributeValue>{escape(value)}</saml:AttributeValue>" for value in values) + "</saml:Attribute>"
        for name, values in claims.items() if values
    )
    attributes = f"<mdattr:EntityAttributes>{attributes}</mdattr:EntityAttributes>" if attributes else ""
    return f"<md:Extensions>{''.join(algorithms)}{attributes}</md:Extensions>"


def _role(sp: ServiceProvider) -> str:
    service = sp.service
    keys = [_key("signing", file) for file in (service.cert_file, service.next_cert_file) if file]
    keys += [_key("encryption", pair.cert_file) for pair in service.decryption[:1]]
    logout = "".join(
        f'<md:SingleLogoutService Binding="{_BINDING}{way}" Location={quoteattr(sp.slo)}/>' for way in ("Redirect", "POST")
    )
    return (
        '<md:SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true" '
        'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        f'<md:Extensions>{"".join(_words(sp))}<idpdisc:DiscoveryResponse Binding="{_NAMESPACES["idpdisc"]}" '
        f'Location={quoteattr(sp.address(DISCOVERY_PATH))} index="1" isDefault="true"/></md:Extensions>{"".join(keys)}{logout}'
        f'<md:AssertionConsumerService Binding="{_BINDING}POST" Location={quoteattr(sp.acs)} index="1" isDefault="true"/>'
        f"{_asked(sp)}</md:SPSSODescriptor>"
    )


def _words(sp: ServiceProvider) -> Iterator[str]:
    """What the provider's sign-in page says of us."""
    service = sp.service
    yield f'<mdui:UIInfo><mdui:DisplayName xml:lang="en">{escape(service.name)}</mdui:DisplayName>'
    yield f'<mdui:Description xml:lang="en">{escape(service.description)}</mdui:Description>'
    for name, url in (("InformationURL", service.information_url), ("PrivacyStatementURL", service.privacy_url)):
        if url:
            yield f'<mdui:{name} xml:lang="en">{escape(url)}</mdui:{name}>'
    if service.logo_url:
        yield f'<mdui:Logo height="{service.logo_height}" width="{service.logo_width}">{escape(service.logo_url)}</mdui:Logo>'
    yield "</mdui:UIInfo>"


def _key(use: str, file: Path) -> str:
    methods = "".join(f'<md:EncryptionMethod Algorithm="{name}"/>' for name in _ENCRYPTION) if use == "encryption" else ""
    return (
        f'<md:KeyDescriptor use="{use}"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{_packed(file)}</ds:X509Certificate>'
        f"</ds:X509Data></ds:KeyInfo>{methods}</md:KeyDescriptor>"
    )


def _packed(file: Path | None) -> str:
    """The first certificate of a PEM file without its frame."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificate

    assert file is not None, "the settings demand key and certificate wherever SAML is used"
    pem = load_pem_x509_certificate(file.read_bytes()).public_bytes(Encoding.PEM).decode()
    return "".join(line for line in pem.splitlines() if "CERTIFICATE" not in line)


def _asked(sp: ServiceProvider) -> str:
    """The attributes that we use; none is demanded, since a sign-in works with whatever identifier the campus releases."""
    friendly = {wire: name for name, wire in NAMES.items()}
    wires = sorted({wire_name(name) for name in sp.asked or DEFAULT_ASKED} - {"persistent"}, key=_order)
    named = ((wire, friendly.get(wire, "")) for wire in wires if ":" in wire)
    requested = "".join(
        f'<md:RequestedAttribute Name={quoteattr(wire)} NameFormat="{_URI}"'
        + (f' FriendlyName="{name}"' if name else "") + ' isRequired="false"/>' for wire, name in named
    )
    return (
        f'<md:AttributeConsumingService index="1"><md:ServiceName xml:lang="en">{escape(sp.service.name)}</md:ServiceName>'
        f"{requested}</md:AttributeConsumingService>" if requested else ""
    )


def _order(wire: str) -> tuple[bool, str]:
    return wire not in SCOPED, wire


def _organization(sp: ServiceProvider) -> Iterator[str]:
    service = sp.service
    if service.organization:
        yield "<md:Organization>"
        for name in ("OrganizationName", "OrganizationDisplayName"):
            yield f'<md:{name} xml:lang="en">{escape(service.organization)}</md:{name}>'
        url = service.organization_url or sp.public_url
        yield f'<md:OrganizationURL xml:lang="en">{escape(url)}</md:OrganizationURL></md:Organization>'


def _contacts(sp: ServiceProvider) -> Iterator[str]:
    for contact in sp.service.contacts:
        kind = f'contactType="{contact.kind}"'
        if contact.kind == "security":  # REFEDS' way of saying it: SAML itself has no such kind
            kind = 'contactType="other" remd:contactType="http://refeds.org/metadata/contactType/security"'
        yield (
            f"<md:ContactPerson {kind}><md:GivenName>{escape(contact.name)}</md:GivenName>"
            f"<md:EmailAddress>mailto:{escape(contact.email)}</md:EmailAddress></md:ContactPerson>"
        )
