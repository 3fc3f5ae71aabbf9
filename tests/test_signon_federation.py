"""Metadata of a federation: what is refused, and what each identity provider becomes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import xmlsec
from lxml import etree

from careercenter.signon import federation
from careercenter.signon.federation import Entity, MetadataRefused, fold
from tests.metadata_feed import aggregate, campuses, hidden, identity_provider, pair, sign, single

NOW = datetime.now(UTC)


def read(document: bytes, name: str = "federation", **how: object) -> list[Entity]:
    certificates = pair(name)[1] if name else b""
    return list(federation.read(document, datetime.now(UTC), certificates=certificates, **how)[1])  # type: ignore[arg-type]


def good(count: int = 3) -> bytes:
    return sign(aggregate(campuses(count)))


def test_a_signed_aggregate_becomes_one_small_document_per_identity_provider() -> None:
    service = identity_provider("https://sp.example", "A service", role="SP")
    until, found = federation.read(sign(aggregate([*campuses(3), service])), NOW, certificates=pair("federation")[1])
    assert until is not None and timedelta(days=13) < until - NOW < timedelta(days=15)
    rows = list(found)
    assert [row.entity_id for row in rows] == [f"https://idp.campus{n}.example/entity" for n in range(3)]
    first = rows[0]
    assert (first.display_name, first.scopes, first.hidden) == ("Ash State University 0", ("campus0.example",), False)
    assert first.search_text.startswith("ash state university 0 campus0.example")
    alone = etree.fromstring(first.xml)
    assert alone.tag.endswith("}EntityDescriptor") and alone.find(".//{*}X509Certificate") is not None
    assert len(first.xml) < 4000


def test_entities_of_groups_within_groups_are_found_once() -> None:
    inner = aggregate([identity_provider("https://deep.example", "Deep")], days=None, group_id="_deep").decode()
    outer = aggregate([inner, *campuses(1), identity_provider("https://deep.example", "Deep again")], days=None, group_id="_outer").decode()
    assert [row.display_name for row in read(sign(aggregate([outer, *campuses(2)])))] == [
        "Deep", "Ash State University 0", "Birch State University 1",
    ]


def test_a_group_that_has_ended_takes_its_members_with_it() -> None:
    ended = aggregate(campuses(2), days=-1, group_id="_ended").decode()
    soon = aggregate([identity_provider("https://soon.example", "Soon")], days=1, group_id="_soon").decode()
    rows = read(sign(aggregate([ended, soon])))
    assert [row.entity_id for row in rows] == ["https://soon.example"]
    assert rows[0].valid_until is not None and rows[0].valid_until - NOW < timedelta(days=2)


def without_signature(document: bytes) -> bytes:
    root = etree.fromstring(document)
    root.remove(root.find("{*}Signature"))
    return etree.tostring(root)


def signature_of_another_element(document: bytes) -> bytes:
    """The genuine, signed document moves inside a new root, which borrows its signature: wrapping."""
    genuine = etree.fromstring(document)
    signature = genuine.find("{*}Signature")
    forged = etree.fromstring(aggregate([identity_provider("https://evil.example", "Evil")], group_id="_evil"))
    forged.insert(0, signature)
    forged.append(genuine)
    return etree.tostring(forged)


def doubled_id(document: bytes) -> bytes:
    genuine = etree.fromstring(document)
    forged = etree.fromstring(aggregate([identity_provider("https://evil.example", "Evil")]))
    forged.insert(0, genuine.find("{*}Signature"))
    forged.append(genuine)
    return etree.tostring(forged)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "signature cut out": (lambda: without_signature(good()), "not signed"),
    "never signed": (lambda: aggregate(campuses(2)), "not signed"),
    "signed entity, unsigned root": (lambda: aggregate([sign(single(campuses(1)[0])).decode().split("?>", 1)[1]]), "not signed"),
    "another key": (lambda: sign(aggregate(campuses(2)), "evil"), "does not hold"),
    "tampered": (lambda: good().replace(b"campus1.example</shibmd", b"campus9.example</shibmd"), "does not hold"),
    "SHA-1 signature": (lambda: sign(aggregate(campuses(1)), algorithm=xmlsec.constants.TransformRsaSha1), "outdated"),
    "SHA-1 digest": (lambda: sign(aggregate(campuses(1)), digest=xmlsec.constants.TransformSha1), "outdated"),
    "MD5 signature": (lambda: good().replace(b"2001/04/xmldsig-more#rsa-sha256", b"2001/04/xmldsig-more#rsa-md5"), "outdated"),
    "HMAC": (lambda: good().replace(b"xmldsig-more#rsa-sha256", b"xmldsig-more#hmac-sha256"), "outdated"),
    "signature over an inner element": (
        lambda: sign(aggregate([single(campuses(1)[0]).decode()]), uri="#_one"), "something else than the whole document"),
    "signature wrapping": (lambda: signature_of_another_element(good()), "something else than the whole document"),
    "wrapping with a doubled ID": (lambda: doubled_id(good()), "something else than the whole document"),
    "an xml:id of the same value": (
        lambda: good().replace(b"<md:Organization>", b'<md:Organization xml:id="_federation">', 1), "something else than the whole document"),
    "no end": (lambda: sign(aggregate(campuses(1), days=None)), "does not say until when"),
    "ended": (lambda: sign(aggregate(campuses(1), days=-1)), "has expired"),
    "too far ahead": (lambda: sign(aggregate(campuses(1), days=29)), "more than 28 days"),
    "an end that is no date": (
        lambda: sign(aggregate(campuses(1), days=None).replace(b' Name="', b' validUntil="for ever" Name="')), "not as a date"),
    "a document type": (lambda: good().replace(b"?>\n", b'?>\n<!DOCTYPE x [<!ENTITY a "b">]>', 1), "document type"),
    "a document type in UTF-16": (
        lambda: ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x>' + aggregate(campuses(1)).decode()).encode("utf-16"), "document type"),
    "truncated": (lambda: good()[:-200], "not whole XML"),
    "not XML": (lambda: b"<html><body>Sign in to the wireless network", "not whole XML"),
    "empty": (lambda: b"", "not whole XML"),
    "other XML": (lambda: b"<feed/>", "not SAML metadata"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_bad_metadata_is_refused_with_a_plain_sentence(name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises(MetadataRefused, match=words) as refused:
        read(make())
    assert str(refused.value).endswith(".") and len(str(refused.value)) < 300


def test_the_attacks_are_made_from_metadata_that_is_taken_as_it_was() -> None:
    assert len(read(good())) == 3
    assert len(read(sign(aggregate(campuses(1), days=27.9)))) == 1
    assert len(read(sign(aggregate(campuses(1)), uri=""))) == 1  # the whole document, in another spelling


def test_oversize_metadata_is_not_parsed() -> None:
    with pytest.raises(MetadataRefused, match="larger than 1 MB"):
        read(b"x" * 1_000_001, limit=federation.SINGLE_BYTES)


def test_two_certificates_serve_while_the_federation_changes_its_key() -> None:
    both = pair("federation")[1] + pair("next")[1]
    for name in ("federation", "next"):
        assert list(federation.read(sign(aggregate(campuses(1)), name), NOW, certificates=both)[1])
    with pytest.raises(MetadataRefused, match="no PEM certificate"):
        federation.read(good(), NOW, certificates=b"nothing")


def test_a_comment_does_not_cut_a_value_short() -> None:
    """The signature ignores comments, so anybody on the way can write one into a signed scope."""
    document = sign(aggregate([identity_provider("https://idp.example", "Here", scope="campus.edu.evil.example")]))
    assert read(document.replace(b"campus.edu.evil", b"campus.edu<!-- -->.evil"))[0].scopes == ("campus.edu.evil.example",)


def test_scopes_that_are_patterns_or_no_names_are_left_out() -> None:
    inner = "".join(f"<shibmd:Scope{kind}>{text}</shibmd:Scope>" for kind, text in (
        (' regexp="true"', r"^.*$"), (' regexp="1"', "one.example"), (' regexp="yes"', "two.example"), ("", "Plain.Example"),
        (' regexp="0"', " padded.example "), ("", "a@b.example"), ("", "two words"), ("", ""),
    ))
    outer = '<shibmd:Scope regexp="false">whole.example</shibmd:Scope>'
    row = read(sign(aggregate([identity_provider("https://idp.example", "Here", inner=inner, extensions=outer)])))[0]
    assert row.scopes == ("whole.example", "plain.example", "padded.example")


def test_names_logos_and_words_for_the_search() -> None:
    shown = (
        '<mdui:UIInfo><mdui:DisplayName xml:lang="de">Universität Zürich</mdui:DisplayName>'
        '<mdui:DisplayName xml:lang="en">University of\n Zürich\u202e</mdui:DisplayName><mdui:Keywords xml:lang="en">uzh alpine+law</mdui:Keywords>'
        '<mdui:Logo height="1" width="1">data:image/png;base64,AAAA</mdui:Logo><mdui:Logo height="1" width="1">http://plain.example/l</mdui:Logo>'
        '<mdui:Logo height="1" width="1">https://uzh.example/logo.png</mdui:Logo></mdui:UIInfo>'
        "<mdui:DiscoHints><mdui:DomainHint>uzh.example</mdui:DomainHint></mdui:DiscoHints>"
    )
    row = read(sign(aggregate([identity_provider("https://[bad/entity", inner=shown, extensions=hidden())])))[0]
    assert (row.display_name, row.logo_url, row.hidden) == ("University of Zürich", "https://uzh.example/logo.png", True)
    assert row.search_text == "university of zurich universitat zurich uzh.example uzh alpine law"
    assert "data:image" not in row.xml and "Universität" in row.xml
    assert fold("  ZÜRICH  Straße ") == "zurich strasse"


def test_a_provider_without_a_name_is_called_by_its_organisation_or_its_id() -> None:
    nameless = identity_provider("https://idp.example/x")
    assert read(sign(aggregate([nameless])))[0].display_name == "https://idp.example/x (organisation)"
    bare = re.sub("<md:Organization>.*</md:Organization>", "", nameless, flags=re.DOTALL)
    assert read(sign(aggregate([bare])))[0].display_name == "https://idp.example/x"


def test_entities_that_nobody_can_sign_in_at_are_skipped() -> None:
    old = campuses(1)[0].replace("urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:1.1:protocol")
    long = identity_provider("https://idp.example/" + "x" * 400, "Long")
    spaced = identity_provider("https://idp.example/a b", "Spaced")
    assert read(sign(aggregate([old, long, spaced]))) == []


def test_only_the_role_that_signs_people_in_is_kept() -> None:
    authority = '<md:AttributeAuthorityDescriptor protocolSupportEnumeration="x"><ds:KeyInfo/></md:AttributeAuthorityDescriptor>'
    document = sign(aggregate([campuses(1)[0].replace("<md:Organization>", f"{authority}<md:Organization>", 1)]))
    assert "AttributeAuthority" in document.decode()
    assert "AttributeAuthority" not in read(document)[0].xml


def test_a_single_provider_needs_neither_signature_nor_end_where_none_is_demanded() -> None:
    assert len(read(single(campuses(1)[0], days=None), name="", must_end=False)) == 1
    with pytest.raises(MetadataRefused, match="expired"):
        read(single(campuses(1)[0], days=-1), name="", must_end=False)


def test_pysaml2_reads_what_was_cut() -> None:
    """Namespaces that were declared far above, and a type by its prefix, come along."""
    from saml2.attribute_converter import ac_factory
    from saml2.mdstore import InMemoryMetaData

    row = read(sign(aggregate([identity_provider("https://idp.example", "Here", scope="here.example", extensions=hidden())])))[0]
    store = InMemoryMetaData(ac_factory(), row.xml)
    store.load()
    assert list(store.keys()) == ["https://idp.example"]
    assert 'xsi:type="xs:string"' in row.xml and "xmlns:xs=" in row.xml
