"""Kinds that read pages by a sitemap, and files that somebody drops: WayUp, JobPosting pages, Parker Dewey, Forage."""

import io
import json
import os
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from werkzeug.wrappers import Request, Response

from careercenter.platforms import reading, registry
from careercenter.platforms.contract import (
    Completeness,
    ConfigError,
    End,
    Record,
    SchemaDrift,
    Seen,
    State,
    TermsBlocked,
    Tombstone,
    Unreadable,
)
from careercenter.platforms.draft import ListingDraft
from careercenter.platforms.http import HttpClient
from tests.plugins.recorded import recorded

POSTING = {
    "@context": "https://schema.org/", "@type": "JobPosting", "title": "Lab intern", "description": "<p>Wash &amp; count.</p>",
    "hiringOrganization": {"@type": "Organization", "name": "Harbor Lab"}, "employmentType": ["INTERN"], "datePosted": "2026-11-01",
    "validThrough": "2026-12-31T23:59:00-05:00", "identifier": {"value": "R-7"},
    "jobLocation": {"address": {"addressLocality": "Dayton", "addressRegion": "OH", "addressCountry": "US"}},
    "baseSalary": {"currency": "USD", "value": {"minValue": 18, "maxValue": 20, "unitText": "HOUR"}},
}


class Site:
    """A site with a sitemap; a test changes `pages` (path -> body or status) and `stamps`."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {f"/jobs/{n}": POSTING | {"title": f"Lab intern {n}"} for n in (1, 2, 3)}
        self.stamps = dict.fromkeys(self.pages, "2026-11-01")
        self.asked: list[str] = []
        self.sitemap: bytes | None = None

    def __call__(self, request: Request) -> Response:
        self.asked.append(request.path)
        if request.path == "/jobposting":
            entries = "".join(
                f"<url><loc>{request.host_url}{p[1:]}</loc><lastmod>{self.stamps.get(p, '')}</lastmod></url>"
                for p in [*self.pages, "/about"]
            )
            text = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'
            return Response(self.sitemap or text.encode(), mimetype="application/xml")
        found = self.pages.get(request.path, 404)
        if isinstance(found, int):
            return Response("", found)
        body = found if isinstance(found, str) else f'<script type="application/ld+json">{json.dumps(found)}</script>'
        return Response(f"<html><body>{body}</body></html>", mimetype="text/html")


def test_pages_are_read_by_their_markup_and_not_again_while_their_stamp_stands() -> None:
    site = Site()
    with recorded("jobposting", site, pages="/jobs/") as board:
        first = board.read()
        records = [m for m in first if isinstance(m, Record)]
        draft = board.draft(records[0].raw)
        assert isinstance(draft, ListingDraft)
        assert (draft.title, draft.employer.name, draft.kind.value, draft.pay.kind.value, str(draft.pay.max)) == (
            "Lab intern 1", "Harbor Lab", "internship", "hourly", "20",
        )
        assert draft.deadline and draft.deadline.at == datetime.fromisoformat("2027-01-01T04:59:00+00:00")
        assert isinstance(first[-1], End) and first[-1].completeness is Completeness.COMPLETE and len(records) == 3
        site.asked.clear()
        site.stamps["/jobs/2"] = "2026-11-20"
        again = board.read(next(m for m in first if isinstance(m, State)))
    assert [type(m) for m in again[:3]] == [Seen, Record, Seen] and site.asked == ["/jobposting", "/jobs/2"]
    assert isinstance(again[-1], End) and again[-1].completeness is Completeness.COMPLETE


@pytest.mark.parametrize(("page", "kind"), [
    (404, Tombstone), (410, Tombstone), ("<p>no longer here</p>", Tombstone),
    ('<meta name="robots" content="noindex">' + json.dumps(POSTING), Tombstone), (500, Unreadable),
    ('<script type="application/ld+json"></script>', Tombstone),
    ('<script type="application/ld+json">//<![CDATA[\n' + json.dumps(POSTING).replace("Wash", "Wash\n") + "\n//]]></script>", Record),
    ('<script type="application/ld+json">{"@graph": [' + json.dumps(POSTING) + "]}</script>", Record),
])
def test_googles_four_ways_to_take_a_posting_down_and_the_oddities_of_markup(page: Any, kind: type) -> None:
    site = Site()
    site.pages["/jobs/2"] = page
    with recorded("jobposting", site, pages="/jobs/") as board:
        messages = board.read()
    assert isinstance(messages[1], kind), messages[1]
    end = messages[-1]
    assert isinstance(end, End) and (end.completeness is Completeness.PARTIAL) == (kind is Unreadable)


def test_an_index_with_a_broken_part_is_partial() -> None:
    site = Site()
    index = '<sitemapindex><sitemap><loc>{0}gone.xml</loc></sitemap></sitemapindex>'

    def answer(request: Request) -> Response:
        if request.path == "/jobposting":
            return Response(index.format(request.host_url), mimetype="application/xml")
        return site(request)

    with recorded("jobposting", answer) as board:
        end = board.read()[-1]
    assert isinstance(end, End) and end.completeness is Completeness.PARTIAL


def test_addresses_on_another_host_and_a_bad_pattern_are_refused() -> None:
    site = Site()
    site.sitemap = b"<urlset><url><loc>https://elsewhere.example/jobs/1</loc></url></urlset>"
    with recorded("jobposting", site) as board, pytest.raises(SchemaDrift, match="another host"):
        board.read()
    with recorded("jobposting", Site(), pages="(") as board, pytest.raises(ConfigError, match="regular expression"):
        board.read()


def test_wayup_stays_off_until_its_terms_are_reviewed() -> None:
    with pytest.raises(TermsBlocked):
        registry.require_terms(registry.get("wayup").spec())


# ---- dropped files

COLUMNS = {
    "id": "Project ID", "title": "Project name", "employer": "Company", "description": "Details", "url": "Link", "hours": "Hours",
    "pay": "Fixed fee", "deadline": "Apply by", "skills": "Skills", "workplace": "Setting",
}
ROWS = [
    list(COLUMNS.values()),
    ["P-1", "Market scan", "Harbor Bay", "Read ten reports.\n\nWrite one page.", "https://x.example/1", "20", "$360", "2026-12-18", "research, Excel", "Remote"],
    ["P-2", '=HYPERLINK("x")', "Harbor Bay", "<b>bold</b>", "https://x.example/2", "5-40", "$500", "12/20/2026", "", "Onsite"],
]


class Drop:
    def __init__(self, folder: Path, name: str, **options: Any):
        self.plugin, self.folder = registry.get(name), folder
        self.cfg = registry.configure(self.plugin, None, options, ["campus"])
        (folder / "campus").mkdir(parents=True)

    def put(self, body: bytes, name: str = "export.csv", age: float = 60) -> None:
        path = self.folder / "campus" / name
        path.write_bytes(body)
        os.utime(path, (time.time() - age, time.time() - age))

    def read(self, state: State | None = None) -> list[Any]:
        with HttpClient(user_agent="test", drops=self.folder) as http:
            return list(reading.messages(self.plugin, self.cfg, "campus", state, http))

    def drafts(self) -> list[Any]:
        return [reading.draft_of(self.plugin, m.raw, self.cfg) for m in self.read() if isinstance(m, Record)]


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    return Drop(tmp_path / "drops", "parker_dewey", columns=COLUMNS)


def as_csv(rows: list[list[Any]], delimiter: str = ",") -> bytes:
    import csv

    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode()


def as_xlsx(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    for cell in (c for row in book.active.iter_rows() for c in row):  # type: ignore[union-attr]
        cell.data_type = "s"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("body", [
    as_csv(ROWS), as_csv(ROWS, ";"), b"\xef\xbb\xbf" + as_csv(ROWS), as_csv(ROWS).decode().encode("utf-16"), as_xlsx(ROWS),
], ids=["csv", "semicolons", "BOM", "UTF-16", "xlsx"])
def test_an_export_is_read_whatever_program_wrote_it(drop: Drop, body: bytes) -> None:
    drop.put(body)
    first, second = drop.drafts()
    assert (first.title, first.kind.value, first.workplace.value, first.pay.kind.value, str(first.pay.max)) == (
        "Market scan", "micro_internship", "remote", "fixed_fee", "360",
    )
    assert (first.hours.min_minutes, first.hours.per.value, first.deadline.on, first.skills) == (1200, "total", date(2026, 12, 18), ("research", "Excel"))
    assert (second.hours.min_minutes, second.hours.max_minutes) == (300, 2400)
    assert "<b>" not in second.description_html and second.deadline.on == date(2026, 12, 20)
    assert isinstance(drop.read()[-1], End)


def test_the_same_file_twice_changes_nothing_and_a_newer_one_counts(drop: Drop) -> None:
    drop.put(as_csv(ROWS), age=100)
    state = next(m for m in drop.read() if isinstance(m, State))
    (end,) = drop.read(state)
    assert end.unchanged
    drop.put(as_csv(ROWS[:2]), "newer.csv", age=50)
    assert sum(isinstance(m, Record) for m in drop.read(state)) == 1


def test_no_file_and_a_file_still_being_written_are_no_empty_board(drop: Drop) -> None:
    for _ in range(2):
        (end,) = drop.read()
        assert end.completeness is Completeness.UNKNOWN
        drop.put(as_csv(ROWS), age=1)


@pytest.mark.parametrize(("body", "sentence"), [
    (b"", "no header"), (b"\x00\x01\x02\x03", "neither CSV nor XLSX"), (b"PK\x03\x04broken", "not a readable XLSX"),
    (as_csv([["Project ID", "Project ID"], ["1", "2"]]), "two columns called"), (as_csv([["Name"], ["x"]]), "has no column"),
    (as_csv([[f"c{n}" for n in range(300)]]), "limit"), (b'"Project ID\n', "not a readable CSV|has no column"),
])
def test_what_is_no_table_is_said_plainly(drop: Drop, body: bytes, sentence: str) -> None:
    drop.put(body)
    with pytest.raises(SchemaDrift, match=sentence):
        drop.read()


def test_a_broken_row_spoils_only_itself_and_closes_nothing(drop: Drop) -> None:
    drop.put(as_csv([*ROWS, [*ROWS[1], "one cell too many"], ["", "no id"] + [""] * 8]))
    messages = drop.read()
    assert [type(m) for m in messages[:4]] == [Record, Record, Unreadable, Unreadable]
    assert messages[-1].completeness is Completeness.PARTIAL


def test_too_many_rows_are_refused(drop: Drop) -> None:
    drop.put(as_csv([ROWS[0], *([ROWS[1]] * 50_001)]))
    end = drop.read()[-1]
    assert end.completeness is Completeness.PARTIAL and "limit" in end.note


def test_forage_is_a_simulation_without_a_deadline(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "forage")
    drop.put(as_csv([["id", "title", "employer", "url", "hours", "skills"], ["1", "Data visualisation", "Tata", "https://x.example/s", "3-4", "charts"]]))
    (draft,) = drop.drafts()
    assert (draft.kind.value, draft.workplace.value, draft.deadline, draft.hours.max_minutes) == ("simulation", "remote", None, 240)
