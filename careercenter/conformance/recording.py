"""Records a board of the living platform as a cassette: a few rows, made-up keys in place of the real ones, and made-up mail
addresses and telephone numbers.

A person looks through it before it is given away: names stand in prose, where no program finds them all.
"""

import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from careercenter.conformance.cassette import Cassette, Listing
from careercenter.conformance.made_up import made_up
from careercenter.platforms.contract import ConfigError, Dropped, Http, PlatformKind, Plugin, PluginConfig, Pushed, Response

MOST_ANSWERS = 200
_SUFFIXES = {
    PlatformKind.XML_FEED: "xml", PlatformKind.RSS_ATOM: "xml", PlatformKind.SITEMAP_JSONLD: "xml", PlatformKind.FILE_DROP: "csv",
}


class Recorder:
    """An `Http` that remembers every good answer, by its path below the base address; pages by their path on the `site`."""

    def __init__(self, http: Http, base: str, site: bool):
        self._http, self._base, self._site = http, base.rstrip("/"), site
        self.kept: dict[str, Response] = {}
        self.file: Dropped | None = None

    def get(self, url: str, **asked: Any) -> Response:
        if len(self.kept) > MOST_ANSWERS:
            raise ConfigError(f"The plugin asked for more than {MOST_ANSWERS} addresses; record a smaller board.")
        answer = self._http.get(url, **asked)
        if answer.status == 200 and (path := self._path(url)) is not None:
            self.kept.setdefault(path, answer)
        return answer

    def _path(self, url: str) -> str | None:
        asked, base = urlsplit(url), urlsplit(self._base)
        if url.startswith(self._base):
            return unquote(asked.path.removeprefix(base.path)) if url == self._base or not self._site else unquote(asked.path)
        return unquote(asked.path) if self._site and asked[:2] == base[:2] else None

    def dropped(self, board: str) -> Dropped | None:
        self.file = self._http.dropped(board)
        return self.file

    def pushed(self, board: str) -> Sequence[Pushed]:
        return ()


def record(
    plugin: Plugin, cfg: PluginConfig, board: str, http: Http, folder: Path, *, now: datetime, live_on: date | None, rows: int = 3
) -> list[str]:
    """Read the board and write the cassette into a folder that is new or empty. Returns the files' names. Raises PlatformError."""
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty; nothing was recorded.")
    site = plugin.spec().kind is PlatformKind.SITEMAP_JSONLD
    recorder = Recorder(http, cfg.base_url.replace("{board}", board), site)
    for _ in plugin.read(cfg, board, None, recorder):
        pass
    plugin.check(cfg, recorder)
    answers = {path: answer.body for path, answer in recorder.kept.items()}
    if recorder.file is not None:
        answers = {"": recorder.file.body}
    folder.mkdir(parents=True, exist_ok=True)
    listing, cut, left_out = _listing(plugin, cfg, answers, folder, rows)
    keep = {listing.path: cut} | {
        path: body for path, body in answers.items() if path != listing.path and path.rpartition("/")[2] not in left_out
    }
    names = [
        _write(folder, n, path, _clean(body, plugin, cfg), plugin, path == listing.path)
        for n, (path, body) in enumerate(keep.items())
    ]
    also = [(path, name) for path, name in zip(keep, names, strict=True) if path != listing.path]
    (folder / "cassette.toml").write_text(_toml(plugin, cfg, board, now, live_on, listing, also), encoding="utf-8")
    return [*names, "cassette.toml"]


def _listing(
    plugin: Plugin, cfg: PluginConfig, answers: dict[str, bytes], folder: Path, rows: int
) -> tuple[Listing, bytes, set[str]]:
    """Which of the answers holds the rows, that answer with the first few of them, and the keys of the rows left out."""
    told = _told(plugin)
    suffix = _SUFFIXES.get(plugin.spec().kind, "json")
    for path, body in answers.items():
        listing = told.model_copy(update={"path": path, "file": f"board.{suffix}", "repeats": 0, "query": {}})
        tape = _tape(folder, plugin, listing, {"columns": getattr(cfg, "columns", {})})
        try:
            around, found = tape.rows(body)
        except ConfigError:
            continue
        key = tape.format.key
        whole = tape.format.join(around, found[:rows], len(found[:rows]), 1, "")
        return listing, whole, {key(row).rpartition("/")[2] for row in found[rows:]} - {key(row).rpartition("/")[2] for row in found[:rows]}
    raise ConfigError("None of the answers holds rows. Say in cassette.toml where they are ([listing] rows and id), then record again.")


def _told(plugin: Plugin) -> Listing:
    """What the plugin's own cassette says of its rows, where the manifest does not."""
    package = type(plugin).__module__.partition(".")[0]
    try:
        return Cassette.of(package, plugin).tape.listing or Listing(file="board.json")
    except (ConfigError, ModuleNotFoundError):
        return Listing(file="board.json")


def _tape(folder: Path, plugin: Plugin, listing: Listing, options: dict[str, Any]) -> Cassette:
    """The cassette as far as its rows need it."""
    folder.joinpath("cassette.toml").write_text("board = 'x'\nat = 2026-01-01T00:00:00Z\norigin = 'x'\n", encoding="utf-8")
    made = Cassette(folder, plugin)
    made.tape = made.tape.model_copy(update={"listing": listing, "options": options})
    return made


def _clean(body: bytes, plugin: Plugin, cfg: PluginConfig) -> bytes:
    for name in plugin.spec().secret_fields():
        secret = getattr(cfg, name)
        if isinstance(secret, SecretStr) and secret.get_secret_value():
            body = body.replace(secret.get_secret_value().encode(), f"made-up-{name}".encode())
    if plugin.spec().kind is PlatformKind.SITEMAP_JSONLD:
        body = body.replace(f"{urlsplit(cfg.base_url).scheme}://{urlsplit(cfg.base_url).netloc}".encode(), b"{base}")
    return made_up(body)


def _write(folder: Path, n: int, path: str, body: bytes, plugin: Plugin, rows: bool) -> str:
    kind = plugin.spec().kind
    suffix = _SUFFIXES.get(kind, "json") if rows else "html" if kind is PlatformKind.SITEMAP_JSONLD else "json"
    name = f"board.{suffix}" if rows else f"{n}-{re.sub(r'[^A-Za-z0-9_-]+', '-', path.strip('/'))[-60:]}.{suffix}"
    folder.joinpath(name).write_bytes(body)
    return name


def _toml(
    plugin: Plugin, cfg: PluginConfig, board: str, now: datetime, live_on: date | None, listing: Listing, also: list[tuple[str, str]]
) -> str:
    secret = set(plugin.spec().secret_fields())
    lines = [f"board = {json.dumps(board)}", f"at = {now.replace(microsecond=0).isoformat()}", 'origin = "recorded from our own account"']
    lines += [f"live_on = {live_on.isoformat()}"] if live_on else []
    given = cfg.model_dump(exclude={"base_url", "boards"}, exclude_defaults=True)
    lines += ["", "[options]"] if given else []
    lines += [f"{name} = {_value(f'made-up-{name}' if name in secret else value)}" for name, value in given.items()]
    lines += ["", "[listing]", f"path = {json.dumps(listing.path)}", f"file = {json.dumps(listing.file)}"]
    lines += [f"{name} = {_value(value)}" for name in ("rows", "id", "total") if (value := getattr(listing, name))]
    lines += [f"pages = {_value(listing.pages.model_dump(exclude_defaults=True))}"] if listing.pages.kind != "none" else []
    for path, name in also:
        lines += ["", "[[also]]", f"path = {json.dumps(path)}", f"file = {json.dumps(name)}"]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(str(k))} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)
