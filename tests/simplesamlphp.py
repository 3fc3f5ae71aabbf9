"""Starts SimpleSAMLphp, a third party's SAML identity provider, on loopback. `with running(folder, users) as server:`.

Debian's package, by PHP's own web server, with a configuration of its own in `folder`: nothing of /etc is read or changed.
`server.know(metadata)` makes a service known to it, `server.settings` and `server.write()` change how it signs.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from lxml import etree

PROGRAM = Path("/usr/share/simplesamlphp")
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
MD, DS = "{urn:oasis:names:tc:SAML:2.0:metadata}", "{http://www.w3.org/2000/09/xmldsig#}"


@dataclass
class Server:
    """A running provider. `settings` are those of its hosted metadata, `service` those that it keeps of our service."""

    folder: Path
    url: str
    settings: dict[str, Any]
    service: dict[str, Any] = field(default_factory=dict)
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def entity_id(self) -> str:
        return f"{self.url}/idp"

    def metadata(self) -> bytes:
        """As it publishes it now."""
        answer = requests.get(f"{self.url}/simplesaml/saml2/idp/metadata.php", timeout=20)
        answer.raise_for_status()
        return answer.content

    def know(self, metadata: bytes) -> None:
        """Take a service's metadata, in the PHP form that this program wants."""
        root = etree.fromstring(metadata)
        role = root.find(f"{MD}SPSSODescriptor")
        assert role is not None

        def services(name: str) -> list[dict[str, Any]]:
            return [{"Binding": e.get("Binding"), "Location": e.get("Location"), "index": n} for n, e in enumerate(role.iter(f"{MD}{name}"))]

        keys = [
            {"encryption": key.get("use") != "signing", "signing": key.get("use") != "encryption", "type": "X509Certificate",
             "X509Certificate": key.findtext(f".//{DS}X509Certificate")} for key in role.iter(f"{MD}KeyDescriptor")
        ]
        self._known = {root.get("entityID"): {
            "AssertionConsumerService": services("AssertionConsumerService"), "SingleLogoutService": services("SingleLogoutService"),
            "keys": keys, "validate.authnrequest": True, "validate.logout": True, "saml20.sign.assertion": True,
        }}
        self.write()

    def write(self) -> None:
        """Put the settings where the program reads them at its next request."""
        hosted = {self.entity_id: self.settings}
        remote = {name: {**told, **self.service} for name, told in self._known.items()}
        for name, content in (("saml20-idp-hosted", hosted), ("saml20-sp-remote", remote)):
            entries = "".join(f"$metadata[{_php(key)}] = {_php(value)};\n" for key, value in content.items())
            (self.folder / "metadata" / f"{name}.php").write_text(f"<?php\n{entries}")


@contextmanager
def running(folder: Path, users: Mapping[str, Mapping[str, list[str]]], key: tuple[bytes, bytes]) -> Iterator[Server]:
    """Start it in `folder`; `users` maps "name:password" to attributes by wire name, `key` is key and certificate (PEM)."""
    php = shutil.which("php")
    if php is None or not (PROGRAM / "www").is_dir():
        raise RuntimeError("SimpleSAMLphp is not installed; run ./dev test, which installs it")
    port = _free_port()
    server = Server(folder, f"http://127.0.0.1:{port}", {
        "host": "__DEFAULT__", "privatekey": "idp.key", "certificate": "idp.crt", "auth": "users",
        "attributes.NameFormat": "urn:oasis:names:tc:SAML:2.0:attrname-format:uri", "scope": ["demo.edu"],
        "signature.algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "sign.logout": True, "redirect.sign": True,
        "redirect.validate": True, "SingleLogoutServiceBinding": [REDIRECT],
    })
    for name in ("config", "metadata", "cert", "log", "data", "tmp", "docroot"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    put_key(server, "idp", key)
    (folder / "config" / "config.php").write_text(f"<?php\n$config = {_php(_config(folder, port))};\n")
    (folder / "config" / "authsources.php").write_text(f"<?php\n$config = {_php({'users': {0: 'exampleauth:UserPass', **users}})};\n")
    (folder / "docroot" / "simplesaml").symlink_to(PROGRAM / "www")
    server.write()
    environment = {**os.environ, "SIMPLESAMLPHP_CONFIG_DIR": str(folder / "config"), "PHP_CLI_SERVER_WORKERS": "2"}
    with (folder / "php.log").open("wb") as log:
        process = subprocess.Popen(
            [php, "-d", "error_reporting=0", "-d", "opcache.enable=0", "-S", f"127.0.0.1:{port}", "-t", str(folder / "docroot")], env=environment, stdout=log,
            stderr=log, start_new_session=True, cwd=folder,
        )
    try:
        _wait(process, server)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # its workers outlive their parent otherwise
        process.wait(10)


def put_key(server: Server, name: str, key: tuple[bytes, bytes]) -> None:
    """A key pair under a name that settings may use."""
    for suffix, content in zip(("key", "crt"), key, strict=True):
        (server.folder / "cert" / f"{name}.{suffix}").write_bytes(content)


def _config(folder: Path, port: int) -> dict[str, Any]:
    return {
        "baseurlpath": f"http://127.0.0.1:{port}/simplesaml/", "certdir": f"{folder}/cert/", "loggingdir": f"{folder}/log/",
        "datadir": f"{folder}/data/", "tempdir": f"{folder}/tmp", "metadatadir": f"{folder}/metadata/", "secretsalt": "for tests only",
        "auth.adminpassword": "for tests only", "technicalcontact_name": "Test", "technicalcontact_email": "na@example.org",
        "timezone": "UTC", "enable.saml20-idp": True, "logging.handler": "file", "logging.level": 7, "showerrors": True,
        "errorreporting": False, "module.enable": {"exampleauth": True, "core": True, "saml": True},
        "session.cookie.secure": False, "session.cookie.samesite": None, "session.cookie.name": "ssp-session",
        "session.authtoken.cookiename": "ssp-token", "session.phpsession.cookiename": "ssp-php", "store.type": "sql",
        "store.sql.dsn": f"sqlite:{folder}/data/store.sq3", "metadata.sources": [{"type": "flatfile"}],
        "trusted.url.domains": None, "assertion.allowed_clock_skew": 180, "usenewui": False, "language.default": "en",
        "language.available": ["en"], "theme.use": "default", "authproc.idp": {}, "production": True, "proxy": None,
    }


def _php(value: Any) -> str:
    if isinstance(value, dict):
        return "[" + ", ".join(f"{_php(key)} => {_php(inner)}" for key, inner in value.items()) + "]"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_php, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], server: Server) -> None:
    until = time.monotonic() + 60
    problem = ""
    while process.poll() is None and time.monotonic() < until:
        try:
            server.metadata()
            return
        except requests.RequestException as error:
            problem = str(error)
            time.sleep(0.2)
    log = (server.folder / "php.log").read_text(errors="replace")[-2000:]
    raise RuntimeError(f"SimpleSAMLphp did not start: {problem}\n{log}")
