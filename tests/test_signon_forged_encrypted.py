"""Encrypted answers: genuine ones open with any of our keys, forged and weak ones are refused without saying what failed.

Anybody can encrypt to our public key, so a cipher proves nothing: signatures are demanded as ever, inside or around it.
"""

import base64
import copy
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from lxml import etree

from careercenter.signon import guard
from careercenter.signon.identity import AnswerRefused, SignOnUnavailable
from demo.idp_encrypt import wrap
from tests.test_signon_forged_wrapping import SIGNED, WRAPPED, evil_copy
from tests.test_signon_forger import BACKENDS, IDP, NS, Answer, World, assertion, build, finish, form, sign, world

__all__ = ["world"]
NAME_ID = "<saml:NameID Format='urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'>p-1</saml:NameID>"
PERSISTENT = replace(Answer(), name_id=NAME_ID, attributes={})


def der(world: World, name: str) -> bytes:
    return load_pem_x509_certificate((world.folder / f"{name}.crt").read_bytes()).public_bytes(Encoding.DER)


def again(document: Any) -> Any:
    return etree.fromstring(etree.tostring(document))


def hide(world: World, response: Any, to: str = "enc", **how: Any) -> Any:
    """Encrypt the (first) assertion of a response to one of our keys."""
    wrap(assertion(response), "EncryptedAssertion", der(world, to), **how)
    return again(response)


def genuine(world: World, said: Answer = Answer(), signed: str = "assertion", **how: Any) -> Any:
    """As providers do it: the assertion signed first, then encrypted, then the response signed around it."""
    response = build(said)
    if signed != "response":
        sign(assertion(response), world.key)
    response = hide(world, again(response), **how)
    if signed != "assertion":
        sign(response, world.key)
    return again(response)


def hidden_name(world: World, said: Answer = PERSISTENT, to: str = "enc", **how: Any) -> Any:
    response = build(said)
    wrap(response.find(".//saml:NameID", NS), "EncryptedID", der(world, to), **how)
    response = again(response)
    sign(assertion(response), world.key)
    return again(response)


@pytest.mark.parametrize("signed", SIGNED)
@pytest.mark.parametrize("crypto", BACKENDS)
def test_a_genuine_encrypted_answer_is_read(world: World, crypto: str, signed: str) -> None:
    found = finish(world.provider(crypto, "enc", signed=signed), form(genuine(world, signed=signed)))
    assert (found.subject, found.attributes["given_name"]) == ("alice@demo.edu", ("Alice",))
    assert found.logout == {
        "name_id": "_transient", "format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient", "session_index": "_s1",
    }


@pytest.mark.parametrize("how", [
    {"content": "Aes128Gcm", "bits": 128}, {"content": "Aes192Gcm", "bits": 192}, {"content": "Aes256Gcm"},
], ids=lambda how: how["content"])
def test_every_gcm_size_is_read(world: World, how: dict[str, Any]) -> None:
    assert finish(world.provider("xmlsec", "enc"), form(genuine(world, **how))).subject == "alice@demo.edu"


@pytest.mark.parametrize("keys", [("enc", "enc2"), ("enc2", "enc")])
@pytest.mark.parametrize("to", ["enc", "enc2"])
def test_while_our_key_rolls_over_both_old_and_new_open(world: World, to: str, keys: tuple[str, str]) -> None:
    """The provider may know our old metadata or the new one: every pair is tried, whichever is published."""
    for crypto in BACKENDS:
        assert finish(world.provider(crypto, *keys), form(genuine(world, to=to))).subject == "alice@demo.edu"


def test_a_key_that_was_dropped_opens_nothing(world: World) -> None:
    with pytest.raises(AnswerRefused, match="decryption"):
        finish(world.provider("xmlsec", "enc2"), form(genuine(world)))


def test_cbc_is_read_where_the_campus_allows_it(world: World) -> None:
    for content, bits in (("Aes128Cbc", 128), ("Aes256Cbc", 256)):
        posted = form(genuine(world, content=content, bits=bits))
        for crypto in BACKENDS:
            assert finish(world.provider(crypto, "enc", allow_cbc=True), posted).subject == "alice@demo.edu"
            with pytest.raises(AnswerRefused, match="decryption"):
                finish(world.provider(crypto, "enc"), posted)


@pytest.mark.parametrize("crypto", BACKENDS)
def test_an_encrypted_name_is_read_and_comes_back_at_logout(world: World, crypto: str) -> None:
    found = finish(world.provider(crypto, "enc"), form(hidden_name(world)))
    assert (found.subject_kind, found.subject, found.name_id, found.logout["name_id"]) == ("persistent", "p-1", "p-1", "p-1")


def test_an_encrypted_name_inside_an_encrypted_assertion(world: World) -> None:
    posted = form(hide(world, hidden_name(world)))
    for crypto in BACKENDS:
        assert finish(world.provider(crypto, "enc"), posted).subject == "p-1"


def test_a_key_beside_the_data_is_found(world: World) -> None:
    """Some providers put EncryptedKey next to EncryptedData instead of inside."""
    response = genuine(world)
    holder = response.find("saml:EncryptedAssertion", NS)
    carried = holder.find(".//{http://www.w3.org/2001/04/xmlenc#}EncryptedKey")
    info = carried.getparent()
    holder.append(carried)
    info.getparent().remove(info)
    assert finish(world.provider("xmlsec", "enc"), form(again(response))).subject == "alice@demo.edu"


def test_what_the_xmlsec1_program_encrypts_is_read(world: World, tmp_path: Path) -> None:
    """A second implementation, with the other name of RSA-OAEP left to it."""
    response = world.genuine()
    (tmp_path / "template.xml").write_text(
        '<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element">'
        '<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/>'
        '<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey>'
        '<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/>'
        "<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>"
        "<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>"
    )
    (tmp_path / "plain.xml").write_bytes(etree.tostring(assertion(response)))
    made = subprocess.run(
        ["xmlsec1", "--encrypt", "--pubkey-cert-pem", str(world.folder / "enc.crt"), "--session-key", "aes-256",
         "--xml-data", str(tmp_path / "plain.xml"), str(tmp_path / "template.xml")], capture_output=True, check=True,
    ).stdout
    holder = etree.SubElement(response, f"{{{NS['saml']}}}EncryptedAssertion")
    holder.append(etree.fromstring(made))
    response.remove(assertion(response))
    assert finish(world.provider("xmlsec", "enc"), form(again(response))).subject == "alice@demo.edu"


def test_the_xmlsec_library_opens_the_same_to_the_same(world: World) -> None:
    """Our opening beside that of the library, on the bytes that count."""
    from careercenter.signon import decrypt

    document = etree.tostring(genuine(world)).decode()
    _, tree = guard.checked(document.encode())
    keys = decrypt.load_keys([world.folder / "enc.key"])
    ours, _ = decrypt.assertion(document, tree, keys, allow_cbc=False, without_signature=False)
    root, manager = etree.fromstring(document.encode()), xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_file(str(world.folder / "enc.key"), xmlsec.constants.KeyDataFormatPem))
    data = root.find(".//{http://www.w3.org/2001/04/xmlenc#}EncryptedData")
    theirs = xmlsec.EncryptionContext(manager).decrypt(data)
    found = etree.fromstring(ours.encode()).find("saml:Assertion", NS)
    assert etree.tostring(found, method="c14n", exclusive=True) == etree.tostring(theirs, method="c14n", exclusive=True, with_tail=False)


# The forged ones. Each maps a world to a document and names the reason.
Make = Callable[[World], Any]


def forged_inside(world: World) -> Any:
    """The classic: nobody signed it, but it is encrypted to us."""
    return hide(world, build())


def own_key_inside(world: World) -> Any:
    response = build()
    sign(assertion(response), world.evil, certificate=world.evil_certificate)
    return hide(world, again(response))


def forged_beside(world: World) -> Any:
    response = genuine(world)
    response.append(evil_copy(assertion(world.genuine())))
    return response


def two(world: World) -> Any:
    response = genuine(world)
    response.append(copy.deepcopy(response.find("saml:EncryptedAssertion", NS)))
    return again(response)


def forged_and_genuine(world: World) -> Any:
    response = genuine(world)
    response.insert(2, forged_inside(world).find("saml:EncryptedAssertion", NS))
    return again(response)


def nested(world: World) -> Any:
    """An encrypted assertion whose content is an encrypted assertion."""
    response = genuine(world)
    wrap(response.find("saml:EncryptedAssertion", NS), "EncryptedAssertion", der(world, "enc"))
    return again(response)


def in_extensions(world: World) -> Any:
    response = genuine(world)
    extensions = etree.Element(f"{{{NS['samlp']}}}Extensions")
    response.find("samlp:Status", NS).addprevious(extensions)
    extensions.append(response.find("saml:EncryptedAssertion", NS))
    return again(response)


def content_with(change: Callable[[bytes], bytes]) -> Make:
    """Encrypt bytes of our own choice: the data key is made by us, so anything can stand inside."""
    def make(world: World) -> Any:
        response = genuine(world)
        return recipher(world, response, change(etree.tostring(assertion(world.genuine()))))
    return make


def recipher(world: World, response: Any, plain: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA1

    secret, nonce = b"k" * 32, b"n" * 12
    public: Any = load_pem_x509_certificate((world.folder / "enc.crt").read_bytes()).public_key()
    carried = public.encrypt(secret, padding.OAEP(padding.MGF1(SHA1()), SHA1(), None))
    inner, outer = response.findall(".//{http://www.w3.org/2001/04/xmlenc#}CipherValue")
    inner.text = base64.b64encode(carried).decode()
    outer.text = base64.b64encode(nonce + AESGCM(secret).encrypt(nonce, plain, None)).decode()
    return response


def spoiled(which: int, at: int) -> Make:
    def make(world: World) -> Any:
        response = genuine(world)
        value = response.findall(".//{http://www.w3.org/2001/04/xmlenc#}CipherValue")[which]
        raw = bytearray(base64.b64decode(value.text))
        raw[at] ^= 1
        value.text = base64.b64encode(bytes(raw)).decode()
        return response
    return make


def reference(world: World) -> Any:
    """The cipher text is somewhere else: nothing is fetched."""
    response = genuine(world)
    data = response.findall(".//{http://www.w3.org/2001/04/xmlenc#}CipherData")[-1]
    data.remove(data[0])
    etree.SubElement(data, "{http://www.w3.org/2001/04/xmlenc#}CipherReference", URI="http://127.0.0.1:1/x")
    return response


def many_keys(world: World) -> Any:
    response = genuine(world)
    carried = response.find(".//{http://www.w3.org/2001/04/xmlenc#}EncryptedKey")
    for _ in range(200):
        carried.addnext(copy.deepcopy(carried))
    return response


def renamed(old: str, new: str) -> Make:
    return lambda world: etree.tostring(genuine(world)).decode().replace(old, new)


FORGED: dict[str, tuple[Make, str]] = {
    "a forged assertion to our public key": (forged_inside, "unsigned"),
    "own key, certificate included": (own_key_inside, "signature"),
    "a forged assertion beside the genuine encrypted one": (forged_beside, "assertions"),
    "two encrypted assertions": (two, "assertions"),
    "a forged encrypted assertion before the genuine one": (forged_and_genuine, "assertions"),
    "encrypted twice": (nested, "decryption"),
    "encrypted in Extensions": (in_extensions, "encrypted"),
    "RSA 1.5": (lambda w: genuine(w, key="RsaPkcs1"), "decryption"),
    "CBC without leave": (lambda w: genuine(w, content="Aes256Cbc"), "decryption"),
    "triple DES": (lambda w: genuine(w, content="Des3Cbc", bits=192), "decryption"),
    "to a key that is not ours": (lambda w: genuine(w, to="evil"), "decryption"),
    "RSA 1.5 by name only": (renamed("xmlenc#rsa-oaep-mgf1p", "xmlenc#rsa-1_5"), "decryption"),
    "another size by name": (renamed("aes256-gcm", "aes128-gcm"), "decryption"),
    "GCM named CBC": (renamed("xmlenc11#aes256-gcm", "xmlenc#aes256-cbc"), "decryption"),
    "a flipped bit in the data": (spoiled(1, 40), "decryption"),
    "a flipped bit in the tag": (spoiled(1, -1), "decryption"),
    "a flipped bit in the key": (spoiled(0, 9), "decryption"),
    "cipher text elsewhere": (reference, "decryption"),
    "two hundred keys": (many_keys, "decryption"),
    "nothing inside": (content_with(lambda _: b""), "decryption"),
    "text inside": (content_with(lambda _: b"hello"), "decryption"),
    "a DTD inside": (content_with(lambda x: b"<!DOCTYPE x>" + x), "decryption"),
    "a comment inside": (content_with(lambda x: x.replace(b"Alice@", b"Alice<!---->@")), "decryption"),
    "a processing instruction inside": (content_with(lambda x: x.replace(b"Alice@", b"Alice<?x y?>@")), "decryption"),
    "two assertions inside": (content_with(lambda x: x + x.replace(b"_assertion", b"_second")), "decryption"),
    "an end tag that leaves its place": (content_with(lambda x: x + b"</saml:EncryptedAssertion>"), "decryption"),
    "a response inside": (content_with(lambda x: b"<samlp:Response xmlns:samlp='%s'/>" % NS["samlp"].encode()), "decryption"),
    "a namesake of another namespace inside": (content_with(lambda x: x.replace(NS["saml"].encode(), b"urn:x:none")), "assertions"),
    "an ID that is outside too": (content_with(lambda x: x.replace(b'ID="_assertion"', b'ID="_response"')), "id"),
    "a flood inside": (content_with(lambda x: x.replace(b"<saml:Subject>", b"<saml:Subject>" + b"<a/>" * 2500)), "flood"),
    "altered inside": (content_with(lambda x: x.replace(b"Alice@", b"Admin@")), "signature"),
    "another audience inside": (lambda w: genuine(w, replace(Answer(), audiences=(("https://elsewhere.test",),))), "audience"),
    "expired inside": (lambda w: genuine(w, replace(Answer(), not_on_or_after=-121)), "expired"),
    "an encrypted attribute": (lambda w: etree.tostring(w.genuine()).decode().replace(
        "<saml:AttributeStatement>", "<saml:AttributeStatement><saml:EncryptedAttribute/>"), "encrypted"),
    "an encrypted name by RSA 1.5": (lambda w: hidden_name(w, key="RsaPkcs1"), "decryption"),
    "an encrypted name to another key": (lambda w: hidden_name(w, to="evil"), "decryption"),
    "an encrypted name after signing": (lambda w: _name_hidden_later(w), "signature"),
    "an encrypted name and a plain one": (lambda w: _both_names(w), "assertions"),
    "another request": (lambda w: genuine(w, replace(Answer(), request="_r2", confirmed_request="_r2")), "in_response_to"),
}


def _name_hidden_later(world: World) -> Any:
    """Somebody swaps the signed name for one that they encrypted themselves."""
    response = world.genuine(PERSISTENT)
    response.find(".//saml:NameID", NS).text = "p-2"
    wrap(response.find(".//saml:NameID", NS), "EncryptedID", der(world, "enc"))
    return again(response)


def _both_names(world: World) -> Any:
    response = hidden_name(world)
    response.find(".//saml:EncryptedID", NS).addnext(etree.fromstring(NAME_ID.replace("<saml:NameID", f'<saml:NameID xmlns:saml="{NS["saml"]}"')))
    return again(response)


@pytest.mark.parametrize("name", list(FORGED))
def test_encrypted_forgeries_are_refused_alike(world: World, name: str) -> None:
    make, code = FORGED[name]
    posted, seen = form(make(world)), set()
    for crypto in BACKENDS:
        for _ in ("fresh", "replayed"):
            started = time.process_time()
            with pytest.raises(AnswerRefused) as refused:
                finish(world.provider(crypto, "enc"), posted)
            assert time.process_time() - started < 1
            seen.add((refused.value.reason_code, refused.value.detail if code == "decryption" else ""))
    assert {found for found, _ in seen} == {code}
    if code == "decryption":
        assert seen == {(code, "the encrypted part cannot be decrypted by us in a way that we accept")}


@pytest.mark.parametrize("demanded", SIGNED)
@pytest.mark.parametrize("name", list(WRAPPED))
def test_encrypted_inside_wrapped_answers(world: World, name: str, demanded: str) -> None:
    """Every shape of wrapping, with its last assertion encrypted to us, signed around by nobody we know."""
    response = WRAPPED[name](world.genuine(signed="both"))
    target = response.findall(".//saml:Assertion", NS)[-1]
    wrap(target, "EncryptedAssertion", der(world, "enc"))
    posted, verdicts = form(again(response)), set()
    for crypto in BACKENDS:
        with pytest.raises(AnswerRefused) as refused:
            finish(world.provider(crypto, "enc", signed=demanded), posted)
        verdicts.add(refused.value.reason_code)
    assert len(verdicts) == 1
    assert verdicts <= {"assertions", "signature", "id", "unsigned", "encrypted"}


@pytest.mark.parametrize("demanded", ["response", "both"])
def test_a_response_signature_over_something_else_proves_no_cipher(world: World, demanded: str) -> None:
    """The cipher text is swapped under the signed root: caught before anything is decrypted."""
    response = genuine(world, signed="both")
    other = genuine(world, replace(Answer(), attributes={**Answer().attributes, "urn:oid:2.5.4.42": ("Eve",)}))
    response.replace(response.find("saml:EncryptedAssertion", NS), other.find("saml:EncryptedAssertion", NS))
    for crypto in BACKENDS:
        with pytest.raises(AnswerRefused, match="signature"):
            finish(world.provider(crypto, "enc", signed=demanded), form(again(response)))


def test_where_no_key_is_published_nothing_encrypted_is_taken(world: World) -> None:
    for made in (genuine(world), hidden_name(world)):
        for crypto in BACKENDS:
            with pytest.raises(AnswerRefused) as refused:
                finish(world.providers[crypto], form(made))
            assert refused.value.reason_code == "encrypted"


def test_without_signing_what_is_inside_a_response_only_signature_still_counts(world: World) -> None:
    """`signed = "response"`: the root vouches for what it covers, encrypted or not, and for nothing else."""
    good = genuine(world, signed="response")
    assert finish(world.provider("xmlsec", "enc", signed="response"), form(good)).subject == "alice@demo.edu"
    stripped = again(good)
    stripped.remove(stripped.find("ds:Signature", NS))
    for crypto in BACKENDS:
        with pytest.raises(AnswerRefused, match="unsigned"):
            finish(world.provider(crypto, "enc", signed="response"), form(stripped))


def test_a_decryption_key_that_cannot_be_read_says_so(world: World, tmp_path: Path) -> None:
    provider = world.provider("xmlsec", "enc")
    from careercenter.signon.saml import SamlProvider
    from tests.test_signon_forger import service

    (tmp_path / "sp.key").write_bytes((world.folder / "sp.key").read_bytes())
    (tmp_path / "sp.crt").write_bytes((world.folder / "sp.crt").read_bytes())
    (tmp_path / "bad.key").write_text("no key")
    (tmp_path / "bad.crt").write_text("")
    broken = SamlProvider(provider.settings, service(tmp_path, "bad"), provider.metadata, IDP)
    with pytest.raises(SignOnUnavailable, match=r"bad\.key"):
        finish(broken, form(genuine(world)))
