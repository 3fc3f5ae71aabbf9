"""Every job: its name, when it is due, what it does. Functions call rules of the lower chapters and say how it went.

A job function gets (clock, argument, progress), opens its own transactions and returns one sentence. It may be run
twice for one instant after a crash, so every rule called here repeats without effect.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from careercenter import audit, db, once, outbox, work
from careercenter.jobs.schedule import Daily, Every, Schedule
from careercenter.settings import Settings, Source

Clock = Callable[[], datetime]
Progress = Callable[..., None]
"""progress(done, total=None, message=""): cheap, may be called often and inside a transaction. Raises `work.LeaseLost`."""


@dataclass(frozen=True)
class Job:
    """`schedule` None: each source has its own. `due` spares a run that would find nothing to do.

    After `limit` the run's lease is no longer kept, so that another worker may take it over.
    """

    name: str
    schedule: Schedule | None
    function: Callable[[Clock, str, Progress], str]
    label: str
    due: Callable[[datetime], bool] | None = None
    limit: timedelta = timedelta(minutes=15)


@dataclass(frozen=True)
class Planned:
    """A job as this installation runs it; `argument` is "platform/board" for a sync."""

    job: Job
    schedule: Schedule
    argument: str = ""


def mail_waits(now: datetime) -> bool:
    """Whether any mail could be sent now: a code that was asked for, or a message that is due and in no other worker's hands."""
    from careercenter.people import codes

    return codes.waits(now) or db.session.scalar(
        select(outbox.OutboxMessage.id)
        .where(outbox.OutboxMessage.sent_at.is_(None), outbox.OutboxMessage.dead_at.is_(None))
        .where(outbox.OutboxMessage.next_attempt_at <= now)
        .where(or_(outbox.OutboxMessage.leased_until.is_(None), outbox.OutboxMessage.leased_until <= now)).limit(1)
    ) is not None


def deliver_mail(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter.people import codes

    with db.transaction():
        codes.mail_waiting(now())
    counts = outbox.deliver(now)
    return f"{counts['sent']} sent, {counts['later']} to be tried again, {counts['dead']} given up."


def sync(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter import listings
    from careercenter.listings import touched

    platform, _, board = argument.partition("/")
    report = listings.sync(platform, board, now=now, progress=progress)
    touched.catch_up()
    return report.message or f"Run {report.run_id}: {report.outcome}."


def pushed_waits(now: datetime) -> bool:
    from careercenter.listings import arrivals

    return bool(arrivals.waiting(now))


def take_pushed(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter import listings
    from careercenter.listings import arrivals, touched

    boards = arrivals.waiting(now())
    for platform, board in boards:
        listings.sync(platform, board, now=now, progress=progress)
    touched.catch_up()
    return f"{len(boards)} boards had something waiting."


def expire_listings(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter import listings

    with db.transaction():
        lost, expired = listings.declare_lost(now()), listings.expire(now())
    return f"{expired} listings closed by their deadline, {lost} runs were broken off."


def touched_waits(now: datetime) -> bool:
    from careercenter.listings import touched

    return touched.waits(now)


def catch_up(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter.listings import touched

    return f"{touched.catch_up()} listings looked at again."


def merge_index(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter.listings.index import keep

    return f"The search index was brought together in {keep.merge()} steps."


def invite_evaluators(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter import evaluations

    with db.transaction():
        return f"{evaluations.invite_due(now())} invitations queued."


def remind_evaluators(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter import evaluations

    with db.transaction():
        return f"{evaluations.remind_due(now())} reminders queued."


def remind_approvers(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter import credit

    with db.transaction():
        return f"{credit.remind_overdue(now())} reminders queued."


def advance_placements(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter import placements

    with db.transaction():
        placements.advance(now())
    return "Placements stand as their dates say."


def metadata_due(now: datetime) -> bool:
    from careercenter.providers import refresh

    return refresh.due(now)


def metadata(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter import providers

    outcomes = providers.refresh_due(now)
    return " ".join(f"{found.provider}: {found.sentence}" for found in outcomes) or "Nothing was due."


def tidy(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter.listings import arrivals, refused
    from careercenter.people import codes, kept, sessions, tries, viewas
    from careercenter.providers import refusals

    with db.transaction():
        sessions.forget_old(now())
        refusals.forget_old(now())
        tries.forget_old(now())
        kept.forget_old(now())
        viewas.end_overdue(now())
        codes.forget_old(now())
        work.forget_old(now())
        once.forget_old(now())
        arrivals.forget_old(now())
        refused.forget_old(now())
    return "Old sessions and old runs are gone."


def directory_wanted(now: datetime) -> bool:
    directory = db.settings().signon.directory
    return directory is not None and directory.sync


def sync_directory(now: Clock, argument: str, progress: Progress) -> str:
    from careercenter import catalog
    from careercenter.people import directory_sync
    from careercenter.signon.directory import Directory

    config = db.settings()
    told = config.signon.directory
    if told is None or not told.sync:
        return "No directory is looked at."
    terms = catalog.term_instants(config.campus.zone)
    return directory_sync.run(Directory(told).people, config.signon.roles, terms, told.lost_share, now, progress=progress).sentence


def note_audit_head(now: Clock, argument: str, progress: Progress) -> str:
    """Keep the newest audit hash outside the database: a log cut short afterwards shows."""
    head = audit.head()
    path = db.settings().data_dir / "audit-heads.txt"
    with open(path, "a", encoding="ascii") as notes:
        notes.write(f"{now().isoformat()} {head}\n")
        notes.flush()
        os.fsync(notes.fileno())
    return f"The audit log's newest hash is {head[:12]}."


JOBS: tuple[Job, ...] = (
    Job("mail", Every(5), deliver_mail, "Deliver mail", due=mail_waits),
    Job("sync", None, sync, "Read the boards of every platform", limit=timedelta(hours=1)),
    Job("pushed", Every(15), take_pushed, "Take in what platforms pushed and staff entered", due=pushed_waits, limit=timedelta(hours=1)),
    Job("catch-up", Every(15), catch_up, "Bring search up to changed listings", due=touched_waits),
    Job("merge-index", Daily(3, 40), merge_index, "Bring the search index together"),
    Job("expire-listings", Every(900), expire_listings, "Close listings whose deadline has passed"),
    Job("advance-placements", Daily(5, 30), advance_placements, "Begin and end placements by their dates"),
    Job("invite", Daily(6), invite_evaluators, "Invite evaluators whose date has come"),
    Job("remind-evaluators", Daily(6, 10), remind_evaluators, "Remind evaluators"),
    Job("remind-approvers", Daily(6, 20), remind_approvers, "Remind approvers of overdue steps"),
    Job("metadata", Every(300), metadata, "Fetch the metadata of identity providers", due=metadata_due),
    Job(
        "directory-sync", Daily(3, 10), sync_directory, "Look at everybody in the directory", due=directory_wanted,
        limit=timedelta(hours=1),
    ),
    Job("tidy", Every(3600), tidy, "Forget old sessions and runs"),
    Job("audit-head", Daily(0, 5), note_audit_head, "Note the audit log's newest hash outside the database"),
)


def find(name: str) -> Job | None:
    return next((job for job in JOBS if job.name == name), None)


def plan(settings: Settings, entered: Iterable[Source] = ()) -> Iterator[Planned]:
    """What this installation runs: every job, and one sync per board of every enabled source, those `entered` on a page too."""
    from careercenter.listings import polls

    for job in JOBS:
        if job.schedule:
            yield Planned(job, job.schedule)
            continue
        for source in (s for s in (*settings.platforms.sources, *entered) if s.enabled):
            for board in source.boards:
                yield Planned(job, Every(polls.every_seconds(source)), f"{source.platform}/{board}")
