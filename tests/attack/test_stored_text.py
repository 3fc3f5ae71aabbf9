"""Text that people and platforms leave behind: shown as text wherever it appears, in pages, mails and files."""

import io
import re
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
import time_machine
from bs4 import BeautifulSoup
from openpyxl import load_workbook

from careercenter import db, outbox
from careercenter.credit import states
from careercenter.credit.model import CreditRequest
from careercenter.evaluations.model import Answer
from careercenter.listings.model import Listing
from careercenter.people.model import Person
from careercenter.placements.model import Employer, HourEntry, Placement, Supervisor
from tests.attack import world
from tests.attack.test_links import GOOD

EVIL = "\"'><script src=//evil.example></script><img src=x onerror=alert(1)>{{7*7}}${7*7}javascript:alert(1)\u202e"
PAGES = {
    "victim": ("/", "/placements", "/placements/{placement}", "/placements/{placement}/edit", "/credit", "/credit/{request}", "/credit/new",
               "/credit/{draft}/edit", "/listings", "/listings/{listing}", "/evaluations/{debrief}/answer", "/listings?q=QUERY"),
    "advisor": ("/", "/queue", "/queue/{request}", "/evaluations", "/evaluations/{evaluation}", "/evaluations?list=returned", "/platforms",
                "/platforms/boards/{board}", "/platforms/runs/{run}", "/platforms/quarantine"),
    "registrar": ("/", "/queue", "/files", "/queue/{request}"),
    "admin": ("/", "/admin/people", "/admin/mail", "/admin/audit", "/admin/health"),
}


@pytest.fixture
def campus(factory, now):
    with time_machine.travel(now, tick=True):
        found = world.build(factory, now)
        with db.transaction():
            for model, names in (
                (Person, ("given_name", "family_name")), (Employer, ("name",)), (Supervisor, ("name", "title")),
                (Placement, ("title", "duties")), (CreditRequest, ("objectives", "note", "what")), (HourEntry, ("note",)),
                (Listing, ("title", "employer", "place", "pay_text", "hours_text")),
            ):
                for row in db.session.scalars(db.db.select(model)):
                    for name in names:
                        tail = str(row.id) if model is Employer else ""
                        limit = getattr(model, name).type.length or 5000
                        setattr(row, name, (EVIL + tail)[-limit:] if limit < len(EVIL) else EVIL + tail)
        yield found


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("who", list(PAGES))
def test_pages_show_it_as_text(app, campus, sign_in, who: str) -> None:
    client = sign_in(world.bare(app), campus.people[who])
    seen = 0
    for address in PAGES[who]:
        answer = client.get(address.format(**campus.ids).replace("QUERY", quote(EVIL)))
        assert answer.status_code == 200, address
        harmless(answer.get_data(as_text=True), address)
        seen += "evil.example" in answer.get_data(as_text=True)
    assert seen, "the text was shown nowhere, so the test proves nothing"


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_supervisors_pages_and_answers_show_it_as_text(app, campus, sign_in, now) -> None:
    client = world.bare(app)
    for address in (f"/approve/{campus.tokens['approve']}", f"/evaluate/{campus.tokens['evaluate']}"):
        harmless(client.get(address).get_data(as_text=True), address)
    wrong = client.post(f"/approve/{campus.tokens['approve']}", data={"outcome": EVIL, "reason": EVIL})
    harmless(wrong.get_data(as_text=True), "approve")
    sent = client.post(f"/evaluate/{campus.tokens['evaluate']}", data={**GOOD, "strength": EVIL, "growth": EVIL})
    assert sent.status_code == 303, sent.get_data(as_text=True)
    assert db.session.scalars(db.db.select(Answer).where(Answer.item == "strength")).one().text == EVIL
    assert client.post(f"/approve/{campus.tokens['approve']}", data={"outcome": "return", "reason": EVIL}).status_code == 200
    for who, address in (
        ("victim", "/placements/{placement}"), ("victim", "/credit/{request}"), ("advisor", "/evaluations/{evaluation}"),
    ):
        page = sign_in(world.bare(app), campus.people[who]).get(address.format(**campus.ids)).get_data(as_text=True)
        assert "evil.example" in page
        harmless(page, address)


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_mails_carry_it_as_text_in_one_part_with_one_subject(app, campus, factory, mailbox, now) -> None:
    with db.transaction():
        outbox.post(
            "credit_denied", to=("Eve\r\nBcc: all@example.edu", "eve@example.edu"), about=("x", 1), dedupe="x", now=now,
            values={
                "name": "x", "credits": "3\r\nBcc: all@example.edu\r\n\r\nHello", "course": "$link ${link}", "who": "x", "what": EVIL,
                "reason": "\r\n.\r\nMAIL FROM:<x@y>", "url": "u",
            },
        )
    outbox.deliver(lambda: now)
    assert mailbox.messages
    for mail in mailbox.messages:
        assert not mail.is_multipart() and mail.get_content_type() == "text/plain"
        assert mail["Bcc"] is None
        assert len(mail.get_all("To")) == len(mail.get_all("Subject")) == 1
        assert "\n" not in mail["Subject"]


@pytest.mark.parametrize("start", ["=1+1", "=HYPERLINK(\"http://evil.example\")", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "#N/A", "|cmd"])
@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_files_hold_no_formula_of_theirs(app, factory, sign_in, start: str) -> None:
    request = factory.credit_request(created_at=datetime(2026, 9, 1, tzinfo=UTC))
    program = request.course.program
    with db.transaction():
        kept = db.session.get_one(CreditRequest, request.id)
        kept.course.program.name = start
        kept.grade = start[:4]
        states.move(kept, "registered", "registered", by=world.STAFF, now=datetime(2026, 9, 8, tzinfo=UTC))
    assert program is not None
    client = sign_in(world.bare(app), factory.person("registrar"))
    made = client.post("/files", data={"csrf_token": world.token(client), "name": "r3", "term": "202710", "as_of": ""})
    content = client.get(f"{made.location}/download").data
    cells = [c for sheet in load_workbook(io.BytesIO(content)) for row in sheet.iter_rows() for c in row if c.value is not None]
    assert start in [c.value for c in cells], "the text is not in the file, so the test proves nothing"
    assert not [c.value for c in cells if c.data_type in ("f", "e")]


def harmless(html: str, where: str) -> None:
    """No element or attribute came from the text; only escaped text did."""
    page = BeautifulSoup(html, "html.parser")
    for tag in page.find_all(True):
        assert not any(re.match(r"on[a-z]+$", name) for name in tag.attrs), (where, str(tag)[:200])
        for name in ("href", "src", "action", "formaction"):
            value = str(tag.get(name, ""))
            assert not value.startswith(("javascript:", "//")) and "evil.example" not in value.split("?")[0], (where, str(tag)[:200])
    assert not page.find_all("script", src=re.compile("evil")), where
    assert "49$" not in page.get_text(), where


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("address", [
    "javascript:alert(1)", "JavaScript:alert(1)//https://x", "data:text/html,x", "//evil.example/x", "file:///etc/passwd",
    "https://a.example@evil.example/", "https://x/ y", "http://[::1", "https://exa\u2100mple.com/1", "Ask at the desk",
])
def test_an_apply_address_that_is_none_of_the_web_is_shown_as_text(app, factory, sign_in, address: str) -> None:  # type: ignore[no-untyped-def]
    """Whatever stands in the row: no plugin and no later change of one is trusted with a link."""
    first = factory.listing(apply_url=address)
    second = factory.listing(factory.board("lever"), caught_up=False, apply_url=address, opportunity_id=first.opportunity_id)
    client = sign_in(world.bare(app), factory.student())
    for listing in (first, second):
        page = BeautifulSoup(client.get(f"/listings/{listing.id}").text, "html.parser")
        links = {str(a["href"]) for a in page.find_all("a", href=True)}
        assert address in page.get_text(), "it is told in words"
        assert not [link for link in links if address[-9:] in link], links
