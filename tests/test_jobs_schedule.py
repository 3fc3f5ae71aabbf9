"""When jobs are due: one instant per grid step, one run per civil date, whatever the clocks do."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger

from careercenter.jobs.schedule import Daily, Every
from careercenter.jobs.table import JOBS, Planned, find, plan
from careercenter.jobs.wake import trigger
from tests.conftest import make_settings

NEW_YORK = ZoneInfo("America/New_York")


def test_every_process_computes_the_same_instant_within_a_step() -> None:
    grid = Every(300)
    at = datetime(2026, 11, 16, 14, 7, 31, tzinfo=UTC)
    assert grid.latest(at, NEW_YORK) == datetime(2026, 11, 16, 14, 5, tzinfo=UTC)
    assert {grid.latest(at + timedelta(seconds=n), NEW_YORK) for n in range(149)} == {grid.latest(at, NEW_YORK)}


def test_a_wall_time_that_comes_twice_makes_one_run() -> None:
    """1 November 2026: 01:30 in New York comes at 05:30 and again at 06:30 UTC. APScheduler wakes at both."""
    cron = CronTrigger(hour=1, minute=30, timezone=NEW_YORK)
    first = cron.get_next_fire_time(None, datetime(2026, 11, 1, 4, 0, tzinfo=UTC))
    assert first is not None
    second = cron.get_next_fire_time(first, first + timedelta(seconds=1))
    assert second is not None
    wakes = [first.astimezone(UTC), second.astimezone(UTC)]
    assert [w.hour for w in wakes] == [5, 6], "APScheduler no longer wakes twice; is this test still about anything?"
    assert len({Daily(1, 30).latest(w, NEW_YORK) for w in wakes}) == 1
    assert len({w.replace(second=0, microsecond=0) for w in wakes}) == 2  # the key by wake time would have run it twice


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "America/Adak", "Europe/Dublin", "UTC"])
@pytest.mark.parametrize(("hour", "minute"), [(0, 5), (1, 30), (2, 15), (2, 30), (6, 0), (23, 59)])
@pytest.mark.parametrize("first", [date(2026, 3, 1), date(2026, 9, 20), date(2026, 10, 20)])
def test_each_civil_date_runs_once_through_every_change_of_clocks(zone: str, hour: int, minute: int, first: date) -> None:
    local, daily, days = ZoneInfo(zone), Daily(hour, minute), 42
    start = datetime(first.year, first.month, first.day, hour, minute, tzinfo=local).astimezone(UTC)
    instants = {daily.latest(start + timedelta(minutes=20 * n), local) for n in range(days * 72)}
    dates = [i.astimezone(local).date() for i in sorted(instants)]
    assert dates == [first + timedelta(days=n) for n in range(len(dates))]
    assert len(dates) >= days - 1


def test_the_newest_instant_is_never_in_the_future() -> None:
    before_six = datetime(2026, 11, 16, 10, 59, 59, tzinfo=UTC)
    assert Daily(6).latest(before_six, NEW_YORK) == datetime(2026, 11, 15, 11, tzinfo=UTC)
    assert Daily(6).latest(before_six + timedelta(seconds=1), NEW_YORK) == datetime(2026, 11, 16, 11, tzinfo=UTC)


def test_plan_has_one_sync_per_board_of_enabled_sources(tmp_path) -> None:  # type: ignore[no-untyped-def]
    sources = [
        {"platform": "greenhouse", "boards": ["a", "b/c"], "every_minutes": 90},
        {"platform": "greenhouse", "boards": ["off"], "enabled": False},
    ]
    settings = make_settings(tmp_path, platforms={"sources": sources})
    planned = [p for p in plan(settings) if p.job.name == "sync"]
    assert [(p.argument, p.schedule) for p in planned] == [("greenhouse/a", Every(5400)), ("greenhouse/b/c", Every(5400))]
    assert {p.job.name for p in plan(settings)} == {job.name for job in JOBS}


def test_cron_is_read_in_campus_time(tmp_path) -> None:  # type: ignore[no-untyped-def]
    settings = make_settings(tmp_path, campus={"time_zone": "America/Los_Angeles"})
    invite = find("invite")
    assert invite is not None and invite.schedule is not None
    fires = trigger(Planned(invite, invite.schedule), settings).get_next_fire_time(None, datetime(2026, 11, 16, 13, tzinfo=UTC))
    assert fires is not None and fires.astimezone(UTC) == datetime(2026, 11, 16, 14, tzinfo=UTC)


def test_job_names_are_distinct_and_fit_their_column() -> None:
    names = [job.name for job in JOBS]
    assert len(set(names)) == len(names) and all(len(name) <= 40 for name in names)
