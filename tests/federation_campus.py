"""Fixtures of the federation tests: a server of metadata, and the application with providers that take theirs from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from careercenter import db
from careercenter.providers import MetadataFetch, Outcome, ProviderEntity, known, refresh
from careercenter.settings import SignOn
from careercenter.settings.signon import Federation
from tests.campus_idp import ROLES, CampusIdp
from tests.metadata_feed import Feed, pair, serve


@pytest.fixture
def feed() -> Iterator[Feed]:
    yield from serve(Feed())


@dataclass
class Fed:
    """The application as one that has a federation, called fed, whose feed a test fills."""

    app: Flask
    feed: Feed
    certificate: Path

    def told(self) -> Federation:
        found = known.find("fed")
        assert isinstance(found, Federation)
        return found

    def refresh(self, now: datetime | None = None, name: str = "fed", seconds: float = refresh.SECONDS) -> Outcome:
        told = known.find(name)
        assert told is not None
        return refresh.refresh(told, lambda: now or datetime.now(UTC), seconds=seconds)

    def publish(self, document: bytes) -> None:
        self.feed.files["/metadata"] = document

    def state(self, name: str = "fed") -> MetadataFetch:
        db.session.rollback()
        return db.session.scalars(db.db.select(MetadataFetch).where(MetadataFetch.provider == name)).one()

    def rows(self, name: str = "fed") -> dict[str, ProviderEntity]:
        db.session.rollback()
        found = db.session.scalars(db.db.select(ProviderEntity).where(ProviderEntity.provider == name))
        return {row.entity_id: row for row in found}


Settle = Callable[..., Fed]


@pytest.fixture
def settle(app: Flask, feed: Feed, idp: CampusIdp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settle:
    """`settle(mdq_url=…)`: the application with the federation that is told; `beside` are further providers."""
    certificate = tmp_path / "federation.crt"
    certificate.write_bytes(pair("federation")[1])

    def make(beside: tuple[dict[str, Any], ...] = (), **told: Any) -> Fed:
        source = {} if "mdq_url" in told else {"metadata_url": f"{feed.url}/metadata"}
        federation = {
            "name": "fed", "kind": "federation", "label": "the test federation", "metadata_certificate_file": str(certificate), **source, **told,
        }
        service = idp.settings["service"]
        signon = SignOn.model_validate({"service": service, "providers": [federation, *beside], "roles": ROLES})
        settings = app.extensions["careercenter"].model_copy(update={"signon": signon})
        monkeypatch.setitem(app.extensions, "careercenter", settings)
        app.extensions.pop("careercenter.doors", None)
        return Fed(app, feed, certificate)

    return make


@pytest.fixture
def fed(settle: Settle) -> Fed:
    """A federation with an aggregate."""
    return settle()
