"""APScheduler in the leader: it wakes and claims, nothing else. The job store is in memory and rebuilt at every start."""

from collections.abc import Iterable
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from flask import Flask

from careercenter import db, logs, work
from careercenter.jobs.schedule import Daily
from careercenter.jobs.table import Clock, Planned
from careercenter.settings import Settings

log = logs.get("jobs")


def start(app: Flask, settings: Settings, planned: Iterable[Planned], now: Clock) -> BackgroundScheduler:
    """Claim what is due already, then wake at every time of the plan. End it with `.shutdown(wait=True)`."""
    scheduler = BackgroundScheduler(
        timezone=UTC, executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    replan(scheduler, app, settings, planned, now)
    scheduler.start()
    return scheduler


def replan(scheduler: BackgroundScheduler, app: Flask, settings: Settings, planned: Iterable[Planned], now: Clock) -> None:
    """Follow a changed plan: what is new is claimed at once, what stays keeps its next time."""
    wanted = {f"{item.job.name} {item.argument}": item for item in planned}
    for job in scheduler.get_jobs():
        if wanted.get(job.id) == job.args[2]:
            del wanted[job.id]
        else:
            scheduler.remove_job(job.id)
    for key, item in wanted.items():
        scheduler.add_job(
            claim, trigger(item, settings), id=key, args=(app, settings, item, now), next_run_time=datetime.now(UTC)
        )


def trigger(item: Planned, settings: Settings) -> BaseTrigger:
    if isinstance(item.schedule, Daily):
        return CronTrigger(hour=item.schedule.hour, minute=item.schedule.minute, timezone=settings.campus.zone)
    return IntervalTrigger(seconds=item.schedule.seconds, start_date=item.schedule.epoch, timezone=UTC)


def claim(app: Flask, settings: Settings, item: Planned, now: Clock) -> int | None:
    """Ask for the run of the newest due instant. Returns its id, or None when it was asked for before or nothing is due."""
    with app.app_context():
        at = now()
        if item.job.due and not item.job.due(at):
            return None
        try:
            with db.transaction():
                return work.claim(item.job.name, item.schedule.latest(at, settings.campus.zone), item.argument)
        except Exception as error:  # noqa: BLE001 - the next wake tries again; the scheduler must live
            log.warning("claim failed", job=item.job.name, argument=item.argument, error=type(error).__name__)
            return None
