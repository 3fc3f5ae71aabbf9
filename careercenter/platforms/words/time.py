"""Working time, durations, deadlines and stamps, as platforms write them. What cannot be read for certain keeps its words."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from careercenter.platforms.contract import SchemaDrift
from careercenter.platforms.decode import calendar_day, clean_text, instant
from careercenter.platforms.draft import Deadline, Duration, Hours, HoursPer

_EPOCH = re.compile(r"\d{10}|\d{13}")
_AT_MOST = re.compile(r"(?:up to|max(?:imum)?|no more than)\b", re.IGNORECASE)
_AT_LEAST = re.compile(r"(?:at least|min(?:imum)?)\b", re.IGNORECASE)
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")
_MOST = {HoursPer.WEEK: 80, HoursPer.TOTAL: 4000}  # hours; beyond this the field means something else
# ISO 8601 without a zone: `fromisoformat` reads it as `strptime` would, ten times as fast.
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?)?", re.ASCII)
_SEPARATORS = frozenset("-/:.,")
# By their separators: `strptime` is slow, and a form can only fit a text with the same ones.
_DAY_FORMS = {"-": ("%Y-%m-%d",), ",": ("%a, %d %b %Y", "%B %d, %Y"), "": ("%d %b %Y",), "/": ("%m/%d/%Y", "%Y/%m/%d")}
_MOMENT_FORMS = {
    "-:": ("%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"),
    "-.:": ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f"),
    ",:": ("%a, %d %b %Y %H:%M:%S",), ":": ("%d %b %Y %H:%M:%S",),
}


def hours(value: Any, per: HoursPer) -> Hours | None:
    """Working time in minutes from "10", "10-20", "up to 20", "40+"; without readable numbers only the words."""
    raw = clean_text(str(value), 100) if value not in (None, "") else ""
    numbers = [Decimal(number) for number in _NUMBERS.findall(raw)]
    if not 1 <= len(numbers) <= 2 or max(numbers) > _MOST[per] or numbers != sorted(numbers):
        return Hours(None, None, per, raw) if raw else None
    low, high = int(numbers[0] * 60), int(numbers[-1] * 60)
    if _AT_MOST.match(raw):
        return Hours(None, high, per, raw)
    if _AT_LEAST.match(raw) or raw.endswith("+"):
        return Hours(low, None, per, raw)
    return Hours(low, high, per, raw)


def duration(start: Any, end: Any, weeks: Any) -> Duration | None:
    """Dates and length of the work; dates in the wrong order say nothing."""
    first, last = day(start), day(end)
    raw = clean_text(str(weeks), 60) if weeks not in (None, "") else ""
    number = int(raw) if raw.isascii() and raw.isdigit() and 0 < int(raw[:4]) <= 104 else None
    if first and last and last < first:
        first = last = None
    return Duration(first, last, number, raw) if first or last or raw else None


def deadline(value: Any, zone: str | None = None) -> Deadline | None:
    """A closing instant or day. `zone` is the source's own, for moments that do not say theirs."""
    raw = clean_text(str(value), 60) if value not in (None, "") else ""
    if not raw:
        return None
    found = day(raw)
    if found:
        return Deadline(on=found, tz=zone, raw=raw)
    at = moment(raw, zone)
    return Deadline(at=at, tz=zone or offset(raw) or None, raw=raw) if at else None


def stamp(value: Any, zone: str | None = None) -> datetime | None:
    """An aware UTC instant from ISO 8601, epoch seconds or milliseconds, RFC 822, or a day (its first moment in `zone` or
    UTC). None for what is none: an unreadable stamp must not cost the listing."""
    if isinstance(value, bool) or value in (None, ""):
        return None
    if isinstance(value, (int, float)) or (isinstance(value, str) and _EPOCH.fullmatch(value.strip())):
        number = float(value)
        seconds = number / 1000 if number > 100_000_000_000 else number
        return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 10_000_000_000 else None
    found = moment(value, zone) if isinstance(value, str) else None
    if found:
        return found
    first = day(value)
    return _in_zone(datetime(first.year, first.month, first.day), zone) if first else None  # noqa: DTZ001 - the zone follows


def moment(text: str, zone: str | None = None) -> datetime | None:
    """An instant with its own offset, or without one when `zone` says which is meant (or the form says UTC)."""
    text = text.strip()
    if _ISO.fullmatch(text):
        naive = _iso(text) if zone and len(text) > 10 else None
        return _in_zone(naive, zone) if naive else None
    try:
        return instant(text)
    except SchemaDrift:
        pass
    try:
        parsed = parsedate_to_datetime(text)
        if parsed.tzinfo:
            return parsed.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        pass
    for form in _MOMENT_FORMS.get(_separators(text), ()):
        try:
            found = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
        return found.replace(tzinfo=UTC) if form.endswith("UTC") else _in_zone(found, zone) if zone else None
    return None


def day(value: Any) -> date | None:
    """A calendar day without a time, in one of the forms that platforms use."""
    text = value.strip() if isinstance(value, str) else ""
    if len(text) == 10 and _ISO.fullmatch(text):
        naive = _iso(text)
        return naive.date() if naive else None
    for form in _DAY_FORMS.get(_separators(text), ()) if 8 <= len(text) <= 20 else ():
        try:
            found = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
        return calendar_day(found.isoformat())
    return None


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _separators(text: str) -> str:
    return "".join(sorted(set(text) & _SEPARATORS))


def offset(text: str) -> str:
    found = re.search(r"(Z|[+-]\d{2}:?\d{2})$", text)
    return found[1] if found else ""


def _in_zone(naive: datetime, zone: str | None) -> datetime | None:
    from zoneinfo import ZoneInfo

    try:
        return naive.replace(tzinfo=ZoneInfo(zone or "UTC")).astimezone(UTC)
    except (KeyError, ValueError, OSError, OverflowError):
        return None
