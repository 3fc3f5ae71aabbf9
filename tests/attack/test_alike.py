"""What a stranger learns by asking: nothing. Who exists, who is shut out, and which ways in there are, all look the same."""

import re
import statistics
import time
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from careercenter import db
from careercenter.people.model import Person
from tests.attack import world
from tests.campus_idp import CampusIdp

PERSONAL = ("Maya", "Okafor", "maya@", "900001", "Omar", "Haddad")


def refused(client: FlaskClient, form: dict[str, str]) -> tuple[int, str, list[str]]:
    """(status, page without its reference, names of the headers) of an answer at the ACS."""
    answer = client.post("/saml/acs", data=form)
    page = re.sub(r"[0-9a-f]{16}", "REFERENCE", answer.get_data(as_text=True))
    return answer.status_code, page, sorted(answer.headers.keys())


def test_every_refusal_looks_the_same(app: Flask, idp: CampusIdp) -> None:
    """Shut out, forged, stale, stolen, malformed: one page. (Whoever has proven to be the holder of a doubtful identifier is told
    that staff look at it; that takes a genuine answer of the provider.)"""
    idp.walk(world.bare(app), "maya")
    with db.transaction():
        db.session.execute(update(Person).values(disabled_at=datetime.now(UTC)))
    shut_out, forged, stolen = world.bare(app), world.bare(app), world.bare(app)
    form = idp.answer(forged, "omar")
    seen = [
        refused(shut_out, idp.answer(shut_out, "maya")), refused(forged, {**form, "SAMLResponse": form["SAMLResponse"][:-8] + "AAAAAAA="}),
        refused(stolen, form), refused(world.bare(app), {}), refused(world.bare(app), {"SAMLResponse": "x", "RelayState": "x"}),
    ]
    assert len({str(each) for each in seen}) == 1, seen
    status, page, _ = seen[0]
    assert status == 403 and "We could not sign you in." in page
    assert not any(word in page for word in PERSONAL)


def test_a_way_in_that_is_closed_looks_like_one_that_never_was(app: Flask, factory, now) -> None:  # type: ignore[no-untyped-def]
    from careercenter.providers import StoredProvider

    with db.transaction():
        db.session.add(StoredProvider(
            name="closed", kind="cas", label="Closed", settings={"server_url": "https://cas.example.edu/cas"}, created_at=now,
            changed_at=now, paused_at=now,
        ))
    client = world.bare(app)
    for path in ("", "/where", "/chosen?entityID=x"):  # its return address serves the trials of administrators
        closed, never = (client.get(f"/sign-in/{name}{path}") for name in ("closed", "never"))
        assert (closed.status_code, never.status_code) == (404, 404), path
        assert world.body(closed).replace("closed", "never") == world.body(never), path
    assert "Closed" not in client.get("/sign-in").get_data(as_text=True)


def test_pages_before_sign_in_name_nobody_and_nothing_within(app: Flask, factory, now) -> None:  # type: ignore[no-untyped-def]
    world.build(factory, now)
    client = world.bare(app)
    for path in ("/sign-in", "/sign-in/code", "/sign-in/code/enter", "/sign-in/supervisor", "/sign-in/supervisor/enter", "/signed-out",
                 "/saml/metadata", "/accessibility", "/break-glass/" + "x" * 43, "/no-such-page"):
        answer = client.get(path)
        text = answer.get_data(as_text=True)
        assert answer.status_code in (200, 404, 410), path
        for word in ("Maya", "Mallory", "Rita", "Ada", "CS 495", "gunicorn", "Werkzeug", "Flask", "sqlite", "postgres", ".py", "/work/"):
            assert word not in text, (path, word)
        assert not {"Server", "X-Powered-By"} & set(answer.headers.keys())


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_a_session_guess_costs_the_same_whether_there_was_one(app: Flask, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    """The store is asked by a hash: how far a guess is right shows nowhere. The median of each differs by less than half."""
    client = sign_in(world.bare(app), factory.student())
    with client.session_transaction() as cookie:
        secret = cookie["sid"]
    near, far = world.bare(app), world.bare(app)
    guesses = {"near": (near, secret[:-1] + ("A" if secret[-1] != "A" else "B")), "far": (far, "x" * len(secret))}
    spent: dict[str, list[float]] = {"near": [], "far": []}
    for _ in range(100):
        for name, (guess, held) in guesses.items():
            with guess.session_transaction() as cookie:
                cookie["sid"] = held
            began = time.thread_time()
            assert guess.get("/placements").status_code == 302
            spent[name].append(time.thread_time() - began)
    medians = sorted(statistics.median(values) for values in spent.values())
    assert medians[1] < 1.5 * medians[0], medians
