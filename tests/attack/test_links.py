"""Mailed links: scanners open them, people forward them, addresses leak; nothing happens but by one submit."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import update

from careercenter import db, links
from tests.attack import world
from tests.attack.world import World

SCANNERS = (
    {"User-Agent": "Mozilla/5.0 HeadlessChrome"}, {"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender"},
    {"User-Agent": "Barracuda Sentinel", "Range": "bytes=0-10"}, {"X-HTTP-Method-Override": "POST"},
    {"Accept": "application/json"}, {"HX-Request": "true"},
)
GOOD = {
    "communication": "4", "critical_thinking": "3", "professionalism": "3", "technology": "not_observed", "deliverable": "accepted",
    "hours": "yes", "hours_shown": "600", "again": "yes", "strength": "Good.", "growth": "",
}


@pytest.fixture
def campus(factory, now) -> World:
    with time_machine.travel(now, tick=True):
        yield world.build(factory, now)


def addresses(campus: World) -> list[str]:
    return [f"/approve/{campus.tokens['approve']}", f"/evaluate/{campus.tokens['evaluate']}"]


def test_scanners_change_no_row(app, campus) -> None:
    client, before = world.bare(app), world.contents()
    for address in addresses(campus):
        for headers in SCANNERS:
            assert client.get(address, headers=headers).status_code == 200
            assert client.head(address, headers=headers).status_code == 200
            assert client.options(address, headers=headers).status_code == 200
            for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"):
                assert client.open(address, method=method, headers=headers).status_code == 405
    for address in addresses(campus):
        assert client.post(address).status_code == 422, "a button pressed without an answer"
        assert client.post(address, data={"outcome": "deny"}).status_code == 422, "declining without a reason"
    db.session.rollback()
    assert world.contents() == before


def test_a_link_is_named_nowhere_but_in_its_own_form(app, campus) -> None:
    client = world.bare(app)
    for address in addresses(campus):
        secret = address.rpartition("/")[2]
        page = client.get(address)
        text = page.get_data(as_text=True).replace(f'action="{address}"', "")
        assert secret not in text
        assert not any(secret in value for name, value in page.headers)
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in page.headers or secret not in page.headers["Set-Cookie"]
        for private in (campus.people["victim"].email, campus.people["victim"].campus_id):
            assert private not in text


def test_a_link_fits_its_own_door_only(app, campus) -> None:
    client, before = world.bare(app), world.contents()
    assert client.get(f"/evaluate/{campus.tokens['approve']}").status_code == 410
    assert client.get(f"/approve/{campus.tokens['evaluate']}").status_code == 410
    assert client.post(f"/evaluate/{campus.tokens['approve']}", data=GOOD).status_code == 410
    assert client.post(f"/approve/{campus.tokens['evaluate']}", data={"outcome": "approve"}).status_code == 410
    db.session.rollback()
    assert world.contents() == before


@pytest.mark.parametrize("spoil", ["expired", "revoked", "unknown", "cut", "long"])
def test_every_dead_link_shows_one_page(app, campus, now, spoil: str) -> None:
    with db.transaction():
        changes = {"expired": {"expires_at": now - timedelta(days=1)}, "revoked": {"revoked_at": now}}.get(spoil)
        if changes:
            db.session.execute(update(links.MagicLink).values(**changes))
    client = world.bare(app)
    for address in addresses(campus):
        tried = {"unknown": address[:-3] + "abc", "cut": address[:-1], "long": address + "A" * 3000}.get(spoil, address)
        dead = client.get(address.rpartition("/")[0] + "/nothing")
        for answer in (client.get(tried), client.post(tried, data={**GOOD, "outcome": "approve"})):
            assert (answer.status_code, world.body(answer)) == (410, world.body(dead)), spoil


def test_a_forwarded_link_works_once(app, campus) -> None:
    one, two = world.bare(app), world.bare(app)
    for address, form in zip(addresses(campus), ({"outcome": "approve"}, GOOD), strict=True):
        assert one.get(address).status_code == two.get(address).status_code == 200
        assert one.post(address, data=form).status_code in (200, 303)
        db.session.rollback()
        before = world.contents()
        again = two.post(address, data={**form, "outcome": "deny", "reason": "No"})
        assert again.status_code in (200, 303, 410)
        db.session.rollback()
        assert world.contents() == before, "the second submit changed something"
