"""An administrator sees what somebody sees: marked, read only, audited, over in half an hour, never through another's admin eyes."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import g
from flask.testing import FlaskClient
from sqlalchemy import delete, event, select

from careercenter import audit, db, people
from careercenter.audit import AuditEvent
from careercenter.jobs import table
from careercenter.people import sessions
from careercenter.people.model import Person, RoleGrant
from careercenter.people.sessions import LoginSession
from careercenter.people.viewas import FOR
from careercenter.web.access import ACCESS, PUBLIC
from careercenter.web.viewas import UNSEEN
from tests.attack import world
from tests.test_credit_race import at_the_advisor


@pytest.fixture(autouse=True)
def _in_the_term(now):  # type: ignore[no-untyped-def]
    with time_machine.travel(now, tick=True):
        yield


@pytest.fixture
def ada(app, factory, sign_in):  # type: ignore[no-untyped-def]
    """An administrator with the page of Maya Chen, who has a request: (client, admin, Maya's id, request's id)."""
    request = factory.credit_request(factory.student(name="Maya Chen"))
    admin = factory.person("admin", name="Ada Admin")
    return sign_in(app.test_client(), admin), admin.id, request.student_id, request.id


def begin(client: FlaskClient, person_id: int, reason: str = "She sees no form"):  # type: ignore[no-untyped-def]
    form = {"csrf_token": world.token(client), "look_reason": reason}
    return client.post(f"/admin/people/{person_id}/look", data=form)


def events(action: str) -> list[AuditEvent]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.action == action)))


def test_the_admin_sees_what_she_sees_and_goes_back(ada) -> None:  # type: ignore[no-untyped-def]
    client, admin, maya, request = ada
    assert client.get("/placements").status_code == 404
    with client.session_transaction() as cookie:
        before = cookie["sid"]
    assert begin(client, maya).location == "/"
    for address in ("/", "/placements", f"/credit/{request}/edit", "/listings", "/no-such-page"):
        page = client.get(address).text
        assert "You see what <strong>Maya Chen</strong> sees. Nothing can be changed." in page, address
    assert client.get("/admin/people").status_code == 404
    with client.session_transaction() as cookie:
        during = cookie["sid"]
    answer = client.post("/stop-looking", data={"csrf_token": world.token(client)})
    assert answer.location == f"/admin/people/{maya}" and client.get("/admin/people").status_code == 200
    with client.session_transaction() as cookie:
        assert len({before, during, cookie["sid"]}) == 3, "a new secret at each change"
    (start,), (end,) = events("person.looked_through"), events("person.look_ended")
    assert (start.actor_id, start.about_id, start.reason) == (admin, maya, "She sees no form")
    assert (end.actor_id, end.about_id, end.detail) == (admin, maya, {"pages": 5}) and audit.verify() is None


def test_every_unsafe_route_is_refused_and_nothing_changes(app, ada) -> None:  # type: ignore[no-untyped-def]
    client, _, maya, request = ada
    begin(client, maya)
    form, before = {"csrf_token": world.token(client), "version": "1", "act": "submit"}, world.contents()
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or rule.endpoint in ("viewas.stop", "logout.sign_out"):
            continue
        if (ACCESS[rule.endpoint] is PUBLIC and rule.endpoint in ("signon.acs", "logout.slo")) or rule.endpoint.startswith(("protocols.", "hooks.")):
            continue  # programs come here, who bring a proof of their own
        values = {name: request if kind.__class__.__name__ == "IntegerConverter" else "pause" for name, kind in rule._converters.items()}
        answer = client.post(app.url_map.bind("x").build(rule.endpoint, values), data=form)
        assert answer.status_code == 422 and "Stop looking first" in answer.text, rule.endpoint
        assert "You see what" in answer.text
    db.session.rollback()
    assert world.contents() == before


def test_reading_writes_nothing_but_the_count(app, ada) -> None:  # type: ignore[no-untyped-def]
    client, _, maya, request = ada
    begin(client, maya)
    before = world.contents()
    for address in ("/", "/placements", "/placements/1", "/placements/new", "/credit", "/credit/new", f"/credit/{request}/edit", "/listings"):
        assert client.get(address).status_code in (200, 404), address
    db.session.rollback()
    assert world.contents() == before


def test_what_is_private_or_leaves_the_screen_is_not_shown(app, ada, factory) -> None:  # type: ignore[no-untyped-def]
    client, _, maya, _ = ada
    assert ACCESS.keys() >= UNSEEN
    begin(client, maya)
    for address in ("/me/sessions", "/me/address", "/kept", "/sign-in-again"):
        answer = client.get(address)
        assert answer.status_code == 422 and "This is not shown" in answer.text, address
    assert "/me/sessions" not in client.get("/").text
    client.post("/stop-looking", data={"csrf_token": world.token(client)})
    begin(client, factory.person("registrar").id)
    assert client.get("/files").status_code == 200 and client.get("/files/1/download").status_code == 422
    assert not events("workbook.downloaded")


@pytest.mark.parametrize("who", ["admin", "admin from tomorrow", "myself", "disabled", "nobody", "no reason"])
def test_who_may_not_be_looked_through(app, ada, factory, now, who: str) -> None:  # type: ignore[no-untyped-def]
    client, admin, maya, _ = ada
    target = {"myself": admin, "nobody": 999_999, "no reason": maya}.get(who)
    if target is None:
        target = factory.person("admin" if who == "admin" else "student", disabled_at=now if who == "disabled" else None).id
        if "tomorrow" in who:
            with db.transaction():
                db.session.add(RoleGrant(person_id=target, role="admin", source="staff", granted_at=now, starts_at=now + timedelta(days=1)))
    assert begin(client, target, "" if who == "no reason" else "why").status_code == (404 if who == "nobody" else 422)
    assert client.get("/admin/people").status_code == 200 and not events("person.looked_through")


def test_only_admins_look(app, ada, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    _, _, maya, _ = ada
    g.pop("csrf_token", None)
    advisor = sign_in(app.test_client(), factory.person("advisor"))
    assert begin(advisor, maya).status_code == 404


def test_after_half_an_hour_the_admin_is_herself_again(ada, now) -> None:  # type: ignore[no-untyped-def]
    client, _, maya, _ = ada
    begin(client, maya)
    with time_machine.travel(now + FOR + timedelta(minutes=1), tick=True):
        gone = client.get("/placements")
        assert gone.status_code == 404 and "Your look is over" in gone.text
        assert client.get("/admin/people").status_code == 200
    (end,) = events("person.look_ended")
    assert end.reason == "it was over"


@pytest.mark.parametrize("change", ["target becomes admin", "target disabled", "admin loses the role"])
def test_a_look_ends_when_it_might_not_begin(ada, now, change: str) -> None:  # type: ignore[no-untyped-def]
    client, admin, maya, _ = ada
    begin(client, maya)
    with db.transaction():
        if change == "target becomes admin":
            db.session.add(RoleGrant(person_id=maya, role="admin", source="staff", granted_at=now))
        elif change == "target disabled":
            db.session.get_one(Person, maya).disabled_at = now
        else:
            db.session.execute(delete(RoleGrant).where(RoleGrant.person_id == admin))
    assert client.get("/placements").status_code == 404 and len(events("person.look_ended")) == 1
    assert client.get("/admin/people").status_code == (404 if "loses" in change else 200)


def test_signing_out_ends_the_look_in_the_admins_own_name(ada) -> None:  # type: ignore[no-untyped-def]
    client, admin, maya, _ = ada
    begin(client, maya)
    client.post("/sign-out", data={"csrf_token": world.token(client)})
    assert [e.about_id for e in events("person.signed_out")] == [admin] and [e.about_id for e in events("person.look_ended")] == [maya]
    assert client.get("/").status_code == 302


def test_a_look_that_nobody_stopped_is_noted_by_the_tidy_job(ada, now) -> None:  # type: ignore[no-untyped-def]
    client, admin, maya, _ = ada
    begin(client, maya)
    client.get("/")
    for _ in range(2):
        table.tidy(lambda: now + timedelta(hours=1), "", lambda *_, **__: None)
    (end,) = events("person.look_ended")
    assert (end.actor_id, end.reason, end.detail) == (admin, "nobody stopped it", {"pages": 1})


def test_two_looks_at_once_are_one(ada, factory) -> None:  # type: ignore[no-untyped-def]
    client, admin, maya, _ = ada
    begin(client, maya)
    row = db.session.scalars(select(LoginSession.id).where(LoginSession.viewing_as == maya)).one()
    actor, other = audit.Actor("Ada Admin", admin), factory.person("student").id
    with pytest.raises(db.Conflict), db.transaction():
        people.viewas.start(row, other, "why", by=actor, now=datetime.now(UTC))


def test_scopes_and_first_role_are_the_persons_own(app, ada, factory, now) -> None:  # type: ignore[no-untyped-def]
    client, *_ = ada
    name = at_the_advisor(factory, now).student.name
    begin(client, factory.person("advisor", scope="PSY").id)
    assert name not in client.get("/queue").text
    client.post("/stop-looking", data={"csrf_token": world.token(client)})
    begin(client, factory.person("advisor", scope="CS").id)
    assert name in client.get("/queue").text


def test_an_ordinary_request_still_asks_once(app, factory, sign_in) -> None:  # type: ignore[no-untyped-def]
    student = factory.student()
    client = sign_in(app.test_client(), student)
    with client.session_transaction() as cookie:
        secret = cookie["sid"]
    db.session.rollback()
    said: list[str] = []
    event.listen(db.db.engine, "before_cursor_execute", lambda *a: said.append(a[2]))
    assert sessions.viewer(secret, datetime.now(UTC)) and len(said) <= 1
