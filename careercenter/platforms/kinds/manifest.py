"""The part of a `manifest.toml` that describes how to read a platform and what its fields mean.

Tables beside `[plugin]`, `[capabilities]` and `[terms]`: `[options.NAME]` (what a campus may set), `[read]` with
`[read.pages]`, `[read.detail]`, `[read.since]`, `[read.auth]`, and `[fields]`. Unknown entries are refused.
"""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError, create_model

from careercenter.platforms.contract import ConfigError, PluginConfig, Spec
from careercenter.platforms.draft import HoursPer, ListingKind, PayKind, PayUnit, Workplace
from careercenter.platforms.manifest import spec_of

Paths = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
"""Places of a value in a record, tried in order: "salaryRange.min", "locations[].city". One alone may stand without a list."""
AnyCase = AfterValidator(lambda words: {word.casefold(): meaning for word, meaning in words.items()})
"""Words whose capitals mean nothing; they are kept without."""


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Meaning:
    """A part of `[fields]`, made a dataclass: each record asks for sixty of their attributes, and a model's cost six times as much."""

    __pydantic_config__ = ConfigDict(extra="forbid")


class Option(Part):
    """One thing that a campus may set. `table`: names to names, such as an employer's name for each board."""

    type: Literal["text", "secret", "address", "number", "flag", "table"] = "text"
    help: str
    label: str = ""
    default: Any = None
    required: bool = False


class Auth(Part):
    """How a request shows who asks. `option` holds the key; `name` is the header or parameter that carries it.

    `optional`: without a key the platform answers too.
    """

    kind: Literal["none", "bearer", "basic", "header", "query"] = "none"
    option: str = "key"
    name: str = "Authorization"
    prefix: str = ""
    optional: bool = False


class Token(Part):
    """A key that is first exchanged for a token: `url` is asked, the token lies at `at` of the answer, or is the answer."""

    url: str
    at: str = ""


class Pages(Part):
    """How a long answer is cut. `size` rows a page; `next` is the place of the next cursor or address in an answer."""

    kind: Literal["none", "offset", "page", "cursor", "link"] = "none"
    param: str = ""
    size_param: str = ""
    size: int = Field(100, ge=1, le=5000)
    first: int = 1
    next: str = ""
    count: str = ""
    most: int = Field(1000, ge=1)


class Detail(Part):
    """A second request for each row: its answer stands under `detail` in the record. `most` in one read."""

    url: str
    most: int = Field(500, ge=1)


class Sitemap(Part):
    """Kind sitemap_jsonld: which of a sitemap's addresses are postings (a regular expression), and how many pages at most."""

    match: str = ""
    most: int = Field(2000, ge=1)


class Drop(Part):
    """Kind file_drop: a CSV or XLSX file that somebody puts into the board's folder. `delimiter` "" means: find out."""

    delimiter: str = ""
    most_rows: int = Field(50_000, ge=1)
    most_columns: int = Field(200, ge=1)


class Since(Part):
    """Reading only what changed: `param` carries the newest stamp seen, minus the overlap; `path` is the stamp of a row."""

    param: str
    path: Paths
    overlap_minutes: int = Field(15, ge=15)


class Custom(Part):
    """Values whose places a campus names: the options `attributes` (our field -> their name below `at`) and `values` (their
    words -> ours). They stand under `_custom` in a record."""

    at: str
    attributes: str
    values: str = ""


class Status(Part):
    """A row whose value at `at` is not among `open` is gone by the platform's own word."""

    at: str
    open: tuple[str, ...]


class Read(Part):
    """Where the rows are. `{board}` and options stand in braces in `url`. `rows`: the list, "" when the answer is the list.

    `link_template` makes a record's address where the platform does not state it; it stands under `_context.link`.
    `context`: values of the whole answer that each row needs (an employer's name); they stand under `_context` in a record,
    together with the board.
    """

    url: str = ""
    params: dict[str, str] = {}
    headers: dict[str, str] = {}
    rows: str = ""
    id: Paths
    link: Paths = ()
    link_template: str = ""
    total: str = ""
    context: dict[str, str] = {}
    auth: Auth = Auth()
    token: Token | None = None
    pages: Pages = Pages()
    detail: Detail | None = None
    since: Since | None = None
    sitemap: Sitemap = Sitemap()
    drop: Drop = Drop()
    status: Status | None = None
    custom: Custom | None = None


@dataclass(frozen=True)
class KindField(Meaning):
    path: Paths = ()
    map: Annotated[dict[str, ListingKind], AnyCase] = field(default_factory=dict)
    fixed: ListingKind | None = None


@dataclass(frozen=True)
class PlacesField(Meaning):
    """`each` is a list of places (or one), with parts below it; `text` are lines of words that may hold several."""

    each: str = ""
    city: Paths = ()
    region: Paths = ()
    country: Paths = ()
    raw: Paths = ()
    text: Paths = ()


@dataclass(frozen=True)
class WorkplaceField(Meaning):
    """A word at `path`, or flags that are true; the word wins."""

    path: Paths = ()
    map: Annotated[dict[str, Workplace], AnyCase] = field(default_factory=dict)
    flags: dict[Workplace, str] = field(default_factory=dict)
    fixed: Workplace | None = None


@dataclass(frozen=True)
class HoursField(Meaning):
    per: HoursPer = HoursPer.WEEK
    per_path: Paths = ()
    min: Paths = ()
    max: Paths = ()
    text: Paths = ()


@dataclass(frozen=True)
class DurationField(Meaning):
    start: Paths = ()
    end: Paths = ()
    weeks: Paths = ()


@dataclass(frozen=True)
class PayField(Meaning):
    min: Paths = ()
    max: Paths = ()
    currency: Paths = ()
    fixed_currency: str = ""
    unit: Paths = ()
    unit_map: dict[str, PayUnit] = field(default_factory=dict)
    fixed_unit: PayUnit = PayUnit.UNKNOWN
    kind: Paths = ()
    kind_map: dict[str, PayKind] = field(default_factory=dict)
    text: Paths = ()
    scale: int = 1


@dataclass(frozen=True)
class MomentField(Meaning):
    """A date or instant; `zone` (or the one found at `zone_path`) is meant where the value does not say its own."""

    path: Paths
    zone: str = ""
    zone_path: Paths = ()


@dataclass(frozen=True)
class CreditField(Meaning):
    program_code: Paths = ()
    hours: Paths = ()
    note: Paths = ()


@dataclass(frozen=True)
class Skip(Meaning):
    """Rows that are no listings: their value at `at` is among `values`."""

    at: str
    values: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Fields(Meaning):
    """What a record's values mean. Places that stay empty in every record are left out."""

    title: Paths
    employer: Paths = ()
    employer_url: Paths = ()
    employer_id: Paths = ()
    kind: KindField = KindField()
    description: Paths = ()
    plain: bool = False
    url: Paths = ()
    apply_url: Paths = ()
    apply_email: Paths = ()
    apply_on_platform: bool = False
    places: PlacesField = PlacesField()
    workplace: WorkplaceField = WorkplaceField()
    hours: HoursField | None = None
    duration: DurationField | None = None
    pay: PayField | None = None
    skills: Paths = ()
    class_levels: Paths = ()
    majors: Paths = ()
    work_auth: Paths = ()
    deadline: MomentField | None = None
    posted_at: MomentField | None = None
    updated_at: MomentField | None = None
    requisition_id: Paths = ()
    department: Paths = ()
    lang: Paths = ()
    credit: CreditField | None = None
    skip: tuple[Skip, ...] = ()


ENTERED: dict[str, Any] = {
    "title": "title", "employer": "employer", "url": "link", "apply_url": "link", "apply_email": "email",
    "description": "description", "plain": True, "kind": {"path": "kind", "map": {kind.value: kind for kind in ListingKind}},
    "places": {"text": "places"}, "workplace": {"path": "workplace", "map": {way.value: way for way in Workplace}},
    "hours": {"per_path": "hours_per", "min": "hours_min", "max": "hours_max"},
    "duration": {"start": "starts_on", "end": "ends_on", "weeks": "weeks"},
    "pay": {
        "min": "pay_min", "max": "pay_max", "fixed_currency": "USD", "unit": "pay_unit", "kind": "pay_kind",
        "unit_map": {unit.value: unit for unit in PayUnit}, "kind_map": {kind.value: kind for kind in PayKind},
    },
    "deadline": {"path": "deadline"}, "skills": "skills", "class_levels": "class_levels",
}
"""What the fields of the staff's form mean (kind manual)."""


@dataclass(frozen=True)
class Manifest:
    """A whole manifest: what the platform is, how it is read, what its fields mean."""

    spec: Spec
    read: Read
    fields: Fields
    package: str = ""


def load(package: str) -> Manifest:
    """The checked manifest of a package. Raises ConfigError with every mistake in a sentence."""
    try:
        content = tomllib.loads(files(package).joinpath("manifest.toml").read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The manifest of {package} cannot be read: {error}") from None
    if content.get("plugin", {}).get("kind") == "manual":
        content = {"read": {"id": "id", "link": "link"}, "fields": ENTERED, **content}
    options = {name: _part(package, f"options.{name}", Option, table) for name, table in content.pop("options", {}).items()}
    read = _part(package, "read", Read, content.pop("read", {}))
    fields = _part(package, "fields", Fields, content.pop("fields", {}))
    return Manifest(spec_of(package, content, _config_model(options)), read, fields, package)


_checker = cache(TypeAdapter[Any])


def _part(package: str, place: str, shape: type, table: Any) -> Any:
    try:
        return _checker(shape).validate_python(table)
    except ValidationError as error:
        raise ConfigError(*(
            f"The manifest of {package} is wrong at {'.'.join([place, *map(str, item['loc'])])}: {item['msg']}."
            for item in error.errors(include_input=False)
        )) from None


def _config_model(options: dict[str, Option]) -> type[PluginConfig]:
    types: dict[str, Any] = {
        "text": str, "secret": SecretStr, "address": str, "number": int, "flag": bool, "table": dict[str, str],
    }
    fields: dict[str, Any] = {}
    for name, option in options.items():
        empty: Any = {} if option.type == "table" else option.default
        wanted = types[option.type] if option.required or empty is not None else types[option.type] | None
        pattern = r"^https?://[^\s/]+" if option.type == "address" else None
        default = ... if option.required else empty
        fields[name] = (wanted, Field(default, description=option.help, title=option.label or None, pattern=pattern))
    return create_model("Options", __base__=PluginConfig, **fields)
