"""Forms that other sites post to us: no session of somebody else in place of one's own, no act, no word about who is signed in."""

import re

import pytest
from flask import Flask

from careercenter.web.access import ACCESS
from tests.attack import world
from tests.attack.test_own_records import FORM

NUMBER = {"name": "campus", "endpoint": "x", "filename": "x"}


@pytest.fixture
def campus(factory, now) -> world.World:  # type: ignore[no-untyped-def]
    return world.build(factory, now)


def addresses(app: Flask, campus: world.World) -> dict[str, str]:
    """Every address that takes a POST, with genuine tokens of mailed links where it wants one."""
    found = {}
    for endpoint, rule, _ in world.routes(app, "POST"):
        token = campus.tokens["approve" if endpoint.startswith("credit") else "evaluate"]
        address = re.sub(r"<any\(([^,)]*)[^>]*>", r"\1", rule)
        address = re.sub(r"<int[^>]*>", "1", address).replace("<token>", token)
        found[endpoint] = re.sub(r"<[^>]*>", "campus", address)
    assert len(found) > 40
    return found


def test_no_answer_to_a_foreign_form_replaces_a_session(app, campus) -> None:
    """Such a post carries no cookie of ours. Whatever it answers, the cookie that the browser holds must stay the one it was."""
    name = app.config["SESSION_COOKIE_NAME"]
    for endpoint, address in addresses(app, campus).items():
        answer = world.bare(app).post(address, data={**FORM, "role": "admin"}, headers={"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"})
        assert answer.status_code < 500, endpoint
        kept = [cookie for cookie in answer.headers.getlist("Set-Cookie") if cookie.startswith(f"{name}=")]
        assert not kept, f"{endpoint}: {answer.status_code} {kept}"


def test_no_foreign_form_does_anything(app, campus, sign_in) -> None:
    """Even with the victim's cookies along, as from a neighbour on the same site, a form without our token changes no row."""
    for who in ("victim", "admin", "registrar"):
        client = sign_in(world.bare(app), campus.people[who])
        before = world.contents()
        for endpoint, address in addresses(app, campus).items():
            if "link" in ACCESS[endpoint]:
                continue
            answer = client.post(address, data={**FORM, "role": "admin"}, headers={"Origin": "https://evil.test"})
            assert answer.status_code >= 400 or answer.location, f"{endpoint} {answer.status_code}"
            assert answer.status_code < 500, endpoint
        after = world.contents()
        told = {"sign_on_refusal", "tries", "refused_event"}  # that something was refused, and how often
        assert {name for name in before if before[name] != after[name]} <= told
        assert client.get("/").status_code == 200, "and the session goes on"
