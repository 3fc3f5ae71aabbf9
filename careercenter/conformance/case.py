"""One plugin under examination: its cassette on a stage, the core's own HTTP client, and what a read brought."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from careercenter.conformance.cassette import Cassette
from careercenter.conformance.stage import Stage, open_stage
from careercenter.platforms import draft, hooks, reading, registry
from careercenter.platforms.contract import (
    Completeness,
    Dropped,
    End,
    Message,
    PlatformError,
    PlatformKind,
    Plugin,
    PluginConfig,
    Pushed,
    Record,
    Response,
    Seen,
    State,
    Tombstone,
)
from careercenter.platforms.http import HttpClient

MOST_REQUESTS = 1500
MOST_MESSAGES = 30_000


class NotHere(Exception):
    """A check has nothing to look at in this plugin; the text says why."""


class Runaway(BaseException):
    """The plugin asked without end; not an Exception, so that it cannot catch it."""


class Counted:
    """The core's client, which stops a plugin that asks for ever."""

    def __init__(self, client: HttpClient, most: int, pushed: Callable[[str], Sequence[Pushed]]):
        self._client, self._left, self._pushed = client, most, pushed

    def get(self, url: str, **asked: Any) -> Response:
        self._left -= 1
        if self._left < 0:
            raise Runaway
        return self._client.get(url, **asked)

    def dropped(self, board: str) -> Dropped | None:
        return self._client.dropped(board)

    def pushed(self, board: str) -> Sequence[Pushed]:
        return self._pushed(board)


@dataclass
class Heard:
    """What one read said, in order, and how it broke off if it did."""

    messages: list[Message] = field(default_factory=list)
    error: PlatformError | None = None
    crash: str = ""

    @property
    def records(self) -> list[Record]:
        return [m for m in self.messages if isinstance(m, Record)]

    @property
    def ids(self) -> list[str]:
        return [m.post_id for m in self.records]

    @property
    def shown(self) -> set[str]:
        """The posts that stand: brought, or said to be unchanged."""
        return {m.post_id for m in self.messages if isinstance(m, (Record, Seen))}

    @property
    def gone(self) -> set[str]:
        return {m.post_id for m in self.messages if isinstance(m, Tombstone)}

    @property
    def end(self) -> End | None:
        last = self.messages[-1] if self.messages else None
        return last if isinstance(last, End) else None

    @property
    def state(self) -> State | None:
        return next((m for m in reversed(self.messages) if isinstance(m, State)), None)

    @property
    def complete(self) -> bool:
        return self.error is None and self.end is not None and self.end.completeness is Completeness.COMPLETE

    @property
    def words(self) -> str:
        """How it ended, for a finding."""
        if self.crash:
            return self.crash
        if self.error:
            return f"{type(self.error).__name__}: {self.error}"
        return f"{self.end.completeness.name} with {len(self.shown)} posts" if self.end else "no End message"


class Case:
    """`package` is where the plugin's files are, `address` is "module:name" by which another process finds it."""

    def __init__(self, plugin: Plugin, package: str, address: str, cassette: Cassette, stage: Stage):
        self.plugin, self.package, self.address, self.cassette, self.stage = plugin, package, address, cassette, stage
        self.spec = plugin.spec()
        self.board = cassette.tape.board

    def cfg(self, boards: tuple[str, ...] | None = None, /, **changes: Any) -> PluginConfig:
        base = None if self.spec.kind is PlatformKind.FILE_DROP else self.base_url
        options = {**self.cassette.tape.options, **changes}
        return registry.configure(self.plugin, base, options, (self.board,) if boards is None else boards)

    @property
    def base_url(self) -> str:
        default = str(self.spec.config_model.model_fields["base_url"].default)
        return self.stage.base.removesuffix(f"/{self.board}") + "/{board}" if "{board}" in default else self.stage.base

    @cached_property
    def pushes(self) -> list[Pushed]:
        """What the cassette holds for a platform that pushes, or staff who enter."""
        at, found = self.cassette.at, []
        for event in self.cassette.tape.pushed:
            body = self.cassette.body(event.file)
            plain = Pushed(event.file, event.type, event.post_id, body, at, at)
            found.append(hooks.envelope(self.spec.hook, body, at) if self.spec.hook else plain)
        return found

    @contextmanager
    def http(
        self, cfg: PluginConfig | None = None, most: int = MOST_REQUESTS, pushed: Callable[[str], Sequence[Pushed]] | None = None
    ) -> Iterator[Counted]:
        """The core's client. Staff's entries are given out by themselves, a platform's events only when `pushed` does."""
        entered = () if self.spec.hook else self.pushes
        secrets = registry.secret_values(cfg or self.cfg())
        with HttpClient(
            user_agent="careercenter conformance", allow_hosts=[self.stage.host], secrets=secrets, attempts=1, deadline_seconds=10,
            drops=self.stage.folder, robots=self.spec.kind is PlatformKind.SITEMAP_JSONLD,
        ) as client:
            yield Counted(client, most, pushed or (lambda _: entered))

    def read(
        self, state: State | None = None, board: str | None = None, cfg: PluginConfig | None = None, pushed: Sequence[Pushed] | None = None
    ) -> Heard:
        """One read as the plugin itself tells it, before the core judges it."""
        cfg, heard = cfg or self.cfg(), Heard()
        with self.http(cfg, pushed=None if pushed is None else lambda _: pushed) as http:
            try:
                for message in self.plugin.read(cfg, board or self.board, state, http):
                    heard.messages.append(message)
                    if len(heard.messages) > MOST_MESSAGES:
                        raise Runaway
            except PlatformError as error:
                heard.error = error
            except Runaway:
                heard.crash = "the plugin asked or spoke without end"
            except Exception as error:  # noqa: BLE001 - foreign code may raise anything
                heard.crash = f"the plugin crashed with {type(error).__name__}: {error}"[:300]
        return heard

    def drafts(self, heard: Heard) -> list[Any]:
        cfg = self.cfg()
        return [reading.draft_of(self.plugin, record.raw, cfg) for record in heard.records]

    def content(self, heard: Heard) -> dict[str, bytes | str]:
        """What each post says, as a hash; a refused record by its reason."""
        made = zip(heard.ids, self.drafts(heard), strict=True)
        return {i: draft.content_hash(d) if isinstance(d, draft.ListingDraft) else d.reason for i, d in made}

    @cached_property
    def usual(self) -> Heard:
        """The recorded board, read once for all checks that only look at its records."""
        self.stage.set()
        return self.read()

    def reads(self) -> None:
        """Raises NotHere for a plugin that reads nothing."""
        if self.cassette.tape.listing is None and not self.pushes:
            raise NotHere("Nothing is read.")

    def listed(self) -> None:
        """Raises NotHere for a plugin without a board that is read as a whole."""
        if self.cassette.tape.listing is None:
            raise NotHere("There is no board to read.")

    def asks(self) -> None:
        """Raises NotHere unless the plugin speaks HTTP."""
        self.listed()
        if self.spec.kind is PlatformKind.FILE_DROP:
            raise NotHere("The plugin reads dropped files and asks nobody.")

    def pages(self) -> int:
        """Rows of one page. Raises NotHere when the platform sends everything at once."""
        self.asks()
        if self.cassette.pages.kind == "none":
            raise NotHere("The platform sends everything in one answer.")
        return self.cassette.pages.size


@contextmanager
def open_case(plugin: Plugin, package: str, address: str) -> Iterator[Case]:
    """The plugin with its cassette on a stage of its own. Raises ConfigError when the cassette is missing or wrong."""
    cassette = Cassette.of(package, plugin)
    with tempfile.TemporaryDirectory(prefix="careercenter-check-") as folder, open_stage(cassette, Path(folder)) as stage:
        yield Case(plugin, package, address, cassette, stage)
