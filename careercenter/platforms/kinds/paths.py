"""Finds values in a record by a manifest's places: "a.b", "a[].b" (every item of a list), "" (the record itself)."""

from collections.abc import Iterator, Sequence
from typing import Any


def every(record: Any, path: str) -> Iterator[Any]:
    """All values at a place, in order; nothing where the record is built otherwise. Empty values are left out."""
    if not path:
        yield from _flat(record)
        return
    name, _, rest = path.partition(".")
    many = name.endswith("[]")
    value = record.get(name.removesuffix("[]")) if isinstance(record, dict) else None
    for item in _flat(value) if many else (value,):
        if rest:
            yield from every(item, rest)
        elif item not in (None, "", [], {}):
            yield item


def first(record: Any, paths: Sequence[str]) -> Any:
    """The first value at the first place that has one; None without any."""
    return next((value for path in paths for value in every(record, path)), None)


def text(record: Any, paths: Sequence[str]) -> str:
    """Like `first`, for texts and numbers; "" for anything else."""
    value = first(record, paths)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def text_of(record: Any, path: str) -> str:
    """The first text, number or truth value at a place, in words."""
    value = first(record, (path,))
    return str(value) if isinstance(value, (str, int, float)) else ""


def texts(record: Any, paths: Sequence[str]) -> list[str]:
    """All texts at all places, in order."""
    found = (value for path in paths for value in every(record, path))
    return [str(v) for item in found for v in _flat(item) if isinstance(v, (str, int, float)) and not isinstance(v, bool)]


def _flat(value: Any) -> Iterator[Any]:
    """The items of a list; a single thing as itself (XML cannot tell a list of one from a value)."""
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value
