"""The arithmetic of the charts in templates/_macros/charts.html: numbers in, SVG coordinates out.

Rows are `(label, value)`; values are numbers at or above zero (int, float or Decimal) in one unit. Bars start
at zero. Across, coordinates are percent of the drawing's width, so that words keep their size on a phone;
down, they are pixels.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import floor, log10
from typing import NamedTuple

Number = int | float | Decimal
ROW = 46
LONGEST = 86.0  # percent; the rest is for the number after the bar
PHONE = 288  # pixels a drawing has on the narrowest screen
LEFT, RIGHT = 16.0, 92.0  # percent; where a line starts and ends
DEEP = 160  # pixels from the top of a line's plot to its zero
SPARK_WIDTH, SPARK_HEIGHT = 96, 24


class Bar(NamedTuple):
    label: str
    value: Number
    y: int
    width: float


class Piece(NamedTuple):
    series: int
    value: Number
    x: float
    width: float
    middle: float
    fits: bool


class StackedRow(NamedTuple):
    label: str
    total: Number
    y: int
    end: float
    pieces: list[Piece]


class Point(NamedTuple):
    label: str
    value: Number
    x: float
    y: float


class Line(NamedTuple):
    points: list[Point]
    path: str
    grid: list[tuple[float, str]]


def say(value: Number) -> str:
    """A number as people write it: 1,204 or 12.5."""
    if type(value) is int:
        return f"{value:,}"
    text = f"{float(value):,.2f}"
    return text.rstrip("0").rstrip(".")


def cut(label: str) -> str:
    """A label as far as it has room."""
    return label if len(label) <= 40 else f"{label[:39]}…"


def ceiling(highest: float) -> float:
    """The next round number (1, 2, 2.5 or 5 times a power of ten) at or above `highest`."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** floor(log10(highest))
    return next(step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * power >= highest)


def bars(rows: Sequence[tuple[str, Number]]) -> list[Bar]:
    """One horizontal bar a row, the longest filling the room."""
    scale = _scale(value for _, value in rows)
    return [Bar(label, value, at * ROW, round(float(value) * scale, 2)) for at, (label, value) in enumerate(rows)]


def stacks(rows: Sequence[tuple[str, Sequence[Number]]]) -> list[StackedRow]:
    """One stacked bar a row; `rows` are `(label, [value of each series])`."""
    scale = _scale(sum(values) for _, values in rows)
    return [
        StackedRow(label, sum(values), at * ROW, round(float(sum(values)) * scale, 2), _pieces(values, scale))
        for at, (label, values) in enumerate(rows)
    ]


def _scale(values: Iterable[Number]) -> float:
    longest = max(map(float, values), default=0.0)
    return LONGEST / longest if longest else 0.0


def _pieces(values: Sequence[Number], scale: float) -> list[Piece]:
    pieces, x = [], 0.0
    for series, value in enumerate(values):
        width = float(value) * scale
        if width > 0:
            fits = width * PHONE / 100 > 9 * len(say(value)) + 8
            pieces.append(Piece(series, value, round(x, 2), round(width, 2), round(x + width / 2, 2), fits))
        x += width
    return pieces


def line(rows: Sequence[tuple[str, Number]]) -> Line:
    """A line over equally spaced rows, with grid lines at zero, half and a round ceiling."""
    top = ceiling(max((float(value) for _, value in rows), default=0.0))
    step = (RIGHT - LEFT) / max(len(rows) - 1, 1)

    def down(value: Number) -> float:
        return round(DEEP * (1 - float(value) / top), 1)

    points = [Point(label, value, round(LEFT + at * step, 2), down(value)) for at, (label, value) in enumerate(rows)]
    return Line(points, path(points), [(down(part * top), say(part * top)) for part in (0, 0.5, 1)])


def spark(values: Sequence[Number]) -> list[Point]:
    """The points of a sparkline in pixels; it starts at zero like every chart here."""
    top = max(map(float, values), default=0.0) or 1.0
    step = (SPARK_WIDTH - 6) / max(len(values) - 1, 1)
    return [
        Point("", value, round(3 + at * step, 1), round(3 + (SPARK_HEIGHT - 6) * (1 - float(value) / top), 1))
        for at, value in enumerate(values)
    ]


def path(points: Sequence[Point]) -> str:
    """The `d` of an SVG path through the points."""
    return " ".join(f"{'M' if at == 0 else 'L'}{point.x} {point.y}" for at, point in enumerate(points))
