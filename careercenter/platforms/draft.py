"""The normal form of a listing: what every plugin's `normalize` returns, whatever the platform.

All values are immutable and plain (`msgspec.structs.replace` makes a changed one). Money is `Decimal`, time of work is
integer minutes, instants are aware UTC. What the platform did not say stays `None` or `UNKNOWN`: nothing is guessed,
converted or annualised here. Field list: docs/plugins.md.
"""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import structs


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


def _told(default: Any) -> Any:
    """A default that is written down; other fields that stand at their defaults are left out of what is sent and kept."""
    return msgspec.field(default_factory=lambda: default)


class Employer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    name: str
    url: str | None = None
    ext_id: str | None = None


class Place(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`raw` is the platform's own text; the parts are filled only when they can be told apart for certain."""

    raw: str
    city: str | None = None
    region: str | None = None
    country: str | None = None


class Hours(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Working time in minutes, `per` week or in total. Either bound may be open."""

    min_minutes: int | None
    max_minutes: int | None
    per: HoursPer
    raw: str = ""


class Duration(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    start: date | None = None
    end: date | None = None
    weeks: int | None = None
    raw: str = ""


class Pay(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Amounts are in `currency` (ISO 4217) per `unit`, exactly as stated; `raw` keeps the words."""

    kind: PayKind = _told(PayKind.UNKNOWN)
    min: Decimal | None = None
    max: Decimal | None = None
    currency: str | None = None
    unit: PayUnit = _told(PayUnit.UNKNOWN)
    raw: str = ""


class Deadline(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Exactly one of the two is set: `at` (an instant, UTC) or `on` (a calendar day without a stated zone).

    `tz` is the source's zone or offset when it gave one, so that a page can show the hour the employer meant.
    """

    at: datetime | None = None
    on: date | None = None
    tz: str | None = None
    raw: str = ""


class Eligibility(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    class_levels: tuple[str, ...] = ()
    work_auth: str | None = None
    majors: tuple[str, ...] = ()


class Apply(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How to apply: an http(s) address, a mail address, or inside the platform (then `platform` is true)."""

    url: str | None = None
    email: str | None = None
    platform: bool = _told(False)


class CreditHints(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    program_code: str | None = None
    total_minutes: int | None = None
    note: str = ""


class Reject(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A record that cannot become a listing. `reason` is a plain sentence for staff."""

    reason: str


class ListingDraft(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
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
    places: tuple[Place, ...] = ()
    workplace: Workplace = _told(Workplace.UNKNOWN)
    hours: Hours | None = None
    duration: Duration | None = None
    pay: Pay = _told(Pay())
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
    provenance: Mapping[str, Provenance] = msgspec.field(default_factory=dict)


class Volatile(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a draft says of itself; it may change while the listing stays as it is."""

    source_updated_at: datetime | None = None
    provenance: Mapping[str, Provenance] = msgspec.field(default_factory=dict)


VOLATILE = frozenset(Volatile.__struct_fields__)


_encode = msgspec.json.Encoder(enc_hook=dict).encode


def encoded(draft: ListingDraft) -> bytes:
    """The draft as JSON: ISO 8601 dates, money as text, enums as values; what stands at its default is left out."""
    return _encode(draft)


def canonical(draft: ListingDraft) -> dict[str, Any]:
    """What `encoded` holds."""
    plain: dict[str, Any] = msgspec.json.decode(encoded(draft))
    return plain


def content_hash(draft: ListingDraft) -> bytes:
    """32 bytes that change exactly when the listing's content does (volatile fields do not count)."""
    return kept(draft)[1]


def kept(draft: ListingDraft) -> tuple[bytes, bytes]:
    """What `encoded` holds but for the description, which is longer than all the rest and kept beside it; and `content_hash`.

    Raises UnicodeEncodeError for half of a character.
    """
    lasting = encoded(structs.replace(draft, description_html="", source_updated_at=None, provenance={}))
    found = hashlib.blake2b(lasting, digest_size=32)
    found.update(draft.description_html.encode())
    volatile = _encode(Volatile(draft.source_updated_at, draft.provenance))
    return lasting if volatile == b"{}" else lasting[:-1] + b"," + volatile[1:], found.digest()
