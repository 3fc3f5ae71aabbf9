"""`careercenter platforms`, the rungs that the plugins carry, and somebody else's package from a wheel."""

import json
import os
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from careercenter import conformance
from careercenter.cli import cli
from careercenter.conformance import scaffold
from careercenter.platforms import registry, standing

IN_TREE = sorted(n for n, e in registry.installed().items() if e.value == f"careercenter_{n}:plugin")
TODAY = date(2026, 11, 26)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("CAREERCENTER_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("CAREERCENTER_SERVER__SECRET_KEY", "")
    monkeypatch.chdir(tmp_path)

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(cli, ["platforms", *words])

    return invoke


@pytest.mark.parametrize("name", IN_TREE)
def test_the_rung_that_a_plugin_carries_is_the_one_that_it_has(name: str) -> None:
    with conformance.opened(registry.installed()[name].value) as case:
        found = conformance.standing_of(case, conformance.examine(case))
    assert standing.standing(name) == found, f"careercenter platforms check {name} --write"
    assert found.rung(TODAY) == ("silver" if case.spec.terms.reviewed_on else None), found.failed


def test_a_rung_needs_those_below_it_and_gold_a_recent_recording() -> None:
    def rung(*failed: int, live: date | None = None) -> str | None:
        return standing.Standing("1", dict.fromkeys(failed, ("x",)), {}, live, True).rung(TODAY)

    assert [rung(9), rung(10), rung(18, 24), rung(24), rung()] == [None, "bronze", "bronze", "silver", "silver"]
    assert rung(live=TODAY - timedelta(days=90)) == "gold"
    assert rung(live=TODAY - timedelta(days=91)) == rung(live=TODAY + timedelta(days=1)) == "silver"
    assert rung(24, live=TODAY) == "silver"
    assert standing.Standing("1", {}, {4: "Nothing is read."}, TODAY, False).rung(TODAY) is None


def test_a_missing_or_spoiled_standing_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "conformance.json"
    monkeypatch.setattr(standing, "file_of", lambda _: path)
    assert standing.standing("lever") is None
    for text in ("{", "[]", "{}", '{"version": "1", "failed": [], "not_here": {}, "live_on": null, "recorded": true}'):
        path.write_text(text)
        assert standing.standing("lever") is None
    kept = standing.Standing("1", {3: ("a", "b")}, {23: "why"}, TODAY, False)
    path.write_text(standing.written(kept))
    assert standing.standing("lever") == kept


def test_check_says_what_it_found_and_its_status(run) -> None:  # type: ignore[no-untyped-def]
    good, bad, unknown, nothing = run("check", "lever"), run("check", "wayup"), run("check", "leaver"), run("check")
    assert good.exit_code == 0 and "lever 1.0.0: silver;" in good.output
    assert bad.exit_code == 1 and "no rung" in bad.output and "Nobody has reviewed the terms" in bad.output
    assert unknown.exit_code == 1 and 'Did you mean "lever"?' in unknown.output
    assert nothing.exit_code == 2


def test_list_says_what_there_is(app, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    from careercenter.cli import opening
    from careercenter.settings import Source
    from tests.listing_board import configure

    configure(app, monkeypatch, Source(platform="lever", boards=("acme", "brick")), Source(platform="ashby", boards=("x",), enabled=False))
    monkeypatch.setattr(opening, "application", app.app_context)
    listed = CliRunner().invoke(cli, ["platforms", "list", "--json"])
    rows = {row["id"]: row for row in json.loads(listed.output)}
    lever, wayup = rows["lever"], rows["wayup"]
    assert (lever["label"], lever["kind"], lever["boards"], lever["rung"]) == ("Lever", "rest_json", ["acme", "brick"], "silver")
    assert date.fromisoformat(lever["terms_reviewed_on"]) and wayup["terms_reviewed_on"] is None and wayup["rung"] is None
    assert rows["ashby"]["boards"] == [] and "Off until" in wayup["note"]
    plain = CliRunner().invoke(cli, ["platforms", "list"]).output
    assert "lever: Lever 1.0.0, rest_json, silver, terms reviewed 2026-11-25, reads acme, brick" in plain


def test_a_name_that_cannot_be_and_a_folder_that_is_there_are_refused(run) -> None:  # type: ignore[no-untyped-def]
    assert run("new", "Acme Jobs").exit_code == 2
    assert run("new", "acme_jobs").exit_code == 0
    again = run("new", "acme_jobs")
    assert again.exit_code == 2 and "exists already" in again.output


# ---- somebody else's package

TRIED = """
from careercenter import conformance
from careercenter.cli import main
from careercenter.conformance.core import center
from careercenter.platforms import registry

registry.get("acme_jobs")
with conformance.opened(registry.installed()["acme_jobs"].value) as case, center(case) as place:
    report = place.sync(case.cassette.at)
    print(report.outcome, report.counts.new, sorted(place.states.items()))
main(["platforms", "check", "acme_jobs"])
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which a new plugin is installed from its wheel; this one stays as it is."""
    folder = tmp_path_factory.mktemp("third-party")
    source = scaffold.write("acme_jobs", folder)
    build = "import sys, hatchling.build as b; print(b.build_wheel(sys.argv[1]))"
    made = subprocess.run([sys.executable, "-c", build, str(folder)], cwd=source, capture_output=True, text=True, check=True)
    target = folder / "site"
    with zipfile.ZipFile(folder / made.stdout.strip().splitlines()[-1]) as wheel:
        wheel.extractall(target)  # a wheel of pure Python is installed by unpacking it
    return os.environ | {"PYTHONPATH": str(target)}


def spoken(env: dict[str, str], *words: str) -> str:
    done = subprocess.run([sys.executable, *words], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_third_partys_wheel_is_found_checked_and_synced(elsewhere: dict[str, str]) -> None:
    assert "acme_jobs" not in registry.installed()
    synced, checked = spoken(elsewhere, "-c", TRIED).splitlines()
    assert synced == "complete 2 [('101', 'open'), ('102', 'open')]"
    assert checked.startswith("acme_jobs 0.1.0: silver;") and checked.endswith(", 0 found something")


def test_the_folder_of_a_new_plugin_passes_its_own_tests(tmp_path: Path) -> None:
    folder = scaffold.write("harbor", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert f"{len(conformance.CHECKS)} passed" in done.stdout


