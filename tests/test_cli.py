"""The command line as a person meets it: real processes, exit statuses, sentences instead of traces."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from careercenter.cli.configuration import mail_problems
from careercenter.cli.data import write_array
from careercenter.cli.opening import Instant

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "config"
    for name in ("mail", "policies", "evaluations", "workbooks"):
        (made / name).mkdir(parents=True)
        for source in (ROOT / "config" / name).iterdir():
            (made / name / source.name).write_bytes(source.read_bytes())
    (made / "key").write_text("a key for these tests only, long enough")
    (made / "careercenter.toml").write_text('data_dir = "../var"\n[server]\nsecret_key = { file = "key" }\n')
    return made


def run(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CAREERCENTER_")}
    return subprocess.run(
        [sys.executable, "-m", "careercenter.cli", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env={**clean, "CAREERCENTER_CONFIG": str(folder), **environment}, check=False,
    )


def test_help_imports_neither_flask_nor_sqlalchemy() -> None:
    code = (
        "import sys\nfrom careercenter.cli import cli\ncli.main(['--help'], standalone_mode=False)\n"
        "print(sorted({'flask', 'sqlalchemy', 'pydantic', 'saml2', 'openpyxl', 'rich'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.splitlines()[-1] == "[]"


def test_the_database_way_from_nothing_to_current(folder: Path) -> None:
    before = run(folder, "db", "current")
    assert (before.returncode, before.stdout) == (1, "")
    assert before.stderr == "The database has not been brought to this version yet. Run: careercenter db upgrade\n"
    for _ in range(2):
        assert run(folder, "db", "upgrade").returncode == 0
    after = run(folder, "db", "current")
    assert after.returncode == 0 and "agree" in after.stdout
    assert run(folder, "audit", "verify").returncode == 0
    exported = run(folder, "listings", "export", "--json")
    assert (exported.returncode, json.loads(exported.stdout)) == (0, [])
    compared = run(folder, "listings", "index", "--rebuild")
    assert (compared.returncode, compared.stdout.splitlines()[-1]) == (0, "The index says what the listings say.")
    synced = run(folder, "sync")
    assert synced.returncode == 0 and "No source is configured" in synced.stderr
    assert run(folder, "sync", "greenhouse/nobody").returncode == 2


def test_a_newer_database_is_refused_in_a_sentence(folder: Path, tmp_path: Path) -> None:
    import sqlite3

    assert run(folder, "db", "upgrade").returncode == 0
    with sqlite3.connect(tmp_path / "var" / "careercenter.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for command in (("db", "upgrade"), ("db", "current"), ("worker",), ("run",)):
        told = run(folder, *command)
        assert told.returncode == 1 and told.stderr.startswith("The database is newer (9999) than this program"), command
        assert "Traceback" not in told.stderr


@pytest.mark.parametrize(("change", "says"), [
    ('[database]\nurl = "postgresql://nobody@127.0.0.1:1/none"', "The database cannot be used: connection failed"),
    ('[campus]\ntime_zone = "Ohio"', "is not a time zone"),
    ("nonsense", "not a readable TOML file"),
])
def test_failures_are_sentences(folder: Path, change: str, says: str) -> None:
    with (folder / "careercenter.toml").open("a") as file:
        file.write(f"\n{change}\n")
    told = run(folder, "db", "current")
    assert told.returncode == 1 and says in told.stderr and "Traceback" not in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_a_data_folder_that_cannot_be_made_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file stands where the folder should be")
    told = run(folder, "db", "upgrade")
    assert told.returncode == 1 and str(tmp_path / "var") in told.stderr and "Traceback" not in told.stderr


def test_a_missing_configuration_folder_is_a_sentence(tmp_path: Path) -> None:
    told = run(tmp_path / "nowhere", "worker")
    assert told.returncode == 1 and "this configuration folder does not exist" in told.stderr


@pytest.mark.parametrize("arguments", [("nonsense",), ("workbook", "make", "r3"), ("listings", "export"), ("worker", "--drain", "x")])
def test_wrong_usage_has_status_two(folder: Path, arguments: tuple[str, ...]) -> None:
    told = run(folder, *arguments)
    assert told.returncode == 2 and "Usage:" in told.stderr


def test_check_reports_every_mistake_of_every_file_at_once(folder: Path) -> None:
    good = run(folder, "check")
    assert (good.returncode, good.stdout) == (0, "The configuration is in order.\n"), good.stderr
    (folder / "mail" / "odd.txt").write_text("Hello\n\nyou owe $ 5\n")
    (folder / "policies" / "broken.toml").write_text("not = [toml")
    (folder / "evaluations" / "broken.toml").write_text('name = "x"')
    (folder / "workbooks" / "broken.toml").write_text('title = "x"')
    (folder / "platforms.toml").write_text('[[sources]]\nplatform = "greenhuose"\nboards = ["a"]\n')
    bad = run(folder, "check")
    assert bad.returncode == 1
    for expected in ("mail/odd.txt", "policies/broken.toml", "evaluations/broken.toml", "workbooks/broken.toml", "greenhouse"):
        assert expected in bad.stderr, bad.stderr
    assert bad.stderr.splitlines()[-1].endswith("mistakes found.") and "Traceback" not in bad.stderr


def test_shipped_mail_texts_are_in_order() -> None:
    assert mail_problems(ROOT / "config" / "mail") == []


def test_the_schema_is_json(folder: Path) -> None:
    assert "properties" in json.loads(run(folder, "config", "schema").stdout)


def test_workbooks_are_listed(folder: Path) -> None:
    assert run(folder, "workbook", "list").stdout.startswith("r3\t")


def test_an_unknown_term_is_a_sentence(folder: Path) -> None:
    run(folder, "db", "upgrade")
    told = run(folder, "workbook", "make", "r3", "--term", "nope", "--out", str(folder / "x.xlsx"))
    assert told.returncode == 1 and "Traceback" not in told.stderr and told.stderr.strip()
    assert not (folder / "x.xlsx").exists()


def test_an_instant_without_offset_is_campus_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREERCENTER_CONFIG", str(folder))
    kind = Instant()
    assert kind.convert("2026-12-18T17:00", None, None) == datetime(2026, 12, 18, 22, tzinfo=UTC)
    assert kind.convert("2026-12-18T17:00Z", None, None) == datetime(2026, 12, 18, 17, tzinfo=UTC)
    assert kind.convert("2026-07-01", None, None) == datetime(2026, 7, 1, 4, tzinfo=UTC)
    with pytest.raises(click.BadParameter):
        kind.convert("yesterday", None, None)


def test_an_array_is_written_row_by_row(capsys: pytest.CaptureFixture[str]) -> None:
    write_array({"n": n, "at": datetime(2026, 1, 1, tzinfo=UTC), "name": "é"} for n in range(3))
    out = capsys.readouterr().out
    assert [row["n"] for row in json.loads(out)] == [0, 1, 2] and out.count("\n") == 5


def test_a_busy_port_is_a_sentence(folder: Path) -> None:
    run(folder, "db", "upgrade")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = run(folder, "run", "--bind", f"127.0.0.1:{port}")
    assert told.returncode == 1 and f"Cannot listen on 127.0.0.1:{port}" in told.stderr and "Traceback" not in told.stderr


def test_run_serves_answers_health_and_stops_cleanly(folder: Path, tmp_path: Path) -> None:
    run(folder, "db", "upgrade")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path / "log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "careercenter.cli", "--config", str(folder), "run", "--bind", f"127.0.0.1:{port}", "--workers", "2"],
        cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
    )
    try:
        _until_ready(port)
        for _ in range(6):
            assert _get(port, "/healthz") == '{"alive":true}\n'
        numbers = _get(port, "/metrics")
        assert 'careercenter_requests_total{endpoint="health.healthz",method="GET",status="200"} 6.0' in numbers  # of both processes
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0, (tmp_path / "log").read_text()
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        log.close()
    assert "Traceback" not in (tmp_path / "log").read_text()


def _get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def _until_ready(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            assert _get(port, "/readyz") == '{"ready":true}\n'
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the server did not become ready")


def test_sync_reads_a_board_counts_and_exports_it(folder: Path) -> None:
    from werkzeug.serving import make_server

    from demo.platform_server import make_platform_app

    server = make_server("127.0.0.1", 0, make_platform_app(), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"127.0.0.1:{server.server_port}"
    board = next(p.stem for p in sorted((ROOT / "demo" / "payloads").rglob("*.json")) if "jobs" in p.read_text()[:4000])
    (folder / "platforms.toml").write_text(
        f'[[sources]]\nplatform = "greenhouse"\nboards = ["{board}"]\nbase_url = "http://{place}/greenhouse"\nallow_hosts = ["{place}"]\n'
    )
    try:
        run(folder, "db", "upgrade")
        dry = run(folder, "sync", f"greenhouse/{board}", "--dry-run")
        assert dry.returncode == 0 and dry.stdout.startswith("new ") and "would be complete" in dry.stdout, dry.stderr
        assert json.loads(run(folder, "listings", "export", "--json").stdout) == []
        first, second = run(folder, "sync", f"greenhouse/{board}"), run(folder, "sync", "greenhouse")
        assert f"{dry.stdout.count(chr(10)) - 1} new" in first.stdout
        assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
        assert " 0 new" not in first.stdout and " 0 new, 0 changed" in second.stdout
        rows = json.loads(run(folder, "listings", "export", "--json").stdout)
        assert rows and {"platform", "board", "post_id", "state", "title"} <= set(rows[0])
    finally:
        server.shutdown()
        server.server_close()
    assert run(folder, "sync", "--dry-run").returncode == 1
    down = run(folder, "sync")
    assert down.returncode == 1 and "Traceback" not in down.stderr and down.stderr.strip()
