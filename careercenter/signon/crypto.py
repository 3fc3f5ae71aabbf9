"""XML signatures in this process, through the `xmlsec` wheel, in the shape of a pysaml2 CryptoBackend.

pysaml2 itself starts the `xmlsec1` program three times per signature; this is about five times cheaper. It is also
stricter: the signed element is looked up by its qualified name and an unqualified `ID` that must be the only one of its
value, and only current algorithms are enabled. `guard.py` demands the same of the answer beforehand, so that both ways
of verifying reach the same verdict.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

DSIG = "http://www.w3.org/2000/09/xmldsig#"


def available() -> bool:
    """Whether the wheel can be used; lxml and xmlsec must carry the same libxml2, which is checked at import."""
    try:
        import xmlsec  # noqa: F401
    except Exception:  # noqa: BLE001 - a mismatch raises xmlsec.InternalError, a missing wheel ImportError
        return False
    return True


def parse(text: str | bytes) -> Any:
    """An lxml element, read without entities, DTD or network."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    return etree.fromstring(text.encode() if isinstance(text, str) else text, parser)


@lru_cache(maxsize=64)
def _certificate_key(pem: bytes) -> Any:
    import xmlsec

    return xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem)


class InProcessBackend:
    """Signs and verifies; encryption is absent on purpose, since encrypted assertions are refused before."""

    version = "1.3.0"
    version_nums = (1, 3, 0)

    def validate_signature(
        self, signedtext: str | bytes, cert_file: str, cert_type: str, node_name: str, node_id: str
    ) -> bool:
        """Whether the element `node_name` ("namespace:Name") with ID `node_id` carries a good enveloped signature."""
        import xmlsec

        root = parse(signedtext)
        node = _only_node(root, node_name, node_id)
        signatures = [] if node is None else node.findall(f"{{{DSIG}}}Signature")
        if cert_type != "pem" or len(signatures) != 1:
            return False
        context = xmlsec.SignatureContext()
        context.key = _certificate_key(Path(cert_file).read_bytes())
        context.set_enabled_key_data([])
        _only_current(context)
        context.register_id(node, "ID")
        try:
            context.verify(signatures[0])
        except xmlsec.Error:
            return False
        return True

    def sign_statement(self, statement: Any, node_name: str, key_file: str, node_id: str) -> str:
        """The statement with its prepared signature template filled in."""
        import xmlsec
        from lxml import etree

        root = parse(statement if isinstance(statement, bytes) else str(statement))
        node = _only_node(root, node_name, node_id)
        template = None if node is None else node.find(f"{{{DSIG}}}Signature")
        if template is None:
            raise ValueError(f"nothing to sign: {node_name} with this ID and a signature template was not found")
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_file(str(key_file), xmlsec.constants.KeyDataFormatPem)
        context.register_id(node, "ID")
        context.sign(template)
        return etree.tostring(root, encoding="unicode")


def _only_node(root: Any, node_name: str, node_id: str) -> Any | None:
    namespace, _, local = node_name.rpartition(":")
    same_id = [element for element in root.iter() if element.get("ID") == node_id]
    if len(same_id) != 1 or same_id[0].tag != f"{{{namespace}}}{local}":
        return None
    return same_id[0]


def _only_current(context: Any) -> None:
    """SHA-2 with RSA or ECDSA, exclusive canonicalisation, enveloped: what SAML needs and nothing else."""
    from xmlsec import constants as c

    for transform in (c.TransformExclC14N, c.TransformExclC14NWithComments):
        context.enable_signature_transform(transform)
        context.enable_reference_transform(transform)
    for transform in (
        c.TransformRsaSha256, c.TransformRsaSha384, c.TransformRsaSha512,
        c.TransformEcdsaSha256, c.TransformEcdsaSha384, c.TransformEcdsaSha512,
    ):
        context.enable_signature_transform(transform)
    for transform in (c.TransformEnveloped, c.TransformSha256, c.TransformSha384, c.TransformSha512):
        context.enable_reference_transform(transform)
