"""From a plugin's draft to the columns of a listing: what lists show and filters read, made once at the sync.

Nothing is guessed: pay per hour is set where it is stated, or follows from a fixed fee and stated hours; a deadline
without a zone ends with the campus day. Moments in year 1 or 9999, which machines write for none, count as none. What no
database may be given (NUL, half characters, numbers out of range) is refused here with a reason, so that SQLite and
PostgreSQL hold the same.
"""

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from careercenter.platforms import draft as form
from careercenter.platforms.draft import Deadline, HoursPer, ListingDraft, Pay, PayKind, PayUnit

MAX_MINUTES = 60 * 24 * 366
MAX_WEEKS = 520
MAX_CENTS = 100_000_00
YEARS = range(1900, 9999)
NUL = "It contains a NUL character."
HALF = "It contains half of a Unicode character."
PER = {
    PayUnit.HOUR: " an hour", PayUnit.DAY: " a day", PayUnit.WEEK: " a week", PayUnit.MONTH: " a month",
    PayUnit.YEAR: " a year",
}
ENDING = {PayKind.STIPEND: " stipend", PayKind.FIXED_FEE: " fixed fee"}
WITHOUT_AMOUNT = {
    PayKind.UNPAID: "Unpaid", PayKind.CREDIT_ONLY: "Course credit only", PayKind.NOT_DISPLAYED: "Pay not shown",
    PayKind.STIPEND: "Stipend", PayKind.FIXED_FEE: "Fixed fee", PayKind.HOURLY: "Paid by the hour",
    PayKind.SALARY: "Salary",
}


def columns(draft: ListingDraft, zone: ZoneInfo) -> dict[str, Any]:
    """The columns of `Listing` that follow from its draft: all but keys, history, the draft itself and hashes."""
    hours, duration = draft.hours, draft.duration
    return {
        "requisition_id": draft.requisition_id[:200] if draft.requisition_id else None,
        "kind": draft.kind.value,
        "title": draft.title.strip()[:300],
        "employer": draft.employer.name.strip()[:200],
        "place": place_text(draft),
        "workplace": draft.workplace.value,
        "pay_kind": draft.pay.kind.value,
        "pay_text": pay_text(draft.pay)[:120],
        "hourly_cents": hourly_cents(draft),
        "min_minutes": hours.min_minutes if hours else None,
        "max_minutes": hours.max_minutes if hours else None,
        "hours_per": hours.per.value if hours else "",
        "hours_text": hours_text(draft)[:80],
        "starts_on": duration.start if duration else None,
        "ends_on": duration.end if duration else None,
        "weeks": duration.weeks if duration else None,
        "deadline_at": deadline_at(draft.deadline, zone),
        "apply_url": draft.apply.url or "",
        "description_html": draft.description_html,
    }


def unfit(draft: ListingDraft) -> str | None:
    """Why these values cannot be columns of a listing, in a plain sentence; None when they can."""
    if not draft.title.strip() or not draft.employer.name.strip():
        return "It has no title or no employer."
    address = draft.apply.url or ""
    if address and not address.startswith(("https://", "http://")):
        return "Its apply address is not a web address."
    if len(address) > 2000:
        return "Its apply address is longer than 2,000 characters."
    for amount in (draft.pay.min, draft.pay.max):
        if amount is not None and (not amount.is_finite() or amount < 0):
            return "Its pay is not an amount."
    hours = draft.hours
    if hours and not (_within(hours.min_minutes, MAX_MINUTES) and _within(hours.max_minutes, MAX_MINUTES)):
        return "Its hours are out of range."
    if draft.duration and not _within(draft.duration.weeks, MAX_WEEKS):
        return "Its length in weeks is out of range."
    if draft.duration and not all(d is None or type(d) is date for d in (draft.duration.start, draft.duration.end)):
        return "Its dates are not dates."
    for instant in (draft.posted_at, draft.deadline.at if draft.deadline else None):
        if instant is not None and instant.tzinfo is None:
            return "Its times name no time zone."
    return None


def _within(number: int | None, most: int) -> bool:
    return number is None or (type(number) is int and 0 <= number <= most)


def unstorable(text: str) -> str | None:
    """Why a text must not reach the databases (PostgreSQL refuses what SQLite takes); None when it may."""
    if "\x00" in text or "\\u0000" in text:
        return NUL
    try:
        text.encode()
    except UnicodeEncodeError:
        return HALF
    return None


def place_text(draft: ListingDraft) -> str:
    """The first place, and how many more there are."""
    if not draft.places:
        return ""
    first, more = draft.places[0], len(draft.places) - 1
    name = ", ".join(filter(None, (first.city, first.region))) if first.city else first.raw
    return f"{name[:180]} and {more} more" if more else name[:200]


def money(amount: Decimal, currency: str | None) -> str:
    text = f"{amount:,.0f}" if amount == amount.to_integral_value() else f"{amount:,.2f}"
    return f"${text}" if currency in (None, "USD") else f"{currency} {text}"


@lru_cache(maxsize=1024)
def pay_text(pay: Pay) -> str:
    """Pay as a person says it: "$18-$22 an hour", "$600 fixed fee", "Unpaid"; the platform's own words when unclear."""
    bounds = [a for a in (pay.min, pay.max) if a is not None]
    if not bounds or pay.kind in form.NO_AMOUNT:
        return WITHOUT_AMOUNT.get(pay.kind, pay.raw)
    if pay.kind is PayKind.UNKNOWN:
        return pay.raw
    least, most = min(bounds), max(bounds)
    amount = money(least, pay.currency) + (f"–{money(most, pay.currency)}" if most != least else "")
    return f"{amount}{PER.get(pay.unit, '')}{ENDING.get(pay.kind, '')}"


def hourly_cents(draft: ListingDraft) -> int | None:
    """US cents per hour by the lower bound of pay and, for a fixed fee, the upper bound of the hours. See module text."""
    pay, hours = draft.pay, draft.hours
    amount = pay.min if pay.min is not None else pay.max
    if amount is None or pay.currency not in (None, "USD"):
        return None
    if pay.unit is PayUnit.HOUR:
        per_hour = amount
    elif pay.unit is PayUnit.TOTAL and pay.kind in (PayKind.FIXED_FEE, PayKind.STIPEND) and _total_minutes(draft):
        assert hours is not None
        per_hour = amount * 60 / Decimal(_total_minutes(draft) or 1)
    else:
        return None
    cents = int((per_hour * 100).to_integral_value(ROUND_HALF_UP))
    return cents if 0 <= cents <= MAX_CENTS else None


def _total_minutes(draft: ListingDraft) -> int | None:
    """The whole work in minutes by its upper bound, where the platform states hours in total."""
    if draft.hours is None or draft.hours.per is not HoursPer.TOTAL:
        return None
    return draft.hours.max_minutes or draft.hours.min_minutes


def hours_text(draft: ListingDraft) -> str:
    """ "10–15 hours a week", "25 hours in all", "About 12 weeks" where only that is known."""
    hours = draft.hours
    bounds = sorted({m for m in (hours.min_minutes, hours.max_minutes) if m}) if hours else []
    if hours and bounds:
        amount = "–".join(f"{m / 60:g}" for m in bounds)
        noun = "hour" if amount == "1" else "hours"
        return f"{amount} {noun} " + ("a week" if hours.per is HoursPer.WEEK else "in all")
    return hours.raw if hours else ""


def deadline_at(deadline: Deadline | None, zone: ZoneInfo) -> datetime | None:
    """The instant after which nobody can apply: the stated one, or the end of the stated day in the source's zone
    (the campus zone when the source names none)."""
    if deadline is None:
        return None
    if deadline.at is not None:
        return deadline.at.astimezone(UTC) if deadline.at.year in YEARS else None
    if deadline.on is None or deadline.on.year not in YEARS:
        return None
    end = datetime.combine(deadline.on + timedelta(days=1), time(), tzinfo=_zone(deadline.tz) or zone)
    return end.astimezone(UTC)


def posted_at(draft: ListingDraft) -> datetime | None:
    """When it was posted, where that is known."""
    return draft.posted_at if draft.posted_at and draft.posted_at.year in YEARS else None


def _zone(name: str | None) -> tzinfo | None:
    """A zone by its name ("America/Chicago") or offset ("-05:00"); None for what cannot be understood."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except Exception:  # noqa: BLE001 - zoneinfo raises several kinds for odd names; all mean "unknown"
        try:
            return timezone(datetime.strptime(name, "%z").utcoffset() or timedelta())
        except ValueError:
            return None
