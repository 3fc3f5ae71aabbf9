"""Finds values in a record by a manifest's places: "a.b", "a[].b" (every item of a list), "" (the record itself)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any


def every(record: Any, path: str) -> list[Any]:
    """All values at a place, in order; nothing where the record is built otherwise. Empty values are left out."""
    if not path:
        return _flat(record)
    found = [record]
    for names, many in _stretches(path):
        found = [_at(item, names) for item in found]
        if many:
            found = [item for value in found for item in _flat(value)]
    return [item for item in found if item or item == 0]


def first(record: Any, paths: Sequence[str]) -> Any:
    """The first value at the first place that has one; None without any."""
    for path in paths:
        names = _names(path)
        if names is None:
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
def _stretches(path: str) -> tuple[tuple[tuple[str, ...], bool], ...]:
    """The names up to each list of which every item is meant, and those after the last one."""
    *lists, last = [tuple(part.split(".")) for part in path.removesuffix("[]").replace("[].", "[]").split("[]")]
    return (*((names, True) for names in lists), (last, path.endswith("[]")))


@lru_cache(maxsize=4096)
def _names(path: str) -> tuple[str, ...] | None:
    """The names on the way where it leads to one value; None where it may lead to several."""
    return tuple(path.split(".")) if path and "[]" not in path else None


def _at(record: Any, names: tuple[str, ...]) -> Any:
    """The one value at the end of these names; None where the record is built otherwise."""
    value = record
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _flat(value: Any) -> list[Any]:
    """The items of a list; a single thing as itself (XML cannot tell a list of one from a value)."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]
