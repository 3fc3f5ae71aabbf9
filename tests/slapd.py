"""Starts a real OpenLDAP server with TLS on loopback, for tests. `with running(folder) as server:` gives its addresses.

`server.admin()` is a connection that may change everything: tests add groups over the wire, since the memberOf overlay sees
only those. The schema also knows what 389 Directory Server and Active Directory show of their people.
"""

import base64
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ldap.dn import escape_dn_chars

BASE = "dc=demo,dc=edu"
SERVICE_DN, SERVICE_PASSWORD = f"cn=service,{BASE}", "service-password"
PEOPLE = {
    "alice": ("Alice", "Arden", "alice-password"),
    "zoë": ("Zoë", "Zürn", "zoë-pässword"),
    "o'brien, (*)\\x": ("Pat", "O'Brien", "pat-password"),
}

ROOT_DN, ROOT_PASSWORD = f"cn=root,{BASE}", "root-password"
GROUPS = f"ou=groups,{BASE}"

_CONF = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
attributetype ( 1.3.6.1.4.1.5923.1.1.1.7 NAME 'eduPersonEntitlement' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.5923.1.1.1.9 NAME 'eduPersonScopedAffiliation' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.5923.1.1.2 NAME 'eduPerson' AUXILIARY MAY ( eduPersonEntitlement $ eduPersonScopedAffiliation ) )
attributetype ( 2.16.840.1.113730.3.1.542 NAME 'nsUniqueId' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.1.389 NAME 'test389' AUXILIARY MAY ( nsUniqueId $ nsAccountLock ) )
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.146 NAME 'objectSid' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.98 NAME 'primaryGroupID' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.159 NAME 'accountExpires' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.35 NAME 'employeeID' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.1.500 NAME 'testAD' AUXILIARY MAY ( objectGUID $ objectSid $ primaryGroupID $ userAccountControl $
  accountExpires $ sAMAccountName $ employeeID ) )
pidfile {folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload ppolicy
TLSCACertificateFile {folder}/ca.crt
TLSCertificateFile {folder}/server.crt
TLSCertificateKeyFile {folder}/server.key
{allow}
security simple_bind=128
sizelimit 500
database mdb
suffix "{base}"
rootdn "{root}"
rootpw {root_password}
directory {folder}/data
maxsize 268435456
limits dn.exact="{service}" size.soft=500 size.hard=500 size.pr=1000 size.prtotal={total}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{service}" read by * none
overlay ppolicy
{memberof}
"""


@dataclass(frozen=True)
class Server:
    """A running slapd: `ldap` (StartTLS) and `ldaps` addresses, `ca_file` to verify it, and another CA that is not its own."""

    ldap: str
    ldaps: str
    ca_file: Path
    wrong_ca_file: Path
    process: "subprocess.Popen[bytes]"

    @contextmanager
    def admin(self) -> Iterator[Any]:
        """A python-ldap connection that may change everything."""
        import ldap

        connection = ldap.initialize(self.ldap)
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(self.ca_file))
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        connection.start_tls_s()
        connection.simple_bind_s(ROOT_DN, ROOT_PASSWORD)
        try:
            yield connection
        finally:
            connection.unbind_s()

    def add(self, dn: str, **values: str | bytes | Iterable[str]) -> str:
        """Add an entry; returns its DN."""
        with self.admin() as connection:
            connection.add_s(dn, [(name, _bytes(given)) for name, given in values.items()])
        return dn

    def change(self, dn: str, **values: str | bytes | Iterable[str] | None) -> None:
        """Replace attributes of an entry; None takes one away."""
        import ldap

        with self.admin() as connection:
            connection.modify_s(dn, [
                (ldap.MOD_REPLACE, name, None if given is None else _bytes(given)) for name, given in values.items()
            ])

    def delete(self, dn: str) -> None:
        with self.admin() as connection:
            connection.delete_s(dn)

    def group(self, cn: str, *members: str, kind: str = "groupOfNames") -> str:
        """Add a group below `GROUPS`; returns its DN."""
        names = {"groupOfNames": "member", "groupOfUniqueNames": "uniqueMember", "posixGroup": "memberUid"}
        more: dict[str, Any] = {"gidNumber": "4000"} if kind == "posixGroup" else {}
        return self.add(f"cn={escape_dn_chars(cn)},{GROUPS}", objectClass=kind, cn=cn, **{names[kind]: members}, **more)


def person_dn(number: str) -> str:
    return f"employeeNumber={number},ou=people,{BASE}"


def _bytes(given: str | bytes | Iterable[str]) -> list[bytes]:
    if isinstance(given, bytes):
        return [given]
    return [given.encode()] if isinstance(given, str) else [value.encode() for value in given]


@contextmanager
def running(
    folder: Path, *, anonymous_bind: bool = False, crowd: int = 0, member_of: bool = True, paged: bool = True,
    certificates: Path | None = None,
) -> Iterator[Server]:
    """Start slapd in `folder` with `PEOPLE`; stop it at the end. `anonymous_bind` makes an empty password a success.

    `crowd` is how many more people there are; without `paged` the service account is never given more than 500 entries.
    `certificates` is the folder of another server whose CA this one shall have.
    """
    binary = shutil.which("slapd") or "/usr/sbin/slapd"
    if not os.path.exists(binary):
        raise RuntimeError("slapd is not installed; run ./dev test, which installs it")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir()
    if certificates:
        for name in ("ca.crt", "wrong-ca.crt", "server.crt", "server.key"):
            shutil.copy(certificates / name, folder / name)
    else:
        _certificates(folder)
    (folder / "slapd.conf").write_text(_CONF.format(
        folder=folder, base=BASE, allow="allow bind_anon_dn" if anonymous_bind else "", root=ROOT_DN, root_password=ROOT_PASSWORD,
        service=SERVICE_DN, memberof="overlay memberof" if member_of else "", total="unlimited" if paged else "500",
    ))
    subprocess.run([binary, "-T", "a", "-q", "-f", folder / "slapd.conf"], input=_ldif(crowd).encode(), check=True)
    plain, secure = _free_port(), _free_port()
    addresses = f"ldap://127.0.0.1:{plain}", f"ldaps://127.0.0.1:{secure}"
    with (folder / "slapd.log").open("wb") as log:
        process = subprocess.Popen(
            [binary, "-d", "0", "-h", " ".join(addresses), "-f", folder / "slapd.conf"], stdout=log, stderr=log
        )
    try:
        _wait(process, (plain, secure), folder / "slapd.log")
        yield Server(*addresses, folder / "ca.crt", folder / "wrong-ca.crt", process)
    finally:
        process.send_signal(signal.SIGCONT)  # a test may have stopped it
        process.terminate()
        process.wait(10)


def _ldif(crowd: int) -> str:
    def line(name: str, value: str) -> str:
        return f"{name}:: {base64.b64encode(value.encode()).decode()}"

    entries = [
        ["dn: " + BASE, "objectClass: dcObject", "objectClass: organization", "dc: demo", "o: Demo University"],
        ["dn: " + SERVICE_DN, "objectClass: applicationProcess", "objectClass: simpleSecurityObject", "cn: service",
         "userPassword: " + SERVICE_PASSWORD],
        ["dn: ou=people," + BASE, "objectClass: organizationalUnit", "ou: people"],
        ["dn: " + GROUPS, "objectClass: organizationalUnit", "ou: groups"],
        ["dn: cn=strict," + BASE, "objectClass: device", "objectClass: pwdPolicy", "cn: strict", "pwdAttribute: userPassword",
         "pwdLockout: TRUE", "pwdMaxFailure: 2", "pwdLockoutDuration: 300"],
    ]
    for number, (uid, (given, family, password)) in enumerate(PEOPLE.items(), 1):
        entries.append([
            "dn: " + person_dn(f"90000{number}"), "objectClass: inetOrgPerson", "objectClass: eduPerson",
            f"employeeNumber: 90000{number}", line("uid", uid), line("cn", f"{given} {family}"),
            line("givenName", given), line("sn", family), f"mail: person{number}@demo.edu",
            line("userPassword", password), "eduPersonScopedAffiliation: student@demo.edu",
            "eduPersonEntitlement: urn:demo:career:student",
        ])
    entries += [
        [f"dn: {person_dn(f'{number:07d}')}", "objectClass: inetOrgPerson", "objectClass: eduPerson", f"employeeNumber: {number:07d}",
         f"uid: crowd{number}", f"cn: Crowd {number}", "givenName: Crowd", f"sn: Nr{number}", f"mail: crowd{number}@demo.edu",
         "eduPersonScopedAffiliation: student@demo.edu"]
        for number in range(1, crowd + 1)
    ]
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
