"""The campus that pages are measured on: the demo's, with its listings read, kept in var/bench between runs."""

import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demo import campus, installation
from demo.services import PAYLOADS, seeded_on

FOLDER = Path(__file__).parents[2] / "var" / "bench" / "campus"
PORT = 8640
READ = "listings-indexed"
PEOPLE = {"student": "lbennett@hollis.example", "advisor": "rmarsh@hollis.example"}


@dataclass(frozen=True)
class Campus:
    """Configuration folder, database file, and the cookie header of somebody of each role."""

    config: Path
    database: Path
    cookies: dict[str, str]
    person_ids: dict[str, int]


def prepare() -> Campus:
    """Migrate, seed and read the listings, unless an earlier run did; sign two people in."""
    place = installation.choose_ports(FOLDER, PORT)
    lock = installation.claim_folder(FOLDER)
    try:
        installation.write(place)
        if not campus.is_prepared(FOLDER):
            campus.prepare(place.config)
        app = _application(place.config)
        with app.app_context():
            if not (FOLDER / READ).exists():
                _read_listings(app, place.services_port)
            found = {role: _sign_in(email) for role, email in PEOPLE.items()}
        cookies = {role: _cookie(app, secret) for role, (_, secret) in found.items()}
    finally:
        lock.close()
    return Campus(place.config, FOLDER / "careercenter.db", cookies, {role: number for role, (number, _) in found.items()})


def _application(config: Path) -> Any:
    os.environ["CAREERCENTER_CONFIG"] = str(config)
    from careercenter import create_app
    from careercenter.settings import load

    return create_app(load(config))


def _read_listings(app: Any, port: int) -> None:
    """Every recorded board once, as the worker would."""
    from werkzeug.middleware.dispatcher import DispatcherMiddleware
    from werkzeug.serving import WSGIRequestHandler, make_server
    from werkzeug.wrappers import Response

    from careercenter import db, listings
    from careercenter.listings import touched
    from careercenter.listings.report import HELD
    from demo.platform_server import make_platform_app

    class Quiet(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """No line per request."""

    world = DispatcherMiddleware(Response(status=404), {"/platforms": make_platform_app(PAYLOADS, seeded_on(db.settings()))})
    server = make_server("127.0.0.1", port, world, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for source in db.settings().platforms.sources:
            for board in source.boards:
                report = listings.sync(source.platform, board, now=lambda: datetime.now(UTC))
                assert report.ok or report.outcome == HELD, report.message
        touched.catch_up()
    finally:
        server.shutdown()
    (FOLDER / READ).touch()


def _sign_in(email: str) -> tuple[int, str]:
    """A session as sign-on makes it: the person's id, and the secret that the browser keeps."""
    from sqlalchemy import select

    from careercenter import db, people
    from careercenter.people.model import Person
    from careercenter.signon.identity import Identity

    now = datetime.now(UTC)
    with db.transaction():
        person = db.session.scalars(select(Person).where(Person.email == email)).one()
        identity = Identity(
            provider="campus", subject_kind="subject-id", subject=email, attributes={}, authn_context=None, name_id=None,
            session_index=None, session_not_on_or_after=now + timedelta(hours=8), assertion_id=f"bench-{email}-{now.timestamp()}",
            assertion_expires_at=now,
        )
        return person.id, people.start_session(person, identity, now)


def _cookie(app: Any, secret: str) -> str:
    """The header that a browser sends after its first page, which gives the session its form token."""
    client = app.test_client()
    with client.session_transaction() as session:
        session["sid"] = secret
    client.get("/")
    cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
    assert cookie is not None
    return f"{cookie.key}={cookie.value}"
