"""Sessions: none fixed beforehand, none after sign-out or disabling, none by a guessed cookie; two clicks at once."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
import time_machine
from flask import session
from pydantic import SecretStr
from sqlalchemy import delete, func, select, update

from careercenter import create_app, db
from careercenter.people.model import Person, RoleGrant
from careercenter.people.sessions import LoginSession
from careercenter.placements.model import HourEntry, Placement
from tests.attack import world
from tests.attack.test_own_records import FORM
from tests.conftest import make_settings


def opens(client) -> bool:
    return client.get("/placements").status_code == 200


def test_a_copied_cookie_dies_with_the_session(app, factory, sign_in) -> None:
    student = factory.student()
    client, thief = sign_in(world.bare(app), student), world.bare(app)
    form = world.token(client)
    with client.session_transaction() as cookie:
        secret = cookie["sid"]
    with thief.session_transaction() as cookie:
        cookie["sid"] = secret
    assert opens(client) and opens(thief)
    assert client.post("/sign-out", data={"csrf_token": form}).status_code == 303
    assert not opens(thief) and not opens(client)


@pytest.mark.parametrize("loss", ["disabled", "role", "idle", "expired", "ended"])
def test_what_was_taken_away_ends_at_the_next_request(app, factory, sign_in, loss: str) -> None:
    student, now = factory.student(), datetime.now(UTC)
    client = sign_in(world.bare(app), student)
    assert opens(client)
    with db.transaction():
        if loss == "role":
            db.session.execute(delete(RoleGrant).where(RoleGrant.person_id == student.id))
        elif loss == "disabled":
            db.session.execute(update(Person).where(Person.id == student.id).values(disabled_at=now))
        else:
            changes = {"idle": {"last_seen_at": now - timedelta(hours=2)}, "expired": {"expires_at": now}, "ended": {"ended_at": now}}
            db.session.execute(update(LoginSession).values(**changes[loss]))
    db.session.rollback()
    assert not opens(client)


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("sid", ["", "x", "' OR 1=1 --", "\x00", "é" * 50, "x" * 3000, None])
def test_odd_session_values_are_no_session(app, sid: object) -> None:
    client = world.bare(app)
    with client.session_transaction() as cookie:
        cookie["sid"] = sid
    assert client.get("/placements").status_code == 302


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("cookie", ["garbage", "e30.x.y", "\xff\xfe", "." * 3000, "eyJzaWQiOiJ4In0.aaaaaa.bbbbbb"])
def test_a_forged_cookie_is_no_session(app, cookie: str) -> None:
    answer = world.bare(app).get("/placements", headers={"Cookie": f"careercenter={cookie}"})
    assert answer.status_code == 302


def test_behind_https_cookies_are_for_this_host_and_https_only(tmp_path) -> None:
    server = {"secret_key": SecretStr("for tests only " * 4), "public_url": "https://careers.example.edu"}
    app = create_app(make_settings(tmp_path, server=server))
    with app.test_request_context(base_url="https://careers.example.edu"):
        session["sid"], answer = "x", app.response_class()
        answer = app.process_response(answer)
    (kept,) = answer.headers.getlist("Set-Cookie")
    assert kept.startswith("__Host-careercenter=")
    assert all(flag in kept for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/")) and "Domain" not in kept
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_two_clicks_at_once_log_the_hours_within_the_day(app, factory, sign_in, now) -> None:
    """Sixteen hours fit into a day: of two clicks on nine hours, started together, one is kept."""
    with time_machine.travel(now, tick=True):
        student = factory.student()
        placement = factory.placement(student)
        number = placement.id
        client = sign_in(world.bare(app), student)
        data = {**FORM, "csrf_token": world.token(client), "hours": "9", "worked_on": "2026-10-05"}
        with client.session_transaction() as cookie:
            secret, form = cookie["sid"], cookie["csrf_token"]
        db.session.remove()
        gate, ends = Barrier(2), []

        def click() -> None:
            one = world.bare(app)
            with one.session_transaction() as cookie:
                cookie["sid"], cookie["csrf_token"] = secret, form
            gate.wait()
            ends.append(one.post(f"/placements/{number}/hours", data=data).status_code)

        threads = [Thread(target=click) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ends) == [303, 422]
        assert db.session.scalar(select(func.sum(HourEntry.minutes))) == 540


def test_an_old_tab_neither_edits_nor_cancels_what_is_fixed(app, factory, sign_in, now) -> None:
    with time_machine.travel(now, tick=True):
        student = factory.student()
        placement = factory.placement(student, fixed_at=now)
        client = sign_in(world.bare(app), student)
        data = {**FORM, "csrf_token": world.token(client), "hours": "140"}
        assert client.post(f"/placements/{placement.id}/edit", data=data).status_code == 422
        db.session.rollback()
        assert db.session.get_one(Placement, placement.id).title == "Data internship"
