"""The rows of fetched metadata: written when an entity changed, removed when it is gone."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from careercenter import db
from careercenter.providers.model import MetadataFetch, ProviderEntity
from careercenter.signon.federation import Entity

CHUNK = 500


def fetch_row(provider: str, url: str) -> MetadataFetch:
    """How the metadata of a provider stands; locked until the transaction ends, made when there is none."""
    insert = _insert()(MetadataFetch).values(provider=provider, url=url, etag="", last_modified="", entities=0, problem="")
    db.session.execute(insert.on_conflict_do_nothing())
    return db.session.scalars(
        select(MetadataFetch).where(MetadataFetch.provider == provider).with_for_update().execution_options(populate_existing=True)
    ).one()


def digests(provider: str) -> dict[str, str]:
    """Entity ID to digest, of everything that is stored of a provider."""
    found = db.session.execute(select(ProviderEntity.entity_id, ProviderEntity.digest).where(ProviderEntity.provider == provider))
    return {row.entity_id: row.digest for row in found}


def put(provider: str, entities: Iterable[Entity], now: datetime, until: datetime | None = None) -> None:
    """Store new and changed entities. `until` is the end of the document that they came in, where each has its own."""
    write([_values(provider, entity, now, until) for entity in entities])


def put_unknown(provider: str, entity_id: str, now: datetime, until: datetime) -> None:
    """Remember until then that the federation does not know an entity: a row without XML."""
    write([{
        "provider": provider, "entity_id": entity_id, "xml": "", "digest": "", "display_name": "", "search_text": "", "logo_url": "",
        "scopes": [], "hidden": True, "changed_at": now, "valid_until": until,
    }])


def write(rows: Sequence[dict[str, Any]]) -> None:
    statement = _insert()(ProviderEntity)
    columns = {c.name: statement.excluded[c.name] for c in ProviderEntity.__table__.columns if c.name != "id"}
    statement = statement.on_conflict_do_update(index_elements=["provider", "entity_id"], set_=columns)
    for start in range(0, len(rows), CHUNK):
        db.session.connection().execute(statement, rows[start : start + CHUNK])


def remove(provider: str, entity_ids: Collection[str]) -> None:
    gone = list(entity_ids)
    for start in range(0, len(gone), CHUNK):
        some = gone[start : start + CHUNK]
        db.session.execute(delete(ProviderEntity).where(ProviderEntity.provider == provider, ProviderEntity.entity_id.in_(some)))


def count(provider: str) -> int:
    """How many identity providers are stored, without those that the federation does not know."""
    known = (ProviderEntity.provider == provider) & (ProviderEntity.digest != "")
    return db.session.scalar(select(func.count()).select_from(ProviderEntity).where(known)) or 0


def _insert() -> Any:
    return postgresql.insert if db.is_postgresql() else sqlite.insert


def _values(provider: str, entity: Entity, now: datetime, until: datetime | None) -> dict[str, Any]:
    ends = min((end for end in (entity.valid_until, until) if end), default=None)
    return {
        "provider": provider, "entity_id": entity.entity_id, "xml": entity.xml, "digest": entity.digest,
        "display_name": entity.display_name, "search_text": entity.search_text, "logo_url": entity.logo_url,
        "scopes": list(entity.scopes), "hidden": entity.hidden, "changed_at": now, "valid_until": ends,
    }
