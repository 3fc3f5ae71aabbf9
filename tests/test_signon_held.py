"""Held sign-ins: staff decide, of two at once one wins, and what each word leads to."""

from collections import Counter
from datetime import datetime
from threading import Barrier, Thread
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask, g
from sqlalchemy import select, update

from careercenter import audit, db
from careercenter.people import holders
from careercenter.people.model import Person, PersonIdentity
from careercenter.people.waiting import HeldSignIn
from tests.campus_idp import CampusIdp

AT = "/admin/sign-on/held"


def hold(app: Flask, idp: CampusIdp, uid: str = "maya") -> HeldSignIn:
    """Somebody who signed in before comes back with another campus number."""
    idp.walk(app.test_client(), uid)
    with db.transaction():
        db.session.execute(update(Person).where(Person.email == f"{uid}@demo.edu").values(campus_id=f"111-{uid}", given_name="Old"))
    assert idp.walk(app.test_client(), uid).status_code == 403
    db.session.rollback()
    return db.session.scalars(select(HeldSignIn).where(HeldSignIn.decided_at.is_(None))).one()


def token_of(client: Any) -> str:
    """The form's token as this browser gets it; a test's browsers share one `g`, which remembers the first."""
    g.pop("csrf_token", None)
    return str(BeautifulSoup(client.get(AT).text, "html.parser").select_one('main input[name="csrf_token"]')["value"])


def decide(client: Any, held: HeldSignIn, decision: str) -> Any:
    token = token_of(client)
    return client.post(f"{AT}/{held.id}", data={"csrf_token": token, "version": str(held.version), "decision": decision})


def test_it_waits_on_the_home_page_and_shows_both_sides(app: Flask, idp: CampusIdp, factory: Any, sign_in: Any) -> None:
    hold(app, idp)
    admin = sign_in(app.test_client(), factory.person("admin"))
    assert "1 sign-in waits for your word." in admin.get("/").text
    page = admin.get(AT).text
    assert "Old Okafor" in page and "900001" in page and "111" in page and "another campus number" in page
    assert "maya@demo.edu" in page


def test_the_same_person_gets_in_again(app: Flask, idp: CampusIdp, factory: Any, sign_in: Any) -> None:
    held = hold(app, idp)
    admin = sign_in(app.test_client(), factory.person("admin"))
    assert decide(admin, held, "same").status_code == 303
    assert "can sign in again" in admin.get(AT).text
    assert idp.walk(app.test_client(), "maya").status_code == 303
    assert [p.campus_id for p in db.session.scalars(select(Person).where(Person.email == "maya@demo.edu"))] == ["900001"]
    assert "sign_in.decided" in set(db.session.scalars(select(audit.AuditEvent.action)))


def test_somebody_else_gets_an_account_of_their_own(app: Flask, idp: CampusIdp, factory: Any, sign_in: Any) -> None:
    held = hold(app, idp)
    before, old_account = held.identity_id, held.person_id
    admin = sign_in(app.test_client(), factory.person("admin"))
    decide(admin, held, "other")
    assert idp.walk(app.test_client(), "maya").status_code == 303
    db.session.rollback()
    live = db.session.scalars(select(PersonIdentity).where(PersonIdentity.ended_at.is_(None), PersonIdentity.provider == "campus")).one()
    assert live.id != before and live.person_id != old_account


def test_without_a_choice_nothing_happens(app: Flask, idp: CampusIdp, factory: Any, sign_in: Any) -> None:
    held = hold(app, idp)
    admin = sign_in(app.test_client(), factory.person("admin"))
    assert decide(admin, held, "maybe").status_code == 422
    assert "waits for your word" in admin.get("/").text


def test_the_second_is_told_who_was_first(app: Flask, idp: CampusIdp, factory: Any, sign_in: Any) -> None:
    held = hold(app, idp)
    one = sign_in(app.test_client(), factory.person("admin", name="Amara Osei"))
    two = sign_in(app.test_client(), factory.person("admin"))
    late = held.version, held.id
    token = token_of(two)
    assert decide(one, held, "other").status_code == 303
    told = two.post(f"{AT}/{late[1]}", data={"csrf_token": token, "version": str(late[0]), "decision": "same"})
    assert told.status_code == 409 and "Amara Osei decided on this sign-in a moment before you." in told.text


def _race(app: Flask, held_id: int, version: int, now: datetime) -> Counter[str]:
    """Both words at once, each from its own process' view."""
    gate, ends = Barrier(2), Counter[str]()

    def run(decision: str) -> None:
        with app.app_context():
            gate.wait()
            try:
                with db.transaction():
                    holders.decide(held_id, decision, version, by=audit.SYSTEM, now=now)
                ends["done"] += 1
            except db.Conflict:
                ends["Conflict"] += 1

    threads = [Thread(target=run, args=(word,)) for word in ("same", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return ends


def test_of_two_at_once_one_decides(app: Flask, idp: CampusIdp, now: datetime) -> None:
    for uid in ("maya", "omar", "ruth"):
        held = hold(app, idp, uid)
        assert _race(app, held.id, held.version, now) == {"done": 1, "Conflict": 1}


def test_without_the_guard_both_decide(app: Flask, idp: CampusIdp, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: with `_claim` reduced to a look-up, the account is opened and parted at once."""
    monkeypatch.setattr(holders, "_claim", lambda held_id, version: db.session.get_one(HeldSignIn, held_id))
    held = hold(app, idp)
    assert _race(app, held.id, held.version, now)["done"] == 2
