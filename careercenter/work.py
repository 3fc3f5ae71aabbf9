"""Work to be done outside a request: one row per run, unique by (job, argument, instant).

Whoever inserts the row has claimed that instant; a second scheduler's insert finds it there. A request by a person
("run now") is the same row with the person's name. Rows carry progress for the page that waits for them. How runs are
executed (in the worker on SQLite, by Procrastinate on PostgreSQL) is the business of `careercenter.jobs`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Index, String, Text, UniqueConstraint, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db

LEASE = timedelta(minutes=2)
KEEP = timedelta(days=14)
REPEAT_HAND_OVER = timedelta(minutes=1)
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


class JobRun(db.Model):
    __tablename__ = "job_run"
    __table_args__ = (UniqueConstraint("job", "argument", "instant"), Index("ix_job_run_state", "state", "instant"))

    id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(String(40))
    argument: Mapped[str] = mapped_column(String(200), default="")
    instant: Mapped[datetime]
    requested_by: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(10), default=WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str] = mapped_column(String(80), default="")
    leased_until: Mapped[datetime | None]
    handed_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    message: Mapped[str] = mapped_column(Text, default="")


class WorkerHeartbeat(db.Model):
    """A worker process that was alive at `seen_at`; `careercenter doctor` reads it."""

    __tablename__ = "worker_heartbeat"

    worker: Mapped[str] = mapped_column(String(80), primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    leader: Mapped[bool]


@dataclass(frozen=True)
class Lease:
    """A run that this worker holds. `attempt` guards every later write: a lease that was taken over is void."""

    run_id: int
    job: str
    argument: str
    attempt: int


class LeaseLost(Exception):
    """Another worker took the run over; stop without effect."""


def claim(job: str, instant: datetime, argument: str = "", requested_by: int | None = None) -> int | None:
    """Ask for one run at one instant, in the caller's transaction. Returns its id, or None when it was claimed before."""
    insert = postgresql.insert if db.is_postgresql() else sqlite.insert
    row = {"job": job, "argument": argument, "instant": instant, "requested_by": requested_by, "state": WAITING,
           "attempts": 0, "worker": "", "done": 0, "message": ""}
    return db.session.scalar(insert(JobRun).values(**row).on_conflict_do_nothing().returning(JobRun.id))


def request(job: str, now: datetime, argument: str = "", requested_by: int | None = None) -> int:
    """A person asks for a run now; one that waits or runs already is the answer to a second click. Returns the run's id."""
    under_way = db.session.scalar(
        select(JobRun.id).where(JobRun.job == job, JobRun.argument == argument, JobRun.state.in_((WAITING, RUNNING)))
    )
    if under_way:
        return under_way
    made = claim(job, now, argument, requested_by)
    # A run of this very instant exists and has ended already: ask for the next microsecond.
    return made or request(job, now + timedelta(microseconds=1), argument, requested_by)


def free(now: datetime) -> list[int]:
    """Runs that anybody may take now: waiting, or left behind by a worker that died. Oldest first, at most 50."""
    left = or_(JobRun.state == WAITING, (JobRun.state == RUNNING) & (JobRun.leased_until <= now))
    return list(db.session.scalars(
        select(JobRun.id).where(left, JobRun.instant <= now).order_by(JobRun.instant, JobRun.id).limit(50)
    ))


def to_hand_over(now: datetime) -> list[int]:
    """Free runs that an outside queue was not told of in the last minute. Telling it twice is harmless, never is not."""
    untold = or_(JobRun.handed_at.is_(None), JobRun.handed_at <= now - REPEAT_HAND_OVER)
    return list(db.session.scalars(select(JobRun.id).where(JobRun.id.in_(free(now)), untold).order_by(JobRun.id)))


def handed_over(run_ids: list[int], now: datetime) -> None:
    """Note that the queue knows these runs, in the caller's transaction."""
    db.session.execute(update(JobRun).where(JobRun.id.in_(run_ids)).values(handed_at=now))


def lease(worker: str, now: datetime, run_id: int | None = None) -> Lease | None:
    """Take a run to execute: the given one or the oldest. In the caller's transaction; None when there is none."""
    left = or_(JobRun.state == WAITING, (JobRun.state == RUNNING) & (JobRun.leased_until <= now))
    wanted = select(JobRun.id).where(left, JobRun.instant <= now).order_by(JobRun.instant, JobRun.id).limit(1)
    if run_id is not None:
        wanted = wanted.where(JobRun.id == run_id)
    # For a given run, wait: whoever holds its row may only be noting that it was handed over.
    found = db.session.scalar(wanted.with_for_update(skip_locked=run_id is None))
    if found is None:
        return None
    row = db.session.execute(
        update(JobRun).where(JobRun.id == found, left)
        .values(state=RUNNING, worker=worker, attempts=JobRun.attempts + 1, leased_until=now + LEASE, started_at=now, message="")
        .returning(JobRun.job, JobRun.argument, JobRun.attempts)
    ).one_or_none()
    return Lease(found, *row) if row else None


def progress(held: Lease, now: datetime, done: int, total: int | None = None, message: str = "") -> None:
    """Note how far a run is and keep its lease, in the caller's transaction. Raises `LeaseLost`."""
    _write(held, done=done, total=total, message=message[:500], leased_until=now + LEASE)


def finish(held: Lease, now: datetime, state: str, message: str) -> None:
    """End a run as done or failed, in the caller's transaction. Raises `LeaseLost`."""
    _write(held, state=state, message=message[:500], finished_at=now, leased_until=None)


def renew(held: Lease, now: datetime) -> None:
    """Keep a lease that has nothing to report, in the caller's transaction. Raises `LeaseLost`."""
    _write(held, leased_until=now + LEASE)


def give_back(worker: str) -> int:
    """A worker that stops before its runs are over frees them for others, in the caller's transaction. Returns how many."""
    held = (JobRun.worker == worker) & (JobRun.state == RUNNING)
    freed = update(JobRun).where(held).values(state=WAITING, leased_until=None, handed_at=None)
    return len(db.session.scalars(freed.returning(JobRun.id)).all())


def beat(worker: str, started_at: datetime, now: datetime, leader: bool) -> None:
    """Say that this worker lives, in the caller's transaction."""
    insert = postgresql.insert if db.is_postgresql() else sqlite.insert
    row = insert(WorkerHeartbeat).values(worker=worker, started_at=started_at, seen_at=now, leader=leader)
    db.session.execute(row.on_conflict_do_update(index_elements=["worker"], set_={"seen_at": now, "leader": leader}))


def leave(worker: str) -> None:
    """This worker stopped as told: it is missed by nobody. In the caller's transaction."""
    db.session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.worker == worker))


def workers() -> list[WorkerHeartbeat]:
    """Every worker that has not said goodbye, the one seen last first."""
    return list(db.session.scalars(select(WorkerHeartbeat).order_by(WorkerHeartbeat.seen_at.desc())))


def forget_old(now: datetime) -> None:
    """Remove runs that ended two weeks ago and workers not seen for a day, in the caller's transaction."""
    db.session.execute(delete(JobRun).where(JobRun.finished_at < now - KEEP))
    db.session.execute(delete(WorkerHeartbeat).where(WorkerHeartbeat.seen_at < now - timedelta(days=1)))


def _write(held: Lease, **values: object) -> None:
    mine = (JobRun.id == held.run_id) & (JobRun.state == RUNNING) & (JobRun.attempts == held.attempt)
    if db.session.scalar(update(JobRun).where(mine).values(**values).returning(JobRun.id)) is None:
        raise LeaseLost(f"run {held.run_id}")
