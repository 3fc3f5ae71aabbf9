"""`careercenter platforms record`: what is recorded passes the kit, and holds no key and no mail address."""

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


def test_keys_and_mail_addresses_are_not_recorded(sqlite_app, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with living("tests.kit.good:plugin") as (case, stage), sqlite_app.app_context():
        body = stage.body.replace(b"Count the birds", f"{KEY} writes to maya.ortiz@hollis.example".encode())
        stage.before = lambda asked: Said(200, body) if stage.is_listing(asked) else None
        said = record(sqlite_app, monkeypatch, case, tmp_path / "cassette", key=KEY)
        assert said.startswith("0 "), said
        told = "".join(path.read_text() for path in (tmp_path / "cassette").iterdir())
        assert KEY not in told + said and "maya.ortiz" not in told and "made-up-key writes to someone@example.edu" in told
        assert 'key = "made-up-key"' in told
        again = record(sqlite_app, monkeypatch, case, tmp_path / "cassette", key=KEY)
    assert again.startswith("1 ") and "not empty" in again
    assert good.spec().id == "good"
