"""Takes a recorded answer apart into rows and puts it together again with other rows: fewer, more, twice, none.

A row is an opaque value of its format. Places are written as in a manifest: "result.items", "channel.item", "meta.total".
"""

import copy
import csv
import io
import json
from typing import Any, Protocol
from xml.etree.ElementTree import Element, fromstring, tostring


class Format(Protocol):
    """How an answer holds its rows. `total` and `following` are written only where the recording has such a place."""

    def cut(self, body: bytes) -> tuple[Any, list[Any]]: ...

    def join(self, around: Any, rows: list[Any], total: int | None = None, pages: int | None = None, following: str = "") -> bytes: ...

    def key(self, row: Any) -> str: ...

    def keyed(self, row: Any, key: str) -> Any:
        """The same row under another key."""
        ...


class Json:
    def __init__(self, rows: str, ids: tuple[str, ...], total: str = "", pages: str = "", following: str = ""):
        self.rows, self.ids, self.total, self.pages, self.following = rows, ids, total, pages, following

    def cut(self, body: bytes) -> tuple[Any, list[Any]]:
        around = json.loads(body)
        rows = _at(around, self.rows) if self.rows else around
        return around, rows if isinstance(rows, list) else []

    def join(self, around: Any, rows: list[Any], total: int | None = None, pages: int | None = None, following: str = "") -> bytes:
        if not self.rows:
            return json.dumps(rows).encode()
        value = copy.deepcopy(around)
        put(value, self.rows, rows)
        for place, said in ((self.total, total), (self.pages, pages), (self.following, following)):
            if place and said is not None:
                old = _at(value, place)
                put(value, place, str(said) if isinstance(old, str) or place == self.following else said)
        return json.dumps(value).encode()

    def key(self, row: Any) -> str:
        return str(next((v for place in self.ids if (v := _at(row, place)) is not None), ""))

    def keyed(self, row: Any, key: str) -> Any:
        made = copy.deepcopy(row)
        place = next((p for p in self.ids if _at(row, p) is not None), self.ids[0])
        put(made, place, int(key) if isinstance(_at(row, place), int) and key.isdigit() else key)
        return made


class Xml:
    def __init__(self, rows: str, ids: tuple[str, ...], total: str = ""):
        self.place, self.ids, self.total = rows.split("."), ids, total

    def cut(self, body: bytes) -> tuple[Any, list[Any]]:
        root = fromstring(body)  # noqa: S314 - a cassette is part of a plugin that was installed
        holder = self._holder(root)
        rows = [child for child in holder if _local(child) == self.place[-1]]
        for row in rows:
            holder.remove(row)
        return root, rows

    def join(self, around: Any, rows: list[Any], total: int | None = None, pages: int | None = None, following: str = "") -> bytes:
        root = copy.deepcopy(around)
        self._holder(root).extend(copy.deepcopy(rows))
        if self.total and total is not None and (found := _element(root, self.total)) is not None:
            found.text = str(total)
        return bytes(tostring(root, encoding="utf-8"))

    def key(self, row: Any) -> str:
        return next((text for place in self.ids if (text := _said(row, place))), "")

    def keyed(self, row: Any, key: str) -> Any:
        made = copy.deepcopy(row)
        place = next((p for p in self.ids if _said(row, p)), self.ids[0])
        outer, _, last = place.rpartition(".")
        found = _element(made, place) if last[:1] not in ("@", "#") else _element(made, outer) if outer else made
        if found is not None and last.startswith("@"):
            found.set(next((n for n in found.attrib if n.rpartition("}")[2] == last[1:]), last[1:]), key)
        elif found is not None:
            found.text = key
        return made

    def _holder(self, root: Element) -> Element:
        for name in self.place[:-1]:
            root = next(child for child in root if name in ("*", _local(child)))
        return root


class Table:
    """CSV with a header."""

    def __init__(self, ids: tuple[str, ...]):
        self.ids = ids
        self._at = 0

    def cut(self, body: bytes) -> tuple[Any, list[Any]]:
        header, *rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
        self._at = next(header.index(name) for name in self.ids if name in header)
        return header, [row for row in rows if any(row)]

    def join(self, around: Any, rows: list[Any], total: int | None = None, pages: int | None = None, following: str = "") -> bytes:
        out = io.StringIO()
        csv.writer(out).writerows([around, *rows])
        return out.getvalue().encode()

    def key(self, row: Any) -> str:
        return str(row[self._at])

    def keyed(self, row: Any, key: str) -> Any:
        return [key if n == self._at else cell for n, cell in enumerate(row)]


def _at(value: Any, place: str) -> Any:
    for name in place.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def put(value: Any, place: str, new: Any) -> None:
    """Set the value at a place, making the objects on the way."""
    *outer, last = place.split(".")
    for name in outer:
        value = value.setdefault(name, {})
    value[last] = new


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _element(root: Element, place: str) -> Element | None:
    found: Element | None = root
    for name in place.split("."):
        found = next((child for child in found if _local(child) == name), None) if found is not None else None
    return found


def _said(row: Element, place: str) -> str:
    outer, _, last = place.rpartition(".")
    if last.startswith("@"):
        holder = _element(row, outer) if outer else row
        return next((v for n, v in holder.attrib.items() if n.rpartition("}")[2] == last[1:]), "") if holder is not None else ""
    found = _element(row, outer if last == "#text" else place)
    return (found.text or "").strip() if found is not None else ""
