"""What the normal form is made of: places in a record, dates in words, and the one form in which drafts are kept and compared."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from msgspec import structs

from careercenter.platforms import draft as form
from careercenter.platforms.draft import (
    Apply,
    CreditHints,
    Deadline,
    Duration,
    Eligibility,
    Employer,
    Hours,
    HoursPer,
    ListingDraft,
    ListingKind,
    Pay,
    PayKind,
    PayUnit,
    Place,
    Provenance,
    Workplace,
)
from careercenter.platforms.kinds import paths
from careercenter.platforms.words import time

RECORD = {
    "a": {"b": "deep", "zero": 0, "no": False, "empty": ""}, "many": [{"c": 1}, {"c": [2, 3]}, "odd", {"c": None}, {}],
    "nested": [{"list": [{"x": "p"}, {"x": "q"}]}, {"list": {"x": "r"}}], "plain": ["s", "", "t"],
}


@pytest.mark.parametrize(("path", "found"), [
    ("", [RECORD]), ("a.b", ["deep"]), ("a.zero", [0]), ("a.no", [False]), ("a.empty", []), ("a.b.c", []), ("nowhere", []),
    ("many[].c", [1, [2, 3]]), ("many[].c[]", [1, 2, 3]), ("many.c", []), ("nested[].list[].x", ["p", "q", "r"]),
    ("plain", [["s", "", "t"]]), ("plain[]", ["s", "t"]), ("a[].b", ["deep"]),
])
def test_every_value_at_a_place(path: str, found: list[Any]) -> None:
    assert paths.every(RECORD, path) == found
    assert paths.first(RECORD, ("missing", path)) == (found[0] if found else None)


def test_texts_are_texts_and_numbers_one_by_one() -> None:
    assert paths.texts(RECORD, ("plain", "many[].c", "a.no", "a")) == ["s", "", "t", "1", "2", "3"]
    assert (paths.text(RECORD, ()), paths.text(RECORD, ("a", "a.b")), paths.text(RECORD, ("a.zero",))) == ("", "", "0")


@pytest.mark.parametrize("text", [
    "2026-09-15", "2026-9-15", "Tue, 15 Sep 2026", "15 sep 2026", "09/15/2026", "9/15/2026", "2026/09/15", "September 15, 2026",
])
def test_a_day_in_each_form_that_platforms_use(text: str) -> None:
    assert time.day(f" {text} ") == date(2026, 9, 15)
    assert time.moment(text, "America/New_York") is None


@pytest.mark.parametrize("text", [
    "2026-09-15 10:30:00", "2026-09-15T10:30:00", "2026-09-15 10:30:00.000", "2026-09-15T10:30:00.0", "Tue, 15 Sep 2026 10:30:00",
    "15 Sep 2026 10:30:00",
])
def test_a_moment_without_a_zone_is_of_the_zone_that_is_meant(text: str) -> None:
    assert time.moment(text, "America/New_York") == datetime(2026, 9, 15, 14, 30, tzinfo=UTC)
    assert time.moment(text) is None


@pytest.mark.parametrize("text", [
    "2026-02-30", "2026-13-01", "0000-01-01", "2026-W01-1", "20260915", "2026-02-30 10:30:00", "2026-09-15 24:00:00", "2026-09-15 10:30",
])
def test_what_is_no_day_and_no_moment_is_none(text: str) -> None:
    assert time.day(text) is None
    assert time.moment(text, "America/New_York") is None


@pytest.mark.parametrize("text", ["2026-09-15 10:30:00 UTC", "2026-09-15T10:30:00Z", "Tue, 15 Sep 2026 06:30:00 -0400"])
def test_a_moment_that_says_its_zone_needs_no_other(text: str) -> None:
    assert time.moment(text, "Asia/Tokyo") == datetime(2026, 9, 15, 10, 30, tzinfo=UTC)
    assert time.day(text) is None


WHOLE = ListingDraft(
    "Data Intern", Employer("Alder & Finch", "https://alder.example", "e1"), ListingKind.INTERNSHIP, Apply("https://alder.example/1"),
    url="https://alder.example/1", description_html="<p>Zürich</p>",
    places=(Place("Dayton, OH", "Dayton", "OH", "US"), Place("elsewhere")), workplace=Workplace.HYBRID,
    hours=Hours(600, 0, HoursPer.WEEK, "10"), duration=Duration(date(2026, 9, 1), None, 12, "12"),
    pay=Pay(PayKind.HOURLY, Decimal("18.50"), Decimal(0), "USD", PayUnit.HOUR, "18.50"), skills=("SQL", "R"),
    eligibility=Eligibility(("junior",), None, ("Economics",)),
    deadline=Deadline(at=datetime(2026, 8, 1, 23, 59, tzinfo=timezone(timedelta(hours=-4))), tz="-04:00", raw="August 1"),
    posted_at=datetime(2026, 7, 1, tzinfo=UTC), source_updated_at=datetime(2026, 7, 2, tzinfo=UTC), requisition_id="R1",
    department="Data", credit_hints=CreditHints("PROG", 8100, "possible"), attribution="By Acme", lang="en",
    provenance=MappingProxyType({"kind": Provenance.PARSED, "pay": Provenance.STRUCTURED}),
)
PLAIN = {
    "title": "Data Intern", "employer": {"name": "Alder & Finch", "url": "https://alder.example", "ext_id": "e1"},
    "kind": "internship", "apply": {"url": "https://alder.example/1", "platform": False}, "url": "https://alder.example/1",
    "description_html": "<p>Zürich</p>",
    "places": [{"raw": "Dayton, OH", "city": "Dayton", "region": "OH", "country": "US"}, {"raw": "elsewhere"}], "workplace": "hybrid",
    "hours": {"min_minutes": 600, "max_minutes": 0, "per": "week", "raw": "10"},
    "duration": {"start": "2026-09-01", "weeks": 12, "raw": "12"},
    "pay": {"kind": "hourly", "min": "18.50", "max": "0", "currency": "USD", "unit": "hour", "raw": "18.50"}, "skills": ["SQL", "R"],
    "eligibility": {"class_levels": ["junior"], "majors": ["Economics"]},
    "deadline": {"at": "2026-08-01T23:59:00-04:00", "tz": "-04:00", "raw": "August 1"}, "posted_at": "2026-07-01T00:00:00Z",
    "source_updated_at": "2026-07-02T00:00:00Z", "requisition_id": "R1", "department": "Data",
    "credit_hints": {"program_code": "PROG", "total_minutes": 8100, "note": "possible"}, "attribution": "By Acme", "lang": "en",
    "provenance": {"kind": "parsed", "pay": "structured"},
}


def test_the_form_in_which_a_draft_is_kept() -> None:
    told = form.canonical(WHOLE)
    assert told == PLAIN
    assert list(told) == list(PLAIN)
    assert {type(value) for value in told["provenance"].values()} == {type(told["kind"])} == {str}
    bare = ListingDraft("A", Employer("B"), ListingKind.JOB, Apply())
    assert form.canonical(bare) == {
        "title": "A", "employer": {"name": "B"}, "kind": "job", "apply": {"platform": False}, "workplace": "unknown",
        "pay": {"kind": "unknown", "unit": "unknown"},
    }


def test_the_hash_is_the_same_in_every_version() -> None:
    """Another hash for the same draft would show every listing of every campus as changed after an upgrade."""
    assert form.content_hash(WHOLE).hex() == "6a785b0d1a26283316252002a2bf82a469777e2b3cecf2e731a4be53d1451d99"


@pytest.mark.parametrize("without", [{}, {"source_updated_at": None}, {"provenance": {}}, {"source_updated_at": None, "provenance": {}}])
def test_what_is_kept_of_a_draft_is_all_but_its_description(without: dict[str, Any]) -> None:
    draft = structs.replace(WHOLE, **without)
    kept, content_hash = form.kept(draft)
    told = {name: value for name, value in PLAIN.items() if name != "description_html" and name not in without}
    assert json.loads(kept) == told
    assert content_hash == form.content_hash(WHOLE), "what a draft says of itself does not count"


def test_a_draft_with_values_of_other_types_is_told_too() -> None:
    odd: Any = structs.replace(WHOLE, skills={"SQL"}, lang=b"en", department={"of": Employer("x"), "none": None}, requisition_id=1.5)
    told = form.canonical(odd)
    assert (told["skills"], told["lang"]) == (["SQL"], "ZW4=")
    assert (told["department"], told["requisition_id"]) == ({"of": {"name": "x"}, "none": None}, 1.5)
