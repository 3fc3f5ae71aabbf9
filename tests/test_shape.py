"""The shape of the code itself: sizes, one commit site, one importer for each heavy library, no left-overs."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PRODUCT = [
    p for folder in ("careercenter", "plugins", "demo", "tools", "benchmarks") for p in sorted((ROOT / folder).rglob("*.py"))
    if "versions" not in p.parts
]
SOLE_IMPORTERS = {
    "saml2": "careercenter/signon", "authlib": "careercenter/signon/oidc", "joserfc": "careercenter/signon/oidc",
    "cas": "careercenter/signon/cas.py", "ldap": "careercenter/signon/directory/wire.py", "openpyxl": "careercenter/accreditation",
    "apscheduler": "careercenter/jobs", "procrastinate": "careercenter/jobs",
}


def test_files_are_under_500_lines() -> None:
    assert {str(p.relative_to(ROOT)): n for p in PRODUCT if (n := p.read_text().count("\n")) > 500} == {}


def test_functions_are_under_60_lines() -> None:
    long = {
        f"{p.relative_to(ROOT)}:{node.lineno} {node.name}"
        for p in PRODUCT for node in ast.walk(ast.parse(p.read_text()))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno + 1 > 60
    }
    assert long == set()


def test_one_place_commits() -> None:
    sites = [
        f"{p.relative_to(ROOT)}:{n}"
        for p in PRODUCT if p.parts[len(ROOT.parts)] in ("careercenter", "plugins")
        for n, line in enumerate(p.read_text().splitlines(), 1) if re.search(r"\b(session|current)\.commit\(", line)
    ]
    assert len(sites) == 1 and sites[0].startswith("careercenter/db.py"), sites


@pytest.mark.parametrize("library", sorted(SOLE_IMPORTERS))
def test_heavy_libraries_have_one_importer(library: str) -> None:
    home = SOLE_IMPORTERS[library]
    importers = {
        str(p.relative_to(ROOT)) for p in PRODUCT if p.parts[len(ROOT.parts)] in ("careercenter", "plugins")
        and re.search(rf"^\s*(import {library}\b|from {library}\b)", p.read_text(), re.MULTILINE)
    }
    assert importers, f"nothing imports {library}; is it still a dependency?"
    assert all(name.startswith(home) for name in importers), importers


def test_no_vague_modules_and_no_left_overs() -> None:
    vague = [p.name for p in PRODUCT if p.stem in {"utils", "util", "helpers", "common", "misc", "base"}]
    marks = [
        f"{p.relative_to(ROOT)}:{n}" for p in PRODUCT for n, line in enumerate(p.read_text().splitlines(), 1)
        if re.search(r"\b(TODO|FIXME|XXX)\b|NotImplementedError", line) and "re.search" not in line
    ]
    assert (vague, marks) == ([], [])


def test_public_functions_of_rules_have_docstrings_or_speak_for_themselves() -> None:
    """Every module of the product says what it is for."""
    silent = [str(p.relative_to(ROOT)) for p in PRODUCT if p.stat().st_size and not ast.get_docstring(ast.parse(p.read_text()))]
    assert silent == []


def test_every_advisory_lock_has_a_number_of_its_own() -> None:
    """Two that share one wait for each other: the leading worker holds its own for as long as it leads."""
    found = [
        (number, str(p.relative_to(ROOT))) for p in PRODUCT for number in re.findall(r"^_?LOCK = (71_230_\d+)", p.read_text(), re.MULTILINE)
    ]
    numbers = [number for number, _ in found]
    assert len(numbers) >= 6 and len(set(numbers)) == len(numbers), sorted(found)


def test_no_test_is_named_by_the_clock_or_by_luck() -> None:
    """Two workers that collect in different minutes would find different tests, and none would run."""
    fickle = {
        f"{p.relative_to(ROOT)}:{call.lineno}"
        for p in sorted((ROOT / "tests").rglob("test_*.py")) + sorted((ROOT / "plugins").rglob("test_*.py"))
        for test in ast.walk(ast.parse(p.read_text())) if isinstance(test, ast.FunctionDef)
        for mark in test.decorator_list if "parametrize" in ast.unparse(mark)
        for call in ast.walk(mark) if isinstance(call, ast.Call)
        and ast.unparse(call.func).rpartition(".")[2] in {"now", "utcnow", "today", "time", "uuid4", "random", "token_hex", "token_urlsafe"}
    }
    assert fickle == set()
