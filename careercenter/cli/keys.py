"""Makes the keys by which SAML providers know us. Private keys are readable by their owner alone; nothing is overwritten."""

import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import click

BITS = 3072


def make(folder: Path, uses: Iterable[str], day: datetime, years: int) -> list[Path]:
    """One key and certificate for each use ("signing", "decryption"). Raises `ClickException` when one is there already."""
    wanted = [(use, *names(folder, use, day)) for use in uses]
    if there := [path for _, *pair in wanted for path in pair if path.exists()]:
        raise click.ClickException(f"{there[0]} is there already. Name another folder with --folder, or move it away.")
    folder.mkdir(parents=True, exist_ok=True)
    return [path for use, key, cert in wanted for path in _pair(use, key, cert, day, years)]


def names(folder: Path, use: str, day: datetime) -> tuple[Path, Path]:
    """Key file and certificate file; the day in the name tells an old pair from its successor."""
    stem = f"saml-{use}-{day:%Y%m%d}"
    return folder / f"{stem}.key.pem", folder / f"{stem}.cert.pem"


def _pair(use: str, key_file: Path, cert_file: Path, day: datetime, years: int) -> Iterator[Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"careercenter {use} {day:%Y-%m-%d}")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(day - timedelta(days=1))
        .not_valid_after(day + timedelta(days=365 * years + years // 4)).sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for path, content, mode in ((key_file, private, 0o600), (cert_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        yield path


def advice(folder: Path, config: Path, day: datetime, rolling: bool) -> str:
    """What to write into [service] of signon.toml."""

    def shown(path: Path) -> str:
        return path.name if path.parent.resolve() == config else str(path.resolve())

    key, cert = map(shown, names(folder, "signing", day))
    if rolling:
        return (
            f'# 1. Today, in [service] of signon.toml; providers then learn the new key from our metadata:\nnext_cert_file = "{cert}"\n\n'
            f"# 2. When every provider has our new metadata (two to four weeks), take these instead, and drop next_cert_file:\n"
            f'key_file = "{key}"\ncert_file = "{cert}"'
        )
    other, other_cert = map(shown, names(folder, "decryption", day))
    return (
        f'# In signon.toml:\n[service]\nkey_file = "{key}"\ncert_file = "{cert}"\n\n'
        f'[[service.decryption]]\nkey_file = "{other}"\ncert_file = "{other_cert}"'
    )
