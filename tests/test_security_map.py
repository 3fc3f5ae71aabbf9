"""docs/security-tests.md names tests; each of them exists, in the file that it says."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = (TESTS.parent / "docs" / "security-tests.md").read_text()
NAMED = re.findall(r"`([a-z_/0-9]+\.py)::(test_[a-z_0-9]+)`", TABLE)


def test_every_named_test_exists() -> None:
    assert len(NAMED) > 80
    missing = [
        f"{file}::{name}" for file, name in NAMED
        if not (TESTS / file).is_file() or not re.search(rf"^def {name}\(", (TESTS / file).read_text(), re.MULTILINE)
    ]
    assert not missing


def test_every_line_names_a_test() -> None:
    """A line of the table without a test would be a promise that nobody checks."""
    rows = [line for line in TABLE.splitlines() if line.startswith("| ") and not line.startswith(("| Attack", "| ---"))]
    assert rows and all("::test_" in row.split("|")[2] for row in rows)
