"""Keeps fetched metadata fresh: fetch outside a transaction, judge, store inside one what changed.

Trouble never takes away what is there: the last good rows serve until their end, and `MetadataFetch.problem` says in one
sentence what is wrong. A feed that lost more than its `shrink_share` is held until a person allows it. As `sync` and
`deliver`, these functions span the network and open their own transactions.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from careercenter import audit, db
from careercenter.providers import entities, fetch, known
from careercenter.providers.model import MetadataFetch, ProviderEntity, StoredProvider
from careercenter.settings.signon import Door, Federation, SamlProvider
from careercenter.signon import federation
from careercenter.signon.federation import Entity, MetadataRefused

SINGLE_MINUTES = 60
AGAIN = timedelta(minutes=10)  # after trouble
SECONDS = 120.0
ALLOWED_FOR = timedelta(days=1)
SHOWN_AT_MOST = 10


@dataclass(frozen=True)
class Outcome:
    """How a refresh went, in one sentence; `good` unless somebody has to look."""

    provider: str
    sentence: str
    good: bool = True


def sources() -> Iterator[tuple[SamlProvider | Federation, str]]:
    """Every provider whose metadata comes from an address, with that address."""
    for told in known.every():
        if isinstance(told, SamlProvider | Federation) and (url := address(told)):
            yield told, url


def address(told: Door) -> str:
    """Where the metadata of a provider is fetched; empty when it is not."""
    if isinstance(told, Federation):
        return told.metadata_url or told.mdq_url
    return told.metadata_url if isinstance(told, SamlProvider) and told.metadata_file is None else ""


def due(now: datetime) -> bool:
    """Whether the refresh time of any provider has come."""
    return any(True for _ in due_now(now))


def due_now(now: datetime) -> Iterator[SamlProvider | Federation]:
    wanted = list(sources())
    rows = {row.provider: row for row in db.session.scalars(select(MetadataFetch))} if wanted else {}
    for told, _ in wanted:
        row = rows.get(told.name)
        pause = timedelta(minutes=told.refresh_minutes if isinstance(told, Federation) else SINGLE_MINUTES)
        if row is not None and row.problem and row.held is None:
            pause = min(pause, AGAIN)
        allowed = row is not None and row.held is not None and _recent(row.allowed_shrink_at, now)
        if row is None or row.checked_at is None or row.checked_at <= now - pause or allowed:
            yield told


def refresh(told: Door, now: Callable[[], datetime], *, seconds: float = SECONDS, attempts: int = 3) -> Outcome:
    """Fetch the metadata of one provider and store what changed. Trouble is an outcome, not an exception."""
    url = address(told)
    if not url or not isinstance(told, SamlProvider | Federation):
        return Outcome(told.name, f"{told.name} has no metadata address; nothing is fetched for it.")
    if isinstance(told, Federation) and told.mdq_url:
        return _tidy_queried(told, now())
    with db.transaction():
        row = entities.fetch_row(told.name, url)
        row.checked_at = now()
        marks = (row.etag, row.last_modified) if row.url == url and row.fetched_at else ("", "")
    federated = isinstance(told, Federation)
    limit = federation.AGGREGATE_BYTES if federated else federation.SINGLE_BYTES
    try:
        got = fetch.get(url, limit=limit, seconds=seconds, attempts=attempts, etag=marks[0], last_modified=marks[1])
        if got.missing:
            return _trouble(told, url, f"There is no metadata at {url}.")
        if got.unchanged:
            return _unchanged(told, url, now())
        until, found = _read(told, got.body, now())
    except (fetch.FetchFailed, MetadataRefused) as error:
        return _trouble(told, url, str(error))
    try:
        with db.transaction():
            return _store(told, url, got, until, found, now())
    finally:
        del found
        _give_back()


def _read(told: SamlProvider | Federation, body: bytes, now: datetime) -> tuple[datetime | None, dict[str, Entity]]:
    federated = isinstance(told, Federation)
    limit = federation.AGGREGATE_BYTES if federated else federation.SINGLE_BYTES
    until, found = federation.read(body, now, certificates=certificates(told), must_end=federated, limit=limit)
    kept = {entity.entity_id: entity for entity in found}
    if isinstance(told, SamlProvider):
        kept = only(told, kept)
    if not kept:
        raise MetadataRefused("The metadata describes no identity provider that speaks SAML 2.0.")
    return until, kept


def certificates(told: SamlProvider | Federation) -> bytes:
    """The PEM of whoever signs the metadata; empty when no signature is demanded. Raises `MetadataRefused`."""
    if told.metadata_certificate_file is None:
        return b""
    try:
        return told.metadata_certificate_file.read_bytes()
    except OSError as error:
        raise MetadataRefused(f"The certificate file {told.metadata_certificate_file} cannot be read: {error.strerror}.") from None


def only(told: SamlProvider, found: dict[str, Entity]) -> dict[str, Entity]:
    """The one entity that a single provider means. Raises `MetadataRefused`."""
    wanted = told.entity_id or (next(iter(found)) if len(found) == 1 else "")
    if not wanted and found:
        raise MetadataRefused(f"The metadata describes {len(found)} identity providers; name the right one as entity_id.")
    if wanted and wanted not in found:
        raise MetadataRefused(f"The metadata does not describe {wanted}.")
    return {wanted: found[wanted]} if wanted else {}


def _trouble(told: Door, url: str, sentence: str) -> Outcome:
    with db.transaction():
        entities.fetch_row(told.name, url).problem = sentence[:500]
    return Outcome(told.name, sentence, good=False)


def _unchanged(told: Door, url: str, now: datetime) -> Outcome:
    """The server says that we have the newest, so whatever was wrong or held since is over."""
    with db.transaction():
        row = entities.fetch_row(told.name, url)
        row.held = row.allowed_shrink_at = None
        row.problem, row.fetched_at = "", now
        if row.valid_until and row.valid_until <= now:
            row.problem = f"The metadata was valid until {row.valid_until:%d %b %Y, %H:%M} UTC, and its publisher has no newer one."
        return Outcome(told.name, row.problem or "Nothing has changed.", good=not row.problem)


def _store(
    told: SamlProvider | Federation, url: str, got: fetch.Fetched, until: datetime | None, found: dict[str, Entity], now: datetime
) -> Outcome:
    row = entities.fetch_row(told.name, url)
    before = entities.digests(told.name)
    lost = before.keys() - found.keys()
    if isinstance(told, Federation) and row.url == url and len(lost) > told.shrink_share * len(before) and not _allowed(row, lost, now):
        return _hold(row, before, lost, found, now)
    changed = [entity for entity in found.values() if before.get(entity.entity_id) != entity.digest]
    entities.put(told.name, changed, now)
    entities.remove(told.name, lost)
    row.url, row.etag, row.last_modified, row.fetched_at, row.valid_until = url, got.etag, got.last_modified, now, until
    row.entities, row.problem, row.held, row.allowed_shrink_at = len(found), "", None, None
    new = sum(entity.entity_id not in before for entity in changed)
    return Outcome(told.name, f"{len(found)} identity providers: {new} new, {len(changed) - new} changed, {len(lost)} gone.")


def _allowed(row: MetadataFetch, lost: set[str], now: datetime) -> bool:
    """A person's word is for the loss that they saw, and for a day."""
    seen = int(str((row.held or {}).get("lost", 0)))
    return _recent(row.allowed_shrink_at, now) and len(lost) <= seen


def _recent(allowed_at: datetime | None, now: datetime) -> bool:
    return allowed_at is not None and now - allowed_at < ALLOWED_FOR


def _hold(row: MetadataFetch, before: dict[str, str], lost: set[str], found: dict[str, Entity], now: datetime) -> Outcome:
    row.held = {
        "at": now.isoformat(), "before": len(before), "after": len(found), "lost": len(lost), "some": sorted(lost)[:SHOWN_AT_MOST],
    }
    row.allowed_shrink_at = None
    row.problem = (
        f"The newest metadata lacks {len(lost)} of {len(before)} identity providers. It is held, and those from before still serve, "
        "until somebody allows it."
    )
    return Outcome(row.provider, row.problem, good=False)


def allow_shrink(provider: str, by: audit.Actor, now: datetime) -> None:
    """A person saw what is held and lets the next refresh take it, if it lacks no more than that. Raises `Refused`.

    Called inside a transaction.
    """
    row = db.session.scalar(select(MetadataFetch).where(MetadataFetch.provider == provider).with_for_update())
    if row is None or row.held is None:
        raise db.Refused(f"No metadata of {provider} is held; there is nothing to allow.")
    row.allowed_shrink_at = now
    audit.record("metadata.shrink_allowed", "metadata", row.id, by=by, now=now, detail={"provider": provider, "held": row.held})


def _tidy_queried(told: Federation, now: datetime) -> Outcome:
    """A query server (MDQ) is asked when somebody signs in; here only what has ended is removed."""
    with db.transaction():
        row = entities.fetch_row(told.name, told.mdq_url)
        ended = (ProviderEntity.provider == told.name) & (ProviderEntity.valid_until <= now)
        gone = db.changed(delete(ProviderEntity).where(ended))
        row.url, row.checked_at, row.entities = told.mdq_url, now, entities.count(told.name)
        return Outcome(told.name, f"{row.entities} identity providers are kept, {gone} have ended.")


def refresh_due(now: Callable[[], datetime]) -> list[Outcome]:
    """What the job does: every provider whose time has come; and what belongs to nobody any more is removed."""
    with db.transaction():
        _forget_removed()
    wanted = list(due_now(now()))
    db.session.rollback()  # no transaction stays open while the network is waited for
    return [refresh(told, now) for told in wanted]


def _forget_removed() -> None:
    """Rows of providers that neither the configuration nor the wizard knows, paused ones included."""
    names = [told.name for told in known.every()] + list(db.session.scalars(select(StoredProvider.name)))
    db.session.execute(delete(ProviderEntity).where(ProviderEntity.provider.not_in(names)))
    db.session.execute(delete(MetadataFetch).where(MetadataFetch.provider.not_in(names)))


def _give_back() -> None:
    """A large document leaves its memory with the C library; the worker, which lives for weeks, hands it back (glibc)."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
