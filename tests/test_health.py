"""Health routes, counters and request lines: who may read what, and that no personal data is in them."""

import io
import json
import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from careercenter import db, logs, metrics
from careercenter.migrations import HEAD


@pytest.fixture
def lines() -> Any:
    """The log lines of this test as JSON objects; the logging of the test run is put back afterwards."""
    root, ours, written = logging.getLogger(), logging.getLogger("careercenter"), io.StringIO()
    before, level, own = root.handlers[:], root.level, ours.level
    logs.configure("info", written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)
    ours.setLevel(own)


def test_alive_and_ready(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"alive": True}
    assert client.get("/readyz").get_json() == {"ready": True}


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_not_ready_on_another_version(client: FlaskClient) -> None:
    with db.db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    try:
        answer = client.get("/readyz")
    finally:
        with db.db.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": HEAD})
    assert answer.status_code == 503 and "careercenter db upgrade" in answer.get_json()["says"] and answer.headers["Retry-After"]


def test_numbers_are_for_this_machine_or_by_token(app: Flask, client: FlaskClient) -> None:
    token = metrics.token(db.settings())
    away = {"REMOTE_ADDR": "203.0.113.9"}
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", environ_overrides=away).status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404
    assert client.get("/metrics", environ_overrides=away, headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert client.get("/metrics", environ_overrides=away, headers={"Authorization": "Bearer é"}).status_code == 404
    assert client.get("/metrics", environ_overrides=away, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_requests_are_counted_by_endpoint_and_never_by_address(client: FlaskClient) -> None:
    client.get("/nothing/here/ada@example.edu")
    told = client.get("/metrics").get_data(as_text=True)
    assert 'endpoint="none",method="GET",status="404"' in told and "ada@" not in told
    assert "careercenter_mail" in told and "careercenter_request_seconds_bucket" in told


def test_a_request_line_has_the_route_and_not_the_address(client: FlaskClient, lines: Any) -> None:
    client.get("/sign-in?next=/secret-token-in-the-address", headers={"X-Request-ID": "abcdefgh1234"})
    (line,) = [found for found in lines() if found["event"] == "request"]
    assert (line["route"], line["method"], line["status"]) == ("/sign-in", "GET", 200)
    assert line["request_id"] == "abcdefgh1234" and "secret-token" not in json.dumps(line)


def test_unknown_fields_are_dropped_and_named(lines: Any) -> None:
    logs.get("test").info("something", job="sync", email="ada@example.edu", gpa="3.4")
    (line,) = lines()
    assert line["job"] == "sync" and line["dropped"] == ["email", "gpa"] and "ada" not in json.dumps(line)


def test_an_exception_is_logged_without_its_text(lines: Any) -> None:
    try:
        raise ValueError("student 12345678 ada@example.edu")
    except ValueError:
        logs.get("test").exception("unexpected")
    (line,) = lines()
    assert line["error"] == "ValueError" and line["frames"][-1].endswith("test_an_exception_is_logged_without_its_text")
    assert "ada" not in json.dumps(line) and "12345678" not in json.dumps(line)


def test_lines_of_libraries_are_scrubbed(lines: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "saml2")  # signing in sets it to silent for the whole process
    logging.getLogger("somelibrary").warning("mail to %s failed for 90210555 %s", "ada@example.edu", "t" * 43)
    logging.getLogger("saml2.response").error("<Assertion>Ada</Assertion>")
    logging.getLogger("somelibrary").exception("odd", exc_info=ValueError("ada@example.edu"))
    told = lines()
    assert len(told) == 3 and told[0]["event"] == "mail to <address> failed for <number> <token>"
    assert "Ada" not in json.dumps(told) and "ada@" not in json.dumps(told)
