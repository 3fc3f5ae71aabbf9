"""A campus as it is in production: two sites with TLS, so that the identity provider's answer is posted across sites.

On loopback every port is one site, and cookies cross from one to the other that stay behind in production. Here the career
center is https://careers.test and the provider https://idp.test; Chromium is told where both are and which key to trust.
"""

import base64
import hashlib
import re
import ssl
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from careercenter.settings import Service
from careercenter.signon.saml import ServiceProvider, own_metadata
from demo.idp import DemoIdp, make_certificate, make_idp
from tests.campus_idp import PEOPLE, ROLES, signon_toml
from tests.faults.installation import Installation, free_port

CAREERS, IDP, EVIL = "careers.test", "idp.test", "evil.test"
RESOLVER = "--host-resolver-rules=MAP *.test 127.0.0.1"
PEM = serialization.Encoding.PEM


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


class Certificates:
    """A throw-away authority and a certificate of each host. `pin` is how Chromium is told to trust the authority."""

    def __init__(self, folder: Path):
        self.folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self.authority = self._sign(_name("throw-away authority"), self._key.public_key(), x509.BasicConstraints(True, None))
        public = self._key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.pin = base64.b64encode(hashlib.sha256(public).digest()).decode()

    def _sign(self, subject: x509.Name, public: Any, *extensions: x509.ExtensionType) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(_name("throw-away authority")).public_key(public)
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=2))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, hashes.SHA256())

    def pair(self, host: str) -> tuple[Path, Path]:
        """(chain of certificates, key) of a host, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._sign(_name(host), key.public_key(), x509.SubjectAlternativeName([x509.DNSName(host)]))
        chain, private = self.folder / f"{host}.crt", self.folder / f"{host}.key"
        chain.write_bytes(leaf.public_bytes(PEM) + self.authority.public_bytes(PEM))
        private.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return chain, private


class Site:
    """A WSGI program under TLS on this host name, in a thread."""

    def __init__(self, program: Any, certificates: Certificates, host: str, port: int):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificates.pair(host))
        self.url = f"https://{host}:{port}"
        self._server = make_server("127.0.0.1", port, program, threaded=True, ssl_context=context)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Proxy:
    """What a campus puts before gunicorn: takes off TLS, says so in headers, and lets nobody else say it."""

    def __init__(self, port: int):
        self._port = port

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        asked, onward = Request(environ), HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {name: value for name, value in asked.headers if not name.startswith("X-Forwarded") and name != "Connection"}
        headers |= {"X-Forwarded-For": asked.remote_addr or "", "X-Forwarded-Proto": "https", "X-Forwarded-Host": asked.host}
        onward.request(asked.method, environ["RAW_URI"], asked.get_data(), headers)
        found = onward.getresponse()
        kept = [(name, value) for name, value in found.getheaders() if name not in ("Connection", "Transfer-Encoding")]
        return Response(found.read(), found.status, kept)(environ, start_response)


class HttpsCampus:
    """The product under gunicorn behind a proxy with TLS, and the demo's identity provider."""

    def __init__(self, folder: Path, smtp_port: int):
        folder.mkdir(parents=True, exist_ok=True)
        self.certificates = Certificates(folder)
        idp_port, port = free_port(), free_port()
        self.url, self.idp_url = f"https://{CAREERS}:{port}", f"https://{IDP}:{idp_port}"
        key, certificate = make_certificate("career center", bits=2048)
        (folder / "sp.key").write_bytes(key)
        (folder / "sp.crt").write_bytes(certificate)
        service = {"key_file": str(folder / "sp.key"), "cert_file": str(folder / "sp.crt")}
        sp = ServiceProvider(f"{self.url}/saml/metadata", self.url, Service.model_validate(service))
        self.idp: DemoIdp = make_idp(self.idp_url, PEOPLE, lambda: own_metadata(sp), folder / "idp")
        metadata = self.idp.metadata.decode()
        providers = [
            {"name": way, "kind": "saml", "label": f"Campus sign-in by {way}", "metadata_file": f"{way}.xml", "scopes": ["demo.edu"]}
            for way in ("redirect", "post")
        ]
        providers.append({  # the same provider once more, where people may begin at its portal
            "name": "portal", "kind": "saml", "label": "Campus portal", "metadata_file": "redirect.xml", "scopes": ["demo.edu"],
            "allow_unsolicited": True,
        })
        redirect_only, post_only = _without(metadata, "HTTP-POST"), _without(metadata, "HTTP-Redirect")
        self.installation = Installation(folder / "careers", smtp_port, public_url=self.url, trusted_proxies=1, files={
            "signon.toml": signon_toml({"service": service, "providers": providers, "roles": ROLES}), "redirect.xml": redirect_only, "post.xml": post_only,
        })
        self.installation.web(workers=2)
        self._sites = [
            Site(self.idp, self.certificates, IDP, idp_port), Site(Proxy(self.installation.port), self.certificates, CAREERS, port)
        ]

    def close(self) -> None:
        for site in self._sites:
            site.close()
        self.installation.close()


def _without(metadata: str, binding: str) -> str:
    """The provider's metadata with one way of asking only."""
    return re.sub(rf'<md:SingleSignOnService Binding="[^"]*{binding}"[^>]*/>', "", metadata)


def cookies(found: list[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """A browser's cookies by name."""
    return {str(cookie["name"]): cookie for cookie in found}
