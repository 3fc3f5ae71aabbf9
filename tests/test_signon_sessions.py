"""Where somebody is signed in: seen and ended by themselves, ended and shut by administrators, gone with the store."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from careercenter import audit, db
from careercenter.audit import AuditEvent
from careercenter.people import devices
from careercenter.people.model import Person
from careercenter.people.sessions import LoginSession
from tests.attack import world

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0"


def opens(client) -> bool:  # type: ignore[no-untyped-def]
    return client.get("/me/sessions").status_code == 200


@pytest.fixture
def three(app, factory, sign_in):  # type: ignore[no-untyped-def]
    """A student signed in in three browsers, and somebody else in one."""
    student = factory.student(name="Maya Chen")
    return student, [sign_in(app.test_client(), student) for _ in range(3)], sign_in(app.test_client(), factory.student())


@pytest.mark.parametrize(("said", "meant"), [
    (FIREFOX, "Firefox on Windows"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", "Edge on Windows"),
    ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", "Chrome on Linux"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", "Safari on Mac"),
    ("Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36", "Samsung Internet on Android"),
    ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", "Chrome on Chromebook"),
    ("Mozilla/5.0 (compatible; Windows NT 10.0)", "Browser on Windows"), ("curl/8.11", devices.UNKNOWN), ("", devices.UNKNOWN),
])
def test_a_browser_in_plain_words(said: str, meant: str) -> None:
    assert devices.words(said) == meant


def test_the_list_names_each_browser_and_marks_this_one(app, idp) -> None:  # type: ignore[no-untyped-def]
    client = app.test_client()
    client.environ_base["HTTP_USER_AGENT"] = FIREFOX
    idp.walk(client, "maya")
    idp.walk(app.test_client(), "maya")
    page = client.get("/me/sessions").text
    assert "You are signed in on 2 browsers." in page and page.count("This browser") == 1
    assert "Firefox on Windows" in page and "Demo University sign-in" in page
    assert 'href="/me/sessions"' in client.get("/").text


def test_one_other_browser_is_signed_out(three) -> None:  # type: ignore[no-untyped-def]
    student, (here, there, third), _ = three
    rows = db.session.scalars(select(LoginSession.id).where(LoginSession.person_id == student.id).order_by(LoginSession.id)).all()
    db.session.rollback()
    assert here.post(f"/me/sessions/{rows[1]}/end", data={"csrf_token": world.token(here)}).status_code == 303
    assert [opens(c) for c in (here, there, third)] == [True, False, True]
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "person.sessions_ended")).one()
    assert (event.about_id, event.detail) == (student.id, {"sessions": 1})


def test_nobody_ends_the_session_of_somebody_else(three) -> None:  # type: ignore[no-untyped-def]
    student, (_, there, _), stranger = three
    row = db.session.scalars(select(LoginSession.id).where(LoginSession.person_id == student.id)).all()[1]
    db.session.rollback()
    stranger.post(f"/me/sessions/{row}/end", data={"csrf_token": world.token(stranger)})
    assert opens(there)


def test_everywhere_else_and_everywhere(three) -> None:  # type: ignore[no-untyped-def]
    _, (here, there, third), stranger = three
    here.post("/me/sessions/end-others", data={"csrf_token": world.token(here)})
    assert [opens(c) for c in (here, there, third, stranger)] == [True, False, False, True]
    answer = here.post("/me/sessions/end-all", data={"csrf_token": world.token(here)})
    assert answer.location == "/sign-in" and not opens(here) and opens(stranger)


def test_a_lost_store_means_a_new_sign_in_and_no_more(app, idp) -> None:  # type: ignore[no-untyped-def]
    client = app.test_client()
    idp.walk(client, "maya")
    with db.transaction():
        db.session.execute(delete(LoginSession))
    answer = client.get("/placements")
    assert answer.status_code == 302 and answer.location == "/sign-in?next=/placements"
    assert "You were signed out" in client.get(answer.location).text
    assert idp.walk(client, "maya", "/placements").location == "/placements"
    assert client.get("/placements").status_code == 200


def test_an_administrator_signs_somebody_out_everywhere(app, three, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    student, browsers, stranger = three
    admin = sign_in(app.test_client(), factory.person("admin"))
    assert "Maya Chen is signed in on 3 browsers." in admin.get(f"/admin/people/{student.id}").text
    admin.post(f"/admin/people/{student.id}/end-sessions", data={"csrf_token": world.token(admin)})
    assert not any(opens(c) for c in browsers) and opens(stranger) and opens(admin)


def test_a_disabled_account_is_out_at_once_and_back_only_by_a_new_sign_in(app, idp, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    client, admin = app.test_client(), sign_in(app.test_client(), factory.person("admin"))
    idp.walk(client, "maya")
    number = db.session.scalars(select(Person.id).where(Person.given_name == "Maya")).one()
    db.session.rollback()
    where, form = f"/admin/people/{number}", {"csrf_token": world.token(admin)}
    refused = admin.post(f"{where}/disable", data=form)
    assert refused.status_code == 422 and "Write a reason" in refused.text and opens(client)
    admin.post(f"{where}/disable", data={**form, "reason": "left the campus"})
    assert not opens(client)
    assert idp.walk(client, "maya").status_code == 403
    admin.post(f"{where}/enable", data={**form, "reason": "came back"})
    assert not opens(client), "the old session stays ended"
    assert idp.walk(client, "maya").status_code == 303 and opens(client)
    reasons = db.session.scalars(select(AuditEvent.reason).where(AuditEvent.action.in_(("person.disabled", "person.enabled"))))
    assert list(reasons) == ["left the campus", "came back"] and audit.verify() is None


def test_administrators_do_not_disable_themselves(app, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    person = factory.person("admin")
    admin, number = sign_in(app.test_client(), person), person.id
    answer = admin.post(f"/admin/people/{number}/disable", data={"csrf_token": world.token(admin), "reason": "tired"})
    assert answer.status_code == 422 and opens(admin)


def test_sessions_that_lie_idle_or_ran_out_are_not_listed(app, three) -> None:  # type: ignore[no-untyped-def]
    student, (here, *_), _ = three
    _first, second, _ = db.session.scalars(select(LoginSession.id).where(LoginSession.person_id == student.id).order_by(LoginSession.id))
    now = datetime.now(UTC)
    with db.transaction():
        of = update(LoginSession)
        db.session.execute(of.where(LoginSession.id == second).values(last_seen_at=now - timedelta(hours=3)))
        db.session.execute(of.where(LoginSession.id > second).values(expires_at=now))
    assert "Only this browser is signed in." in here.get("/me/sessions").text
