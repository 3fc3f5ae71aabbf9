"""The emergency session: made on the server only, opened once, for minutes, loudly."""

import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from bs4 import BeautifulSoup
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import func, select

from careercenter import audit, db, links
from careercenter.audit import Actor
from careercenter.outbox import OutboxMessage
from careercenter.people import break_glass
from careercenter.people.sessions import LoginSession

CLI = Actor("root on the server", via="cli")


def make(minutes: int = 30, now: datetime | None = None, name: str = "Pat Lee") -> str:
    with db.transaction():
        return f"/break-glass/{break_glass.issue(name, 'the provider is down', minutes, by=CLI, now=now or datetime.now(UTC))}"


def open_it(client: FlaskClient, address: str) -> Any:
    return client.post(address, data={"csrf_token": token_of(client, address)})


def token_of(client: FlaskClient, address: str) -> str:
    """The form's token as this browser gets it; a test's browsers share one `g`, which remembers the first."""
    g.pop("csrf_token", None)
    found = BeautifulSoup(client.get(address).text, "html.parser").select_one('main input[name="csrf_token"]')
    assert found is not None
    return str(found["value"])


def test_it_opens_an_administrator_once_for_its_minutes(app: Flask, client: FlaskClient) -> None:
    address = make(minutes=20)
    looked = client.get(address)
    assert "20 min" in looked.text and "the provider is down" in looked.text
    assert db.session.scalar(select(func.count(LoginSession.id))) == 0  # looking opens nothing
    assert open_it(client, address).location == "/"
    assert client.get("/admin/sign-on").status_code == 200
    again = app.test_client().get(address)
    assert again.status_code == 410 and "opens nothing" in again.text
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=21), tick=True):
        assert client.get("/admin/sign-on").location.startswith("/sign-in")


def test_it_is_dead_after_a_quarter_of_an_hour(app: Flask, client: FlaskClient) -> None:
    address = make()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=16), tick=True):
        assert client.get(address).status_code == 410
    assert client.get("/break-glass/" + "x" * 43).status_code == 410


def test_a_newer_address_ends_the_older_of_the_same_name(app: Flask, client: FlaskClient) -> None:
    first, second, other = make(), make(), make(name="Sam Doe")
    assert [client.get(address).status_code for address in (first, second, other)] == [410, 200, 200]


def test_of_two_browsers_at_once_one_gets_in(app: Flask) -> None:
    address, results, gate = make(), [], threading.Barrier(2)
    clients = [app.test_client() for _ in range(2)]
    tokens = [token_of(c, address) for c in clients]

    def go(client: FlaskClient, token: Any) -> None:
        gate.wait()
        results.append(client.post(address, data={"csrf_token": token}).status_code)

    threads = [threading.Thread(target=go, args=pair) for pair in zip(clients, tokens, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [303, 410]


def test_the_race_is_real_when_nothing_is_consumed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without the consuming step the address opens twice."""
    monkeypatch.setattr(links, "consume", lambda link, now: None)
    address = make()
    assert [open_it(app.test_client(), address).status_code for _ in range(2)] == [303, 303]


def test_it_is_loud(app: Flask, client: FlaskClient) -> None:
    settings = db.settings()
    told = settings.model_copy(update={"campus": settings.campus.model_copy(update={"support_email": "help@example.edu"})})
    app.extensions["careercenter"] = told
    try:
        open_it(client, make())
    finally:
        app.extensions["careercenter"] = settings
    events = {e.action: e for e in db.session.scalars(select(audit.AuditEvent))}
    assert events["breakglass.issued"].via == "cli" and events["breakglass.issued"].actor_label == "root on the server"
    assert events["breakglass.opened"].reason == "the provider is down"
    mails = list(db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))
    assert [m.to_email for m in mails] == ["help@example.edu"] * 2
    assert not any(re.search(r"break-glass/[A-Za-z0-9_-]{20}", m.body) for m in mails)  # the address itself is in no mail
    page = client.get("/admin/sign-on").text
    assert "Emergency sessions" in page and "root on the server" in page and "Open now" in page
    assert audit.verify() is None


def test_an_administrator_can_end_it(app: Flask, client: FlaskClient, factory: Any, sign_in: Any) -> None:
    open_it(client, make())
    waiting = make(name="Sam Doe")
    admin = sign_in(app.test_client(), factory.person("admin"))
    for _ in range(2):
        g.pop("csrf_token", None)
        form = BeautifulSoup(admin.get("/admin/sign-on").text, "html.parser").select_one('form[action*="/break-glass/"]')
        assert form is not None
        admin.post(form["action"], data={"csrf_token": form.select_one("input")["value"]})  # type: ignore[index]
    assert client.get("/").location.startswith("/sign-in")
    assert app.test_client().get(waiting).status_code == 410
    assert 'action="/admin/sign-on/break-glass' not in admin.get("/admin/sign-on").text


@pytest.mark.parametrize(("name", "reason", "minutes"), [("", "x", 30), ("x", " ", 30), ("x", "x", 0), ("x", "x", 241)])
def test_nameless_reasonless_or_endless_is_refused(app: Flask, name: str, reason: str, minutes: int) -> None:
    with pytest.raises(db.Refused), db.transaction():
        break_glass.issue(name, reason, minutes, by=CLI, now=datetime.now(UTC))


def test_nothing_else_opens_its_account(app: Flask, client: FlaskClient) -> None:
    """The account has no identity, no address and no number, and its role is over when the session is."""
    open_it(client, make(minutes=5))
    person = break_glass.recent(datetime.now(UTC))[0][1]
    assert (person.email, person.campus_id) == ("", None)
    assert [(r.role, r.source) for r in person.roles] == [("admin", "breakglass")]
    assert person.roles[0].ends_at is not None and person.roles[0].ends_at < datetime.now(UTC) + timedelta(minutes=6)
