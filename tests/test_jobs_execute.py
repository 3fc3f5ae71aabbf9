"""Execution of claimed runs: done, failed, given up, taken over, kept while long; waking claims what is due."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from careercenter import audit, db, outbox, work
from careercenter.jobs import execute as execution
from careercenter.jobs import table, wake
from careercenter.jobs.execute import Keeper, execute
from careercenter.jobs.schedule import Every
from careercenter.jobs.table import Job, Planned


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    """Put one more job into the table: `job(function)`."""

    def add(function: Callable[..., str], **values: object) -> Job:
        made = Job("probe", Every(60), function, "A probe", **values)  # type: ignore[arg-type]
        monkeypatch.setattr(table, "JOBS", (*table.JOBS, made))
        return made

    return add


def _claim(job: str = "probe", argument: str = "") -> int:
    with db.transaction():
        run = work.claim(job, clock(), argument)
    assert run
    return run


def _row(run: int) -> work.JobRun:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(work.JobRun, run)


def test_a_run_that_works_is_done_with_its_sentence(app: Flask, job) -> None:  # type: ignore[no-untyped-def]
    job(lambda now, argument, progress: f"did {argument}")
    run = _claim(argument="this")
    assert execute(app, run, "w", clock) == work.DONE
    assert (_row(run).state, _row(run).message, _row(run).leased_until) == (work.DONE, "did this", None)
    assert execute(app, run, "w", clock) is None


def test_a_run_that_breaks_is_failed_without_the_errors_text(app: Flask, job) -> None:  # type: ignore[no-untyped-def]
    def broken(now, argument, progress):  # type: ignore[no-untyped-def]
        raise ValueError("ada@example.edu has no grade")

    job(broken)
    run = _claim()
    assert execute(app, run, "w", clock) == work.FAILED
    assert _row(run).message == "It failed: ValueError"


def test_a_refusal_is_told_as_it_was_said(app: Flask, job) -> None:  # type: ignore[no-untyped-def]
    def refused(now, argument, progress):  # type: ignore[no-untyped-def]
        raise db.Refused("This board is paused.")

    job(refused)
    run = _claim()
    execute(app, run, "w", clock)
    assert _row(run).message == "It failed: This board is paused."


def test_an_unknown_job_fails_in_words(app: Flask) -> None:
    run = _claim("forgotten")
    assert execute(app, run, "w", clock) == work.FAILED
    assert _row(run).message == 'No job is called "forgotten".'


def test_a_run_that_kills_its_workers_is_given_up(app: Flask, job) -> None:  # type: ignore[no-untyped-def]
    job(lambda now, argument, progress: "never reached")
    run = _claim()
    for n in range(execution.MOST_ATTEMPTS):
        with db.transaction():
            assert work.lease("dying", clock() + n * work.LEASE, run)
    late = clock() + execution.MOST_ATTEMPTS * work.LEASE
    assert execute(app, run, "w", lambda: late) == work.FAILED
    assert "Given up" in _row(run).message


def test_progress_is_seen_while_the_run_is_under_way(app: Flask, job) -> None:  # type: ignore[no-untyped-def]
    seen: list[tuple[int, int | None, str]] = []

    def long(now, argument, progress):  # type: ignore[no-untyped-def]
        with db.transaction():  # a job may report from inside its own transaction
            progress(3, 10, "reading page 3")
        time.sleep(1.6)
        row = _row(run)
        seen.append((row.done, row.total, row.message))
        progress(10, 10, "read")
        return "10 read"

    job(long)
    run = _claim()
    assert execute(app, run, "w", clock) == work.DONE
    assert seen == [(3, 10, "reading page 3")]
    assert (_row(run).done, _row(run).total, _row(run).message) == (10, 10, "10 read")


def test_a_quiet_run_keeps_its_lease_until_its_limit(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(execution, "REPORT_SECONDS", 0.1)
    run = _claim("mail")
    with db.transaction():
        held = work.lease("w", clock(), run)
    assert held
    before = _row(run).leased_until
    with Keeper(app, held, clock, timedelta(minutes=5)):
        time.sleep(0.6)
    kept = _row(run).leased_until
    assert before and kept and kept > before
    with Keeper(app, held, clock, timedelta(0)):
        time.sleep(0.4)
    assert _row(run).leased_until == kept


def test_a_run_that_was_taken_over_is_told_to_stop(app: Flask, job, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(execution, "REPORT_SECONDS", 0.1)

    def robbed(now, argument, progress):  # type: ignore[no-untyped-def]
        with db.transaction():
            assert work.lease("heir", clock() + work.LEASE * 2, run)
        for n in range(50):
            progress(n)
            time.sleep(0.1)
        return "went on regardless"

    job(robbed)
    run = _claim()
    assert execute(app, run, "w", clock) is None
    assert (_row(run).state, _row(run).worker) == (work.RUNNING, "heir")


def test_waking_claims_once_and_only_what_is_due(app: Flask, job) -> None:  # type: ignore[no-untyped-def]
    always = Planned(job(lambda *_: ""), Every(3600))
    settings = db.settings()
    assert wake.claim(app, settings, always, clock) is not None
    assert wake.claim(app, settings, always, clock) is None
    mail = table.find("mail")
    assert mail and wake.claim(app, settings, Planned(mail, Every(5)), clock) is None


def test_the_scheduler_catches_up_at_its_start(app: Flask, job) -> None:  # type: ignore[no-untyped-def]
    """A worker that was away at six claims today's run when it comes back; missed ones make one run."""
    probe = job(lambda *_: "")
    scheduler = wake.start(app, db.settings(), [Planned(probe, Every(7200))], clock)
    try:
        end = time.monotonic() + 5
        while not work.free(clock()) and time.monotonic() < end:
            db.session.rollback()
            time.sleep(0.05)
    finally:
        scheduler.shutdown(wait=True)
    assert db.session.scalars(select(work.JobRun.job)).all() == ["probe"]


@pytest.mark.parametrize("name", ["tidy", "audit-head"])
def test_housekeeping_jobs_run_on_an_empty_installation(app: Flask, name: str) -> None:
    run = _claim(name)
    assert execute(app, run, "w", clock) == work.DONE


@pytest.mark.parametrize("name", ["expire-listings", "invite", "remind-evaluators", "remind-approvers", "advance-placements"])
def test_jobs_of_other_chapters_run_on_an_empty_installation(app: Flask, name: str) -> None:
    run = _claim(name)
    assert execute(app, run, "w", clock) == work.DONE, _row(run).message


def test_the_audit_head_is_kept_outside_the_database(app: Flask, now: datetime) -> None:
    with db.transaction():
        head = audit.record("probe", "test", 1, by=audit.SYSTEM, now=now).hash
    table.note_audit_head(clock, "", lambda *_: None)
    notes = Path(db.settings().data_dir / "audit-heads.txt")
    assert notes.read_text().splitlines()[-1].endswith(head)
    notes.unlink()


def test_mail_waits_only_when_some_is_due(app: Flask, now: datetime) -> None:
    assert not table.mail_waits(now)
    row = {
        "message_id": "<1@x>", "dedupe": "1", "template": "t", "to_name": "A", "to_email": "a@x.example", "subject": "s",
        "body": "b", "about_kind": "test", "about_id": 1, "created_at": now,
    }
    with db.transaction():
        db.session.add(outbox.OutboxMessage(**row, next_attempt_at=now + timedelta(minutes=1)))
    assert not table.mail_waits(now) and table.mail_waits(now + timedelta(minutes=1))
