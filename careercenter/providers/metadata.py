"""The XML that describes a SAML provider now: a file, fetched rows, or what was pasted into the wizard.

Rows serve until their end, or that of the document they came in, whichever is first; a stale copy is better than nobody
signing in, an expired one is not.
"""

import hashlib
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select

from careercenter import db
from careercenter.providers import refresh
from careercenter.providers.model import MetadataFetch, ProviderEntity, StoredProvider
from careercenter.settings.signon import Door, Federation, SamlProvider
from careercenter.signon import federation
from careercenter.signon.identity import SignOnUnavailable


def metadata(told: Door, issuer: str = "", *, now: datetime | None = None) -> bytes:
    """The XML of a provider, or of the member `issuer` of a federation. Raises `SignOnUnavailable` when none may be used."""
    now = now or datetime.now(UTC)
    if isinstance(told, Federation):
        return _stored(told, issuer, now)
    if not isinstance(told, SamlProvider):
        raise SignOnUnavailable("metadata", f"{told.name} is not a SAML provider")
    if told.metadata_file is not None:
        return _from_file(told, now)
    if told.metadata_url:
        return _stored(told, told.entity_id or "", now)
    pasted = db.session.scalar(select(StoredProvider.metadata_xml).where(StoredProvider.name == told.name))
    if not pasted:
        raise SignOnUnavailable("metadata", f"{told.name} has no metadata yet")
    return pasted.encode()


def scopes(told: Door, issuer: str) -> tuple[str, ...]:
    """The scopes that the federation lets this member assert."""
    mine = (ProviderEntity.provider == told.name) & (ProviderEntity.entity_id == issuer)
    return tuple(db.session.scalar(select(ProviderEntity.scopes).where(mine)) or ())


def stamp(told: Door, issuer: str = "", *, now: datetime | None = None) -> str:
    """A word that changes whenever the provider has to be built anew: other settings, other metadata, or its end."""
    return hashlib.sha256(f"{told!r} {_version(told, issuer, now or datetime.now(UTC))}".encode()).hexdigest()


def _version(told: Door, issuer: str, now: datetime) -> object:
    if isinstance(told, Federation):
        return _digest(told.name, issuer, now)
    if not isinstance(told, SamlProvider):
        return ""
    if told.metadata_file is not None:
        try:
            found = told.metadata_file.stat()
        except OSError:
            return "gone"
        return found.st_mtime_ns, found.st_size
    if told.metadata_url:
        return _digest(told.name, told.entity_id or "", now)
    return db.session.execute(select(StoredProvider.version, StoredProvider.changed_at).where(StoredProvider.name == told.name)).all()


def _digest(provider: str, entity_id: str, now: datetime) -> str:
    found = db.ask(_newest(bool(entity_id)), provider=provider, entity_id=entity_id)
    return " ".join(row.digest if _still(row.valid_until, row.document_until, now) else "ended" for row in found)


def _stored(told: SamlProvider | Federation, entity_id: str, now: datetime) -> bytes:
    """The row of an entity; for a single provider without an entity ID, the only row."""
    found = db.ask(_newest(bool(entity_id)), provider=told.name, entity_id=entity_id)
    if not found or not found[0].digest:
        fetched = db.session.scalar(select(MetadataFetch.fetched_at).where(MetadataFetch.provider == told.name))
        if fetched is None:
            sentence = f"the metadata of {told.name} was never fetched; run: careercenter signon refresh {told.name}"
            raise SignOnUnavailable("metadata", sentence)
        raise SignOnUnavailable("metadata", f"the metadata of {told.name} does not describe {entity_id or 'any provider'}")
    row = found[0]
    if not _still(row.valid_until, row.document_until, now):
        raise SignOnUnavailable(
            "metadata", f"the stored metadata of {told.name} has ended and no newer could be fetched; see: careercenter doctor"
        )
    xml = db.session.scalar(select(ProviderEntity.xml).where(ProviderEntity.id == row.id))
    if not xml:
        raise SignOnUnavailable("metadata", f"the metadata of {told.name} changed at this very moment; try again")
    return xml.encode()


def _still(*ends_and_now: datetime | None) -> bool:
    *ends, now = ends_and_now
    return now is not None and all(end is None or end > now for end in ends)


@cache
def _newest(one: bool) -> Select[*tuple[Any, ...]]:
    """What every sign-in asks, so it reads no XML."""
    found = (
        select(ProviderEntity.id, ProviderEntity.digest, ProviderEntity.valid_until, MetadataFetch.valid_until.label("document_until"))
        .join(MetadataFetch, MetadataFetch.provider == ProviderEntity.provider)
        .where(ProviderEntity.provider == bindparam("provider")).order_by(ProviderEntity.id).limit(1)
    )
    return found.where(ProviderEntity.entity_id == bindparam("entity_id")) if one else found


def _from_file(told: SamlProvider, now: datetime) -> bytes:
    """A file is read anew when it changes. With a certificate it has to be signed, as what comes from the network."""
    assert told.metadata_file is not None
    try:
        document = told.metadata_file.read_bytes()
    except OSError as error:
        raise SignOnUnavailable("metadata", f"{told.metadata_file} cannot be read: {error.strerror}") from None
    if told.metadata_certificate_file is None:
        return document
    try:
        _, found = federation.read(document, now, certificates=refresh.certificates(told), must_end=False)
        kept = refresh.only(told, {entity.entity_id: entity for entity in found})
    except federation.MetadataRefused as error:
        raise SignOnUnavailable("metadata", f"{told.metadata_file}: {error}") from None
    if not kept:
        raise SignOnUnavailable("metadata", f"{told.metadata_file} describes no identity provider")
    return next(iter(kept.values())).xml.encode()
