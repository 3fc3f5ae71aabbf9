"""Claims and leases: however many schedulers wake and workers take, each instant runs once."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table, func, select

from careercenter import db, work

THREADS, INSTANTS = 6, 25


def _race(app: Flask, step: Callable[[int], None]) -> list[BaseException]:
    """Run `step(n)` for every instant in several threads at once, each in step with the others."""
    barrier, errors = threading.Barrier(THREADS), []

    def run() -> None:
        with app.app_context():
            try:
                for n in range(INSTANTS):
                    barrier.wait(30)
                    step(n)
                    db.session.remove()
            except BaseException as error:
                barrier.abort()
                errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_many_schedulers_claim_each_instant_once(app: Flask, now: datetime) -> None:
    claimed: Counter[int] = Counter()

    def step(n: int) -> None:
        with db.transaction():
            if work.claim("mail", now + timedelta(seconds=n)):
                claimed[n] += 1

    assert _race(app, step) == []
    assert claimed == Counter(range(INSTANTS))
    assert db.session.scalar(select(func.count()).select_from(work.JobRun)) == INSTANTS


def test_without_the_unique_key_the_same_race_runs_twice(app: Flask, now: datetime) -> None:
    """The negative control: look first, then insert, in a table without the key."""
    metadata = MetaData()
    bare = Table("bare_run", metadata, Column("id", Integer, primary_key=True), Column("job", String), Column("instant", DateTime))
    metadata.create_all(db.db.engine)
    try:
        seen = threading.Barrier(THREADS)

        def step(n: int) -> None:
            instant = (now + timedelta(seconds=n)).replace(tzinfo=None)
            known = db.session.scalar(select(func.count()).select_from(bare).where(bare.c.instant == instant))
            db.session.rollback()
            seen.wait(30)
            if not known:
                with db.transaction():
                    db.session.execute(bare.insert().values(job="mail", instant=instant))

        assert _race(app, step) == []
        assert db.session.scalar(select(func.count()).select_from(bare)) > INSTANTS
    finally:
        db.session.remove()
        metadata.drop_all(db.db.engine)


def test_many_workers_lease_each_run_once(app: Flask, now: datetime) -> None:
    with db.transaction():
        runs = [work.claim("mail", now - timedelta(seconds=n)) for n in range(INSTANTS)]
    leased: Counter[int] = Counter()

    def step(n: int) -> None:
        with db.transaction():
            held = work.lease(f"w{threading.get_ident()}", now, runs[n])
        if held:
            leased[held.run_id] += 1

    assert _race(app, step) == []
    assert leased == Counter(runs)


def test_a_run_asked_for_twice_by_a_person_is_one_run(app: Flask, now: datetime) -> None:
    with db.transaction():
        first = work.request("sync", now, "greenhouse/acme", requested_by=None)
        again = work.request("sync", now + timedelta(seconds=5), "greenhouse/acme")
        other = work.request("sync", now, "greenhouse/other")
    assert first == again != other


def test_a_second_wish_in_the_same_instant_after_the_first_is_done_is_a_new_run(app: Flask, now: datetime) -> None:
    with db.transaction():
        first = work.request("tidy", now)
        held = work.lease("w", now, first)
        assert held
        work.finish(held, now, work.DONE, "")
        assert work.request("tidy", now) != first


def test_a_dead_workers_run_is_taken_over_and_its_late_words_are_void(app: Flask, now: datetime) -> None:
    with db.transaction():
        run = work.claim("mail", now)
        assert run
        dead = work.lease("dead", now, run)
        assert dead
    later = now + work.LEASE
    assert work.free(later - timedelta(seconds=1)) == []
    assert work.free(later) == [run]
    with db.transaction():
        heir = work.lease("heir", later, run)
        assert heir and heir.attempt == 2
    with pytest.raises(work.LeaseLost), db.transaction():
        work.finish(dead, later, work.DONE, "too late")
    with db.transaction():
        work.finish(heir, later, work.DONE, "done")
    row = db.session.get_one(work.JobRun, run)
    assert (row.state, row.message, row.worker) == (work.DONE, "done", "heir")


def test_a_worker_that_stops_gives_its_runs_back(app: Flask, now: datetime) -> None:
    with db.transaction():
        run = work.claim("mail", now)
        mine = work.lease("me", now, run)
        work.beat("me", now, now, leader=True)
    with db.transaction():
        assert work.give_back("me") == 1
        work.leave("me")
    assert work.free(now) == [run] and work.workers() == []
    assert mine
    with pytest.raises(work.LeaseLost), db.transaction():
        work.progress(mine, now, 1)


def test_handing_over_is_told_once_a_minute_until_somebody_takes_it(app: Flask, now: datetime) -> None:
    with db.transaction():
        run = work.claim("mail", now)
    assert work.to_hand_over(now) == [run]
    with db.transaction():
        work.handed_over([run], now)  # type: ignore[list-item]
    assert work.to_hand_over(now + timedelta(seconds=59)) == []
    assert work.to_hand_over(now + timedelta(seconds=60)) == [run]
    with db.transaction():
        work.lease("w", now + timedelta(seconds=60), run)
    assert work.to_hand_over(now + timedelta(seconds=70)) == []


def test_old_runs_and_old_workers_are_forgotten(app: Flask, now: datetime) -> None:
    with db.transaction():
        for age in (1, 20):
            run = work.claim("mail", now - timedelta(days=age))
            held = work.lease("w", now - timedelta(days=age), run)
            assert held
            work.finish(held, now - timedelta(days=age), work.DONE, "")
        work.beat("gone", now - timedelta(days=9), now - timedelta(days=2), leader=False)
        work.beat("here", now, now, leader=False)
        work.forget_old(now)
    assert db.session.scalar(select(func.count()).select_from(work.JobRun)) == 1
    assert [found.worker for found in work.workers()] == ["here"]
