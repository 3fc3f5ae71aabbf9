"""Keys and certificates of the demonstration: made once, kept in a folder, readable by nobody else."""

import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


def keys(folder: Path) -> tuple[Path, Path, str]:
    """Key file, certificate file and the secret of the form's state; made on the first start, kept afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    key_file, cert_file, secret_file = folder / "idp.key", folder / "idp.crt", folder / "idp.secret"
    if not (key_file.exists() and cert_file.exists() and secret_file.exists()):
        key, certificate = make_certificate("Hollis State University sign-in")
        for path, content in ((key_file, key), (cert_file, certificate), (secret_file, secrets.token_hex(32).encode())):
            write_private(path, content)
    return key_file, cert_file, secret_file.read_text()


def make_certificate(name: str, days: int = 3650, bits: int = 3072) -> tuple[bytes, bytes]:
    """A new RSA key and its self-signed certificate, both PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)


def write_private(path: Path, content: bytes) -> None:
    """A file that only its owner reads, there whole or not at all."""
    temporary = path.with_suffix(f"{path.suffix}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
