"""Logs, error pages and measures tell an outsider and an operator nothing personal."""

import json

import pytest
import time_machine

from tests.attack import world
from tests.attack.test_own_records import FORM
from tests.attack.world import World

CANARY = "Canary-7f3a secret.student@private.example 900123456"


@pytest.fixture
def campus(factory, now) -> World:
    with time_machine.travel(now, tick=True):
        yield world.build(factory, now)


def test_no_request_leaves_a_canary_in_the_log(app, campus, sign_in, lines) -> None:
    for who in ("mallory", "advisor", "registrar", "admin", "faculty"):
        client = sign_in(world.bare(app), campus.people[who])
        form = world.token(client)
        for _, rule, names in world.routes(app, "GET"):
            address = rule.replace(f"<int:{names[0]}>", "1").replace(f"<{names[0]}>", "Canary-7f3a") if names else rule
            client.get(address, query_string={"q": CANARY, "name": CANARY, "before": "1"}, headers={"User-Agent": CANARY, "Referer": CANARY})
        for endpoint, rule, names in world.routes(app, "POST"):
            if endpoint == "logout.sign_out":
                continue
            address = rule.replace(f"<int:{names[0]}>", "1").replace(f"<{names[0]}>", "Canary-7f3a") if names else rule
            sent = {**FORM, "csrf_token": form, "title": CANARY, "note": CANARY, "reason": CANARY, "objectives": CANARY, "duties": CANARY}
            client.post(address, data={**sent, "RelayState": CANARY, "SAMLResponse": CANARY, "supervisor_name": CANARY})
    client = world.bare(app)
    client.get(f"/approve/{campus.tokens['approve']}")
    client.post(f"/evaluate/{campus.tokens['evaluate']}", data={"strength": CANARY})
    written = lines.getvalue()
    assert written.count("\n") > 100, "nothing was logged, so the test proves nothing"
    for private in ("Canary", "private.example", "900123456", "Maya", "Mallory", *campus.tokens.values(), campus.people["victim"].email):
        assert private not in written, private
    for line in written.splitlines():
        json.loads(line)


def test_a_request_id_cannot_forge_a_line(app, lines) -> None:
    client = world.bare(app)
    client.get("/sign-in", headers={"X-Request-ID": 'x","level":"error'})
    answer = client.get("/sign-in", headers={"X-Request-ID": "good-request-1"})
    assert answer.headers["X-Request-ID"] == "good-request-1"
    assert 'level":"error' not in lines.getvalue()


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("headers", "remote"), [
    ({}, "192.0.2.7"), ({"X-Forwarded-For": "127.0.0.1"}, "192.0.2.7"), ({"X-Forwarded-For": "192.0.2.7"}, "127.0.0.1"),
    ({"Forwarded": "for=192.0.2.7"}, "127.0.0.1"), ({"Via": "1.1 proxy"}, "127.0.0.1"), ({"X-Real-IP": "192.0.2.7"}, "127.0.0.1"),
    ({"Authorization": "Bearer x"}, "192.0.2.7"), ({"Authorization": "Bearer "}, "192.0.2.7"), ({"Authorization": "Bearer \xff"}, "192.0.2.7"),
    ({"Host": "careers.example.edu"}, "127.0.0.1"), ({"Host": "["}, "127.0.0.1"), ({"Host": "x:80:80"}, "127.0.0.1"), ({"Host": ":8000"}, "127.0.0.1"),
])
def test_measures_are_for_this_machine(app, headers, remote) -> None:
    answer = world.bare(app).get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": remote})
    assert answer.status_code in (400, 404)


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "[::1]:8000", "[::1]"])
def test_measures_are_shown_to_this_machine(app, host: str) -> None:
    assert world.bare(app).get("/metrics", headers={"Host": host}, environ_base={"REMOTE_ADDR": "::1"}).status_code == 200


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_a_fault_of_ours_tells_nothing(app, campus, sign_in, monkeypatch) -> None:
    from careercenter import credit

    def broken(*_: object) -> None:
        raise RuntimeError(f"boom {CANARY}")

    monkeypatch.setattr(credit, "student_overview", broken)
    answer = sign_in(world.bare(app), campus.people["mallory"]).get("/credit")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 500
    assert "boom" not in text and "Traceback" not in text and ".py" not in text and "Canary" not in text
    assert answer.headers["X-Request-ID"] in text


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", [
    "/static/../settings.py", "/static/%2e%2e/settings.py", "/static/..%2f..%2fsettings.py", "/static//etc/passwd", "/static/%00",
    "/static/....//settings.py", "/static/..\\settings.py", "/static/", "//evil.example/", "/.git/config", "/static/../../../config/signon.toml",
])
def test_only_static_files_are_static(app, path: str) -> None:
    answer = world.bare(app).get(path)
    assert answer.status_code in (302, 308, 404)
    assert "evil.example" not in answer.headers.get("Location", "").partition("?")[0]
