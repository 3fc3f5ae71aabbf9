"""The normal form of a listing: what every plugin's `normalize` returns, whatever the platform.

All values are immutable and plain. Money is `Decimal`, time of work is integer minutes, instants are aware
UTC. What the platform did not say stays `None` or `UNKNOWN`: nothing is guessed, converted or annualised
here. Field list: docs/plugins.md.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import msgspec


class ListingKind(StrEnum):
    INTERNSHIP = "internship"
    MICRO_INTERNSHIP = "micro_internship"
    PROJECT = "project"
    SIMULATION = "simulation"
    JOB = "job"
    CO_OP = "co_op"


class Workplace(StrEnum):
    ONSITE = "onsite"
    HYBRID = "hybrid"
    REMOTE = "remote"
    UNKNOWN = "unknown"


class PayKind(StrEnum):
    HOURLY = "hourly"
    SALARY = "salary"
    STIPEND = "stipend"
    FIXED_FEE = "fixed_fee"
    UNPAID = "unpaid"
    CREDIT_ONLY = "credit_only"
    NOT_DISPLAYED = "not_displayed"
    UNKNOWN = "unknown"


NO_AMOUNT = (PayKind.UNPAID, PayKind.CREDIT_ONLY, PayKind.NOT_DISPLAYED)
"""Kinds of pay beside which an amount means nothing."""


class PayUnit(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    TOTAL = "total"
    UNKNOWN = "unknown"


class HoursPer(StrEnum):
    WEEK = "week"
    TOTAL = "total"


class Provenance(StrEnum):
    """How a field came to be: from a typed field, through a value map, or read out of prose."""

    STRUCTURED = "structured"
    MAPPED = "mapped"
    PARSED = "parsed"


@dataclass(frozen=True, slots=True)
class Employer:
    name: str
    url: str | None = None
    ext_id: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """`raw` is the platform's own text; the parts are filled only when they can be told apart for certain."""

    raw: str
    city: str | None = None
    region: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """Working time in minutes, `per` week or in total. Either bound may be open."""

    min_minutes: int | None
    max_minutes: int | None
    per: HoursPer
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Duration:
    start: date | None = None
    end: date | None = None
    weeks: int | None = None
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Pay:
    """Amounts are in `currency` (ISO 4217) per `unit`, exactly as stated; `raw` keeps the words."""

    kind: PayKind = PayKind.UNKNOWN
    min: Decimal | None = None
    max: Decimal | None = None
    currency: str | None = None
    unit: PayUnit = PayUnit.UNKNOWN
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Deadline:
    """Exactly one of the two is set: `at` (an instant, UTC) or `on` (a calendar day without a stated zone).

    `tz` is the source's zone or offset when it gave one, so that a page can show the hour the employer meant.
    """

    at: datetime | None = None
    on: date | None = None
    tz: str | None = None
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Eligibility:
    class_levels: tuple[str, ...] = ()
    work_auth: str | None = None
    majors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Apply:
    """How to apply: an http(s) address, a mail address, or inside the platform (then `platform` is true)."""

    url: str | None = None
    email: str | None = None
    platform: bool = False


@dataclass(frozen=True, slots=True)
class CreditHints:
    program_code: str | None = None
    total_minutes: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot become a listing. `reason` is a plain sentence for staff."""

    reason: str


@dataclass(frozen=True, slots=True)
class ListingDraft:
    """One listing in the normal form. `description_html` has been through `decode.clean_html`.

    `source_updated_at` is the platform's own stamp; it is never proof of change, so `content_hash` leaves it
    out. `provenance` maps field names of this class to how they were obtained.
    """

    title: str
    employer: Employer
    kind: ListingKind
    apply: Apply
    url: str | None = None
    description_html: str = ""
    description_text: str = ""
    places: tuple[Place, ...] = ()
    workplace: Workplace = Workplace.UNKNOWN
    hours: Hours | None = None
    duration: Duration | None = None
    pay: Pay = Pay()
    skills: tuple[str, ...] = ()
    eligibility: Eligibility = Eligibility()
    deadline: Deadline | None = None
    posted_at: datetime | None = None
    source_updated_at: datetime | None = None
    requisition_id: str | None = None
    department: str | None = None
    credit_hints: CreditHints | None = None
    attribution: str | None = None
    lang: str | None = None
    provenance: Mapping[str, Provenance] = field(default_factory=lambda: MappingProxyType({}))


VOLATILE = frozenset({"source_updated_at", "provenance"})


def canonical(draft: ListingDraft) -> dict[str, Any]:
    """The draft as JSON-ready data: ISO 8601 dates, money as text, enums as values, empty values left out."""
    return _PLAIN[ListingDraft](draft)


def content_hash(draft: ListingDraft) -> bytes:
    """32 bytes that change exactly when the listing's content does (volatile fields do not count)."""
    return hash_of(canonical(draft))


def hash_of(plain: Mapping[str, Any]) -> bytes:
    """`content_hash` of the draft whose canonical form this is."""
    content = {name: value for name, value in plain.items() if name not in VOLATILE}
    return hashlib.blake2b(msgspec.json.encode(content, order="sorted"), digest_size=32).digest()


def _full(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Plain and without empty values; zero and false are values."""
    kept = {}
    for name, value in named:
        if value or value == 0:
            plain = _PLAIN[type(value)](value)
            if plain or plain == 0:
                kept[name] = plain
    return kept


def _parts(shape: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """How a dataclass becomes the dict of its parts."""
    names = [part.name for part in fields(shape)]
    values = attrgetter(*names)
    return lambda whole: _full(zip(names, values(whole)))  # noqa: B905 - as many as names; to say so costs a tenth


def _odd(value: Any) -> Any:
    """What no draft is made of, but a plugin may have put into one."""
    plain = msgspec.to_builtins(value, builtin_types=(datetime, date), enc_hook=dict)
    return _PLAIN[type(plain)](plain) if type(plain) in _PLAIN else plain


class _Told(dict[type[Any], Callable[[Any], Any]]):
    """How a value of each type is told in JSON."""

    def __missing__(self, _: type[Any]) -> Callable[[Any], Any]:
        return _odd


_PLAIN = _Told(dict.fromkeys((ListingKind, Workplace, PayKind, PayUnit, HoursPer, Provenance), attrgetter("_value_")))
for _shape in (ListingDraft, Employer, Place, Hours, Duration, Pay, Deadline, Eligibility, Apply, CreditHints):
    _PLAIN[_shape] = _parts(_shape)
_PLAIN[str] = _PLAIN[Decimal] = str
_PLAIN[int], _PLAIN[bool] = int, bool
_PLAIN[datetime] = lambda moment: moment.astimezone(UTC).isoformat()
_PLAIN[date] = date.isoformat
_PLAIN[tuple] = _PLAIN[list] = lambda items: [_PLAIN[type(item)](item) for item in items]
_PLAIN[dict] = _PLAIN[MappingProxyType] = lambda named: _full(named.items())
