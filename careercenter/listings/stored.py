"""Sources that staff entered on a page, kept in the database beside those of config/platforms.toml. What changes them is in
`entered`; here they are read."""

import hashlib
import json
from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import JSON, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import by_page, db, sealed
from careercenter.platforms.contract import ConfigError, Spec, TermsBlocked
from careercenter.settings import Source

PURPOSE = "listing platforms"


class StoredSource(by_page.Entered):
    """One platform and some of its boards. `options` are the plugin's, `base_url` among them, without secrets; those are in
    `sealed`. `checked` is the last connection test, `terms` who confirmed which terms when. Off without `enabled_at`."""

    __tablename__ = "stored_source"

    platform: Mapped[str] = mapped_column(String(40))
    boards: Mapped[list[str]] = mapped_column(JSON)
    every_minutes: Mapped[int]
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    sealed: Mapped[str] = mapped_column(Text, default="")
    enabled_at: Mapped[datetime | None]
    terms: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    checked: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    @property
    def told(self) -> dict[str, Any]:
        return {**super().told, "platform": self.platform, "boards": self.boards}

    @property
    def mark(self) -> str:
        """What a connection test holds for: it changes with everything that the platform would notice."""
        told = json.dumps([self.platform, sorted(self.boards), self.options, self.sealed], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    @property
    def proved(self) -> bool:
        """Whether these very settings have passed a connection test."""
        return bool(self.checked and self.checked["ok"] and self.checked["mark"] == self.mark)


class PageSource(Source):
    """A stored source as the program reads it. Secrets join at the last moment, in `options_of`."""

    stored_id: int
    rest: str = Field("", repr=False)
    confirmed: dict[str, Any] = {}


def every() -> list[PageSource]:
    """All stored sources, switched on or not, in the order of making. The settings win: a board that they name is left out."""
    platforms = db.settings().platforms
    taken = {(source.platform, board) for source in platforms.sources for board in source.boards}
    found = []
    for row in db.session.scalars(select(StoredSource).order_by(StoredSource.id)):
        boards = tuple(board for board in row.boards if (row.platform, board) not in taken)
        found.append(as_source(row, boards, platforms.allow_hosts))
    return found


def as_source(row: StoredSource, boards: tuple[str, ...], allow_hosts: tuple[str, ...]) -> PageSource:
    options = {name: value for name, value in row.options.items() if name != "base_url"}
    return PageSource(
        platform=row.platform, boards=boards, base_url=row.options.get("base_url"), every_minutes=row.every_minutes,
        allow_hosts=allow_hosts, options=options, enabled=row.enabled_at is not None, stored_id=row.id, rest=row.sealed,
        confirmed=row.terms or {},
    )


def options_of(source: Source) -> dict[str, Any]:
    """A source's options with its secrets. Raises ConfigError when those cannot be opened."""
    if not isinstance(source, PageSource):
        return source.options
    try:
        return {**source.options, **sealed.opened(source.rest, PURPOSE)}
    except sealed.CannotOpen as error:
        raise ConfigError(f"The key of this source cannot be read: {error}.") from None


def require_confirmed(source: Source, spec: Spec) -> None:
    """Raises TermsBlocked when the plugin's terms are no longer those that a person has confirmed."""
    if isinstance(source, PageSource) and not confirmed(source.confirmed, spec):
        raise TermsBlocked(f"The terms of {spec.label} have changed since somebody confirmed them. Read them and confirm again.")


def confirmed(terms: dict[str, Any], spec: Spec) -> bool:
    told = {"basis": spec.terms.basis, "reviewed_on": str(spec.terms.reviewed_on), "url": spec.terms.url}
    return all(terms.get(name) == value for name, value in told.items())


def stamp() -> str:
    """A word that changes with every change of a stored source."""
    rows = db.session.execute(select(StoredSource.id, StoredSource.version).order_by(StoredSource.id))
    return " ".join(f"{row.id}.{row.version}" for row in rows)
