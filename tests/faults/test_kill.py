"""`kill -9` in the middle of things: what somebody was told is there afterwards, and nothing happened twice.

Real processes, both databases. A page that answered has been committed; a page whose connection broke either did all of
its work or none. Mail may come twice after a kill, but only under one Message-ID. With --long, many more moments.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import func, select

from careercenter import audit, db, links, listings, outbox
from careercenter.audit import AuditEvent
from careercenter.credit.model import Approval, CreditRequest
from careercenter.listings.model import Listing, SyncRun
from tests.board_feed import Feed, post, serving
from tests.factories import Factory
from tests.faults.installation import Installation, Visitor
from tests.smtp_server import Mailbox
from tests.worker_home import new_database


class SlowMailbox(Mailbox):
    """Keeps a message at once and answers `seconds` later: a kill in between leaves us without a note of it."""

    seconds = 0.0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        await asyncio.sleep(self.seconds)
        return answer


@pytest.fixture
def post_office() -> Iterator[SlowMailbox]:
    server = SlowMailbox()
    with server:
        yield server


@pytest.fixture
def feed() -> Iterator[Feed]:
    found = Feed()
    with serving(found) as host:
        found.host = host
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path, post_office: SlowMailbox, feed: Feed) -> Iterator[Installation]:
    url = new_database(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""
    made = Installation(tmp_path / "campus", post_office.port, url, platform=feed.host)
    yield made
    made.close()


def drafts(installation: Installation, n: int) -> list[tuple[int, int]]:
    """(request, student) of `n` requests that can be submitted today."""
    today = datetime.now(UTC).date()
    with installation.app.app_context():
        factory = Factory(datetime.now(UTC))
        factory.term(starts_on=today - timedelta(days=60), ends_on=today + timedelta(days=60),
                     register_by=today + timedelta(days=30), grades_due_on=today + timedelta(days=70))
        found = []
        for _ in range(n):
            student = factory.student()
            placement = factory.placement(student, starts_on=today - timedelta(days=40), ends_on=today + timedelta(days=30))
            found.append((factory.credit_request(student, placement).id, student.id))
        return found


def submit(installation: Installation, request_id: int, student_id: int) -> tuple[Visitor, dict[str, Any]]:
    """The student with the form open, ready to press submit."""
    visitor = Visitor(installation, installation.sign_in(student_id))
    return visitor, {**visitor.form(f"/credit/{request_id}/edit", "#request-form"), "act": "submit"}


def traces(installation: Installation, request_id: int) -> tuple[str, int, int, int, int]:
    """(state, open approvals, live links, mails to supervisor and student, audit events of the submission) of a request."""
    with installation.app.app_context():
        request = db.session.get_one(CreditRequest, request_id)
        approvals = db.session.scalars(select(Approval.id).where(Approval.request_id == request_id, Approval.step == "supervisor")).all()
        count = [
            select(func.count()).where(links.MagicLink.purpose == "approval", links.MagicLink.record_id.in_(approvals)),
            select(func.count()).where(outbox.OutboxMessage.about_kind == "credit_request", outbox.OutboxMessage.about_id == request_id),
            select(func.count()).where(AuditEvent.action == "credit.submitted", AuditEvent.about_id == request_id),
        ]
        return (request.state, len(approvals), *(db.session.scalar(query) or 0 for query in count))  # type: ignore[return-value]


NOTHING = ("draft", 0, 0, 0, 0)
ALL = ("in_review", 1, 1, 2, 1)


def kill_at(installation: Installation, master: Any, seconds: float, request_id: int, student_id: int) -> bool:
    """Submit, and kill the web process so many seconds later. Returns whether the work was done by then."""
    visitor, form = submit(installation, request_id, student_id)
    killer = threading.Timer(seconds, installation.kill_web_processes, (master,))
    killer.start()
    answer = visitor.post(f"/credit/{request_id}/edit", form)
    killer.join()
    told = answer is not None and answer.status_code == 303 and answer.headers["Location"].endswith(f"/credit/{request_id}")
    found = traces(installation, request_id)
    assert found in (NOTHING, ALL), f"killed after {seconds * 1000:.0f} ms, half of the work is there: {found}"
    assert not told or found == ALL, f"killed after {seconds * 1000:.0f} ms: the student was told, and it is gone: {found}"
    installation.until(lambda: _submitted_in_the_end(installation, request_id, student_id))
    assert traces(installation, request_id) == ALL
    return found == ALL


def _submitted_in_the_end(installation: Installation, request_id: int, student_id: int) -> bool:
    """The student looks again, and presses again if it is still a draft."""
    if traces(installation, request_id) == ALL:
        return True
    try:
        visitor, form = submit(installation, request_id, student_id)
    except OSError:  # no web process is up again yet
        return False
    answer = visitor.post(f"/credit/{request_id}/edit", form)
    return answer is not None and answer.status_code == 303


def sweep(installation: Installation, moments: int) -> None:
    """Kills that close in on the moment of the commit from both sides, then one of the whole service."""
    master = installation.web()
    (cold, first, *rest) = drafts(installation, moments + 3)
    visitor, form = submit(installation, *cold)
    visitor.post(f"/credit/{cold[0]}/edit", form)
    visitor, form = submit(installation, *first)
    began = time.monotonic()
    answer = visitor.post(f"/credit/{first[0]}/edit", form)
    lasted = time.monotonic() - began
    assert answer is not None and answer.status_code == 303 and traces(installation, first[0]) == ALL, answer and answer.text
    early, late = 0.0, 2 * lasted
    for request in rest[:moments]:
        moment = (early + late) / 2
        early, late = (early, moment) if kill_at(installation, master, moment, *request) else (moment, late)
        if late - early < 0.01:
            early, late = max(0.0, early - 0.03), late + 0.03
    visitor, form = submit(installation, *rest[moments])
    answer = visitor.post(f"/credit/{rest[moments][0]}/edit", form)
    assert answer is not None and answer.status_code == 303
    installation.kill(master)
    installation.web()
    assert traces(installation, rest[moments][0]) == ALL
    assert installation.ask(audit.verify) is None


def test_a_web_process_killed_while_a_student_submits(installation: Installation) -> None:
    sweep(installation, moments=6)


@pytest.mark.long
def test_a_web_process_killed_at_many_moments(installation: Installation) -> None:
    sweep(installation, moments=80)


def mails(installation: Installation, n: int) -> None:
    with installation.app.app_context(), db.transaction():
        for number in range(n):
            outbox.post(
                "evaluation_receipt", to=("Ada Reader", "ada@example.edu"), about=("test", number), dedupe=f"note-{number}",
                values={"name": "Ada", "student": f"Student {number}", "kind": "evaluation", "title": "Work", "employer": "An employer"},
                now=datetime.now(UTC),
            )


def deliveries(installation: Installation, post_office: SlowMailbox, kills: int, n: int) -> None:
    """Kill a worker again and again while it delivers; at the end everybody has every mail, under one Message-ID each."""
    mails(installation, n)
    for kill in range(kills):
        before = len(post_office.messages)
        worker = installation.worker()
        installation.until(lambda seen=before: len(post_office.messages) > seen)  # type: ignore[misc]
        time.sleep(post_office.seconds * (kill % 3) / 2)
        installation.kill(worker)
    later = datetime.now(UTC) + outbox.LEASE + timedelta(seconds=5)
    post_office.seconds = 0.0
    installation.ask(lambda: outbox.deliver(lambda: later, most=10 * n))
    ids = Counter(str(mail["Message-ID"]) for mail in post_office.messages)
    subjects = {str(mail["Message-ID"]): str(mail["Subject"]) for mail in post_office.messages}
    assert len(ids) == n and len(set(subjects.values())) == n, "each mail came, each under a Message-ID of its own"
    assert ids.total() <= n + kills, f"a kill repeats one mail at most: {ids}"
    unsent = select(func.count()).where(outbox.OutboxMessage.sent_at.is_(None))
    assert installation.ask(lambda: db.session.scalar(unsent)) == 0


def test_a_worker_killed_while_it_delivers(installation: Installation, post_office: SlowMailbox) -> None:
    post_office.seconds = 0.2
    deliveries(installation, post_office, kills=2, n=8)


@pytest.mark.long
def test_a_worker_killed_again_and_again_while_it_delivers(installation: Installation, post_office: SlowMailbox) -> None:
    post_office.seconds = 0.1
    deliveries(installation, post_office, kills=20, n=100)


def stored(installation: Installation) -> int:
    return int(installation.ask(lambda: db.session.scalar(select(func.count(Listing.id)))) or 0)


def killed_sync(installation: Installation, feed: Feed, posts: int, wait: float) -> None:
    """Kill a worker `wait` seconds after the first batch is there; the next run makes the board whole, once."""
    feed.posts = [post(number) for number in range(1, posts + 1)]
    worker = installation.worker()
    installation.until(lambda: stored(installation) > 0, 60)
    time.sleep(wait)
    installation.kill(worker)
    assert 0 < stored(installation) <= posts
    later = datetime.now(UTC) + timedelta(minutes=11)
    report = installation.ask(lambda: listings.sync("greenhouse", "lakemontdata", now=lambda: later))
    assert report.outcome == "complete" and report.counts.add_up, report
    with installation.app.app_context():
        rows = db.session.execute(select(Listing.post_id, Listing.state)).all()
        running = db.session.scalar(select(func.count()).where(SyncRun.outcome == "running"))
    assert len(rows) == posts and len({row.post_id for row in rows}) == posts
    assert {row.state for row in rows} == {"open"} and running == 0


def test_a_worker_killed_while_it_reads_a_board(installation: Installation, feed: Feed) -> None:
    killed_sync(installation, feed, posts=1001, wait=0.0)


@pytest.mark.long
@pytest.mark.parametrize("wait", [n / 20 for n in range(12)])
def test_a_worker_killed_at_many_moments_of_a_run(installation: Installation, feed: Feed, wait: float) -> None:
    killed_sync(installation, feed, posts=3000, wait=wait)
