"""Grouping everything again after the figures changed: as if they had always been so, also after a kill. On both databases."""

from datetime import datetime

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select

from careercenter import db
from careercenter.cli import cli, opening
from careercenter.doctor import records
from careercenter.listings import touched
from careercenter.listings.same import again, decide, figures, look, score
from careercenter.listings.same.model import APART, LINKED, WorkPair, WorkProfile
from careercenter.settings import SameWork
from tests.conftest import _empty
from tools.same_work import shelf
from tools.same_work.world import Post, world

STRICT, LOOSE = SameWork(link_at=0.97, ask_at=0.6), SameWork(link_at=0.6, ask_at=0.2)


@pytest.fixture
def posts() -> list[Post]:
    made = world(7, employers=60)
    return [*made.left, *made.right]


def rule(app: Flask, monkeypatch: pytest.MonkeyPatch, same_work: SameWork) -> None:
    settings = app.extensions["careercenter"]
    platforms = settings.platforms.model_copy(update={"same_work": same_work})
    monkeypatch.setitem(app.extensions, "careercenter", settings.model_copy(update={"platforms": platforms}))


def fill(posts: list[Post], now: datetime) -> None:
    with db.transaction():
        shelf.put(posts, now)
    touched.catch_up()


def standing() -> tuple[set[frozenset[str]], set[frozenset[str]], set[tuple[str, float]]]:
    db.session.rollback()
    scores = {(row.state, round(row.score, 6)) for row in db.session.scalars(select(WorkPair))}
    return shelf.groups(), shelf.suggestions(), scores


def run(app: Flask, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    monkeypatch.setattr(opening, "application", app.app_context)
    done = CliRunner().invoke(cli, ["listings", "regroup", *options])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def changed(app: Flask, monkeypatch: pytest.MonkeyPatch, posts: list[Post], now: datetime) -> object:
    """A campus that was grouped strictly and is to be grouped loosely; gives how it should stand then."""
    rule(app, monkeypatch, LOOSE)
    fill(posts, now)
    wanted = standing()
    db.session.remove()
    _empty()
    rule(app, monkeypatch, STRICT)
    fill(posts, now)
    assert standing() != wanted
    rule(app, monkeypatch, LOOSE)
    return wanted


def test_afterwards_it_stands_as_if_it_had_always_been_so(app: Flask, monkeypatch: pytest.MonkeyPatch, changed: object) -> None:
    assert records.same_work().mend == "Run: careercenter listings regroup"
    said = run(app, monkeypatch)
    assert standing() == changed
    assert records.same_work().state == "ok" and "moved to another group" in said
    assert "All are grouped by the figures in force" in run(app, monkeypatch)


def test_only_looking_again_would_leave_them_as_they_were(app: Flask, monkeypatch: pytest.MonkeyPatch, changed: object) -> None:
    """Negative control: a listing that did not change is not compared anew."""
    with db.transaction():
        touched.touch(db.session.scalars(select(WorkProfile.listing_id)))
    touched.catch_up()
    assert standing() != changed


@pytest.mark.parametrize("kill", ["noting", "grouping"])
def test_killed_half_way_it_goes_on(app: Flask, monkeypatch: pytest.MonkeyPatch, changed: object, kill: str) -> None:
    monkeypatch.setattr(again, "PART", 10)
    monkeypatch.setattr(touched, "BATCH", 10)
    calls = iter(range(3))

    def broken(*given: object) -> object:
        next(calls)  # StopIteration, the third time, inside the transaction
        return whole(*given)

    place, name = (again, "note") if kill == "noting" else (touched, "_look_again")
    whole = getattr(place, name)
    with monkeypatch.context() as once:
        once.setattr(place, name, broken)
        once.setattr(opening, "application", app.app_context)
        assert CliRunner().invoke(cli, ["listings", "regroup"]).exit_code != 0
    db.session.rollback()
    assert figures.outdated() is (kill == "noting"), "the figures are in force once everything is noted"
    assert touched.count() > 0 and standing() != changed
    run(app, monkeypatch)
    assert standing() == changed and touched.count() == 0


def test_other_weights_are_other_figures(app: Flask, monkeypatch: pytest.MonkeyPatch, posts: list[Post], now: datetime) -> None:
    fill(posts, now)
    assert not figures.outdated()
    plain = score.shipped()
    other = score.Weights("2", plain.bias - 1, plain.weights, {})
    monkeypatch.setattr(score, "shipped", lambda: other)
    assert figures.outdated()
    before = standing()
    run(app, monkeypatch)
    assert standing() != before and not figures.outdated()
    assert {row.evidence["weights"] for row in db.session.scalars(select(WorkPair).where(WorkPair.ground == "alike"))} == {"2"}


def test_staffs_word_outlives_it(app: Flask, monkeypatch: pytest.MonkeyPatch, changed: object, factory, now: datetime) -> None:  # type: ignore[no-untyped-def]
    from careercenter.audit import Actor

    asked = look.queue()[0].pair
    person = factory.person("advisor")
    with db.transaction():
        decide.decide(asked.id, APART, asked.version, by=Actor("Dana", person.id), now=now)
    run(app, monkeypatch, "--all")
    kept = db.session.get_one(WorkPair, asked.id)
    assert kept.decision == APART and kept.state != LINKED


def test_an_empty_campus_has_nothing_to_group(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    assert records.same_work().state == "ok"
    assert run(app, monkeypatch, "--all").startswith("0 listings looked at, 0 moved")
