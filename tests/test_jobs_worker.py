"""Real worker processes: one leads, a killed leader is replaced, SIGTERM drains, a kill in mid-delivery loses nothing."""

import asyncio
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import func, select

from careercenter import db, outbox, work
from tests.smtp_server import Mailbox
from tests.worker_home import Home, new_database


class SlowMailbox(Mailbox):
    """Keeps the message at once and answers only after `seconds`: the moment in which a kill hurts most."""

    seconds = 0.0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        await asyncio.sleep(self.seconds)
        return answer


@pytest.fixture
def post_office() -> Iterator[SlowMailbox]:
    with SlowMailbox() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path, post_office: SlowMailbox) -> Iterator[Home]:
    url = new_database(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""
    made = Home(tmp_path / "home", post_office.port, url)
    yield made
    made.close()


def _leaders(home: Home) -> list[int]:
    alive = {process.pid for process in home.processes if process.poll() is None}
    return [pid for pid, leads in home.heartbeats().items() if leads and pid in alive]


def test_one_of_two_leads_and_a_killed_leader_is_replaced(home: Home, post_office: SlowMailbox) -> None:
    first, second = home.start(), home.start()
    home.until(lambda: len(home.heartbeats()) == 2 and len(_leaders(home)) == 1)
    home.post("before")
    home.until(lambda: len(post_office.messages) == 1)
    (leader,) = _leaders(home)
    os.kill(leader, signal.SIGKILL)
    other = second.pid if leader == first.pid else first.pid
    home.until(lambda: _leaders(home) == [other])
    home.post("after")
    home.until(lambda: len(post_office.messages) == 2)
    assert [str(m["Subject"]) for m in post_office.messages] == ["before", "after"]


def test_sigterm_drains_and_says_goodbye(home: Home, post_office: SlowMailbox) -> None:
    post_office.seconds = 2.0
    worker = home.start()
    home.post("under way")
    home.until(lambda: post_office.messages)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=20) == 0, home.logs()
    assert home.heartbeats() == {}
    assert home.ask(lambda: db.session.scalar(select(func.count()).where(outbox.OutboxMessage.sent_at.is_not(None)))) == 1
    held = select(func.count(work.JobRun.id)).where(work.JobRun.state == work.RUNNING)
    assert home.ask(lambda: db.session.scalar(held)) == 0, "what waits is for others; nothing is held by who left"


def test_a_run_that_outlasts_the_drain_is_given_back(home: Home, post_office: SlowMailbox) -> None:
    post_office.seconds = 8.0
    worker = home.start("--drain", "0.5")
    home.post("long")
    home.until(lambda: post_office.messages)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=7) == 0, home.logs()
    given_back = select(func.count(work.JobRun.id)).where(work.JobRun.job == "mail", work.JobRun.state == work.WAITING)
    assert home.ask(lambda: db.session.scalar(given_back)) >= 1


def test_a_kill_in_mid_delivery_repeats_the_same_message_and_loses_none(home: Home, post_office: SlowMailbox) -> None:
    """The server has the mail, we have no note of it: the mail comes twice under one Message-ID, the others once."""
    post_office.seconds = 3.0
    for n in range(3):
        home.post(f"note {n}")
    worker = home.start()
    home.until(lambda: post_office.messages)
    worker.kill()
    worker.wait()
    post_office.seconds = 0.0
    later = datetime.now(UTC) + outbox.LEASE + timedelta(seconds=1)
    home.ask(lambda: outbox.deliver(lambda: later))
    ids = [str(m["Message-ID"]) for m in post_office.messages]
    assert len(ids) == 4 and len(set(ids)) == 3
    assert home.ask(lambda: db.session.scalar(select(func.count()).where(outbox.OutboxMessage.sent_at.is_(None)))) == 0


def test_a_worker_refuses_an_unmigrated_database_in_a_sentence(home: Home) -> None:
    with home.app.app_context(), db.db.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
    worker = home.start()
    assert worker.wait(timeout=20) == 1
    assert home.logs().strip().splitlines()[-1] == (
        "The database has not been brought to this version yet. Run: careercenter db upgrade"
    )
