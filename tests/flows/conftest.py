"""A campus in the middle of its fall term, with its real neighbours: identity provider, mail server, platform."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from careercenter import db, listings, outbox
from careercenter.listings import touched
from careercenter.people.model import Person
from careercenter.settings import Source
from demo.platform_server import PAYLOADS, PlatformApp
from tests.board_feed import serving
from tests.campus_idp import CampusIdp
from tests.factories import Factory
from tests.flows.browser import Browser
from tests.listing_board import configure
from tests.smtp_server import Mailbox

SUPERVISOR = "priya.raman@lakemontdata.example"


class Campus:
    """Who takes part in a story, and what passes between them. Time stands at `clock` and goes on from there."""

    def __init__(self, app: Flask, factory: Factory, idp: CampusIdp, post: Mailbox, clock: Any, sign_in: Callable[..., FlaskClient]):
        self.app, self.factory, self._idp, self._post, self._clock, self._sign_in = app, factory, idp, post, clock, sign_in

    def window(self) -> Browser:
        """A browser in which nobody has signed in."""
        return Browser(self.app.test_client())

    def signed_in(self, uid: str, next_path: str = "/") -> Browser:
        """The way through the identity provider, on to the page that was wanted."""
        client = self.app.test_client()
        with self.app.app_context():
            answer = self._idp.walk(client, uid, next_path)
        assert answer.status_code == 303, answer.text
        return Browser(client).open(answer.location)

    def colleague(self, *roles: str, name: str) -> Browser:
        """Somebody whom the provider does not know, signed in without it."""
        person: Person = self.factory.person(*roles, name=name)
        return Browser(self._sign_in(self.app.test_client(), person))

    def deliver(self) -> list[EmailMessage]:
        """Send what waits; the mails that arrived."""
        before = len(self._post.messages)
        db.session.remove()
        outbox.deliver(lambda: datetime.now(UTC))
        return self._post.messages[before:]

    def mail(self, to: str, about: str = "") -> EmailMessage:
        """The one mail that arrives for an address now, with these words in its subject."""
        arrived = [mail for mail in self.deliver() if to in str(mail["To"]) and about in str(mail["Subject"])]
        assert len(arrived) == 1, [(str(m["To"]), str(m["Subject"])) for m in arrived]
        return arrived[0]

    def go_to(self, day: datetime) -> None:
        self._clock.move_to(day)


def link_in(mail: EmailMessage) -> str:
    """The address that a mail asks to open."""
    found = re.findall(r"http://127\.0\.0\.1:8000(/\S+)", mail.get_content())
    assert len(found) == 1, mail.get_content()
    return str(found[0])


@pytest.fixture
def campus(
    app: Flask, factory: Factory, idp: CampusIdp, mailbox: Mailbox, now: datetime, sign_in: Callable[..., FlaskClient],
) -> Iterator[Campus]:
    """One program, its course and section, and Maya and Omar on the registrar's roster."""
    with time_machine.travel(now, tick=True) as clock:
        program = factory.program()
        course = factory.course(program)
        factory.section(course, number="002", crn="04711")
        for number in ("900001", "900002"):
            student = factory.student(program)
            with db.transaction():
                db.session.get_one(Person, student.id).campus_id = number
        yield Campus(app, factory, idp, mailbox, clock, sign_in)


@pytest.fixture
def platform(campus: Campus, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Iterator[PlatformApp]:
    """A recorded employer board on loopback, read once by its plugin."""
    served = PlatformApp(PAYLOADS, now.date())
    with serving(served) as host:
        configure(campus.app, monkeypatch, Source(
            platform="greenhouse", boards=("lakemontdata",), base_url=f"http://{host}/greenhouse", allow_hosts=(host,)
        ))
        report = listings.sync("greenhouse", "lakemontdata", now=lambda: datetime.now(UTC))
        assert report.outcome == "complete", report
        touched.catch_up()
        yield served
