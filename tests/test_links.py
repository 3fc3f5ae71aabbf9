"""Magic links: one purpose, one record, one use; the database alone opens nothing."""

import threading
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from careercenter import db, links
from careercenter.links import LinkUnusable, MagicLink


def _issue(now: datetime, record: int = 1, purpose: str = "approval") -> str:
    with db.transaction():
        return links.token(links.issue(purpose, record, "sup@example.com", now))


def _find(token: str, now: datetime, purpose: str = "approval") -> MagicLink:
    return links.find(token, purpose, now)


def test_a_link_opens_as_often_as_one_likes_and_changes_nothing(app: Flask, now: datetime) -> None:
    token = _issue(now)
    for _ in range(50):
        assert _find(token, now).record_id == 1
    assert not db.session.dirty


def test_using_it_ends_it(app: Flask, now: datetime) -> None:
    token = _issue(now)
    with db.transaction():
        links.consume(_find(token, now), now)
    with pytest.raises(LinkUnusable):
        _find(token, now)
    used = links.used_before(token, "approval")
    assert used and used.used_at == now


def test_a_use_that_fails_leaves_it_open(app: Flask, now: datetime) -> None:
    token = _issue(now)
    with pytest.raises(RuntimeError), db.transaction():
        links.consume(_find(token, now), now)
        raise RuntimeError("the form was not saved")
    assert _find(token, now)


def test_every_dead_state_looks_the_same(app: Flask, now: datetime) -> None:
    used, revoked, expired = _issue(now, 1), _issue(now, 2), _issue(now - timedelta(days=14), 3)
    with db.transaction():
        links.consume(_find(used, now), now)
        links.revoke("approval", 2, now)
    for token in (used, revoked, expired, "unknown", "", "ü" * 300, "\ud800"):
        with pytest.raises(LinkUnusable) as caught:
            _find(token, now)
        assert caught.value.args == ()


def test_it_opens_only_what_it_was_made_for(app: Flask, now: datetime) -> None:
    token = _issue(now, purpose="evaluation")
    with pytest.raises(LinkUnusable):
        _find(token, now, "approval")


def test_a_new_link_ends_the_older_one_of_the_same_record_only(app: Flask, now: datetime) -> None:
    first, other = _issue(now, 1), _issue(now, 2)
    second = _issue(now + timedelta(hours=1), 1)
    with pytest.raises(LinkUnusable):
        _find(first, now + timedelta(hours=1))
    assert _find(second, now + timedelta(hours=1)).record_id == 1
    assert _find(other, now + timedelta(hours=1)).record_id == 2


def test_it_lasts_fourteen_days(app: Flask, now: datetime) -> None:
    token = _issue(now)
    assert _find(token, now + timedelta(days=14) - timedelta(seconds=1))
    with pytest.raises(LinkUnusable):
        _find(token, now + timedelta(days=14))


def test_a_copy_of_the_database_does_not_hold_the_token(app: Flask, now: datetime) -> None:
    token = _issue(now)
    row = db.session.execute(select(*MagicLink.__table__.c)).one()
    assert token not in [str(value) for value in row] and len(token) == 43


def test_tokens_differ(app: Flask, now: datetime) -> None:
    assert len({_issue(now, n) for n in range(200)}) == 200


def test_of_many_uses_at_once_one_wins(app: Flask, now: datetime) -> None:
    for record in range(8):
        token = _issue(now, record)
        barrier, won, lost = threading.Barrier(6), [], []

        def use(token: str = token, barrier: threading.Barrier = barrier, won: list[int] = won, lost: list[int] = lost) -> None:
            with app.app_context():
                link = _find(token, now)
                barrier.wait(30)
                try:
                    with db.transaction():
                        links.consume(link, now)
                    won.append(1)
                except LinkUnusable:
                    lost.append(1)

        threads = [threading.Thread(target=use) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(lost)) == (1, 5)
