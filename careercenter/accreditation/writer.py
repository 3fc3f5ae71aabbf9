"""Writing .xlsx: openpyxl builds everything around the cells, the row encoder streams the rows between.

Only this module knows openpyxl. Memory stays flat, and the same sheets with the same stamp give the same bytes.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.packaging.relationship import get_rels_path
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.worksheet.table import Table, TableColumn, TableStyleInfo
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.writer.excel import ExcelWriter
from openpyxl.xml.functions import tostring

from careercenter.accreditation.encoding import CUT, letters, overlong, row_encoder
from careercenter.accreditation.fields import CellType

MOST_ROWS = 1_048_575
LEVEL = 1
"""Deflate: a quarter larger than the usual 6, a quarter of its time."""
CHUNK = 500
FORMATS: dict[CellType, str] = {
    "text": "@", "integer": "#,##0", "decimal": "#,##0.00", "date": "yyyy-mm-dd", "datetime": "yyyy-mm-dd hh:mm",
}


class TooManyRows(ValueError):
    """More rows than a sheet can hold."""


@dataclass(frozen=True)
class Head:
    """A column: header, type, width in characters; `wrap` breaks long text over lines."""

    header: str
    type: CellType = "text"
    width: int = 16
    wrap: bool = False


@dataclass(frozen=True)
class Written:
    """What became of a sheet: its part inside the file, rows, SHA-256 of the part, and texts that were cut (row id, sentence)."""

    part: str
    rows: int
    sha256: str
    cuts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sheet:
    """One tab. `rows` gets what is known of the sheets written before it; `turn` orders the writing, not the tabs.

    `table` names the Excel table over the cells; `key` is the column that names a row.
    """

    title: str
    heads: Sequence[Head]
    rows: Callable[[dict[str, Written]], Iterable[Sequence[Any]]]
    table: str
    turn: int = 0
    key: int = 0


def write(target: BinaryIO, sheets: Sequence[Sheet], *, title: str, creator: str, stamp: datetime) -> dict[str, Written]:
    """Write the sheets to a file and tell what was written, by sheet title. Every time inside the file is `stamp`."""
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    moment = stamp.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    book.properties.title, book.properties.creator = title, creator
    book.properties.created = book.properties.modified = moment
    for sheet in sheets:
        _dress(book.create_sheet(sheet.title), sheet)
    with _Archive(target, moment) as archive:
        return _Writer(book, archive, sheets).written()


def _dress(worksheet: Worksheet, sheet: Sheet) -> None:
    """What a sheet looks like: header frozen and repeated in print, widths, landscape, one page wide."""
    worksheet.freeze_panes = "A2"
    worksheet.print_title_rows = "1:1"
    worksheet.page_setup.orientation, worksheet.page_setup.fitToHeight = "landscape", 0
    worksheet.sheet_properties.pageSetUpPr.fitToPage = True  # type: ignore[union-attr]
    worksheet.oddFooter.center.text = f"{sheet.title} &P / &N"  # type: ignore[union-attr]
    worksheet.calculate_dimension = None  # type: ignore[assignment,method-assign]  # rows are counted after the top is written
    for n, head in enumerate(sheet.heads):
        worksheet.column_dimensions[letters(n)].width = head.width
    table = Table(displayName=sheet.table, ref=_reference(sheet, 0))
    table.tableStyleInfo = TableStyleInfo(name="TableStyleLight1", showRowStripes=True)
    table.tableColumns = [TableColumn(id=n, name=head.header) for n, head in enumerate(sheet.heads, 1)]
    worksheet.add_table(table)


def _reference(sheet: Sheet, rows: int) -> str:
    """The cells of the table; a table needs one row, so an empty one has an empty row."""
    return f"A1:{letters(len(sheet.heads) - 1)}{max(rows, 1) + 1}"


def _styles(worksheet: Worksheet, heads: Sequence[Head]) -> tuple[int, list[int]]:
    """The style id of header cells, and one for each column: decided once, never per cell."""
    cell = WriteOnlyCell(worksheet)
    cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="E7E5DF")
    cell.alignment, cell.number_format = Alignment(wrap_text=True, vertical="top"), "@"
    columns = []
    for head in heads:
        prototype = WriteOnlyCell(worksheet)
        prototype.number_format = FORMATS[head.type]
        prototype.alignment = Alignment(vertical="top", wrap_text=head.wrap)
        columns.append(prototype.style_id)
    return cell.style_id, columns


class _Archive(ZipFile):
    """A zip whose entries all carry one time."""

    def __init__(self, target: BinaryIO, moment: datetime):
        super().__init__(target, "w", ZIP_DEFLATED, compresslevel=LEVEL)
        self._moment = moment

    def entry(self, name: str) -> ZipInfo:
        info = ZipInfo(name, date_time=self._moment.timetuple()[:6])
        info.compress_type, info.external_attr = ZIP_DEFLATED, 0o600 << 16
        info._compresslevel = LEVEL  # type: ignore[attr-defined]
        return info

    def writestr(self, name: Any, data: Any, *_: Any, **__: Any) -> None:  # type: ignore[override]
        super().writestr(self.entry(name), data, ZIP_DEFLATED, LEVEL)


class _Writer(ExcelWriter):
    """openpyxl's writer, with sheets written by turn and their rows streamed."""

    _archive: _Archive
    _tables: list[Table]

    def __init__(self, book: Workbook, archive: _Archive, sheets: Sequence[Sheet]):
        super().__init__(book, archive)
        self._sheets = sheets
        self._done: dict[str, Written] = {}

    def written(self) -> dict[str, Written]:
        """Write everything; the archive is closed by whoever opened it."""
        self.write_data()
        return self._done

    def _write_worksheets(self) -> None:
        worksheet: Any
        for number, worksheet in enumerate(self.workbook.worksheets, 1):
            worksheet._id = number
        for sheet in sorted(self._sheets, key=lambda sheet: sheet.turn):
            worksheet = self.workbook[sheet.title]
            self._done[sheet.title] = self._stream(worksheet, sheet)
            self.manifest.append(worksheet)
            for table in worksheet.tables.values():
                self._tables.append(table)
                table.id = len(self._tables)
                table._write(self._archive)
                self.manifest.append(table)
                worksheet._rels.get(table._rel_id).Target = table.path
            self._archive.writestr(get_rels_path(worksheet.path)[1:], tostring(worksheet._rels.to_tree()))

    def _stream(self, worksheet: Worksheet, sheet: Sheet) -> Written:
        """Top, rows, then the tail with the true size of the table."""
        header, columns = _styles(worksheet, sheet.heads)
        top = row_encoder(["text"] * len(columns), [header] * len(columns))
        encode = row_encoder([head.type for head in sheet.heads], columns)
        digest, rows = hashlib.sha256(), 0
        cuts: list[tuple[str, str]] = []
        part = worksheet.path[1:]
        with self._archive.open(self._archive.entry(part), "w") as out:
            def put(data: bytes) -> None:
                digest.update(data)
                out.write(data)

            put(_envelope(worksheet)[0] + b"<sheetData>" + top(1, [head.header for head in sheet.heads]).encode())
            for chunk in _chunks(sheet.rows(self._done)):
                cells = "".join([encode(n, row) for n, row in enumerate(chunk, rows + 2)])
                put(cells.encode())
                if CUT in cells:  # seldom; only then is every value looked at
                    cuts += _cuts(sheet, chunk)
                rows += len(chunk)
                if rows > MOST_ROWS:
                    raise TooManyRows(f"{sheet.title} has more than {MOST_ROWS} rows, which is all that a sheet can hold")
            worksheet.tables[sheet.table].ref = _reference(sheet, rows)
            put(b"</sheetData>" + _envelope(worksheet)[1])
        return Written(part, rows, digest.hexdigest(), tuple(cuts))


def _envelope(worksheet: Any) -> tuple[bytes, bytes]:
    """What openpyxl writes before and after the rows."""
    buffer = BytesIO()
    writer: Any = WorksheetWriter(worksheet, buffer)
    writer.write()
    worksheet._rels = writer._rels
    before, after = re.split(rb"<sheetData\s*/>|<sheetData></sheetData>", buffer.getvalue())
    return before, after


def _chunks(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    source = iter(rows)
    while chunk := list(islice(source, CHUNK)):
        yield chunk


def _cuts(sheet: Sheet, chunk: list[Sequence[Any]]) -> list[tuple[str, str]]:
    """The cells of a chunk that did not fit, as (row id, what happened)."""
    return [
        (str(row[sheet.key])[:80], f"{head.header}: the text of {len(value)} characters was cut to what a cell can hold.")
        for row in chunk for head, value in zip(sheet.heads, row, strict=True) if overlong(value)
    ]
