"""Metadata as a federation publishes it, made and signed here, and a server on loopback that hands it out."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import xmlsec
from lxml import etree

from demo.idp import make_certificate

NAMESPACES = (
    'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" '
    'xmlns:shibmd="urn:mace:shibboleth:metadata:1.0" xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui" '
    'xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" '
    'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
PLACES = ("Ash", "Birch", "Cedar", "Dunmore", "Elm", "Fairview", "Grafton", "Harbor", "Ithaca", "Juniper", "Kingston", "Linden")
KINDS = ("State University", "College", "Institute of Technology", "Community College", "University")


@cache
def pair(name: str) -> tuple[bytes, bytes]:
    """Key and certificate, PEM, made once per process."""
    return make_certificate(name, bits=2048)


def _certificate(name: str) -> str:
    return "".join(pair(name)[1].decode().splitlines()[1:-1])


def identity_provider(
    entity_id: str, name: str = "", *, scope: str = "", inner: str = "", extensions: str = "", attributes: str = "", role: str = "IDP"
) -> str:
    """One EntityDescriptor. `inner` goes into the role's extensions, `extensions` into the entity's."""
    shown = f'<mdui:UIInfo><mdui:DisplayName xml:lang="en">{name}</mdui:DisplayName></mdui:UIInfo>' if name else ""
    scopes = f'<shibmd:Scope regexp="false">{scope}</shibmd:Scope>' if scope else ""
    outer = f"<md:Extensions>{extensions}</md:Extensions>" if extensions else ""
    key = f"""<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{_certificate("member")}
</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"""
    ends = {
        "IDP": f'<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{entity_id}/sso"/>',
        "SP": f"""<md:AssertionConsumerService index="1" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
 Location="{entity_id}/acs"/>""",
    }
    return f"""<md:EntityDescriptor entityID="{entity_id}"{attributes}>{outer}<md:{role}SSODescriptor
 protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:Extensions>{scopes}{shown}{inner}</md:Extensions>{key}
{ends[role]}</md:{role}SSODescriptor><md:Organization><md:OrganizationName xml:lang="en">{name or entity_id}</md:OrganizationName>
<md:OrganizationDisplayName xml:lang="en">{name or entity_id} (organisation)</md:OrganizationDisplayName>
<md:OrganizationURL xml:lang="en">{entity_id}</md:OrganizationURL></md:Organization></md:EntityDescriptor>"""


def hidden() -> str:
    """The category of those who do not want to be shown."""
    return (
        '<mdattr:EntityAttributes><saml:Attribute Name="http://macedir.org/entity-category"><saml:AttributeValue xsi:type="xs:string">'
        "http://refeds.org/category/hide-from-discovery</saml:AttributeValue></saml:Attribute></mdattr:EntityAttributes>"
    )


def campuses(count: int, start: int = 0) -> list[str]:
    """So many different identity providers."""
    return [identity_provider(f"https://idp.campus{n}.example/entity", campus_name(n), scope=f"campus{n}.example")
            for n in range(start, start + count)]


def campus_name(n: int) -> str:
    return f"{PLACES[n % len(PLACES)]} {KINDS[n // len(PLACES) % len(KINDS)]} {n}"


def until(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def aggregate(entities: Iterable[str], days: float | None = 14, group_id: str = "_federation") -> bytes:
    """An EntitiesDescriptor, not signed yet."""
    ends = "" if days is None else f' validUntil="{until(days)}"'
    return f'<md:EntitiesDescriptor {NAMESPACES} ID="{group_id}" Name="https://fed.example"{ends}>{"".join(entities)}</md:EntitiesDescriptor>'.encode()


def single(entity: str, days: float | None = 14) -> bytes:
    """A whole document of one EntityDescriptor, not signed yet."""
    ends = "" if days is None else f' validUntil="{until(days)}"'
    return entity.replace("<md:EntityDescriptor", f'<md:EntityDescriptor {NAMESPACES} ID="_one"{ends}', 1).encode()


def sign(
    document: bytes, name: str = "federation", *, algorithm: Any = xmlsec.constants.TransformRsaSha256,
    digest: Any = xmlsec.constants.TransformSha256, uri: str | None = None,
) -> bytes:
    """The document with a signature as the root's first child; `uri` other than the root's makes a defect."""
    root = etree.fromstring(document)
    signature = xmlsec.template.create(root, xmlsec.constants.TransformExclC14N, algorithm, ns="ds")
    root.insert(0, signature)
    reference = xmlsec.template.add_reference(signature, digest, uri=f"#{root.get('ID')}" if uri is None else uri)
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformExclC14N)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pair(name)[0], xmlsec.constants.KeyDataFormatPem)
    for element in root.iter("{*}EntitiesDescriptor", "{*}EntityDescriptor"):
        if element.get("ID"):
            context.register_id(element, "ID")
    context.sign(signature)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(root)


@dataclass
class Feed:
    """A web server that hands out metadata. `files` maps a path to bytes, or to a function of the path; `asked` counts."""

    files: dict[str, bytes | Callable[[str], bytes | None]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    status: int = 200
    use_last_modified: bool = False
    cut_short: bool = False
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def find(self, path: str) -> bytes | None:
        for start, found in self.files.items():
            if path == start or (callable(found) and path.startswith(start)):
                return found(path) if callable(found) else found
        return None

    def conditional(self, headers: dict[str, str], body: bytes) -> tuple[str, str, bool]:
        """The header that marks this version, and whether the caller has it already."""
        mark = f'"{hash(body)}"'
        if self.use_last_modified:
            day = f"Mon, 16 Nov 2026 10:00:{len(body) % 60:02} GMT"
            return "Last-Modified", day, headers.get("if-modified-since") == day
        return "ETag", mark, headers.get("if-none-match") == mark


def serve(feed: Feed) -> Iterator[Feed]:
    """Start it, hand it over, stop it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            feed.asked.append((self.path, headers))
            body = feed.find(self.path)
            if feed.status != 200 or body is None:
                self.send_response(404 if feed.status == 200 else feed.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            name, value, known = feed.conditional(headers, body)
            self.send_response(304 if known else 200)
            self.send_header(name, value)
            if not known:
                self.send_header("Content-Type", "application/samlmetadata+xml")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if not known:
                with suppress(BrokenPipeError):  # the caller may have given up
                    self.wfile.write(body[: len(body) // 2] if feed.cut_short else body)
            if feed.cut_short:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """The terminal stays quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    feed.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield feed
    server.shutdown()
    server.server_close()
