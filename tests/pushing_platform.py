"""A Riipen portal for tests: its list over real HTTP, its signed events, and the campus that takes them."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from careercenter import db, listings
from careercenter.listings.arrivals import Arrival
from careercenter.listings.model import Listing, SyncRun
from careercenter.settings import Source
from tests.listing_board import configure
from tests.plugins.recorded import tape

SECRET = "whsec for tests only"
HOOK = "/platforms/hooks/riipen/portal"
EVENT = json.loads((tape("riipen") / "event.json").read_text())


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Portal:
    """`rows` is what the list shows, `down` makes it answer 503; `asked` counts how often it was read."""

    def __init__(self, app: Flask):
        self.app, self.asked, self.down = app, 0, False
        self.rows: list[dict[str, Any]] = []
        self.clock = datetime.now(UTC) - timedelta(hours=6)  # an event of later than its arrival would count as of its arrival

    def answer(self, environ: Any, start: Any) -> Any:
        self.asked += 1
        request = Request(environ)
        rows = self.rows if request.args.get("page") == "1" else []
        found = Response("later", 503) if self.down else Response(json.dumps({"data": rows}), mimetype="application/json")
        return found(environ, start)

    def project(self, post_id: str = "8mepY2aV", **changed: Any) -> dict[str, Any]:
        return {**EVENT["data"]["object"], "id": post_id, **changed}

    def event(self, event_id: str, minutes: float = 0, /, **changed: Any) -> bytes:
        """An event of `minutes` from the test's clock about a project with these values."""
        at = self.clock + timedelta(minutes=minutes)
        told = {"id": event_id, "created_at": at.isoformat(), "data": {"object": self.project(**changed)}}
        return json.dumps(EVENT | told).encode()

    def push(self, body: bytes, signature: str | None = None, address: str = HOOK, **headers: str) -> Any:
        given = {"X-Riipen-Signature": sign(body) if signature is None else signature, "Content-Type": "application/json"}
        return self.app.test_client().post(address, data=body, headers={**given, **headers})

    def later(self, **delta: float) -> None:
        self.clock += timedelta(**delta)

    def sync(self) -> listings.SyncReport:
        return listings.sync("riipen", "portal", now=lambda: self.clock)

    def hours(self, post_id: str = "8mepY2aV") -> int | None:
        db.session.rollback()
        minutes = db.session.scalar(select(Listing.max_minutes).where(Listing.post_id == post_id))
        return minutes // 60 if minutes else None

    def state(self, post_id: str = "8mepY2aV") -> str | None:
        db.session.rollback()
        return db.session.scalar(select(Listing.state).where(Listing.post_id == post_id))

    def arrivals(self) -> dict[str, str]:
        db.session.rollback()
        return {row.event_id: row.state for row in db.session.execute(select(Arrival.event_id, Arrival.state))}

    def runs(self) -> int:
        return db.session.scalar(select(func.count()).select_from(SyncRun)) or 0


@contextmanager
def portal_over(app: Flask, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Iterator[Portal]:
    portal = Portal(app)
    server = make_server("127.0.0.1", 0, portal.answer, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    given = {"key": "sk_test", "signing_secret": SECRET, "employer_names": {"portal": "Acme"}, **options}
    configure(app, monkeypatch, Source(
        platform="riipen", boards=("portal",), base_url=f"http://{host}", allow_hosts=(host,), options=given,
    ))
    try:
        yield portal
    finally:
        server.shutdown()
