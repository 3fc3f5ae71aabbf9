"""The demo's other platforms: each is read whole, looks like what it stands for, and one closing waits for a person."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from careercenter import db, listings
from careercenter.audit import Actor
from careercenter.listings import entered, held, touched
from careercenter.listings.model import Board, Listing
from careercenter.listings.same import look
from careercenter.settings import Platforms, load
from demo import earlier, elsewhere
from demo.installation import Installation, write
from demo.platform_server import PlatformApp
from tests.board_feed import serving

DANA = Actor("Dana Reyes")
SEEDED = date(2026, 11, 16)
OTHERS = sorted((platform, board) for platform, boards in elsewhere.BOARDS.items() for board in boards)


@pytest.fixture
def campus(app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Flask]:
    """An application with the demo's own platforms.toml, and its platforms served on loopback."""
    served = PlatformApp(Path(__file__).parent.parent / "demo" / "payloads", SEEDED)

    def below(environ, start):  # type: ignore[no-untyped-def]
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/platforms")
        return served(environ, start)

    with serving(below) as host:
        installation = Installation(tmp_path / "var", 18000, int(host.rpartition(":")[2]), 18002)
        installation.folder.mkdir()
        (installation.folder / "seeded-on").write_text(SEEDED.isoformat())
        write(installation)
        platforms: Platforms = load(installation.config).platforms
        settings = app.extensions["careercenter"]
        changed = settings.model_copy(update={"platforms": platforms, "data_dir": installation.folder})
        monkeypatch.setitem(app.extensions, "careercenter", changed)
        yield app


def read(platform: str, board: str, now: datetime) -> listings.SyncReport:
    return listings.sync(platform, board, now=lambda: now)


def test_seven_sources_are_read_whole_and_say_what_the_work_is(campus: Flask, now: datetime) -> None:
    assert {source.platform for source, _ in listings.configured()} >= {"greenhouse", *elsewhere.BOARDS}
    for platform, board in OTHERS:
        report = read(platform, board, now)
        shown = [offer for offer in elsewhere.OFFERS[platform, board] if not offer.over]
        assert (report.outcome, report.counts.new, report.counts.quarantined) == ("complete", len(shown), 0), (report, platform)
    rows = db.session.scalars(select(Listing)).all()
    assert {row.kind for row in rows} == {"internship", "micro_internship"}
    assert {row.workplace for row in rows} >= {"onsite", "hybrid", "remote"}
    paid = [row for row in rows if row.hourly_cents]
    assert len(paid) > len(rows) * 0.7 and all(1200 <= (row.hourly_cents or 0) <= 3000 for row in paid)
    assert all(row.description_html and row.apply_url.startswith(("https://", "http://127.0.0.1")) and row.state == "open" for row in rows)
    labels = dict(db.session.execute(select(Board.board, Board.label)).all())
    assert labels["harborlight"] == "Harborlight Theatre Company" and labels["weldonmarsh"] == "Weldon & Marsh Architects"


def test_a_board_is_left_for_trying_out_the_form(campus: Flask) -> None:
    assert elsewhere.answer("/lever/v0/postings/cedargate", {}, SEEDED)
    assert ("lever", "cedargate") not in {(source.platform, board) for source, board in listings.configured()}
    assert elsewhere.answer("/lever/v0/postings/nobody", {}, SEEDED) is None


def test_a_prepared_source_waits_for_its_test(campus: Flask, now: datetime) -> None:
    earlier.read(now, SEEDED)
    (row,) = entered.every()
    assert (row.label, row.enabled_at, row.proved) == ("Job simulations", None, False)
    found = entered.try_connection(row)
    assert found.ok and found.identity and "Ironbridge" in found.identity, found
    with db.transaction():
        row = entered.note_test(row.id, row.version, found, by=DANA, now=now)
        entered.enable(row.id, row.version, SEEDED, by=DANA, now=now)
    report = read("forage", "catalogue", now)
    assert (report.outcome, report.counts.new) == ("complete", 3)
    assert set(db.session.scalars(select(Listing.kind).where(Listing.title.contains("claims")))) == {"simulation"}


def test_a_second_read_changes_nothing(campus: Flask, now: datetime) -> None:
    for platform, board in OTHERS:
        read(platform, board, now)
        again = read(platform, board, now + timedelta(hours=1))
        assert again.ok and (again.counts.new, again.counts.changed, again.counts.vanished) == (0, 0, 0), (platform, again)


def test_the_end_of_the_season_waits_for_a_person(campus: Flask, now: datetime) -> None:
    earlier.read(now, SEEDED)
    report = read("lever", "harborlight", now)
    assert (report.outcome, report.counts.held) == ("held", 10)
    (hold,) = held.waiting()
    assert (hold.size, hold.usual, hold.board.label) == (4, 14, "Harborlight Theatre Company")
    assert all("Summer Festival" in listing.title for listing, _ in held.listings(hold.id))


def test_the_same_work_is_suggested_across_two_sources(campus: Flask, now: datetime) -> None:
    """The partner's file and the employer's own board name the same project a little differently: staff are asked."""
    for platform, boards in (("greenhouse", ["cobaltharbor", "crossfieldtransit"]), ("parker_dewey", ["hollis-state"])):
        for board in boards:
            read(platform, board, now)
    touched.catch_up()
    (pair,) = look.queue()
    titles = {pair.left.title, pair.right.title}
    assert titles == {"Micro-internship: Redraw our services brochure", "Redraw the services brochure"}
