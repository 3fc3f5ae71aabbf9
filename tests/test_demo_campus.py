"""The demo campus: everything issue 2 asks for is there, agrees with itself, and runs as one command."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import requests
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import func, select

from careercenter import audit, catalog, create_app, credit, db, links
from careercenter.catalog import Program, StudentRecord, Term
from careercenter.credit.model import STATES, Approval, CreditRequest, CreditRequestState
from careercenter.credit.requests import evaluate
from careercenter.evaluations.model import Evaluation
from careercenter.outbox import OutboxMessage
from careercenter.people.model import Person
from careercenter.people.sessions import Viewer
from careercenter.placements.model import Employer, Placement
from careercenter.settings import load
from demo import academics, roster
from demo.campus import prepare, seed
from demo.employers import Host
from demo.installation import Installation, write
from demo.plans import Planner

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(240)]
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared demo installation; nothing of it runs."""
    installation = Installation(tmp_path_factory.mktemp("demo") / "var", 18000, 18001, 18002)
    installation.folder.mkdir()
    write(installation)
    assert prepare(installation.config) is not None
    return installation.folder


@pytest.fixture(scope="module")
def application(folder: Path) -> Flask:
    return create_app(load(folder / "config"))


@pytest.fixture
def campus(application: Flask) -> Iterator[Flask]:
    with application.app_context():
        yield application


def count(model: type, *conditions: object) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0  # type: ignore[arg-type]


def student(persona: str) -> Person:
    uid = next(entry.uid for entry in roster.PERSONAS if entry.persona == persona)
    return db.session.scalars(select(Person).where(Person.email == f"{uid}@{roster.MAIL}")).one()


def requests_of(persona: str) -> list[CreditRequest]:
    return list(db.session.scalars(select(CreditRequest).where(CreditRequest.student_id == student(persona).id)))


def test_it_has_the_size_that_was_asked_for(campus: Flask) -> None:
    assert (count(StudentRecord), count(Program), count(Term), count(Employer)) == (400, 6, 3, 60)
    assert 320 <= count(Placement) <= 400
    assert count(StudentRecord, StudentRecord.gpa.is_(None)) > 3
    kinds = Counter(db.session.scalars(select(Placement.kind)))
    assert kinds["micro_internship"] >= 80 and kinds["internship"] >= 150 and kinds["co_op"] >= 5


def test_requests_stand_in_every_state_and_wait_at_every_step(campus: Flask) -> None:
    states = Counter(db.session.scalars(select(CreditRequest.state)))
    assert set(states) == set(STATES), states
    assert min(states.values()) >= 4, states
    waiting = Counter(db.session.scalars(select(Approval.step).where(Approval.state == "open")))
    assert waiting["advisor"] >= 38 and min(waiting[step] for step in ("supervisor", "faculty", "registrar")) >= 4, waiting
    assert set(db.session.scalars(select(CreditRequest.term_id))) == {term.id for term in catalog.terms()}


def test_evaluations_are_planned_invited_and_answered_by_both(campus: Flask) -> None:
    found = Counter((state, rater) for state, rater in db.session.execute(select(Evaluation.state, Evaluation.rater)))
    for rater in ("supervisor", "student"):
        for state in ("planned", "invited", "submitted"):
            assert found[state, rater] >= 20, found


def test_histories_agree_with_the_records(campus: Flask) -> None:
    assert audit.verify() is None
    times = list(db.session.scalars(select(audit.AuditEvent.at).order_by(audit.AuditEvent.id)))
    assert times == sorted(times), "the audit log runs forward in time"
    latest: dict[int, str] = {}
    for request_id, state in db.session.execute(
        select(CreditRequestState.request_id, CreditRequestState.state).order_by(CreditRequestState.at, CreditRequestState.id)
    ):
        latest[request_id] = state
    for request in db.session.scalars(select(CreditRequest)):
        assert latest.get(request.id, "draft") == request.state
        assert request.state != "registered" or request.section is not None


def test_nothing_happens_after_the_seed_and_reviewed_hours_are_met(campus: Flask) -> None:
    now = datetime.now(UTC)
    assert count(audit.AuditEvent, audit.AuditEvent.at > now) == 0
    assert count(CreditRequestState, CreditRequestState.at > now) == 0
    waiting = db.session.scalars(select(CreditRequest).where(CreditRequest.state == "in_review"))
    blocked = [r.id for r in waiting if any(f.blocks for f in evaluate(r, now))]
    assert not blocked


def test_featured_people_show_what_they_promise(campus: Flask) -> None:
    assert requests_of("new") == [] and count(Placement, Placement.student_id == student("new").id) == 0
    [asked] = requests_of("in_review")
    assert [a.step for a in asked.approvals if a.state == "open"] == ["advisor"]
    [bundle] = requests_of("bundle")
    assert bundle.state == "draft" and len(bundle.placements) == 3
    assert "2 h 15 min" in " ".join(f.sentence for f in evaluate(bundle, datetime.now(UTC)))
    [returned] = requests_of("returned")
    assert returned.state == "returned"
    [done] = requests_of("completed")
    assert done.state == "completed" and done.grade
    assert count(Evaluation, Evaluation.placement_id == done.placements[0].id, Evaluation.state == "submitted") == 2
    assert db.session.get_one(StudentRecord, student("international").id).international


def test_old_mail_is_history_and_living_links_are_still_to_be_delivered(campus: Flask) -> None:
    waiting = select(Approval.id).where(Approval.step == "supervisor", Approval.state == "open")
    living = list(db.session.scalars(
        select(links.MagicLink.id).where(
            links.MagicLink.purpose == "approval", links.MagicLink.record_id.in_(waiting),
            links.MagicLink.used_at.is_(None), links.MagicLink.revoked_at.is_(None),
        )
    ))
    undelivered = set(db.session.scalars(select(OutboxMessage.link_id).where(OutboxMessage.sent_at.is_(None))))
    assert len(living) >= 4 and set(living) <= undelivered
    old = datetime.now(UTC) - timedelta(days=20)
    assert count(OutboxMessage, OutboxMessage.created_at < old, OutboxMessage.sent_at.is_(None)) == 0


def test_a_second_seed_changes_nothing(campus: Flask) -> None:
    before = (count(Person), count(audit.AuditEvent), audit.head())
    assert seed(datetime.now(UTC)) is None
    assert (count(Person), count(audit.AuditEvent), audit.head()) == before


def test_the_same_day_gives_the_same_plans() -> None:
    hosts = {code: [Host(f"Employer of {code}", "Retail", "A", "B", f"{code}@x.example")] for code in roster.PROGRAM_WEIGHTS}
    day = date(2026, 11, 22)
    first, second, other = (
        Planner(academics.term_plans(d), hosts, d).everything() for d in (day, day, day + timedelta(days=1))
    )
    assert first == second and first != other
    assert roster.everybody() == roster.everybody()


@pytest.mark.parametrize(("day", "running"), [
    (date(2026, 11, 22), "Fall 2026"), (date(2026, 12, 18), "Fall 2026"), (date(2027, 1, 2), "Spring 2027"),
    (date(2026, 7, 1), "Summer 2026"),
])
def test_the_middle_term_is_the_one_under_way_or_next(day: date, running: str) -> None:
    before, current, after = academics.term_plans(day)
    assert current.name == running and current.ends_on >= day and before.ends_on < current.starts_on and current.ends_on < after.starts_on


def test_the_product_never_imports_the_demo() -> None:
    product = [*(ROOT / "careercenter").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    guilty = [str(p) for p in product if re.search(r"^\s*(from|import) demo\b", p.read_text("utf-8"), re.MULTILINE)]
    assert product and not guilty


class Run:
    """`python -m demo` as people start it, over a copy of the prepared folder."""

    def __init__(self, var: Path):
        self.var = var
        self.port = free_ports()
        self.began = time.monotonic()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CAREERCENTER_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo", "--port", str(self.port), "--var", str(var)], cwd=ROOT, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        self.said: list[str] = []

    def wait_ready(self) -> float:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line)
            if "Stop with Ctrl-C" in line:
                return time.monotonic() - self.began
        raise AssertionError("".join(self.said))

    def children(self) -> dict[str, int]:
        """Process ids of what the supervisor started, by a word of their command."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and f"PPid:\t{self.process.pid}\n" in _read(entry / "status"):
                command = _read(entry / "cmdline").replace("\0", " ")
                name = next((word for word in ("demo.services", "gunicorn", "worker") if word in command), "")
                found[name] = int(entry.name)
        return found

    def groups(self) -> list[int]:
        return list(self.children().values())


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def free_ports() -> int:
    """A port whose neighbours are likely free too."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return min(probe.getsockname()[1], 64000)


def alive(group: int) -> bool:
    """Whether any process of a group still runs."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _read(entry / "stat").rpartition(")")[2].split()
            if len(fields) > 2 and fields[2] == str(group) and fields[0] != "Z":
                return True
    return False


@pytest.fixture
def running(folder: Path, tmp_path: Path) -> Iterator[Run]:
    var = tmp_path / "var"
    shutil.copytree(folder, var)
    run = Run(var)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.send_signal(signal.SIGTERM)
            run.process.wait(40)


def form_with(page: requests.Response, field: str) -> tuple[str, dict[str, str]]:
    """Action and hidden values of the page's form that has a field."""
    for form in BeautifulSoup(page.text, "html.parser").find_all("form"):
        if form.find("input", {"name": field}):
            values = {str(i["name"]): str(i.get("value", "")) for i in form.find_all("input") if i.get("name")}
            return requests.compat.urljoin(page.url, str(form["action"])), values
    raise AssertionError(f"{page.url} has no form with {field}")


def test_one_command_reaches_a_sign_in_and_stops_without_a_trace(running: Run) -> None:
    seconds = running.wait_ready()
    assert seconds < 60, "a warm start takes 5 s on a quiet machine"
    welcome = "".join(running.said)
    assert f"http://127.0.0.1:{running.port}" in welcome and "Renee Marsh" in welcome
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(f"http://127.0.0.1:{running.port}/sign-in/campus", timeout=60)
        action, values = form_with(page, "state")
        if "q" in values:
            action, values = action.replace("/choose", "/sign-in"), {"state": values["state"]}
        page = browser.post(action, data={**values, "uid": "rmarsh"}, timeout=30)
        action, values = form_with(page, "SAMLResponse")
        answer = browser.post(action, data=values, timeout=60, allow_redirects=False)
        assert answer.status_code == 303, answer.text[:500]
        mail = browser.get(re.search(r"http://\S+/mail/", welcome).group(), timeout=30)  # type: ignore[union-attr]
        assert mail.status_code == 200 and "Demo mailbox" in mail.text
    groups = running.groups()
    assert len(groups) == 3
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(40) == 0
    assert not [group for group in groups if alive(group)]


def test_a_child_that_dies_is_named_and_everything_stops(running: Run) -> None:
    running.wait_ready()
    children = running.children()
    os.kill(children["worker"], signal.SIGKILL)
    assert running.process.wait(40) == 1
    assert running.process.stdout
    said = running.process.stdout.read()
    assert "The worker process was ended by signal 9 (SIGKILL)" in said and "being stopped" in said
    assert not [group for group in children.values() if alive(group)]


def test_a_killed_supervisor_leaves_no_orphans(running: Run) -> None:
    running.wait_ready()
    groups = running.groups()
    running.process.kill()
    running.process.wait(5)
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and any(alive(group) for group in groups):
        time.sleep(0.2)
    assert not [group for group in groups if alive(group)]


def test_the_listings_come_by_themselves(running: Run) -> None:
    running.wait_ready()
    app = create_app(load(running.var / "config"))
    deadline = time.monotonic() + 60
    with app.app_context():
        from careercenter.listings.model import Listing

        while count(Listing) < 150 and time.monotonic() < deadline:
            db.session.rollback()
            time.sleep(0.5)
        assert count(Listing) >= 150


def test_the_featured_advisors_queue_is_full_and_the_scoped_ones_smaller(campus: Flask) -> None:
    lengths = []
    for uid in ("rmarsh", "tkowalski"):
        person = db.session.scalars(select(Person).where(Person.email == f"{uid}@{roster.MAIL}")).one()
        viewer = Viewer(0, person.id, person.name, "advisor", ("advisor",), tuple(grant.scope for grant in person.roles))
        lengths.append(len(credit.queue(viewer, "advisor", datetime.now(UTC))))
    assert lengths[0] >= 38 and 0 < lengths[1] < lengths[0]
