"""Rows of a sheet as SpreadsheetML, fast and safe: one compiled format for a row, and a memory of rendered values.

Text is always written as an inline string, so nothing that a person typed can become a formula or an error value. What
XML cannot hold is replaced by U+FFFD, what Excel cannot hold is cut with a mark (`overlong` finds such values).
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from careercenter.accreditation.fields import CellType

LIMIT = 32_767
"""UTF-16 units in one cell."""
CUT = " […cut]"
REMEMBERED = 20_000
"""Values kept rendered for each column; more would grow with the file."""
EPOCH = date(1899, 12, 30)

Render = Callable[[Any], str]
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPE_LOOKALIKE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


class Memory(dict[Any, str]):
    """Value -> its rendered cell. A value that was seen costs one lookup."""

    def __init__(self, render: Render):
        super().__init__()
        self._render = render

    def __missing__(self, value: Any) -> str:
        rendered = self._render(value)
        if len(self) < REMEMBERED:
            self[value] = rendered
        return rendered


def row_encoder(types: Sequence[CellType], styles: Sequence[int]) -> Callable[[int, Sequence[Any]], str]:
    """A function (row number, values) -> `<row>…</row>` for columns of these types and style ids.

    It raises `TypeError` or `ValueError` for a value that does not fit its column: a wrong cell is never written.
    """
    names = {f"m{n}": Memory(_renderer(*column)) for n, column in enumerate(zip(types, styles, strict=True))}
    values = ", ".join(f"v{n}" for n in range(len(types)))
    cells = "".join(f'<c r="{letters(n)}{{row}}"{{m{n}[v{n}]}}' for n in range(len(types)))
    source = f"def encode(row, values):\n    {values}, = values\n    return f'<row r=\"{{row}}\">{cells}</row>'"
    exec(compile(source, "<row encoder>", "exec"), names)  # noqa: S102 - built from column numbers only
    encode: Callable[[int, Sequence[Any]], str] = names["encode"]  # type: ignore[assignment]
    return encode


def overlong(value: Any) -> bool:
    """Whether a text is too long for a cell."""
    return isinstance(value, str) and len(value) * 2 > LIMIT and len(value.encode("utf-16-le", "replace")) // 2 > LIMIT


def letters(column: int) -> str:
    """Column letters: 0 is A, 26 is AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def _renderer(kind: CellType, style: int) -> Render:
    """The rendering of one column: what follows the cell's address."""
    value_of = {"text": _inline, "integer": _integer, "decimal": _decimal, "date": _day, "datetime": _moment}[kind]

    def render(value: Any) -> str:
        return f' s="{style}"/>' if value is None or value == "" else f' s="{style}"{value_of(value)}</c>'

    return render


def _inline(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text column got {value!r}")
    text = readable(value)
    space = ' xml:space="preserve"' if text != text.strip() else ""
    if not text.isalnum():
        text = _ESCAPE_LOOKALIKE.sub("_x005F_", text) if "_x" in text else text
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    return f' t="inlineStr"><is><t{space}>{text}</t></is>'


def readable(value: str) -> str:
    """The text as a cell can hold it: cut to the limit, with U+FFFD for what XML does not know."""
    if overlong(value):
        units = value.encode("utf-16-le", "replace")[: (LIMIT - len(CUT)) * 2]
        value = units.decode("utf-16-le", "ignore") + CUT
    return value if value.isprintable() else _ILLEGAL.sub("\ufffd", value)


def _integer(value: Any) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"an integer column got {value!r}")
    return f"><v>{value:d}</v>"


def _decimal(value: Any) -> str:
    if not isinstance(value, Decimal | int) or isinstance(value, bool) or not Decimal(value).is_finite():
        raise TypeError(f"a decimal column got {value!r}")
    return f"><v>{Decimal(value):f}</v>"


def _day(value: Any) -> str:
    if not isinstance(value, date) or isinstance(value, datetime) or value.year < 1901:
        raise TypeError(f"a date column got {value!r}")
    return f"><v>{(value - EPOCH).days}</v>"


def _moment(value: Any) -> str:
    """Wall-clock time; Excel knows no zones, so the caller says which clock by passing a naive datetime."""
    if not isinstance(value, datetime) or value.tzinfo is not None or value.year < 1901:
        raise TypeError(f"a datetime column got {value!r}")
    seconds = value.hour * 3600 + value.minute * 60 + value.second
    return f"><v>{(value.date() - EPOCH).days + seconds / 86400!r}</v>"
