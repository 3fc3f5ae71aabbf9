"""Encrypts the assertion of an answer, as identity providers do: AES-256-GCM, its key by RSA-OAEP; by the xmlsec library."""

from typing import Any

from careercenter.signon.crypto import parse

_SAML = "urn:oasis:names:tc:SAML:2.0:assertion"


def encrypted(response: str, certificate: bytes) -> str:
    """The response with its assertion encrypted to a certificate (DER)."""
    from lxml import etree

    root = parse(response)
    wrap(root.find(f"{{{_SAML}}}Assertion"), "EncryptedAssertion", certificate)
    return etree.tostring(root, encoding="unicode")


def wrap(element: Any, holder: str, certificate: bytes, *, content: str = "Aes256Gcm", key: str = "RsaOaep", bits: int = 256) -> Any:
    """Put an encrypted element into a holder of the same namespace, in its place; returns the holder. `content` and `key`
    are the library's names of algorithms."""
    import xmlsec
    from lxml import etree

    constants = xmlsec.constants
    outside = etree.Element(f"{{{_SAML}}}{holder}", nsmap={"saml": _SAML})
    element.addprevious(outside)
    data = xmlsec.template.encrypted_data_create(
        outside, getattr(constants, f"Transform{content}"), type=constants.TypeEncElement, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    carried = xmlsec.template.add_encrypted_key(info, getattr(constants, f"Transform{key}"))
    xmlsec.template.encrypted_data_ensure_cipher_value(carried)
    keys = xmlsec.KeysManager()
    keys.add_key(xmlsec.Key.from_memory(certificate, constants.KeyDataFormatCertDer))
    context = xmlsec.EncryptionContext(keys)
    kind = constants.KeyDataDes if content.startswith("Des") else constants.KeyDataAes
    context.key = xmlsec.Key.generate(kind, bits, constants.KeyDataTypeSession)
    outside.append(context.encrypt_xml(data, element))
    return outside
