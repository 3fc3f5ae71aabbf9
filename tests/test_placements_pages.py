"""A student's placement pages: adding from a listing, changing, logging hours."""

from collections.abc import Callable, Iterator
from datetime import date, datetime

import pytest
import time_machine
from flask.testing import FlaskClient

from careercenter import db, placements
from careercenter.web.typed import hours_text, read_minutes
from tests.factories import Factory
from tests.test_credit_pages import fields, text

SignIn = Callable[..., FlaskClient]
TYPED = {
    "title": "Survey analysis", "kind": "micro_internship", "employer": "Harbor Bay Health", "supervisor_name": "Ana Ruiz",
    "supervisor_email": "ana@harbor.example", "starts_on": "2026-11-02", "ends_on": "2026-11-27", "hours": "18:30",
    "pay_kind": "fixed_fee", "pay_amount": "$360", "supervisor_related": "no", "duties": "Cleans answers.",
}


@pytest.fixture(autouse=True)
def _in_the_term(now: datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=True):
        yield


def test_a_placement_is_added_changed_and_cancelled(factory: Factory, client: FlaskClient, sign_in: SignIn) -> None:
    student = factory.student()
    sign_in(client, student)
    assert "You have no placements yet." in text(client.get("/placements"))
    new = fields(client.get("/placements/new"))
    page = client.post("/placements/new", data={**new, **TYPED}, follow_redirects=True)
    assert "0 min of 18 h 30 min logged." in text(page)
    (row,) = placements.of_student(student.id)
    assert row.state == "running", "its first day is past"
    again = fields(client.get(f"/placements/{row.id}/edit"))
    assert (again["employer"], again["hours"], again["pay_amount"]) == ("Harbor Bay Health", "18:30", "360.00")
    client.post(f"/placements/{row.id}/edit", data={**again, "title": "Survey study"})
    assert "Survey study" in text(client.get("/placements"))
    cancel = fields(client.get(f"/placements/{row.id}"), f'form[action$="/placements/{row.id}/cancel"]')
    client.post(f"/placements/{row.id}/cancel", data=cancel)
    db.session.rollback()
    assert placements.of_student(student.id)[0].state == "cancelled"


def test_mistakes_are_told_beside_their_fields_and_words_are_kept(factory: Factory, client: FlaskClient, sign_in: SignIn) -> None:
    sign_in(client, factory.student())
    new = fields(client.get("/placements/new"))
    wrong = {**TYPED, "supervisor_email": "ana at harbor", "hours": "lots", "ends_on": "2026-11-01", "pay_amount": "12.345", "kind": ""}
    answer = client.post("/placements/new", data={**new, **wrong})
    assert answer.status_code == 422
    for name in ("supervisor_email", "hours", "ends_on", "pay_amount", "kind"):
        assert f'id="f-{name}-error"' in answer.get_data(as_text=True)
    assert fields(answer)["supervisor_email"] == "ana at harbor"
    assert fields(answer)["duties"] == "Cleans answers."


def test_a_listing_fills_the_form(factory: Factory, client: FlaskClient, sign_in: SignIn) -> None:
    listing = factory.listing(title="Garden data intern", employer="Green Acre", min_minutes=7200, hours_per="total")
    student = factory.student()
    sign_in(client, student)
    form = fields(client.get(f"/placements/new?listing={listing.id}"))
    assert (form["title"], form["employer"], form["hours"], form["pay_amount"]) == ("Garden data intern", "Green Acre", "120", "20.00")
    client.post("/placements/new", data={**form, **TYPED})
    (row,) = placements.of_student(student.id)
    assert placements.own(row.id, student.id).listing_id == listing.id
    assert client.get("/placements/new?listing=999999").status_code == 200


def test_hours_are_logged_by_form(factory: Factory, client: FlaskClient, sign_in: SignIn) -> None:
    placement = factory.placement()
    sign_in(client, placement.student)
    address = f"/placements/{placement.id}"
    form = fields(client.get(address), f'form[action$="{address}/hours"]')
    assert form["worked_on"] == "2026-11-16"
    done = client.post(f"{address}/hours", data={**form, "hours": "2:15", "note": "Interviews"}, follow_redirects=True)
    assert "2 h 15 min of 140 h logged." in text(done)
    refused = client.post(f"{address}/hours", data={**form, "hours": "2", "worked_on": "2026-11-17", "note": "Kept"})
    assert refused.status_code == 422
    assert fields(refused, f'form[action$="{address}/hours"]')["note"] == "Kept"
    (entry,) = placements.hours_of(placement.id)
    client.post(f"/hours/{entry.id}/remove", data=fields(client.get(address), ".post-button"))
    db.session.rollback()
    assert placements.hours_of(placement.id) == []


def test_other_peoples_placements_do_not_exist(factory: Factory, client: FlaskClient, sign_in: SignIn) -> None:
    placement = factory.placement()
    entry = factory.hours(placement, 60, date(2026, 11, 10))
    sign_in(client, factory.student())
    token = fields(client.get("/placements/new"))
    for address in ("", "/edit"):
        assert client.get(f"/placements/{placement.id}{address}").status_code == 404
    for address in (f"/placements/{placement.id}/cancel", f"/hours/{entry.id}/remove"):
        assert client.post(address, data=token).status_code == 404


@pytest.mark.parametrize(("typed", "minutes"), [
    ("2:30", 150), ("2.5", 150), ("2,5", 150), ("2 h 15 min", 135), ("3h", 180), ("40", 2400), ("0:45", 45), ("2:75", None),
    ("", None), ("-3", None), ("nan", None), ("1e9", None), ("zwei", None),
])
def test_durations_as_people_type_them(typed: str, minutes: int | None) -> None:
    assert read_minutes(typed) == minutes
    if minutes:
        assert read_minutes(hours_text(minutes)) == minutes
