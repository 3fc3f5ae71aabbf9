"""Tries are counted for all workers together: exactly the limit gets through, whoever else tries at the same moment."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from careercenter import db
from careercenter.jobs import table
from careercenter.people import tries
from careercenter.people.waiting import Tries


def attempt(now, key: str = "maya", limit: int = 3, kind: str = "password") -> bool:  # type: ignore[no-untyped-def]
    try:
        with db.transaction():
            tries.count(kind, key, limit, now)
    except tries.TooMany:
        return False
    return True


def test_the_limit_gets_through_and_no_more(app, now) -> None:  # type: ignore[no-untyped-def]
    assert [attempt(now) for _ in range(5)] == [True, True, True, False, False]


def test_kinds_and_keys_are_counted_apart_but_spellings_are_not(app, now) -> None:  # type: ignore[no-untyped-def]
    assert [attempt(now, limit=1, key=key) for key in ("maya", " MAYA ", "omar")] == [True, False, True]
    assert attempt(now, limit=1, kind="code")


def test_the_wait_is_said_and_ends_with_the_quarter_of_an_hour(app, now) -> None:  # type: ignore[no-untyped-def]
    later = now + timedelta(minutes=3, seconds=20)
    assert attempt(now, limit=1)
    with pytest.raises(tries.TooMany) as refused, db.transaction():
        tries.count("password", "maya", 1, later)
    assert refused.value.minutes == 12
    assert not attempt(now + timedelta(minutes=14, seconds=59), limit=1)
    assert attempt(now + timedelta(minutes=15), limit=1)


def test_neither_name_nor_address_is_kept(app, now) -> None:  # type: ignore[no-untyped-def]
    attempt(now, key="maya@example.edu")
    row = db.session.scalars(select(Tries)).one()
    assert "maya" not in row.key and len(row.key) == 64


def test_old_windows_are_tidied(app, now) -> None:  # type: ignore[no-untyped-def]
    attempt(now)
    attempt(now + timedelta(minutes=20))
    table.tidy(lambda: now + timedelta(minutes=20), "", lambda *_, **__: None)
    assert db.session.scalar(select(func.count(Tries.id))) == 1


def at_once(app: Flask, act, many: int = 8) -> list[bool]:  # type: ignore[no-untyped-def]
    """Run `act` in threads that start together, as workers do; what each got."""
    gate, got = threading.Barrier(many), []

    def run() -> None:
        with app.app_context():
            gate.wait()
            got.append(act())

    threads = [threading.Thread(target=run) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return got


def test_of_many_at_once_exactly_the_limit_gets_through(app, now) -> None:  # type: ignore[no-untyped-def]
    for n in range(4):
        got = at_once(app, lambda n=n: [attempt(now, key=f"maya{n}", limit=5) for _ in range(3)].count(True))
        assert sum(got) == 5


def test_control_read_then_write_lets_everybody_through(app, now) -> None:  # type: ignore[no-untyped-def]
    """What would happen if the number were read first and written afterwards."""
    with db.transaction():
        db.session.add(Tries(kind="password", key="maya", window=now, count=0))
    looked = threading.Barrier(8)

    def careless() -> bool:
        seen = db.session.scalar(select(Tries.count)) or 0
        looked.wait()
        with db.transaction():
            db.session.scalars(select(Tries)).one().count = seen + 1
        return seen < 5

    assert at_once(app, careless).count(True) == 8
    assert db.session.scalar(select(Tries.count)) == 1


def test_too_many_is_a_plain_page_that_says_how_long(app) -> None:  # type: ignore[no-untyped-def]
    with app.test_request_context("/"):
        answer = app.make_response(app.handle_user_exception(tries.TooMany(12)))
    assert answer.status_code == 429 and answer.headers["Retry-After"] == "720"
    assert "Wait 12 minutes, then try again." in answer.get_data(as_text=True)


@pytest.mark.parametrize(("address", "key"), [
    ("192.0.2.7", "192.0.2.7"), ("2001:db8::1", "2001:db8::/64"), ("2001:db8::ffff:1", "2001:db8::/64"), ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
    (None, ""), ("odd", "odd"),
])
def test_a_network_is_one_client(address: str | None, key: str) -> None:
    assert tries.network(address) == key
