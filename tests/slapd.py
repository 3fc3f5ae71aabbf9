"""Starts a real OpenLDAP server with TLS on loopback, for tests. `with running(folder) as server:` gives its addresses."""

import ipaddress
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BASE = "dc=demo,dc=edu"
SERVICE_DN, SERVICE_PASSWORD = f"cn=service,{BASE}", "service-password"
PEOPLE = {
    "alice": ("Alice", "Arden", "alice-password"),
    "zoë": ("Zoë", "Zürn", "zoë-pässword"),
    "o'brien, (*)\\x": ("Pat", "O'Brien", "pat-password"),
}

_CONF = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.3.6.1.4.1.5923.1.1.1.7 NAME 'eduPersonEntitlement' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.5923.1.1.1.9 NAME 'eduPersonScopedAffiliation' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.5923.1.1.2 NAME 'eduPerson' AUXILIARY MAY ( eduPersonEntitlement $ eduPersonScopedAffiliation ) )
pidfile {folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile {folder}/ca.crt
TLSCertificateFile {folder}/server.crt
TLSCertificateKeyFile {folder}/server.key
{allow}
security simple_bind=128
database mdb
suffix "{base}"
rootdn "cn=root,{base}"
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=service,{base}" read by * none
"""


@dataclass(frozen=True)
class Server:
    """A running slapd: `ldap` (StartTLS) and `ldaps` addresses, `ca_file` to verify it, and another CA that is not its own."""

    ldap: str
    ldaps: str
    ca_file: Path
    wrong_ca_file: Path


@contextmanager
def running(folder: Path, *, anonymous_bind: bool = False) -> Iterator[Server]:
    """Start slapd in `folder` with `PEOPLE`; stop it at the end. `anonymous_bind` makes an empty password a success."""
    binary = shutil.which("slapd") or "/usr/sbin/slapd"
    if not os.path.exists(binary):
        raise RuntimeError("slapd is not installed; run ./dev test, which installs it")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir()
    _certificates(folder)
    allow = "allow bind_anon_dn" if anonymous_bind else ""
    (folder / "slapd.conf").write_text(_CONF.format(folder=folder, base=BASE, allow=allow))
    subprocess.run([binary, "-T", "a", "-f", folder / "slapd.conf"], input=_ldif().encode(), check=True)
    plain, secure = _free_port(), _free_port()
    addresses = f"ldap://127.0.0.1:{plain}", f"ldaps://127.0.0.1:{secure}"
    with (folder / "slapd.log").open("wb") as log:
        process = subprocess.Popen(
            [binary, "-d", "0", "-h", " ".join(addresses), "-f", folder / "slapd.conf"], stdout=log, stderr=log
        )
    try:
        _wait(process, (plain, secure), folder / "slapd.log")
        yield Server(*addresses, folder / "ca.crt", folder / "wrong-ca.crt")
    finally:
        process.terminate()
        process.wait(10)


def _ldif() -> str:
    import base64

    def line(name: str, value: str) -> str:
        return f"{name}:: {base64.b64encode(value.encode()).decode()}"

    entries = [
        ["dn: " + BASE, "objectClass: dcObject", "objectClass: organization", "dc: demo", "o: Demo University"],
        ["dn: " + SERVICE_DN, "objectClass: applicationProcess", "objectClass: simpleSecurityObject", "cn: service",
         "userPassword: " + SERVICE_PASSWORD],
        ["dn: ou=people," + BASE, "objectClass: organizationalUnit", "ou: people"],
    ]
    for number, (uid, (given, family, password)) in enumerate(PEOPLE.items(), 1):
        entries.append([
            f"dn: employeeNumber=90000{number},ou=people,{BASE}", "objectClass: inetOrgPerson", "objectClass: eduPerson",
            f"employeeNumber: 90000{number}", line("uid", uid), line("cn", f"{given} {family}"),
            line("givenName", given), line("sn", family), f"mail: person{number}@demo.edu",
            line("userPassword", password), "eduPersonScopedAffiliation: student@demo.edu",
            "eduPersonEntitlement: urn:demo:career:student",
        ])
    return "\n\n".join("\n".join(entry) for entry in entries) + "\n"


def _certificates(folder: Path) -> None:
    ca_key, ca = _issue("Demo CA")
    key, certificate = _issue("127.0.0.1", ca_key, ca)
    _, wrong = _issue("Another CA")
    (folder / "ca.crt").write_bytes(_pem(ca))
    (folder / "wrong-ca.crt").write_bytes(_pem(wrong))
    (folder / "server.crt").write_bytes(_pem(certificate))
    (folder / "server.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _issue(
    name: str, ca_key: ec.EllipticCurvePrivateKey | None = None, ca: x509.Certificate | None = None
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(ca.subject if ca else subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=ca is None, path_length=None), critical=True)
    )
    if ca is not None:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return key, builder.sign(ca_key or key, hashes.SHA256())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], ports: tuple[int, ...], log: Path) -> None:
    until = time.monotonic() + 10
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("slapd did not start: " + log.read_text(errors="replace")[-2000:]) from None
                time.sleep(0.02)
