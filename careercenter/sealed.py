"""Secrets that people type on a page, as they rest in the database: sealed with a key that follows from server.secret_key."""

import base64
import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from careercenter import db


class CannotOpen(Exception):
    """server.secret_key is not the one that sealed these secrets: they have to be typed in again."""


def seal(secrets: Mapping[str, str], purpose: str) -> str:
    """Secrets as they rest in the database; empty for none. What is sealed for one `purpose` opens for no other."""
    kept = {key: value for key, value in secrets.items() if value}
    return _fernet(purpose).encrypt(json.dumps(kept).encode()).decode() if kept else ""


def opened(sealed: str, purpose: str) -> dict[str, str]:
    """Secrets again. Raises `CannotOpen`."""
    if not sealed:
        return {}
    try:
        found: dict[str, str] = json.loads(_fernet(purpose).decrypt(sealed.encode()))
    except InvalidToken:
        raise CannotOpen("the secret was sealed under another server.secret_key; type it in again") from None
    return found


def _fernet(purpose: str) -> Fernet:
    key = db.settings().server.secret_key.get_secret_value().encode()
    derived = HKDF(SHA256(), 32, salt=None, info=f"careercenter: secrets of {purpose}".encode()).derive(key)
    return Fernet(base64.urlsafe_b64encode(derived))
