"""Former students read their own record and change nothing in it."""

from datetime import date

import pytest
import time_machine

from careercenter import db, evaluations
from careercenter.people.model import RoleGrant
from careercenter.web.access import ACCESS, LINK, PUBLIC
from tests.attack import world
from tests.test_credit_race import at_the_advisor

WRITES_OF_THEIR_OWN = {
    "sessions.end", "sessions.end_others", "sessions.end_all", "logout.sign_out", "signon.act_as", "kept.throw_away", "viewas.stop",
    "codes.address_ask", "codes.address_check", "codes.address_remove",
}
"""What alumni may post: all of it is about their own sign-in, nothing about their record."""


@pytest.fixture(autouse=True)
def _in_the_term(now):  # type: ignore[no-untyped-def]
    with time_machine.travel(now, tick=True):
        yield


@pytest.fixture
def left(app, factory, sign_in, now):  # type: ignore[no-untyped-def]
    """Somebody who was a student with a request at the advisor, one draft, and a placement that was evaluated: (client, ids)."""
    request = at_the_advisor(factory, now)
    student = request.student
    draft = factory.credit_request(student)
    ended = factory.placement(student, title="Archive internship", ends_on=date(2026, 11, 13), state="completed")
    factory.hours(ended, 600)
    with db.transaction():
        evaluations.invite_due(now)
    ids = {"request": request.id, "draft": draft.id, "placement": ended.id, "other": factory.placement().id}
    with db.transaction():
        student.roles[:] = [RoleGrant(role="alumni", source="signon", granted_at=now)]
    return sign_in(app.test_client(), student), ids


def test_the_own_record_is_read(left) -> None:  # type: ignore[no-untyped-def]
    client, ids = left
    assert "Archive internship" in client.get("/").text
    for address in ("/placements", f"/placements/{ids['placement']}", "/credit", f"/credit/{ids['request']}", "/me/sessions", "/me/address"):
        assert client.get(address).status_code == 200, address
    assert "10 h" in client.get(f"/placements/{ids['placement']}").text


def test_no_page_offers_a_change_of_the_record(left) -> None:  # type: ignore[no-untyped-def]
    client, ids = left
    for address in ("/", "/placements", f"/placements/{ids['placement']}", "/credit", f"/credit/{ids['request']}"):
        page = client.get(address).text.partition("<main")[2]
        assert "<form" not in page and "/new" not in page and "/edit" not in page and "/answer" not in page, address


def test_drafts_and_other_peoples_records_do_not_exist(left) -> None:  # type: ignore[no-untyped-def]
    client, ids = left
    assert client.get(f"/credit/{ids['draft']}").status_code == client.get(f"/placements/{ids['other']}").status_code == 404
    assert f"/credit/{ids['draft']}" not in client.get("/credit").text + client.get(f"/placements/{ids['placement']}").text
    assert client.get("/listings").status_code == client.get("/credit/new").status_code == 404


def test_alumni_write_nothing_but_their_own_sign_in(app) -> None:  # type: ignore[no-untyped-def]
    posts = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert {name for name in posts if "alumni" in ACCESS[name]} == WRITES_OF_THEIR_OWN


def test_nothing_in_the_database_changes_whatever_they_send(left, app) -> None:  # type: ignore[no-untyped-def]
    client, ids = left
    form, before = {"csrf_token": world.token(client), "version": "2", "title": "X", "hours": "1", "worked_on": "2026-11-01"}, world.contents()
    posts = [rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ()) and ACCESS[rule.endpoint] not in (LINK, PUBLIC)]
    for rule in posts:
        if rule.endpoint not in WRITES_OF_THEIR_OWN and not rule.endpoint.startswith("signon_console."):
            address = app.url_map.bind("x").build(rule.endpoint, {name: ids.get(name.removesuffix("_id"), 1) for name in rule.arguments})
            assert client.post(address, data=form).status_code == 404, rule.endpoint
    db.session.rollback()
    assert world.contents() == before

