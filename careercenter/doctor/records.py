"""The database and what its records tell: versions, workers, runs, mail that does not leave, the audit log."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.exc import InterfaceError, OperationalError

from careercenter import audit, db, work
from careercenter.doctor.check import FAIL, OK, WARN, Check, ago
from careercenter.listings.index import check as index
from careercenter.listings.same import figures
from careercenter.outbox import OutboxMessage
from careercenter.settings import Settings

MISSED = timedelta(seconds=30)
STUCK = timedelta(minutes=15)
SKEW = timedelta(seconds=5)
UPGRADE = "Run: careercenter db upgrade"


def database() -> Check:
    """Reachable, at this program's version, and (SQLite) in the mode that readers and writers share."""
    try:
        problem = db.schema_problem()
    except (OperationalError, InterfaceError) as error:
        first = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
        return Check(
            "Database",
            FAIL,
            f"It cannot be reached: {first}.",
            "Start it, or correct database.url in careercenter.toml.",
        )
    if problem:
        return Check(
            "Database",
            FAIL,
            str(problem).removesuffix(f" {UPGRADE}"),
            UPGRADE if not problem.newer else "Install the newer program.",
        )
    if db.is_postgresql():
        return Check(
            "Database", OK, f"PostgreSQL {db.session.scalar(text('SHOW server_version'))}, at this program's version."
        )
    mode = db.session.scalar(text("PRAGMA journal_mode"))
    if mode != "wal":
        return Check(
            "Database",
            FAIL,
            f"SQLite is in {mode} mode, where readers stop writers.",
            "Put data_dir on a local disk; network disks cannot hold SQLite in WAL mode.",
        )
    return Check("Database", OK, "SQLite in WAL mode, at this program's version.")


def clock(now: datetime) -> Check:
    if not db.is_postgresql():
        return Check("Clock", OK, f"{now.astimezone(UTC):%d %b %Y %H:%M:%S} UTC.")
    there = db.session.scalar(text("SELECT clock_timestamp()"))
    skew = abs(datetime.now(UTC) - there)
    says = f"{skew.total_seconds():.1f} s apart from the database server."
    return (
        Check("Clock", OK, says)
        if skew <= SKEW
        else Check(
            "Clock",
            WARN,
            says,
            "Switch on time synchronisation (chrony) on both machines; sign-in fails when clocks differ by minutes.",
        )
    )


def workers(now: datetime) -> Check:
    living = [found for found in work.workers() if now - found.seen_at <= MISSED]
    if not living:
        last = next(iter(work.workers()), None)
        says = f"The last worker was seen {ago(now - last.seen_at)} ago." if last else "No worker has been seen."
        return Check("Worker", FAIL, f"{says} Mail and syncs wait.", "Start one: careercenter worker")
    says = f"{len(living)} at work, seen {ago(now - living[0].seen_at)} ago."
    if not any(found.leader for found in living):
        return Check(
            "Worker",
            WARN,
            f"{says} None leads, so nothing is scheduled.",
            "Wait half a minute; if it stays, restart the workers.",
        )
    return Check("Worker", OK, says)


def runs(now: datetime) -> Check:
    day = work.JobRun.finished_at > now - timedelta(days=1)
    failed = db.session.execute(
        select(work.JobRun.job, func.count()).where(work.JobRun.state == work.FAILED, day).group_by(work.JobRun.job)
    ).all()
    late = (
        db.session.scalar(
            select(func.count()).where(work.JobRun.state == work.WAITING, work.JobRun.instant < now - STUCK)
        )
        or 0
    )
    if late:
        return Check(
            "Jobs",
            FAIL,
            f"{late} runs wait longer than 15 minutes.",
            "Start a worker, or another one: careercenter worker",
        )
    if failed:
        names = ", ".join(f"{job} ({count})" for job, count in failed)
        return Check(
            "Jobs", WARN, f"Failed in the last day: {names}.", 'The log of the worker says why; look for "run failed".'
        )
    return Check("Jobs", OK, "Nothing failed in the last day, nothing waits.")


def mail(now: datetime) -> Check:
    waiting = (OutboxMessage.sent_at.is_(None)) & (OutboxMessage.dead_at.is_(None))
    stuck, oldest = db.session.execute(
        select(func.count(), func.min(OutboxMessage.next_attempt_at)).where(waiting, OutboxMessage.next_attempt_at < now - STUCK)
    ).one()
    dead = db.session.scalar(select(func.count()).where(OutboxMessage.dead_at > now - timedelta(days=7))) or 0
    if stuck and oldest:
        return Check(
            "Mail queue",
            FAIL,
            f"{stuck} messages have not left, the oldest for {ago(now - oldest)}.",
            "Look at the mail server line above, and whether a worker runs.",
        )
    if dead:
        return Check(
            "Mail queue",
            WARN,
            f"{dead} messages were given up in the last week.",
            "See the mail page for addresses that were refused, correct them and send again.",
        )
    return Check("Mail queue", OK, "Nothing is stuck.")


def search() -> Check:
    """Whether as many listings can be found as there are."""
    waiting, held, right = index.standing()
    if waiting:
        return Check("Search", OK, f"{held:,} listings can be found; {waiting:,} that changed wait for the next look.")
    if held != right:
        return Check(
            "Search", WARN, f"{held:,} listings can be found, but {right:,} are open.", "Run: careercenter listings index --rebuild"
        )
    return Check("Search", OK, f"All {held:,} open listings can be found.")


def same_work() -> Check:
    """Whether listings are grouped by the figures that are set now."""
    if figures.outdated():
        return Check(
            "Same work", WARN, "Listings were grouped by other figures than those in force.", "Run: careercenter listings regroup"
        )
    return Check("Same work", OK, "Listings are grouped by the figures in force.")


def audit_log(settings: Settings) -> Check:
    """The chain inside the database, and the newest hashes that were noted outside of it."""
    broken = audit.verify()
    if broken is not None:
        return Check(
            "Audit log",
            FAIL,
            f"Event {broken} does not fit the one before it: the log was changed, or the secret key was.",
            "Compare with a backup; tell whoever answers for records.",
        )
    notes = settings.data_dir / "audit-heads.txt"
    lines = [line.split() for line in notes.read_text(encoding="ascii").splitlines()] if notes.exists() else []
    for at, head in (line for line in lines if len(line) == 2 and set(line[1]) != {"0"}):
        if db.session.scalar(select(audit.AuditEvent.id).where(audit.AuditEvent.hash == head)) is None:
            return Check(
                "Audit log",
                FAIL,
                f"The event that was the newest at {at} is gone: the log was cut.",
                "Compare with a backup; tell whoever answers for records.",
            )
    count = db.session.scalar(select(func.count()).select_from(audit.AuditEvent)) or 0
    kept = "1 note" if len(lines) == 1 else f"{len(lines)} notes"
    return Check("Audit log", OK, f"{count} events fit each other and {kept} kept outside.")
