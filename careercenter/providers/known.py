"""Which providers there are now: those of the configuration, and those that campus IT added on the wizard's page."""

import hashlib

from careercenter import db
from careercenter.settings.signon import Door, SamlProvider
from careercenter.signon.identity import SignOnUnavailable


def every() -> tuple[Door, ...]:
    """Every provider that people may use now, in the order of the sign-in page."""
    return tuple(db.settings().signon.providers)


def find(name: str) -> Door | None:
    """The provider of a name, if people may use it."""
    return next((found for found in every() if found.name == name), None)


def metadata(told: Door) -> bytes:
    """The XML that describes a SAML provider. Raises `SignOnUnavailable` when there is none that may be used."""
    if not isinstance(told, SamlProvider) or told.metadata_file is None:
        raise SignOnUnavailable("metadata", f"{told.name} has no metadata yet")
    try:
        return told.metadata_file.read_bytes()
    except OSError as error:
        raise SignOnUnavailable("metadata", f"{told.metadata_file} cannot be read: {error.strerror}") from None


def stamp(told: Door, issuer: str = "") -> str:
    """A word that changes whenever the provider has to be built anew."""
    if isinstance(told, SamlProvider) and told.metadata_file is not None:
        try:
            found = told.metadata_file.stat()
        except OSError:
            return "gone"
        return hashlib.sha256(f"{told!r} {found.st_mtime_ns} {found.st_size}".encode()).hexdigest()
    return hashlib.sha256(repr(told).encode()).hexdigest()
