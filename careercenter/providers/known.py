"""Which providers there are now: those of the configuration, and those that campus IT added on the wizard's page."""

import hashlib

from careercenter import db
from careercenter.providers import stored
from careercenter.settings.signon import Door, SamlProvider
from careercenter.signon.identity import SignOnUnavailable


def every(paused: bool = False) -> tuple[Door, ...]:
    """Every provider that people may use now (`paused`: and those they may not), in the order of the sign-in page."""
    configured = tuple(db.settings().signon.providers)
    return configured + stored.usable({found.name for found in configured}, paused)


def find(name: str, paused: bool = False) -> Door | None:
    """The provider of a name, if people may use it (`paused`: or may not)."""
    return next((found for found in every(paused) if found.name == name), None)


def metadata(told: Door) -> bytes:
    """The XML that describes a SAML provider. Raises `SignOnUnavailable` when there is none that may be used."""
    if isinstance(told, SamlProvider) and told.metadata_file is not None:
        try:
            return told.metadata_file.read_bytes()
        except OSError as error:
            raise SignOnUnavailable("metadata", f"{told.metadata_file} cannot be read: {error.strerror}") from None
    configured = told.name in {found.name for found in db.settings().signon.providers}
    text = "" if configured else stored.pasted(told.name)
    if not text:
        raise SignOnUnavailable("metadata", f"{told.name} has no metadata yet")
    return text.encode()


def stamp(told: Door, issuer: str = "") -> str:
    """A word that changes whenever the provider has to be built anew."""
    if isinstance(told, SamlProvider) and told.metadata_file is not None:
        try:
            found = told.metadata_file.stat()
        except OSError:
            return "gone"
        return hashlib.sha256(f"{told!r} {found.st_mtime_ns} {found.st_size}".encode()).hexdigest()
    return hashlib.sha256(repr(told).encode()).hexdigest()
