"""What a plugin brings along to be tried without its platform: `cassette/cassette.toml` and recorded answers beside it.

```toml
board = "acme"                        # a board of the recording
at = 2026-08-05T12:00:00Z             # when it was recorded: deadlines are judged by it
origin = "our own account, trimmed"   # where it comes from, and on what licence
documented = false                    # true: the shape a vendor documents, not a recording
# live_on = 2026-11-20                # the day on which it was recorded from the living platform

[options]                             # the campus's options that go with it; made-up keys only
employer_names = { acme = "Acme" }

[listing]                             # the answer that holds the rows
path = "/v0/postings/acme"            # below base_url
file = "board.json"
# rows, id, total, pages: only for a plugin whose manifest does not say them

[[also]]                              # any other answer that the plugin asks for
path = "/v0/sites/acme"
file = "site.json"

[[pushed]]                            # kinds webhook and manual: what arrives by itself
file = "event.json"
```
For a page number that stands in the path write `{page}` there. `accepts` names the words by which a request may show who asks
beside the key itself, such as a token. `rows`, `id`, `total`, `pages` under [listing] repeat what a manifest says, for plugins
that have none or leave it to the options.
In a body `{base}` stands for the address that the recording is served at.
"""

import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from careercenter.conformance.formats import Format, Json, Table, Xml
from careercenter.platforms.contract import ConfigError, PlatformKind, Plugin
from careercenter.platforms.kinds.described import Described
from careercenter.platforms.kinds.manifest import Pages, Paths


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(Part):
    path: str
    file: str
    query: dict[str, str] = {}
    status: int = 200
    headers: dict[str, str] = {}


class Listing(Part):
    """The answer with the rows. `repeats`: how many of its rows show a post that another row shows too."""

    file: str
    path: str = ""
    query: dict[str, str] = {}
    rows: str = ""
    id: Paths = ()
    total: str = ""
    pages: Pages = Pages()
    repeats: int = 0


class Event(Part):
    """One thing that the platform pushed (kind webhook: type, post and time stand in it) or staff entered (kind manual)."""

    file: str
    type: str = "entered"
    post_id: str = ""


class Tape(Part):
    board: str = Field(min_length=1)
    at: datetime
    origin: str = Field(min_length=1)
    documented: bool = False
    live_on: date | None = None
    options: dict[str, Any] = {}
    accepts: tuple[str, ...] = ()
    listing: Listing | None = None
    also: tuple[Answer, ...] = ()
    pushed: tuple[Event, ...] = ()


class Cassette:
    """A plugin's recording: `tape` says what it is, `body(file)` gives an answer's bytes."""

    def __init__(self, folder: Traversable, plugin: Plugin):
        self._folder, self.plugin = folder, plugin
        self.tape = _tape(folder)
        self.at = self.tape.at.astimezone(UTC)

    @classmethod
    def of(cls, package: str, plugin: Plugin) -> "Cassette":
        """The cassette inside a package. Raises ConfigError when there is none or when it is wrong."""
        folder = files(package).joinpath("cassette")
        if not folder.joinpath("cassette.toml").is_file():
            raise ConfigError(f"The package {package} has no cassette/cassette.toml, so it cannot be tried without its platform.")
        return cls(folder, plugin)

    def body(self, file: str) -> bytes:
        return self._folder.joinpath(file).read_bytes()

    def texts(self) -> Mapping[str, str]:
        """Every file of the cassette, by its name."""
        return {f.name: f.read_bytes().decode("utf-8", "replace") for f in self._folder.iterdir() if f.is_file()}

    @property
    def kind(self) -> PlatformKind:
        return self.plugin.spec().kind

    @cached_property
    def pages(self) -> Pages:
        listing = self.tape.listing
        if listing and listing.pages.kind != "none":
            return listing.pages
        return self.plugin.manifest.read.pages if isinstance(self.plugin, Described) else Pages()

    @cached_property
    def format(self) -> Format:
        """How the listing's answer holds its rows: as the cassette says, else as the manifest does."""
        told = self.tape.listing
        assert told is not None
        read = self.plugin.manifest.read if isinstance(self.plugin, Described) else None
        rows = told.rows or (read.rows if read else "")
        ids = told.id or (read.id if read else ()) or ("id",)
        total = told.total or (read.total if read else "")
        if self.kind is PlatformKind.SITEMAP_JSONLD:
            return Xml("url", ("loc",))
        if self.kind is PlatformKind.FILE_DROP:
            columns = self.tape.options.get("columns", {})
            return Table(tuple(columns.get(name, name) for name in ids))
        if self.kind in (PlatformKind.XML_FEED, PlatformKind.RSS_ATOM):
            return Xml(rows, ids, total)
        return Json(rows, ids, total, self.pages.count, self.pages.next)


    def rows(self, body: bytes) -> tuple[Any, list[Any]]:
        """The recorded answer apart: what is around its rows, and the rows. Raises ConfigError."""
        assert self.tape.listing is not None
        file, place = self.tape.listing.file, getattr(self.format, "rows", "")
        where = f' at "{place}"' if place else ""
        try:
            around, rows = self.format.cut(body)
        except (ValueError, SyntaxError, TypeError, LookupError, StopIteration):  # SyntaxError: XML that is none
            rows = []
        if not rows or not all(self.format.key(row) for row in rows):
            raise ConfigError(
                f"The recording {file} has no rows with an id{where}. Say in the manifest where they are ([read] rows and id), "
                "or under [listing] of cassette.toml."
            )
        return around, rows


def _tape(folder: Traversable) -> Tape:
    try:
        return Tape.model_validate(tomllib.loads(folder.joinpath("cassette.toml").read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The cassette cannot be read: {error}") from None
    except ValidationError as error:
        raise ConfigError(*(
            f"cassette.toml is wrong at {'.'.join(map(str, item['loc']))}: {item['msg']}." for item in error.errors(include_input=False)
        )) from None
