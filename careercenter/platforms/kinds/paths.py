"""Finds values in a record by a manifest's places: "a.b", "a[].b" (every item of a list), "" (the record itself)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any


def every(record: Any, path: str) -> list[Any]:
    """All values at a place, in order; nothing where the record is built otherwise. Empty values are left out."""
    if not path:
        return _flat(record)
    names, many, rest = _way(path)
    value = record
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    if not many:
        return [value] if value or value == 0 else []
    if rest:
        return [found for item in _flat(value) for found in every(item, rest)]
    return [item for item in _flat(value) if item or item == 0]


def first(record: Any, paths: Sequence[str]) -> Any:
    """The first value at the first place that has one; None without any."""
    for path in paths:
        names, many, _ = _way(path)
        if many or not path:
            if found := every(record, path):
                return found[0]
            continue
        value = record
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        if value or value == 0:
            return value
    return None


def text(record: Any, paths: Sequence[str]) -> str:
    """Like `first`, for texts and numbers; "" for anything else."""
    if not paths:
        return ""
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
    found = []
    for path in paths:
        for item in every(record, path):
            if isinstance(item, str):
                found.append(item)
            else:
                found += [str(v) for v in _flat(item) if isinstance(v, (str, int, float)) and not isinstance(v, bool)]
    return found


@lru_cache(maxsize=4096)
def _way(path: str) -> tuple[tuple[str, ...], bool, str]:
    """The names up to the first list, whether each of its items is meant, and the place below an item."""
    before, many, rest = path.partition("[]")
    return tuple(before.split(".")), bool(many), rest.removeprefix(".")


def _flat(value: Any) -> list[Any]:
    """The items of a list; a single thing as itself (XML cannot tell a list of one from a value)."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]
