"""A small campus for attackers: two students, staff of two programs, one record of every kind; and a bare client."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import select

from careercenter import audit, db, evaluations, links, work
from careercenter.accreditation.model import WorkbookFile
from careercenter.evaluations.model import Evaluation
from careercenter.listings.model import SyncRun
from tests import credit_story as story
from tests.factories import Factory

STAFF = audit.Actor("Staff")
FORM_DATA = "application/x-www-form-urlencoded"


@dataclass
class World:
    """Ids of the victim's records, and the people."""

    people: dict[str, Any]
    ids: dict[str, int]
    tokens: dict[str, str]


def build(factory: Factory, now: datetime) -> World:
    """Maya Chen (CS) has a request in review, a placement that ended, hours, evaluations; Mallory (CS) has the same kinds."""
    people: dict[str, Any] = {
        "victim": factory.student(name="Maya Chen"), "mallory": factory.student(name="Mallory Mann"),
        "advisor": factory.person("advisor", name="Ann Advisor"), "registrar": factory.person("registrar", name="Rita Registrar"),
        "faculty": factory.person("faculty", name="Fay Faculty", scope="CS"), "admin": factory.person("admin", name="Ada Admin"),
        "stranger": factory.person("advisor", name="Stan Stranger", scope="PSY"),
        "other_faculty": factory.person("faculty", name="Otto Other", scope="PSY"),
    }
    section = factory.section()
    request = factory.credit_request(people["victim"])
    own = factory.credit_request(people["mallory"])
    draft = factory.credit_request(people["victim"])
    ended = factory.placement(people["victim"], ends_on=date(2026, 11, 13), state="completed")
    factory.placement(people["mallory"], ends_on=date(2026, 11, 13), state="completed")
    entry = factory.hours(ended, 600)
    story.submit(request, now)
    approval = next(a for a in request.approvals if a.state == "open")
    with db.transaction():
        evaluations.invite_due(now)
        run = SyncRun(board_id=(board := factory_board(factory)).id, started_at=now, beat_at=now, outcome="complete")
        job = work.request("sync", now, "greenhouse/x")
        file = WorkbookFile(
            name="r3", spec_version="1", term_id=request.term_id, as_of=now, made_at=now, made_by="Rita", rows=0,
            sha256="0" * 64, filename="r3.xlsx", size=1, downloads=0,
        )
        db.session.add_all([run, file])
    listing = factory.listing(board)
    supervisors = db.session.scalars(
        select(Evaluation).where(Evaluation.placement_id == ended.id).order_by(Evaluation.rater.desc())
    ).all()
    ids = {
        "request": request.id, "draft": draft.id, "own_request": own.id, "placement": ended.id, "entry": entry.id,
        "evaluation": supervisors[0].id, "debrief": supervisors[1].id if supervisors[1].rater == "student" else supervisors[0].id,
        "listing": listing.id, "board": board.id, "run": run.id, "job": job, "file": file.id, "approval": approval.id,
        "section": section.id, "version": request.version,
    }
    ids["evaluation"], ids["debrief"] = (next(e.id for e in supervisors if e.rater == r) for r in ("supervisor", "student"))
    link = db.session.scalars(
        select(links.MagicLink).where(links.MagicLink.purpose == "evaluation", links.MagicLink.record_id == ids["evaluation"])
    ).one()
    return World(people, ids, {"approve": story.link_of(approval), "evaluate": links.token(link)})


def factory_board(factory: Factory) -> Any:
    """A board, added in the caller's transaction."""
    from careercenter.listings.model import Board

    board = Board(platform="greenhouse", board="x", label="Board X")
    db.session.add(board)
    db.session.flush()
    return board


def bare(app: Flask) -> FlaskClient:
    """A client that does not lint: the attacker looks at what comes back himself."""
    return FlaskClient(app, app.response_class, use_cookies=True)


def token(client: FlaskClient) -> str:
    """A form token of this client's session. Requests of one test share `g`; those of different browsers must not."""
    g.pop("csrf_token", None)
    page = client.get("/").get_data(as_text=True)
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="csrf_token"', page)
    assert found, "no form token on the home page"
    return found[1] or found[2]


def body(answer: Any) -> str:
    """The page without what differs each time."""
    return re.sub(r'[0-9a-f]{16}|csrf_token"[^>]*|X-CSRFToken[^>]*', "", answer.get_data(as_text=True))


def routes(app: Flask, method: str) -> Iterator[tuple[str, str, list[str]]]:
    """(endpoint, rule, names of its parameters) of every route that takes `method`."""
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()):
            yield rule.endpoint, rule.rule, sorted(rule.arguments)


def later(now: datetime) -> datetime:
    return now + timedelta(days=1)


def contents() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but those that a visit may touch."""
    quiet = {"login_session", "sign_on_request"}
    return {
        table.name: [tuple(row) for row in db.session.execute(table.select().order_by(*table.primary_key.columns))]
        for table in db.Base.metadata.sorted_tables if table.name not in quiet
    }


UTC_NOW = datetime.now(UTC)
