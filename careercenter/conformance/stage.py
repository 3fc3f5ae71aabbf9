"""Plays a platform on this machine from a plugin's cassette: the recorded board, or the same board in a mood that a check
sets (fewer rows, more pages, a key that is refused, any answer at all).
"""

import base64
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from careercenter.conformance.cassette import Cassette
from careercenter.platforms.contract import PlatformKind

FAR_FUTURE = "2999"


@dataclass(frozen=True)
class Asked:
    """One request; header names are lower case. `n` counts from 1 since the stage was set."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    n: int


@dataclass(frozen=True)
class Said:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Stage:
    """`rows`, `total`, `tag`, `words` and `before` are what a check changes; `set()` puts everything back.

    `words`: one of them must stand in a request, or it is refused. `before` may answer in the platform's place, or give None.
    """

    def __init__(self, cassette: Cassette, folder: Path):
        self.cassette, self.folder = cassette, folder
        self.host = self.base = ""
        told = cassette.tape.listing
        self.body = cassette.body(told.file) if told else b""
        self._around: Any = None
        self.recorded: list[Any] = []
        if told:
            self._around, self.recorded = cassette.rows(self.body)
        self.set()

    def set(self) -> None:
        self.rows: list[Any] = self.recorded
        self.total: int | None = None
        self.tag = ""
        self.words: tuple[str, ...] = ()
        self.before: Callable[[Asked], Said | None] = lambda _: None
        self.asked: list[Asked] = []
        self._twins: dict[str, str] = {}
        self.put(self.body)

    def more(self, count: int) -> list[Any]:
        """So many rows, each under a key of its own: the recorded ones first, then twins of them."""
        form = self.cassette.format
        found = {form.key(row): row for row in reversed(self.recorded)}
        kinds = list(reversed(list(found.values())))
        made = kinds[:count]
        while len(made) < count:
            row, n = kinds[len(made) % len(kinds)], len(made)
            key = form.key(row)
            twin = f"{key}{n:04d}" if key.isdigit() else f"{key}-{n}"
            self._twins[twin.rpartition("/")[2]] = key.rpartition("/")[2]
            made.append(form.keyed(row, twin))
        return made

    def show(self, rows: list[Any], total: int | None = None) -> None:
        """The board has these rows now, and says that it has `total` (None: what is true)."""
        self.rows, self.total = rows, total
        if self.cassette.kind is PlatformKind.FILE_DROP:
            self.put(self.whole())

    def whole(self) -> bytes:
        """The listing's answer with all rows."""
        return self.cassette.format.join(self._around, self.rows, self._said_total(), 1)

    def put(self, body: bytes) -> None:
        """Kind file_drop: a new file lies in the board's folder."""
        if self.cassette.kind is not PlatformKind.FILE_DROP or self.cassette.tape.listing is None:
            return
        folder = self.folder / self.cassette.tape.board
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.cassette.tape.listing.file
        path.write_bytes(body)
        settled = time.time() - 60
        os.utime(path, (settled, settled))

    def answer(self, asked: Asked) -> Said:
        self.asked.append(asked)
        said = self.before(asked)
        if said is not None:
            return said
        if asked.path == "/robots.txt":
            return Said(404)
        if self.words and not _shows(asked, self.words):
            return Said(401, b"Who are you?")
        return self.usual(asked)

    def usual(self, asked: Asked, start: int | None = None) -> Said:
        """What the platform says when nothing is the matter; `start`: the page that begins with this row, whichever was asked."""
        told = self.cassette.tape.listing
        path = asked.path.removeprefix(urlsplit(self.base).path)
        if told and self.is_listing(asked):
            return self._listing(asked, self.start(asked) if start is None else start)
        for other in self.cassette.tape.also:
            if path == other.path and _matches(other.query, asked):
                return Said(other.status, self.cassette.body(other.file), other.headers)
        head, slash, last = path.rpartition("/")
        if unquote(last) in self._twins:
            twin = Asked(f"{urlsplit(self.base).path}{head}{slash}{self._twins[unquote(last)]}", asked.query, asked.headers, asked.n)
            return self.usual(twin)
        return Said(404, b"There is nothing here.")

    def _listing(self, asked: Asked, start: int) -> Said:
        if self.tag and asked.headers.get("if-none-match") == self.tag:
            return Said(304, b"", {"ETag": self.tag})
        rows = [] if any(FAR_FUTURE in value for value in asked.query.values()) else self.rows
        return Said(200, self._page(rows, start), {"ETag": self.tag} if self.tag else {})

    def _page(self, rows: list[Any], start: int) -> bytes:
        pages = self.cassette.pages
        told = self.cassette.tape.listing
        size = pages.size if pages.kind != "none" else max(len(rows), 1)
        if rows is self.recorded and self.total is None and start == 0 and len(rows) <= size:
            return self.body
        following = ""
        if start + size < len(rows):
            assert told is not None
            following = str(start + size) if pages.kind == "cursor" else f"{{base}}{told.path}?at={start + size}"
        return self.cassette.format.join(
            self._around, rows[start : start + size], self._said_total(), -(-len(rows) // size), following
        )

    def start(self, asked: Asked) -> int:
        """Which row the asked page begins with."""
        pages = self.cassette.pages
        param = "at" if pages.kind == "link" else pages.param
        text = asked.query.get(param, "") if pages.kind != "none" else ""
        if (found := self._place(asked)) and found.re.groups:
            text = found[1]
        at = int(text) if text.isdigit() else 0
        return max(0, (at - pages.first) * pages.size) if pages.kind == "page" and text else at

    def is_listing(self, asked: Asked) -> bool:
        told = self.cassette.tape.listing
        return told is not None and self._place(asked) is not None and _matches(told.query, asked)

    def _place(self, asked: Asked) -> re.Match[str] | None:
        told = self.cassette.tape.listing
        path = re.escape(urlsplit(self.base).path + told.path) if told else "(?!)"
        return re.fullmatch(path.replace(re.escape("{page}"), r"(\d+)"), asked.path)

    def _said_total(self) -> int:
        return len(self.rows) if self.total is None else self.total


@contextmanager
def open_stage(cassette: Cassette, folder: Path) -> Iterator[Stage]:
    """The stage behind a server on loopback."""
    stage = Stage(cassette, folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = stage.answer(Asked(unquote(parts.path), dict(parse_qsl(parts.query)), headers, len(stage.asked) + 1))
            body = said.body.replace(b"{base}", stage.base.encode())
            given = {"Content-Length": str(len(body)), **said.headers}
            head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
            self.wfile.write(f"HTTP/1.1 {said.status} So\r\n{head}\r\n".encode() + (b"" if said.status == 304 else body))

        def log_message(self, *_: Any) -> None:
            """Nobody reads an access log here."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that breaks off is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    stage.host = f"127.0.0.1:{server.server_port}"
    stage.base = f"http://{stage.host}/{cassette.plugin.spec().id}"
    if "{board}" in str(cassette.plugin.spec().config_model.model_fields["base_url"].default):
        stage.base += f"/{cassette.tape.board}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield stage
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _matches(wanted: Mapping[str, str], asked: Asked) -> bool:
    return all(asked.query.get(name) == value for name, value in wanted.items())


def _shows(asked: Asked, words: tuple[str, ...]) -> bool:
    """Whether one of these words stands in a request: in its path, a parameter, a header, or packed into Basic."""
    texts = [asked.path, *asked.query.values(), *asked.headers.values()]
    packed = asked.headers.get("authorization", "").removeprefix("Basic ")
    with suppress(ValueError):  # it need not be Basic
        texts.append(base64.b64decode(packed, validate=True).decode())
    return any(word in text for word in words for text in texts)
