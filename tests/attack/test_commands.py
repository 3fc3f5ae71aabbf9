"""The command line with what nobody means to type: a sentence and a status, never a trace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    for part in ("config", "data"):
        (home / part).mkdir()
    for name in ("mail", "policies", "evaluations", "workbooks"):
        (home / "config" / name).symlink_to(ROOT / "config" / name)
    (home / "key").write_text("x" * 40)
    (home / "config" / "careercenter.toml").write_text('data_dir = "../data"\n[server]\nsecret_key = { file = "../key" }\n')
    assert command(home, "db", "upgrade").returncode == 0
    return home


def command(home: Path, *arguments: str | bytes) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CAREERCENTER_CONFIG": str(home / "config")}
    return subprocess.run(
        [sys.executable, "-m", "careercenter.cli", *arguments], env=environment, cwd=home, capture_output=True, text=True, timeout=120, check=False,
    )


@pytest.mark.parametrize("arguments", [
    ("workbook", "make", "r3", "--term", b"2\xff", "--out", "x.xlsx"),
    ("workbook", "make", "r3", "--term", "'; DROP TABLE term", "--out", "x.xlsx"),
    ("workbook", "make", "../../etc/passwd", "--term", "1", "--out", "x.xlsx"),
    ("workbook", "make", "r3", "--term", "1", "--as-of", "0001-01-01T00:00+14:00", "--out", "x.xlsx"),
    ("run", "--bind", "127.0.0.1:99999"),
    ("sync", "nope/../x"),
])
def test_a_sentence_and_a_status(home: Path, arguments: tuple[str | bytes, ...]) -> None:
    done = command(home, *arguments)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr and done.stderr.strip()
    assert not (home / "x.xlsx").exists()
