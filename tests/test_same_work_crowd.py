"""Very many listings under one title: who is compared with whom, whatever the order, and what it costs."""

import time
from datetime import date, datetime, timedelta
from random import Random

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from careercenter import db
from careercenter.listings import touched
from careercenter.listings.model import Listing
from careercenter.listings.same import crowd
from careercenter.listings.same.model import WorkPair, WorkProfile
from tests.test_same_work_grouping import grouped
from tools.same_work import shelf as world_shelf
from tools.same_work.world import Post, World


def stores(luck: Random, towns: int, **numbers: int) -> World:
    """One shop's "Store Intern" on three platforms, so many on each: in some towns, in a state, or nowhere, over some days."""
    def places() -> tuple[str, ...]:
        town = f"Town {luck.randrange(towns)}, OH"
        return luck.choice(((town,), (town,), (town,), (town, "Dayton, OH"), ("Ohio",), ()))

    return World(tuple(
        Post(platform, f"{n}-{platform}", "Acme Retail", luck.choice(("Store Intern", "Store Intern", "Intern, Retail Store")),
             places(), "unknown", date(2026, 11, 1) + timedelta(days=luck.randrange(12)), "", n)
        for platform, many in numbers.items() for n in range(many)
    ), ())


@pytest.mark.parametrize("towns", [1, 15])
def test_a_crowd_does_not_depend_on_the_order_of_arrival(app: Flask, now: datetime, towns: int) -> None:
    """Titles become crowds while listings arrive, one platform after the other or mixed."""
    made = stores(Random(towns), towns, simple=50, mirror=40, third=8)
    first = grouped(made, 1, 1, now)
    assert first[0] and first[1]
    for order, batches in ((2, 7), (3, 98)):
        assert grouped(made, order, batches, now) == first


def kept_pairs() -> dict[tuple[int, int], float]:
    return {(row.a_id, row.b_id): row.score for row in db.session.execute(select(WorkPair.a_id, WorkPair.b_id, WorkPair.score))}


def test_who_comes_into_a_crowd_or_leaves_it_has_all_of_it_compared_again(app: Flask, now: datetime) -> None:
    luck = Random(7)
    with db.transaction():
        world_shelf.put(stores(luck, 2, simple=60, mirror=50).left, now)
    touched.catch_up()
    every = list(db.session.scalars(select(Listing.id).order_by(Listing.id)))
    for values in ({"title": "Clerk Intern"}, {"employer": "Birch Bank"}):
        rest = luck.sample(every[:60], 60) + luck.sample(every[60:], 50)  # one platform after the other
        while rest:
            some, rest = rest[:13], rest[13:]
            with db.transaction():
                db.session.execute(update(Listing).where(Listing.id.in_(some)).values(values))
                touched.touch(some)
            touched.catch_up()
            found = kept_pairs()
            with db.transaction():
                db.session.execute(update(WorkProfile).values(digest=""))
                touched.touch(every)
            touched.catch_up()
            assert kept_pairs() == found


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_a_thousand_stores_with_one_title_are_grouped_in_seconds(app: Flask, now: datetime) -> None:
    """Each in a town of its own, on two platforms: who is compared with whom grows with the stores, not with their square."""
    posts = [
        Post(platform, f"{n}-{platform}", "Acme Retail", "Store Intern", (f"Town {n}, OH",), "unknown", date(2026, 11, 1), "", n)
        for platform in ("simple", "mirror") for n in range(1000)
    ]
    with db.transaction():
        world_shelf.put(posts, now)
    began = time.process_time()
    touched.catch_up()
    assert time.process_time() - began < 15, "all with all, it were a minute"
    assert world_shelf.groups() == {frozenset((f"{n}-simple", f"{n}-mirror")) for n in range(1000)}
    assert db.session.scalar(select(func.count(WorkPair.id))) == 1000


@pytest.mark.parametrize(("limit", "asked"), [(crowd.CROWD, 0), (1000, 25)])
def test_of_a_crowd_only_those_that_may_be_in_one_place_are_compared(
    app: Flask, now: datetime, monkeypatch: pytest.MonkeyPatch, limit: int, asked: int
) -> None:
    """One store in each of 25 towns, which are others on the other platform: staff could answer nothing about them."""
    monkeypatch.setattr(crowd, "CROWD", limit)
    with db.transaction():
        world_shelf.put([
            Post(platform, f"{n}-{platform}", "Acme Retail", "Store Intern", (f"{platform} {n}, OH",), "unknown", date(2026, 11, 1), "", n)
            for platform in ("simple", "mirror") for n in range(25)
        ], now)
    touched.catch_up()
    assert not world_shelf.groups() and len(world_shelf.suggestions()) == asked


def test_stores_of_different_numbers_are_different_work(app: Flask, now: datetime) -> None:
    titles = {"simple": ("Store 1042 Intern", "Store #1043 Intern", "Store Intern"), "mirror": ("Intern, Store 1043", "Intern, Store 1044")}
    with db.transaction():
        world_shelf.put([
            Post(platform, title, "Acme Retail", title, ("Dayton, OH",), "unknown", date(2026, 11, 1), "", 0)
            for platform, all_titles in titles.items() for title in all_titles
        ], now)
    touched.catch_up()
    found = world_shelf.pairs_of(world_shelf.groups()) | world_shelf.suggestions()
    assert not any("1042" in " ".join(pair) for pair in found)
