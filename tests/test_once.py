"""A form that is sent twice is carried out once, also by two at the same moment; changed content is a new sending."""

import threading

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from careercenter import db, once
from careercenter.once import SentForm
from careercenter.placements.model import HourEntry


@pytest.fixture
def hours_form(app: Flask, client: FlaskClient, factory, sign_in):  # type: ignore[no-untyped-def]
    """A student's hours form as the page shows it, filled in: (client, address, fields)."""
    student = factory.student()
    placement = factory.placement(student)
    sign_in(client, student)
    page = BeautifulSoup(client.get(f"/placements/{placement.id}").text, "html.parser")
    form = next(f for f in page.find_all("form") if str(f.get("action", "")).endswith("/hours"))
    hidden = {str(i["name"]): str(i["value"]) for i in form.find_all("input", type="hidden")}
    return client, form["action"], {**hidden, "worked_on": "2026-11-12", "hours": "2", "note": "Report"}


def _entries() -> int:
    db.session.rollback()  # SQLite: look again, not at what was there when this test began to read
    return db.session.scalar(select(func.count(HourEntry.id))) or 0


def test_the_second_click_gets_the_first_answer(hours_form) -> None:  # type: ignore[no-untyped-def]
    client, address, fields = hours_form
    answers = [client.post(address, data=fields) for _ in range(3)]
    assert {a.location for a in answers} == {address.removesuffix("/hours")}
    assert _entries() == 1


def test_going_back_and_changing_it_is_a_new_entry(hours_form) -> None:  # type: ignore[no-untyped-def]
    client, address, fields = hours_form
    client.post(address, data=fields)
    client.post(address, data={**fields, "worked_on": "2026-11-11"})
    assert _entries() == 2


def test_what_was_refused_is_not_spent(hours_form) -> None:  # type: ignore[no-untyped-def]
    client, address, fields = hours_form
    wrong = {**fields, "worked_on": "2036-01-01"}
    assert [client.post(address, data=wrong).status_code for _ in range(2)] == [422, 422]
    assert db.session.scalar(select(func.count()).select_from(SentForm)) == 0


def _at_once(app: Flask, client: FlaskClient, address: str, fields: dict[str, str]) -> list[int]:
    cookie = client.get_cookie("careercenter")
    start, results = threading.Barrier(4), []

    def send() -> None:
        mine = app.test_client()
        mine.set_cookie("careercenter", cookie.value)  # type: ignore[union-attr]
        start.wait()
        results.append(mine.post(address, data=fields).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_four_at_once_make_one_entry(app: Flask, hours_form) -> None:  # type: ignore[no-untyped-def]
    assert _at_once(app, *hours_form) == [303] * 4
    assert _entries() == 1


def test_without_the_key_the_same_four_make_four(app: Flask, hours_form) -> None:  # type: ignore[no-untyped-def]
    """Negative control: it is the key that holds them back."""
    client, address, fields = hours_form
    _at_once(app, client, address, {name: value for name, value in fields.items() if name != "once"})
    assert _entries() == 4


def test_keys_are_forgotten_after_a_day(app: Flask, hours_form, now) -> None:  # type: ignore[no-untyped-def]
    client, address, fields = hours_form
    client.post(address, data=fields)
    with db.transaction():
        once.forget_old(db.session.scalars(select(SentForm.at)).one() + once.KEPT * 1.01)
    assert db.session.scalar(select(func.count()).select_from(SentForm)) == 0
