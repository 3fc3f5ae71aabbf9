"""What we publish about ourselves: valid by the standard's schema, signed, steady, and enough for a federation."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import etree

from careercenter.settings import Service
from careercenter.signon.crypto import InProcessBackend
from careercenter.signon.saml import ServiceProvider, own_metadata
from demo.idp_keys import make_certificate

NOW = datetime(2026, 11, 25, 14, 20, tzinfo=UTC)
NS = {
    "md": "urn:oasis:names:tc:SAML:2.0:metadata", "mdui": "urn:oasis:names:tc:SAML:metadata:ui", "ds": "http://www.w3.org/2000/09/xmldsig#",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion", "alg": "urn:oasis:names:tc:SAML:metadata:algsupport",
    "disco": "urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol", "remd": "http://refeds.org/metadata",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("keys")
    for name in ("now", "next", "enc", "enc-old"):
        key, certificate = make_certificate(name, bits=2048)
        (found / f"{name}.key").write_bytes(key)
        (found / f"{name}.crt").write_bytes(certificate)
    return found


def service(folder: Path, **more: Any) -> ServiceProvider:
    told = {"key_file": str(folder / "now.key"), "cert_file": str(folder / "now.crt"), **more}
    return ServiceProvider("https://careers.test/saml/metadata", "https://careers.test", Service.model_validate(told))


def full(folder: Path) -> ServiceProvider:
    return service(
        folder, next_cert_file=str(folder / "next.crt"), organization="Hollis & Daughters", organization_url="https://hollis.test",
        decryption=[{"key_file": str(folder / f"{n}.key"), "cert_file": str(folder / f"{n}.crt")} for n in ("enc", "enc-old")],
        information_url="https://hollis.test/careers?a=1&b=2", privacy_url="https://hollis.test/privacy", logo_url="https://hollis.test/logo.png",
        contacts=[{"kind": kind, "name": f"{kind} desk", "email": f"{kind}@hollis.test"} for kind in ("technical", "administrative", "security")],
        entity_categories=["http://refeds.org/category/research-and-scholarship"], assurance=["https://refeds.org/sirtfi"],
    )


def packed(folder: Path, name: str) -> str:
    return "".join((folder / f"{name}.crt").read_text().splitlines()[1:-1])


def read(metadata: bytes) -> Any:
    return etree.fromstring(metadata)


@pytest.mark.parametrize("make", [service, full], ids=["least", "full"])
def test_it_is_valid_and_signed_by_our_key(folder: Path, make: Any) -> None:
    import saml2.data.schemas
    from saml2.xml.schema import _create_xml_schema_validator

    metadata = own_metadata(make(folder), NOW)
    schema = Path(saml2.data.schemas.__file__).parent / "saml-schema-metadata-2.0.xsd"
    _create_xml_schema_validator(str(schema)).validate(metadata.decode())
    name = read(metadata).get("ID")
    entity = f"{NS['md']}:EntityDescriptor"
    assert InProcessBackend().validate_signature(metadata, str(folder / "now.crt"), "pem", entity, name)
    assert not InProcessBackend().validate_signature(metadata, str(folder / "next.crt"), "pem", entity, name)
    altered = metadata.replace(b"careers.test/saml/acs", b"careers.evil/saml/acs")
    assert not InProcessBackend().validate_signature(altered, str(folder / "now.crt"), "pem", entity, name)


def test_the_program_signs_it_where_the_library_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from careercenter.signon import crypto

    monkeypatch.setattr(crypto, "available", lambda: False)
    metadata = own_metadata(full(folder), NOW)
    entity = f"{NS['md']}:EntityDescriptor"
    assert InProcessBackend().validate_signature(metadata, str(folder / "now.crt"), "pem", entity, read(metadata).get("ID"))


def test_its_text_is_steady(folder: Path) -> None:
    """Equal settings, equal text within the hour; later only ID, validUntil and what they are signed with."""
    first, later = own_metadata(full(folder), NOW), own_metadata(full(folder), NOW + timedelta(hours=2))
    assert own_metadata(full(folder), NOW + timedelta(minutes=30)) == first
    trees = [read(first), read(later)]
    assert trees[0].get("validUntil") == "2026-12-09T14:00:00Z"
    assert trees[1].get("validUntil") == "2026-12-09T16:00:00Z"
    for tree in trees:
        tree.remove(tree.find("ds:Signature", NS))
        del tree.attrib["ID"], tree.attrib["validUntil"]
    assert etree.tostring(trees[0]) == etree.tostring(trees[1])


def test_addresses_keys_and_what_we_ask_for(folder: Path) -> None:
    role = read(own_metadata(full(folder), NOW)).find("md:SPSSODescriptor", NS)
    assert (role.get("AuthnRequestsSigned"), role.get("WantAssertionsSigned")) == ("true", "true")
    binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-"
    found = [(e.get("Binding").removeprefix(binding), e.get("Location")) for e in role.findall("md:SingleLogoutService", NS)]
    assert found == [("Redirect", "https://careers.test/saml/slo"), ("POST", "https://careers.test/saml/slo")]
    (acs,) = role.findall("md:AssertionConsumerService", NS)
    assert (acs.get("Binding"), acs.get("Location")) == (f"{binding}POST", "https://careers.test/saml/acs")
    keys = [(k.get("use"), k.findtext(".//ds:X509Certificate", namespaces=NS)) for k in role.findall("md:KeyDescriptor", NS)]
    assert keys == [("signing", packed(folder, "now")), ("signing", packed(folder, "next")), ("encryption", packed(folder, "enc"))]
    methods = [m.get("Algorithm") for m in role.findall(".//md:EncryptionMethod", NS)]
    assert methods
    assert not [m for m in methods if "cbc" in m or "1_5" in m]
    asked = {a.get("FriendlyName"): a for a in role.findall(".//md:RequestedAttribute", NS)}
    assert {"subject-id", "givenName", "sn", "mail", "eduPersonScopedAffiliation"} <= set(asked)
    assert {a.get("isRequired") for a in asked.values()} == {"false"}
    assert all(":" in a.get("Name") for a in asked.values())
    assert role.find(".//disco:DiscoveryResponse", NS).get("Location") == "https://careers.test/saml/discovery"


def test_words_people_and_claims_for_a_federation(folder: Path) -> None:
    root = read(own_metadata(full(folder), NOW))
    said = {e.tag.rpartition("}")[2]: e.text for e in root.find(".//mdui:UIInfo", NS)}
    assert said == {
        "DisplayName": "Career Center", "Description": "Internships, academic credit and evaluations.",
        "InformationURL": "https://hollis.test/careers?a=1&b=2", "PrivacyStatementURL": "https://hollis.test/privacy",
        "Logo": "https://hollis.test/logo.png",
    }
    assert root.findtext("md:Organization/md:OrganizationName", namespaces=NS) == "Hollis & Daughters"
    contacts = [(c.get("contactType"), c.get(f"{{{NS['remd']}}}contactType"), c.findtext("md:EmailAddress", namespaces=NS))
                for c in root.findall("md:ContactPerson", NS)]
    assert contacts == [
        ("technical", None, "mailto:technical@hollis.test"), ("administrative", None, "mailto:administrative@hollis.test"),
        ("other", "http://refeds.org/metadata/contactType/security", "mailto:security@hollis.test"),
    ]
    claims = {a.get("Name"): [v.text for v in a] for a in root.findall(".//saml:Attribute", NS)}
    assert claims == {
        "http://macedir.org/entity-category": ["http://refeds.org/category/research-and-scholarship"],
        "urn:oasis:names:tc:SAML:attribute:assurance-certification": ["https://refeds.org/sirtfi"],
        "urn:oasis:names:tc:SAML:profiles:subject-id:req": ["any"],
    }
    algorithms = [e.get("Algorithm") for e in root.findall("md:Extensions/alg:*", NS)]
    assert len(algorithms) == 9
    assert not [a for a in algorithms if "sha1" in a or "md5" in a]


def test_attributes_follow_what_the_campus_uses(folder: Path) -> None:
    sp = ServiceProvider("e", "https://careers.test", service(folder).service, ("persistent", "eduPersonUniqueId", "mail", "urn:x:own"))
    asked = [a.get("Name") for a in read(own_metadata(sp, NOW)).findall(".//md:RequestedAttribute", NS)]
    assert asked == ["urn:oid:1.3.6.1.4.1.5923.1.1.1.13", "urn:oid:0.9.2342.19200300.100.1.3", "urn:x:own"]


def test_served_with_a_sensible_cache(client: FlaskClient) -> None:
    answer = client.get("/saml/metadata")
    assert answer.mimetype == "application/samlmetadata+xml"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert "Set-Cookie" not in answer.headers
    assert client.get("/saml/metadata", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
