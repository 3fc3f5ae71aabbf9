"""A configured board over a `Feed`, and a clock that a test moves: what the sync tests share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from careercenter import db, listings
from careercenter.listings.model import Listing, ListingEvent
from careercenter.platforms.http import HttpClient
from careercenter.settings import Platforms, Source
from tests.board_feed import Feed, serving


def configure(app: Flask, monkeypatch: pytest.MonkeyPatch, *sources: Source) -> None:
    """Give the application these sources for the length of a test."""
    settings = app.extensions["careercenter"]
    changed = settings.model_copy(update={"platforms": Platforms(sources=sources)})
    monkeypatch.setitem(app.extensions, "careercenter", changed)


class Board:
    """One board under test. `sync()` reads it at `clock`; `later()` moves the clock.

    With `beside` the plugin runs in this process, where a test can put another in its place.
    """

    def __init__(self, feed: Feed, start: datetime):
        self.feed, self.beside = feed, False
        self.clock = start

    def now(self) -> datetime:
        return self.clock

    def later(self, **delta: float) -> None:
        self.clock += timedelta(**delta)

    def sync(self, progress: Callable[..., None] | None = None) -> listings.SyncReport:
        client = HttpClient(user_agent="test", allow_hosts=[self.feed.host]) if self.beside else None
        return listings.sync("greenhouse", "alderfinch", now=self.now, progress=progress, http=client)

    def states(self) -> dict[str, str]:
        db.session.rollback()
        return dict(db.session.execute(select(Listing.post_id, Listing.state)).all())

    def last_change(self, post_id: str) -> tuple[str, dict[str, Any]]:
        wanted = (
            select(ListingEvent.change, ListingEvent.evidence).join(Listing, Listing.id == ListingEvent.listing_id)
            .where(Listing.post_id == post_id).order_by(ListingEvent.id.desc()).limit(1)
        )
        return db.session.execute(wanted).one()

    def events(self) -> int:
        return db.session.scalar(select(func.count()).select_from(ListingEvent)) or 0


@contextmanager
def board_over(app: Flask, monkeypatch: pytest.MonkeyPatch, start: datetime) -> Iterator[Board]:
    feed = Feed()
    with serving(feed) as host:
        feed.host = host
        source = Source(
            platform="greenhouse", boards=("alderfinch",), base_url=f"http://{host}", allow_hosts=(host,)
        )
        configure(app, monkeypatch, source)
        yield Board(feed, start)
