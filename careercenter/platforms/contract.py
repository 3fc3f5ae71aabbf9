"""What a platform plugin must offer and what it is given. Contract version 1; guide: docs/plugins.md.

A plugin names itself under the entry-point group `careercenter.platforms` and is an object with the five
methods of `Plugin`. It knows no database and no web framework, opens no connection of its own and keeps no
state: it is handed an HTTP client and the last cursor, and answers with messages. The core decides what is
new, changed or gone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from careercenter.platforms.draft import ListingDraft, Reject

CONTRACT_VERSION = 1
ENTRY_POINT_GROUP = "careercenter.platforms"


class PlatformKind(StrEnum):
    REST_JSON = "rest_json"
    XML_FEED = "xml_feed"
    RSS_ATOM = "rss_atom"
    JSON_FEED = "json_feed"
    SITEMAP_JSONLD = "sitemap_jsonld"
    FILE_DROP = "file_drop"
    WEBHOOK = "webhook"
    MANUAL = "manual"


class Mode(StrEnum):
    """What one read delivers: everything open, only changes, the latest N, whatever is pushed, or a file."""

    SNAPSHOT = "snapshot"
    DELTA = "delta"
    WINDOW = "window"
    PUSH = "push"
    FILE = "file"


class Removal(StrEnum):
    """How the platform shows that a listing is gone. `NONE`: absence means nothing, never close by it."""

    TOMBSTONE = "tombstone"
    STATUS = "status"
    EXPIRY = "expiry"
    ABSENCE = "absence"
    NONE = "none"


class Stamp(StrEnum):
    RELIABLE = "reliable"
    UNRELIABLE = "unreliable"
    NONE = "none"


class Completeness(StrEnum):
    """Whether a read may be believed. Only `COMPLETE` may lead to closing by absence."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    CAPPED = "capped"
    UNKNOWN = "unknown"


class PluginConfig(BaseModel):
    """Base of every plugin's configuration model.

    Fields typed `SecretStr` are secrets and are redacted everywhere.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    base_url: str = Field(pattern=r"^https?://[^\s/]+", description="Base address of the interface.")
    boards: tuple[str, ...] = Field((), description="The boards that the installation reads.")


@dataclass(frozen=True, slots=True)
class Capabilities:
    mode: Mode
    removal: Removal
    stamp: Stamp
    declares_total: bool
    stable_post_id: bool
    requisition_id: bool
    needs_detail: bool
    max_rows: int | None
    allow_empty: bool
    min_poll_minutes: int


@dataclass(frozen=True, slots=True)
class Terms:
    """On what ground we read the platform. Without a basis and a review date a source cannot be enabled."""

    basis: str
    attribution: str
    max_polls_per_day: int
    redistribute: bool
    reviewed_on: date | None
    url: str
    requests_per_minute: int | None = None
    """The most that the platform permits to each of its hosts; None where it states nothing: then the campus's setting counts."""


@dataclass(frozen=True, slots=True)
class Hook:
    """How a platform signs what it pushes, and where an event says what it is about (places as in a manifest).

    `option` names the secret of the configuration; `types` are the events that concern listings (none: all of them),
    `removed` those that say that a post is gone.
    """

    header: str
    record: str
    post_id: str
    option: str = "signing_secret"
    algorithm: Literal["hmac-sha256", "hmac-sha512"] = "hmac-sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    event_id: str = "id"
    type: str = "type"
    at: str = "created_at"
    types: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """How a pasted address of this platform is known: one of `patterns` fits it whole and finds `id`; `address` is its short form."""

    patterns: tuple[str, ...]
    address: str
    example: str


@dataclass(frozen=True, slots=True)
class Spec:
    id: str
    label: str
    version: str
    contract_version: int
    kind: PlatformKind
    config_model: type[PluginConfig]
    capabilities: Capabilities
    terms: Terms
    maintainer: str
    docs_url: str
    note: str = ""
    """What a campus has to know before it counts on this platform, such as that nobody could try it."""
    promises: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Fields of a draft -> how many of a hundred posts state it. Title, employer and a way to apply are promised always."""
    hook: Hook | None = None
    """For platforms that push: the core keeps what is signed well, and the next read is given it by `Http.pushed`."""
    entry: Entry | None = None
    """For platforms of which staff paste an address and type the rest."""

    def secret_fields(self) -> tuple[str, ...]:
        """Names of the configuration fields that hold secrets."""
        model = self.config_model.model_fields
        return tuple(name for name, info in model.items() if "SecretStr" in str(info.annotation))


@dataclass(frozen=True, slots=True)
class Board:
    """One stream of a platform. `id` is what configuration names and what listings are keyed by."""

    id: str
    label: str
    url: str | None = None
    declared_total: int | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A connection test: `identity` is the employer's name for a person to confirm, `sample` some titles."""

    ok: bool
    problems: tuple[str, ...] = ()
    identity: str | None = None
    sample: tuple[str, ...] = ()


# ---- messages of read()
# -------------------------------------------------------------------------------------------


class Record(msgspec.Struct, frozen=True):
    """One row as the platform gave it; `raw` goes to `normalize` unchanged.

    Key of a listing: (platform, board, post_id).
    """

    post_id: str
    raw: bytes | dict[str, Any]
    url: str | None
    fetched_at: datetime


class Unreadable(msgspec.Struct, frozen=True):
    """One row that carries no usable post id.

    The core keeps it in quarantine with `reason`; it never stops the others.
    """

    raw: bytes | dict[str, Any]
    reason: str
    fetched_at: datetime


class Seen(msgspec.Struct, frozen=True):
    """A post of which the platform says, by its stamp, that nothing has changed: it stands, and was not fetched again.

    Only for posts that an earlier read brought; `State` has to remember which. Every week the core asks without a state.
    """

    post_id: str


class Tombstone(msgspec.Struct, frozen=True):
    """The platform says itself that this post is gone; `evidence` is kept with the closing."""

    post_id: str
    evidence: str


class Page(msgspec.Struct, frozen=True):
    """Closes a page: its number from 1, its rows (readable or not), a hash to notice a repeated page."""

    n: int
    rows: int
    fingerprint: str


class State(msgspec.Struct, frozen=True):
    """JSON-ready cursor for the next read. Store it together with the records before it, never sooner."""

    cursor: Mapping[str, Any] = msgspec.field(default_factory=dict)


class End(msgspec.Struct, frozen=True):
    """The last message of a board, exactly once. A read that stops without it counts as `PARTIAL`.

    `unchanged` means the platform answered "not modified": no records came, everything known still stands,
    and nothing may be counted as missing. `note` is a plain sentence for the run report.
    """

    completeness: Completeness
    declared_total: int | None = None
    seen_unique: int = 0
    ceiling_hit: bool = False
    note: str = ""
    unchanged: bool = False


Message = Record | Seen | Unreadable | Tombstone | Page | State | End


# ---- errors, named by what to do next
# -----------------------------------------------------------------------------


class PlatformError(Exception):
    """Something went wrong with a platform. The text is a plain sentence without secrets, fit for a page."""


class ConfigError(PlatformError):
    """The configuration must be mended. `problems` holds one sentence per mistake."""

    def __init__(self, *problems: str):
        self.problems = problems
        super().__init__(" ".join(problems))


class AuthError(PlatformError):
    """The key is missing, wrong or expired: somebody must enter a new one."""


class RateLimited(PlatformError):
    """Asked too often: come back after `retry_after` seconds (None: the platform did not say)."""

    def __init__(self, sentence: str, retry_after: float | None = None):
        self.retry_after = retry_after
        super().__init__(sentence)


class Transient(PlatformError):
    """The network or the platform stumbled: the next scheduled run tries again."""


class SchemaDrift(PlatformError):
    """The answer is not what the plugin understands; `path` says where.

    The plugin or the address needs a look.
    """

    def __init__(self, sentence: str, path: str = "$"):
        self.path = path
        super().__init__(sentence)


class BoardGone(PlatformError):
    """The platform no longer knows this board (reversible; believe it only when it repeats)."""

    def __init__(self, sentence: str, status: int, url: str):
        self.status, self.url = status, url
        super().__init__(sentence)


class TermsBlocked(PlatformError):
    """The platform's terms have not been reviewed or forbid this use; the source stays off."""


class PluginFault(PlatformError):
    """The plugin itself broke its contract or crashed: tell its maintainer."""


# ---- what a plugin is given, and what it is
# -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Response:
    """A whole, size-checked answer. Header names are lower case. With `not_modified` the body is empty."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    fetched_at: datetime
    not_modified: bool = False

    @property
    def etag(self) -> str | None:
        return self.headers.get("etag")


@dataclass(frozen=True, slots=True)
class Dropped:
    """The newest file that lies in a board's drop folder: put there by SFTP, or by staff on a page."""

    name: str
    body: bytes
    dropped_at: datetime


@dataclass(frozen=True, slots=True)
class Pushed:
    """One thing that a platform pushed about a post, or that staff entered by hand; `body` as it came.

    `post_id` is empty where the event does not say it.
    """

    event_id: str
    type: str
    post_id: str
    body: bytes
    occurred_at: datetime
    arrived_at: datetime


class Http(Protocol):
    """The core's HTTP client, the only way out for a plugin.

    Implementation: `careercenter.platforms.http`.
    """

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        etag: str | None = None,
    ) -> Response:
        """Fetch one address. Returns answers with status 200-299, 304 (only with `etag` or an If-Modified-Since header), 404
        and 410.

        Raises AuthError (401, 403), RateLimited (429, or 403/503 with Retry-After), Transient (5xx, network,
        deadline), SchemaDrift (too large, undecodable), ConfigError (address not permitted).
        """
        ...

    def dropped(self, board: str) -> Dropped | None:
        """The newest file of a board's drop folder; None when there is none. Raises SchemaDrift when it is too large."""
        ...

    def pushed(self, board: str) -> Sequence[Pushed]:
        """What has arrived for a board and was not read yet: the newest of each post, oldest first."""
        ...


@runtime_checkable
class Plugin(Protocol):
    def spec(self) -> Spec: ...

    def check(self, cfg: Any, http: Http) -> CheckResult:
        """Prove that the configuration works and whose boards these are; no writes."""
        ...

    def discover(self, cfg: Any, http: Http) -> list[Board]:
        """The boards that this configuration reaches, as far as the platform tells."""
        ...

    def read(self, cfg: Any, board: str, state: State | None, http: Http) -> Iterator[Message]:
        """Everything the board shows.

        `state` is the last stored cursor or None; a stale one must be harmless.
        """
        ...

    def normalize(self, raw: bytes | dict[str, Any], cfg: Any) -> ListingDraft | Reject:
        """Pure: no I/O, no clock, no randomness; the same raw record gives the same draft for ever."""
        ...
