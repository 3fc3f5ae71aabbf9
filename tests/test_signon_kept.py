"""What somebody typed outlives their session: kept, shown to them alone after the next sign-in, sent by one button."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from bs4 import BeautifulSoup
from cryptography.fernet import Fernet
from flask import g
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import delete, func, select, update

from careercenter import create_app, db
from careercenter.credit.model import CreditRequest
from careercenter.jobs import table
from careercenter.people.model import Person
from careercenter.people.sessions import LoginSession
from careercenter.people.waiting import KeptForm
from careercenter.placements.model import HourEntry, Placement
from careercenter.web import access, codes, kept
from careercenter.web.kept import WORTH_KEEPING
from tests.attack import world
from tests.conftest import make_settings
from tests.test_credit_pages import fields
from tests.test_credit_race import at_the_advisor

LOSSES: dict[str, Callable[[datetime], Any]] = {
    "idle": lambda now: update(LoginSession).values(last_seen_at=now - timedelta(hours=5)),
    "absolute": lambda now: update(LoginSession).values(expires_at=now),
    "elsewhere": lambda now: update(LoginSession).values(ended_at=now),
    "store": lambda now: delete(LoginSession),
}


@pytest.fixture(autouse=True)
def _in_the_term(now):  # type: ignore[no-untyped-def]
    with time_machine.travel(now, tick=True):
        yield


def lose(how: str = "store") -> None:
    with db.transaction():
        db.session.execute(LOSSES[how](datetime.now(UTC)))
    db.session.rollback()


def kept_forms(client: FlaskClient) -> list[tuple[str, dict[str, Any]]]:
    """(address, fields) of each form on the page of what was kept."""
    g.pop("csrf_token", None)  # requests of one test share it; those of different sessions must not
    page = BeautifulSoup(client.get("/kept").text, "html.parser")
    found = []
    for form in page.select("main form"):
        if form.find("input", attrs={"name": "kept_form"}):
            sent: dict[str, Any] = {}
            for control in form.find_all("input"):
                sent.setdefault(str(control["name"]), []).append(control["value"])
            found.append((str(form["action"]), sent))
    return found


def rows(model: Any = KeptForm) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def hours(app, factory, sign_in):  # type: ignore[no-untyped-def]
    """A student with the form of hours open: (student, client, address, what was typed)."""
    student = factory.student()
    placement = factory.placement(student)
    client = sign_in(app.test_client(), student)
    typed = {**fields(client.get(f"/placements/{placement.id}"), f'form[action$="/{placement.id}/hours"]'), "worked_on": "2026-11-12", "hours": "7:30", "note": "Ärger & <b>Figures</b>"}
    return student, client, f"/placements/{placement.id}/hours", typed


@pytest.mark.parametrize("how", LOSSES)
def test_hours_are_kept_shown_and_sent_however_the_session_was_lost(hours, sign_in, how: str) -> None:  # type: ignore[no-untyped-def]
    student, client, address, typed = hours
    lose(how)
    answer = client.post(address, data=typed)
    assert answer.status_code == 302 and answer.location == "/sign-in?next=/kept"
    assert "What you typed is kept" in client.get(answer.location).text
    assert rows(HourEntry) == 0
    sign_in(client, student)
    page = client.get("/kept").text
    assert "We kept what you typed." in page and "Ärger &amp; &lt;b&gt;Figures&lt;/b&gt;" in page and "7:30" in page
    assert typed["once"] not in BeautifulSoup(page, "html.parser").get_text()
    ((where, form),) = kept_forms(client)
    assert where == address and client.post(where, data=form).status_code == 303
    entry = db.session.scalars(select(HourEntry)).one()
    assert (entry.minutes, entry.note) == (450, "Ärger & <b>Figures</b>")
    assert rows() == 0 and client.get_cookie("careercenter-kept") is None
    assert client.get("/kept").location == "/"


def test_the_real_sign_in_leads_to_what_was_kept_and_nobody_else_sees_it(app, idp, factory) -> None:  # type: ignore[no-untyped-def]
    client = app.test_client()
    idp.walk(client, "maya")
    form = {"csrf_token": world.token(client), "title": "My secret plan", "hours": "100"}
    lose()
    assert client.post("/placements/new", data=form).location == "/sign-in?next=/kept"
    cookie = client.get_cookie("careercenter-kept").value
    assert idp.walk(client, "maya", "/credit").location == "/kept"
    assert "My secret plan" in client.get("/kept").text
    other = app.test_client()
    other.set_cookie("careercenter-kept", cookie)
    assert idp.walk(other, "omar", "/credit").location == "/credit"
    assert rows() == 0 and other.get_cookie("careercenter-kept") is None
    assert client.get("/kept").location == "/"


def test_somebody_else_who_is_signed_in_already_gets_nothing(hours, app, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    _, client, address, typed = hours
    lose()
    client.post(address, data=typed)
    sign_in(client, factory.student())
    answer = client.get("/kept")
    assert answer.location == "/" and "Figures" not in answer.text and rows() == 0


def test_another_browser_of_the_same_person_opens_nothing(hours, app, sign_in) -> None:  # type: ignore[no-untyped-def]
    student, client, address, typed = hours
    lose()
    client.post(address, data=typed)
    elsewhere = sign_in(app.test_client(), student)
    assert elsewhere.get("/kept").location == "/" and rows() == 1


def test_a_draft_that_saves_itself_is_kept_once_and_sent_by_its_button(app, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    request = factory.credit_request()
    student, number = request.student, request.id
    client = sign_in(app.test_client(), student)
    typed = {**fields(client.get(f"/credit/{number}/edit"), "#request-form"), "objectives": "Weigh the evidence.\nSay it plainly."}
    lose()
    for words in ("Weigh", typed["objectives"]):
        answer = FlaskClient.open(client, f"/credit/{number}/draft", method="POST", data={**typed, "objectives": words}, headers={"HX-Request": "true"})
        assert answer.status_code == 200 and answer.headers["HX-Redirect"] == "/sign-in?next=/kept"
    sign_in(client, student)
    page = client.get("/kept").text
    assert "Weigh the evidence.\nSay it plainly." in page and "Fall 2026" in page and "Data internship" in page
    ((where, form),) = kept_forms(client)
    assert where == f"/credit/{number}/edit" and client.post(where, data=form).status_code == 303
    db.session.rollback()
    assert db.session.get_one(CreditRequest, number).objectives.split("\r\n" if "\r" in typed["objectives"] else "\n") == ["Weigh the evidence.", "Say it plainly."]


def test_a_decision_with_its_words_is_kept(app, factory, sign_in, now) -> None:  # type: ignore[no-untyped-def]
    request = at_the_advisor(factory, now)
    advisor, number = factory.person("advisor"), request.id
    client = sign_in(app.test_client(), advisor)
    typed = {**fields(client.get(f"/queue/{number}")), "outcome": "return", "reason": "Name the tools that you will use."}
    lose("idle")
    assert client.post(f"/queue/{number}", data=typed).location == "/sign-in?next=/kept"
    sign_in(client, advisor)
    page = client.get("/kept").text
    assert "Your decision on a request" in page and "Name the tools" in page and f'href="/queue/{number}"' in page
    ((where, form),) = kept_forms(client)
    assert client.post(where, data=form).status_code == 303
    db.session.rollback()
    assert db.session.get_one(CreditRequest, number).state == "returned"


def test_a_form_that_is_refused_shows_its_words_itself_and_one_in_conflict_stays_kept(app, factory, sign_in, now) -> None:  # type: ignore[no-untyped-def]
    request = at_the_advisor(factory, now)
    advisor, number, version = factory.person("advisor"), request.id, request.version
    client = sign_in(app.test_client(), advisor)
    typed = {**fields(client.get(f"/queue/{number}")), "outcome": "deny", "reason": "Too few hours."}
    lose()
    client.post(f"/queue/{number}", data=typed)
    student = request.student.actor
    from careercenter import credit

    with db.transaction():
        credit.withdraw(number, version, by=student, now=now)
    sign_in(client, advisor)
    ((where, form),) = kept_forms(client)
    assert client.post(where, data=form).status_code == 409 and rows() == 1
    placement = {"csrf_token": world.token(client)}
    assert client.post("/kept/throw-away", data={**placement, "form": form["kept_form"][0]}).location == "/"
    assert rows() == 0


def test_two_tabs_keep_two_forms(hours, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    student, client, address, typed = hours
    lose()
    client.post(address, data=typed)
    client.post("/placements/new", data={"csrf_token": typed["csrf_token"], "title": "Another one", "supervisor_related": "no"})
    sign_in(client, student)
    forms = kept_forms(client)
    assert [where for where, _ in forms] == [address, "/placements/new"] and rows() == 1
    assert client.post(address, data=forms[0][1]).status_code == 303
    assert client.post("/placements/new", data=forms[1][1]).status_code == 422, "its own page says what is missing, with the words"
    assert rows() == 0 and rows(Placement) == 1


def test_the_database_holds_no_word_and_opens_nothing(hours) -> None:  # type: ignore[no-untyped-def]
    _, client, address, typed = hours
    lose()
    client.post(address, data=typed)
    row = db.session.scalars(select(KeptForm)).one()
    assert b"Figures" not in row.sealed
    key = client.get_cookie("careercenter-kept").value
    assert key not in row.browser_hash
    (form,) = json.loads(Fernet(key).decrypt(row.sealed))
    names = {name for name, _ in form["fields"]}
    assert "csrf_token" not in names and "note" in names


def test_nothing_is_kept_without_a_good_token_or_a_person_or_for_a_closed_account(hours, app) -> None:  # type: ignore[no-untyped-def]
    student, client, address, typed = hours
    number = student.id
    lose()
    assert client.post(address, data={**typed, "csrf_token": "x"}).status_code == 400
    with db.transaction():
        db.session.get_one(Person, number).disabled_at = datetime.now(UTC)
    assert client.post(address, data=typed).location == "/sign-in?next=/" and rows() == 0
    with client.session_transaction() as cookie:
        cookie["pid"] = 999_999
    assert client.post(address, data=typed).location == "/sign-in?next=/" and rows() == 0


def test_too_much_is_not_kept_and_rows_do_not_pile_up(hours, app) -> None:  # type: ignore[no-untyped-def]
    _, client, address, typed = hours
    lose()
    assert client.post(address, data={**typed, "note": "x" * 70_000}).location == "/sign-in?next=/" and rows() == 0
    for _ in range(9):
        client.post(address, data=typed)
        client.delete_cookie("careercenter-kept")
    assert rows() == 5


def test_what_takes_away_is_never_kept(app, hours) -> None:  # type: ignore[no-untyped-def]
    """The rule by name: a new route that takes words must be put on the list, and none of these may."""
    destructive = ("withdraw", "cancel", "remove", "sign_out", "act_as", "end", "disable", "sync", "remind", "send", "throw_away")
    assert not [name for name in WORTH_KEEPING if name.partition(".")[2].startswith(destructive)]
    assert WORTH_KEEPING.keys() <= access.ACCESS.keys()
    _, client, address, typed = hours
    lose()
    answer = client.post(address.replace("/hours", "/cancel"), data={"csrf_token": typed["csrf_token"]})
    assert answer.location == "/sign-in?next=/" and rows() == 0


def test_after_a_day_it_is_gone(hours, sign_in, now) -> None:  # type: ignore[no-untyped-def]
    student, client, address, typed = hours
    lose()
    client.post(address, data=typed)
    with time_machine.travel(now + timedelta(days=1, minutes=1), tick=True):
        sign_in(client, student)
        assert client.get("/kept").location == "/"
        table.tidy(lambda: datetime.now(UTC), "", lambda *_, **__: None)
    assert rows() == 0


def test_an_odd_cookie_is_no_key(hours, sign_in) -> None:  # type: ignore[no-untyped-def]
    _student, client, _address, _typed = hours
    for odd in ("x", "A" * 43 + "=", "é", "' OR 1=1"):
        client.set_cookie("careercenter-kept", odd)
        assert client.get("/kept").location == "/"



def test_behind_https_the_cookies_are_for_this_host_and_https_only(tmp_path) -> None:  # type: ignore[no-untyped-def]
    server = {"secret_key": SecretStr("for tests only " * 4), "public_url": "https://careers.example.edu"}
    app = create_app(make_settings(tmp_path, server=server))
    with app.test_request_context(base_url="https://careers.example.edu"):
        answers = [kept.give(app.response_class(), "x" * 44), codes._hold(app.response_class(), "code", "x"), codes._hold(app.response_class(), "supervisor", "x")]
    for answer, name, rule in zip(answers, ("kept", "code", "supervisor"), ("None", "Lax", "Lax"), strict=True):
        (line,) = answer.headers.getlist("Set-Cookie")
        assert line.startswith(f"__Host-careercenter-{name}=") and "Domain" not in line
        assert all(flag in line for flag in ("Secure", "HttpOnly", "Path=/", f"SameSite={rule}", "Max-Age")), line


def test_a_refusal_without_a_form_keeps_the_words(hours, sign_in) -> None:  # type: ignore[no-untyped-def]
    """A page that only says no shows no words: they stay kept."""
    student, client, _, typed = hours
    request = {"csrf_token": typed["csrf_token"], "title": "Another title", "supervisor_related": "no"}
    number = db.session.scalars(select(Placement.id)).one()
    lose()
    client.post(f"/placements/{number}/edit", data=request)
    sign_in(client, student)
    ((where, form),) = kept_forms(client)
    assert client.post("/no-such-page", data=form).status_code == 404 and rows() == 1
    assert client.post(where, data=form).status_code == 422 and rows() == 0, "the form shows them beside what is wrong"
