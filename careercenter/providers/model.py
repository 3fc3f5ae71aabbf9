"""Rows about the doors of this campus: providers that the wizard added, metadata that jobs fetched, what was refused."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import by_page, db


class StoredProvider(by_page.Entered):
    """A provider that campus IT added on a page. `settings` has the shape of a `[[providers]]` entry of its kind, without
    secrets; those are in `sealed`. `metadata_xml` is what was pasted. `paused_at`: kept, but nobody may use it."""

    __tablename__ = "stored_provider"

    name: Mapped[str] = mapped_column(String(32), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    settings: Mapped[dict[str, object]] = mapped_column(JSON)
    sealed: Mapped[str] = mapped_column(Text, default="")
    metadata_xml: Mapped[str] = mapped_column(Text, default="")
    paused_at: Mapped[datetime | None]

    @property
    def told(self) -> dict[str, Any]:
        return {**super().told, "name": self.name, "kind": self.kind}


class MetadataFetch(db.Model):
    """How the metadata of a provider or federation stands: when it was fetched, how long it is valid, what went wrong.

    `url` is where the rows came from. `held`: the newest fetch lost so many entities that a person is asked first; the rows
    stay as they were. `silent_until`: a query server did not answer and is left alone until then.
    """

    __tablename__ = "metadata_fetch"

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(32), unique=True)
    url: Mapped[str] = mapped_column(String(500))
    etag: Mapped[str] = mapped_column(String(200), default="")
    last_modified: Mapped[str] = mapped_column(String(60), default="")
    checked_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    entities: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(String(500), default="")
    held: Mapped[dict[str, object] | None] = mapped_column(JSON)
    allowed_shrink_at: Mapped[datetime | None]
    silent_until: Mapped[datetime | None]


class ProviderEntity(db.Model):
    """One identity provider of fetched metadata: its own XML and what the discovery page needs of it.

    `search_text` is folded: names, domains, keywords. `hidden`: asks not to be shown for discovery. With a query server
    (MDQ), `changed_at` is when it was last asked, and a row without `xml` says that the federation does not know the entity.
    """

    __tablename__ = "provider_entity"
    __table_args__ = (
        UniqueConstraint("provider", "entity_id"), Index("ix_provider_entity_name", "provider", "hidden", "display_name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(32))
    entity_id: Mapped[str] = mapped_column(String(400))
    digest: Mapped[str] = mapped_column(String(64))
    display_name: Mapped[str] = mapped_column(String(200))
    search_text: Mapped[str] = mapped_column(String(1000))
    logo_url: Mapped[str] = mapped_column(String(500), default="")
    scopes: Mapped[list[str]] = mapped_column(JSON, default=list)
    hidden: Mapped[bool] = mapped_column(default=False)
    changed_at: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    xml: Mapped[str] = mapped_column(Text)  # last, so that a search does not read past it


class SignOnRefusal(db.Model):
    """A sign-in that was refused, for campus IT: the reference that the person saw, and the reason that they did not."""

    __tablename__ = "sign_on_refusal"
    __table_args__ = (Index("ix_sign_on_refusal_at", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    reference: Mapped[str] = mapped_column(String(64), index=True)
    provider: Mapped[str] = mapped_column(String(32))
    issuer: Mapped[str] = mapped_column(String(400), default="")
    reason_code: Mapped[str] = mapped_column(String(40))
    detail: Mapped[str] = mapped_column(String(500), default="")


class SignOnTrial(db.Model):
    """A sign-in that campus IT made to see what a provider sends: attributes and the roles that would follow, for an hour."""

    __tablename__ = "sign_on_trial"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    provider: Mapped[str] = mapped_column(String(32))
    shown: Mapped[dict[str, object]] = mapped_column(JSON)
