"""`careercenter platforms record`: what is recorded passes the kit, and holds no key, mail address or telephone number."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from careercenter import conformance
from careercenter.cli import cli, opening
from careercenter.conformance.case import Case
from careercenter.conformance.cassette import Cassette
from careercenter.conformance.made_up import made_up
from careercenter.conformance.stage import Said, Stage, open_stage
from careercenter.platforms import registry
from careercenter.settings import Source
from tests.kit.good import plugin as good
from tests.listing_board import configure

KEY = "sk_live_9f81533aReal"


@contextmanager
def living(address: str) -> Iterator[tuple[Case, Stage]]:
    """A plugin's own recording, served as if it were the platform."""
    with conformance.opened(address) as case:
        yield case, case.stage


def record(app, monkeypatch: pytest.MonkeyPatch, case: Case, into: Path, **options: Any) -> str:  # type: ignore[no-untyped-def]
    own = {**case.cassette.tape.options, **options}
    source = Source(platform=case.spec.id, boards=(case.board,), base_url=case.base_url, allow_hosts=(case.stage.host,), options=own)
    configure(app, monkeypatch, source)
    monkeypatch.setattr(opening, "application", app.app_context)
    with registry.lent(case.spec.id, case.plugin):
        done = CliRunner().invoke(cli, ["platforms", "record", case.spec.id, case.board, "--into", str(into), "--rows", "2"])
    return f"{done.exit_code} {done.output}{done.exception if done.exit_code not in (0, 1) else ''}"


def examined(case: Case, folder: Path) -> list[conformance.Result]:
    """The kit on the plugin with what was recorded."""
    tape = Cassette(folder, case.plugin)
    with open_stage(tape, folder.parent) as stage:
        numbers = tuple(n for n in conformance.CHECKS if n not in (16, 17, 18, 20))  # slow ones, and the deadlines of the past
        return conformance.examine(Case(case.plugin, case.package, case.address, tape, stage), numbers)


@pytest.mark.parametrize("address", ["smartrecruiters", "greenhouse", "jobposting", "parker_dewey"])
def test_a_recording_is_a_cassette(sqlite_app, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str) -> None:  # type: ignore[no-untyped-def]
    with living(f"careercenter_{address}:plugin") as (case, stage), sqlite_app.app_context():
        if address == "parker_dewey":
            monkeypatch.setattr("careercenter.platforms.http.HttpClient.dropped", lambda *_: _dropped(case))
        else:
            stage.show(stage.more(6))
        said = record(sqlite_app, monkeypatch, case, tmp_path / "cassette")
        monkeypatch.undo()
        assert said.startswith("0 "), said
        tape = Cassette(tmp_path / "cassette", case.plugin)
        assert len(tape.rows(tape.body(tape.tape.listing.file))[1]) == 2  # type: ignore[union-attr]
        assert tape.tape.live_on is None, "a machine of our own is not the living platform"
        red = {r.number: r.findings for r in examined(case, tmp_path / "cassette") if not r.ok}
        assert red == {}


def _dropped(case: Case) -> Any:
    from datetime import UTC, datetime

    from careercenter.platforms.contract import Dropped

    return Dropped("export.csv", case.stage.body, datetime.now(UTC))


def test_keys_mail_addresses_and_telephone_numbers_are_not_recorded(sqlite_app, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with living("tests.kit.good:plugin") as (case, stage), sqlite_app.app_context():
        body = stage.body.replace(b"Count the birds", f"{KEY} writes to maya.ortiz@hollis.example, (937) 234-5678".encode())
        stage.before = lambda asked: Said(200, body) if stage.is_listing(asked) else None
        said = record(sqlite_app, monkeypatch, case, tmp_path / "cassette", key=KEY)
        assert said.startswith("0 "), said
        told = "".join(path.read_text() for path in (tmp_path / "cassette").iterdir())
        assert KEY not in told + said and "maya.ortiz" not in told and "made-up-key writes to someone@example.edu, (555) 555-0100" in told
        assert 'key = "made-up-key"' in told
        again = record(sqlite_app, monkeypatch, case, tmp_path / "cassette", key=KEY)
    assert again.startswith("1 ") and "not empty" in again
    assert good.spec().id == "good"


@pytest.mark.parametrize(("told", "kept"), [
    ("Call (937) 234-5678 or 937.234.5678.", "Call (555) 555-0100 or 555.555.0100."), ("+49 30 901820", "+55 55 550100"),
    ("tel:+19372345678", "tel:+55555550100"), ("mobile: +44 (0)20 7946 0958", "mobile: +55 (5)55 5555 0100"),
    ("937\u2011234\u20115678", "555\u2011555\u20110100"), (r"(937)\u00a0234-5678", "(555) 555-0100"), ("937&nbsp;234&nbsp;5678", "555 555 0100"),
    ('{"contactPhone":"9372345678"}', '{"contactPhone":"5555550100"}'), ('{"phone": 9372345678}', '{"phone": 5555550100}'),
    ("<phone>9372345678</phone>", "<phone>5555550100</phone>"), ("call us at 9372345678!", "call us at 5555550100!"),
    ("ann.lee@a.example.edu, 937-234-5678", "someone@example.edu, 555-555-0100"),
])
def test_numbers_give_way_to_made_up_ones_of_the_same_form(told: str, kept: str) -> None:
    assert made_up(told.encode()).decode() == kept


@pytest.mark.parametrize("told", [
    '{"id": 4052345678, "next": "4200100407"}', '{"phone": null, "id": 4052345678}', "<phone></phone><id>4052345678</id>", "4052345678-1",
    "2026-08-31T12:00:00+00:00", "12/31/2026 to 01-31-2027", "$45,000 - 60,000", "45000-60000", "7d793037-a076-4a88-b7b0-1f0d1f0a2b3c",
    "192.168.100.100", "telework 2026 to 2027", "phone interview on 2026-12-01 10:00", '"offset": "+0000"',
])
def test_what_is_no_telephone_number_stays(told: str) -> None:
    assert made_up(told.encode()).decode() == told


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    assert made_up(b"\xff\xfe\x00 937-234-5678 \xe9") == b"\xff\xfe\x00 555-555-0100 \xe9"
