"""Kind `file_drop`: a CSV or XLSX file that a partner sends, by SFTP into the board's folder or uploaded by staff.

The option `columns` says which of the file's columns fills which of our fields, so that any export fits; without it the
manifest's own names hold. The file is the snapshot, or only a change to it when the manifest's mode is `delta`.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any

from careercenter.platforms.contract import Completeness, Dropped, End, Message, Page, Record, SchemaDrift, State, Unreadable
from careercenter.platforms.decode import clean_block
from careercenter.platforms.kinds.asking import Asking
from careercenter.platforms.kinds.described import Described

DELIMITERS = ",;\t|"
PACKED = b"PK\x03\x04"


def read(plugin: Described, ask: Asking, state: State | None) -> Iterator[Message]:
    """The rows of the newest file; a file that was read before brings nothing new."""
    file = ask.http.dropped(ask.board)
    if file is None:
        yield End(Completeness.UNKNOWN, note="No file has been dropped yet.")
        return
    digest = hashlib.blake2b(file.body, digest_size=16).hexdigest()
    if state and state.cursor.get("digest") == digest and state.cursor.get("version") == plugin.spec().version:
        yield End(Completeness.COMPLETE, unchanged=True, note=f"{file.name} was read before; there is no newer file.")
        return
    header, rows = _table(file, ask)
    columns = _columns(header, getattr(ask.cfg, "columns", None) or {})
    if not {columns.get(name, name) for name in header} & set(ask.read.id):
        raise SchemaDrift(f"{file.name} has no column {' or '.join(ask.read.id)}, so its rows cannot be told apart.", "row 1")
    breaks_off = file.body[:4] != PACKED and not file.body.endswith((b"\n", b"\r", b"\n\x00"))
    seen: set[str] = set()
    count = broken = 0
    for number, row in enumerate(rows, 2):
        if not any(cell for cell in row):
            continue
        count += 1
        if len(row) > len(header) and any(row[len(header):]):
            broken += 1
            yield Unreadable(_raw(dict(enumerate(row))), f"Row {number} has more cells than the header.", file.dropped_at)
            continue
        if len(row) < len(header) and breaks_off:
            broken += 1
            yield Unreadable(_raw(dict(enumerate(row))), f"The file breaks off in row {number}.", file.dropped_at)
            continue
        values = {columns.get(name, name): cell for name, cell in zip(header, row, strict=False) if name and cell}
        message = plugin.message(values, _raw({"_context": {"board": ask.board}, **values}), file.dropped_at)
        if isinstance(message, Record):
            seen.add(message.post_id)
        yield message
    yield Page(1, count, digest)
    yield State({"digest": digest, "version": plugin.spec().version})
    yield End(Completeness.PARTIAL if broken else Completeness.COMPLETE, None, len(seen), note=f"{file.name}: {count:,} rows.")


def _table(file: Dropped, ask: Asking) -> tuple[list[str], Iterator[list[str]]]:
    """Header and rows as texts. Raises SchemaDrift for what is no table, or a larger one than the manifest allows."""
    limits = ask.read.drop
    packed = file.body[:4] == PACKED
    lines = _xlsx(file) if packed else _csv(file, limits.delimiter)
    try:
        header = [" ".join(cell.split()) for cell in next(lines, [])]
    except csv.Error as error:
        raise SchemaDrift(f"{file.name} is not a readable CSV file: {error}.", "row 1") from None
    if not any(header):
        raise SchemaDrift(f"{file.name} has no header row.", "row 1")
    if len(header) > limits.most_columns:
        raise SchemaDrift(f"{file.name} has {len(header):,} columns; {limits.most_columns:,} is the limit.", "row 1")
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice:
        raise SchemaDrift(f'{file.name} has two columns called "{twice}".', "row 1")
    return header, _counted(lines, file, limits.most_rows)


def _counted(lines: Iterable[list[str]], file: Dropped, most: int) -> Iterator[list[str]]:
    try:
        for number, row in enumerate(lines, 1):
            if number > most:
                raise SchemaDrift(f"{file.name} has more than {most:,} rows, which is the limit.", f"row {number}")
            yield row
    except csv.Error as error:
        raise SchemaDrift(f"{file.name} is not a readable CSV file: {error}.", "rows") from None


def _csv(file: Dropped, delimiter: str) -> Iterator[list[str]]:
    if file.body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = file.body.decode("utf-16", "replace")
    else:
        try:
            text = file.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = file.body.decode("cp1252", "replace")  # what Excel on Windows saves as "CSV"
    if "\x00" in text:
        raise SchemaDrift(f"{file.name} is neither CSV nor XLSX.", "row 1")
    first = text.split("\n", 1)[0]
    mark = delimiter or max(DELIMITERS, key=first.count)
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True):
        yield [clean_block(cell) for cell in row]


def _xlsx(file: Dropped) -> Iterator[list[str]]:
    """The first sheet, by a reader that evaluates nothing."""
    from python_calamine import CalamineWorkbook

    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(file.body)).get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except Exception as error:  # noqa: BLE001 - the library raises many kinds for files that are no workbooks
        raise SchemaDrift(f"{file.name} is not a readable XLSX file ({type(error).__name__}).", "sheet 1") from None
    for row in rows:
        yield [_cell(value) for value in row]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return clean_block(str(value)) if value is not None else ""


def _columns(header: list[str], wanted: dict[str, str]) -> dict[str, str]:
    """The file's column -> our name. Raises SchemaDrift when a column that the options name is not there."""
    missing = [theirs for theirs in wanted.values() if theirs not in header]
    if missing:
        raise SchemaDrift(f'The file has no column "{missing[0]}"; it has: {", ".join(h for h in header if h)[:300]}.', "row 1")
    return {theirs: ours for ours, theirs in wanted.items()}


def _raw(values: dict[Any, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, sort_keys=True).encode()
