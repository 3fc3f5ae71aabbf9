"""The .xlsx writer, read back by openpyxl: types, safety, sameness of bytes, flat memory."""

import hashlib
import io
import re
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from careercenter.accreditation.encoding import CUT, LIMIT, letters, row_encoder
from careercenter.accreditation.writer import Head, Sheet, Written, write

STAMP = datetime(2026, 11, 16, 14, 0, tzinfo=UTC)
HEADS = [Head("Id"), Head("Count", "integer"), Head("Credits", "decimal"), Head("Day", "date"), Head("At", "datetime")]


def book(rows, heads=HEADS, stamp: datetime = STAMP) -> tuple[bytes, dict[str, Written]]:
    target = io.BytesIO()
    readme = Sheet("README", [Head("Item"), Head("Content", width=60, wrap=True)],
                   lambda done: [("Rows", str(done["Data"].rows)), ("SHA-256", done["Data"].sha256)], "Readme", turn=1)
    data = Sheet("Data", heads, lambda _: iter(rows), "Data")
    written = write(target, [readme, data], title="Test", creator="careercenter", stamp=stamp)
    return target.getvalue(), written


def texts(*values: str) -> list[str]:
    content, _ = book([(value,) for value in values], [Head("Id")])
    cells = [row[0] for row in load_workbook(io.BytesIO(content))["Data"].iter_rows(min_row=2)]
    assert all(cell.data_type == "s" for cell in cells if cell.value is not None)
    return [cell.value for cell in cells]


def test_every_type_comes_back_as_itself():
    content, written = book([("007", 1234, Decimal("2.50"), date(2026, 1, 2), datetime(2026, 1, 2, 9, 30)), (None,) * 5])
    sheet = load_workbook(io.BytesIO(content))["Data"]
    assert [c.value for c in sheet[2]] == ["007", 1234, 2.5, datetime(2026, 1, 2), datetime(2026, 1, 2, 9, 30)]
    assert [c.number_format for c in sheet[2]] == ["@", "#,##0", "#,##0.00", "yyyy-mm-dd", "yyyy-mm-dd hh:mm"]
    assert [c.value for c in sheet[3]] == [None] * 5
    assert written["Data"].rows == 2


@pytest.mark.parametrize("text", [
    "=1+1", "=HYPERLINK(\"http://x\",\"y\")", "+1", "-1", "@SUM(A1)", "#N/A", "#REF!", "\t=1+1", "1e5", "2026-01-02", "TRUE",
    "<f>1</f>", "a & b < c", "]]>", "&amp;", "“Zoë” 東京 🎓", " spaces around ", "two\nlines",
])
def test_text_stays_text(text):
    assert texts(text) == [text]


def test_no_formula_and_no_error_cell_is_ever_written():
    content, _ = book([(t,) for t in ("=1+1", "#N/A", "{=A1}")], [Head("Id")])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet2.xml").decode()
    assert "<f" not in re.sub("<f[a-zA-Z]", "", sheet)
    assert 't="e"' not in sheet


def test_what_xml_cannot_hold_becomes_a_visible_mark():
    assert texts("a\x00b\x0b\ud800\uffffc") == ["a\ufffdb\ufffd\ufffd\ufffdc"]


def test_what_excel_would_take_for_an_escape_is_escaped():
    content, _ = book([("_x0041_",)], [Head("Id")])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert b"<t>_x005F_x0041_</t>" in archive.read("xl/worksheets/sheet2.xml")


@pytest.mark.parametrize("text", ["x" * (LIMIT + 1), "🎓" * LIMIT])
def test_text_too_long_for_a_cell_is_cut_with_a_mark_and_reported(text):
    content, written = book([("row 1", "x" * LIMIT), ("row 2", text)], [Head("Id"), Head("Note")])
    sheet = load_workbook(io.BytesIO(content))["Data"]
    assert sheet["B2"].value == "x" * LIMIT
    assert sheet["B3"].value.endswith(CUT)
    assert len(sheet["B3"].value.encode("utf-16-le")) // 2 <= LIMIT
    assert [cut[0] for cut in written["Data"].cuts] == ["row 2"]


@pytest.mark.parametrize("row", [
    ("a", "=1", None, None, None), ("a", True, None, None, None), (1, None, None, None, None),
    ("a", 1, Decimal("NaN"), None, None), ("a", 1, Decimal("Infinity"), None, None), ("a", 1, 0.1, None, None),
    ("a", 1, None, datetime(2026, 1, 2), None), ("a", 1, None, None, STAMP), ("a", 1, None, "2026", None), ("a", 1),
])
def test_a_value_of_another_type_stops_the_file(row):
    with pytest.raises((TypeError, ValueError)):
        book([row])


def test_the_same_rows_give_the_same_bytes_and_another_stamp_other_bytes():
    rows = [(str(n), n, Decimal(n), date(2026, 1, 2), None) for n in range(1200)]
    assert book(rows)[0] == book(rows)[0]
    other, written = book(rows, stamp=STAMP.replace(year=2025))
    assert other != book(rows)[0]
    assert written["Data"].sha256 == book(rows)[1]["Data"].sha256
    with zipfile.ZipFile(io.BytesIO(other)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(2025, 11, 16, 14, 0, 0)}


def test_the_proof_is_that_of_the_part_in_the_file():
    content, written = book([("1", 1, None, None, None)])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert hashlib.sha256(archive.read(written["Data"].part)).hexdigest() == written["Data"].sha256
    assert load_workbook(io.BytesIO(content))["README"]["B3"].value == written["Data"].sha256


@pytest.mark.parametrize("count", [0, 1, 500, 501])
def test_table_and_header(count):
    content, _ = book([(str(n), n, None, None, None) for n in range(count)])
    sheet = load_workbook(io.BytesIO(content))["Data"]
    assert sheet.freeze_panes == "A2"
    assert sheet.tables["Data"].ref == f"A1:E{max(count, 1) + 1}"
    assert sheet.tables["Data"].column_names == [h.header for h in HEADS]
    assert [c.value for c in sheet[1]] == [h.header for h in HEADS]
    assert sheet.print_title_rows == "$1:$1"
    assert load_workbook(io.BytesIO(content), read_only=True)["Data"].max_row in (None, max(count, 0) + 1)


def test_column_letters():
    assert [letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"]), max_size=40), min_size=1, max_size=5))
def test_any_text_comes_back(values):
    expected = [re.sub("_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", value) or None for value in values]
    assert texts(*values) == expected


def test_a_remembered_value_is_rendered_like_a_new_one():
    encode = row_encoder(["integer", "text"], [0, 1])
    first, second = encode(2, (5, "a")), encode(3, (5, "a"))
    assert first.replace('A2"', 'A3"').replace('B2"', 'B3"').replace('r="2"', 'r="3"') == second


GROWTH = """
import io, sys
from datetime import UTC, datetime
from tests.test_workbook_writer import HEADS, book
class Sink(io.RawIOBase):
    def __init__(self): self.at = 0
    def writable(self): return True
    def seekable(self): return False
    def write(self, data): self.at += len(data); return len(data)
    def tell(self): return self.at
    def flush(self): ...
from careercenter.accreditation.writer import Sheet, write
rows = ((f"row {n}", n, None, None, None) for n in range(int(sys.argv[1])))
write(Sink(), [Sheet("Data", HEADS, lambda _: rows, "Data")], title="t", creator="c", stamp=datetime(2026, 1, 1, tzinfo=UTC))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_memory_does_not_grow_with_the_rows():
    def peak(rows: int) -> int:
        return int(subprocess.run([sys.executable, "-c", GROWTH, str(rows)], capture_output=True, text=True, check=True).stdout)

    few, many = peak(5_000), peak(60_000)
    assert many - few < 10_000, f"{few} kB for 5,000 rows, {many} kB for 60,000"
