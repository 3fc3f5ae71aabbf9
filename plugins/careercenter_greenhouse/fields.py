"""Reads the employer's own fields (`metadata`) of a Greenhouse post: hours, pay, dates, skills.

A field comes with a name, a type and a value, all chosen by the employer. What cannot be read for certain
stays unknown; amounts are never converted from one unit to another.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from careercenter.platforms.contract import SchemaDrift
from careercenter.platforms.decode import calendar_day, clean_text, instant
from careercenter.platforms.draft import Deadline, Duration, Hours, HoursPer, Pay, PayKind, PayUnit
from careercenter_greenhouse.config import FieldName, GreenhouseConfig

Fields = Mapping[FieldName, Any]

PAY_KINDS = {
    "hourly": PayKind.HOURLY,
    "hourly wage": PayKind.HOURLY,
    "salary": PayKind.SALARY,
    "annual salary": PayKind.SALARY,
    "monthly salary": PayKind.SALARY,
    "stipend": PayKind.STIPEND,
    "fixed fee": PayKind.FIXED_FEE,
    "project fee": PayKind.FIXED_FEE,
    "unpaid": PayKind.UNPAID,
    "volunteer": PayKind.UNPAID,
    "credit only": PayKind.CREDIT_ONLY,
    "academic credit only": PayKind.CREDIT_ONLY,
    "not displayed": PayKind.NOT_DISPLAYED,
}
# The unit that the word itself says. "Salary" alone says none.
PAY_UNITS = {
    "hourly": PayUnit.HOUR,
    "hourly wage": PayUnit.HOUR,
    "annual salary": PayUnit.YEAR,
    "monthly salary": PayUnit.MONTH,
    "stipend": PayUnit.TOTAL,
    "fixed fee": PayUnit.TOTAL,
    "project fee": PayUnit.TOTAL,
}
_UNIT_WORDS = (
    (re.compile(r"(?:/|per|an)\s*(?:hr|hour)\b|\bhourly\b", re.IGNORECASE), PayUnit.HOUR, PayKind.HOURLY),
    (re.compile(r"(?:/|per|a)\s*(?:wk|week)\b|\bweekly\b", re.IGNORECASE), PayUnit.WEEK, PayKind.SALARY),
    (re.compile(r"(?:/|per|a)\s*(?:mo|month)\b|\bmonthly\b", re.IGNORECASE), PayUnit.MONTH, PayKind.SALARY),
    (
        re.compile(r"(?:/|per|a)\s*(?:yr|year)\b|\bannual(?:ly)?\b", re.IGNORECASE),
        PayUnit.YEAR,
        PayKind.SALARY,
    ),
)
_AMOUNT = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,2})?")
_DOLLARS = re.compile(r"(?<![A-Z])\$|\bUSD\b")
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")
_MOST = {HoursPer.WEEK: 80, HoursPer.TOTAL: 4000}  # hours; beyond this the field means something else


def read_metadata(items: Any, cfg: GreenhouseConfig) -> dict[FieldName, Any]:
    """The values of the fields that we know, by our name; the first of equal ones wins."""
    found: dict[FieldName, Any] = {}
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            continue
        name = cfg.field_of(clean_text(item["name"], 100))
        if name and item.get("value") not in (None, "", []):
            found.setdefault(name, item["value"])
    return found


def words(value: Any, limit: int = 40) -> tuple[str, ...]:
    """A list of short texts, from a list or a comma-separated line, without repetition."""
    parts = value if isinstance(value, list) else str(value).split(",") if isinstance(value, str) else []
    texts = (clean_text(part, 80) for part in parts if isinstance(part, str))
    return tuple(dict.fromkeys(text for text in texts if text))[:limit]


def read_hours(fields: Fields) -> Hours | None:
    """Working time per week if stated, else in total."""
    if "hours_per_week" in fields:
        return _hours(fields["hours_per_week"], HoursPer.WEEK)
    return _hours(fields["total_hours"], HoursPer.TOTAL) if "total_hours" in fields else None


def _hours(value: Any, per: HoursPer) -> Hours | None:
    if isinstance(value, dict):
        value = f"{value.get('min_value', '')}-{value.get('max_value', '')}"
    raw = clean_text(str(value), 100)
    numbers = [Decimal(number) for number in _NUMBERS.findall(raw)]
    if not 1 <= len(numbers) <= 2 or max(numbers) > _MOST[per] or numbers != sorted(numbers):
        return Hours(None, None, per, raw) if raw else None
    low, high = int(numbers[0] * 60), int(numbers[-1] * 60)
    if re.match(r"(?:up to|max(?:imum)?|no more than)\b", raw, re.IGNORECASE):
        return Hours(None, high, per, raw)
    if re.match(r"(?:at least|min(?:imum)?)\b", raw, re.IGNORECASE) or raw.endswith("+"):
        return Hours(low, None, per, raw)
    return Hours(low, high, per, raw)


def read_duration(fields: Fields) -> Duration | None:
    start, end = _day(fields.get("start_date")), _day(fields.get("end_date"))
    raw = clean_text(str(fields.get("weeks", "")), 60)
    weeks = int(raw) if raw.isascii() and raw.isdigit() and 0 < int(raw[:4]) <= 104 else None
    if start and end and end < start:
        start = end = None
    return Duration(start, end, weeks, raw) if start or end or raw else None


def read_pay(fields: Fields, ranges: Any) -> Pay:
    """Pay from the employer's fields, or from Greenhouse's pay ranges (cents; the title may say the unit)."""
    word = clean_text(str(fields.get("pay_type", "")), 60)
    kind = PAY_KINDS.get(word.casefold(), PayKind.UNKNOWN)
    if kind in (PayKind.UNPAID, PayKind.CREDIT_ONLY, PayKind.NOT_DISPLAYED):
        return Pay(kind, raw=word)
    if "pay" in fields:
        return _stated_pay(kind, PAY_UNITS.get(word.casefold(), PayUnit.UNKNOWN), fields["pay"], word)
    if isinstance(ranges, list) and ranges and isinstance(ranges[0], dict):
        return _range_pay(ranges[0])
    return Pay(kind, raw=word)


def _stated_pay(kind: PayKind, unit: PayUnit, value: Any, word: str) -> Pay:
    if isinstance(value, dict):
        amounts = [_money(value.get(name)) for name in ("amount", "min_value", "max_value") if name in value]
        currency = _currency(value.get("unit"))
        raw = " ".join(
            filter(None, [word, " - ".join(str(a) for a in amounts if a is not None), currency or ""])
        )
        return _pay(kind, unit, amounts, currency, raw)
    raw = clean_text(str(value), 200)
    if re.fullmatch(r"(?:unpaid|no pay)\.?", raw, re.IGNORECASE):
        return Pay(PayKind.UNPAID, raw=raw)
    said_kind, said_unit = _unit_in(raw)
    currency = "USD" if _DOLLARS.search(raw) else None
    amounts = [_money(found.replace(",", "")) for found in _AMOUNT.findall(raw)]
    kind = said_kind if kind is PayKind.UNKNOWN else kind
    return _pay(kind, said_unit if said_unit is not PayUnit.UNKNOWN else unit, amounts, currency, raw)


def _range_pay(item: dict[str, Any]) -> Pay:
    title = clean_text(str(item.get("title") or ""), 120)
    kind, unit = _unit_in(title)
    cents = [item.get("min_cents"), item.get("max_cents")]
    amounts = [Decimal(c) / 100 for c in cents if isinstance(c, int) and not isinstance(c, bool)]
    currency = item.get("currency_type")
    raw = f"{title} {' - '.join(map(str, amounts))}".strip()
    return _pay(kind, unit, list(amounts), _currency(currency), raw)


def _pay(kind: PayKind, unit: PayUnit, amounts: list[Decimal | None], currency: str | None, raw: str) -> Pay:
    """Keeps the amounts only when there are one or two, in order and not negative."""
    good = [amount for amount in amounts if amount is not None]
    orderly = 1 <= len(good) <= 2 and len(good) == len(amounts) and good == sorted(good) and good[0] >= 0
    if not orderly or not currency:
        return Pay(kind, None, None, None, unit, raw)
    return Pay(kind, good[0], good[-1], currency, unit, raw)


def _unit_in(text: str) -> tuple[PayKind, PayUnit]:
    said = [(kind, unit) for pattern, unit, kind in _UNIT_WORDS if pattern.search(text)]
    return said[0] if len(said) == 1 else (PayKind.UNKNOWN, PayUnit.UNKNOWN)


def _currency(value: Any) -> str | None:
    code = value.strip().upper() if isinstance(value, str) else ""
    return code if re.fullmatch(r"[A-Z]{3}", code) else None


def _money(value: Any) -> Decimal | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < 10_000_000 else None


def read_deadline(structured: Any, fields: Fields) -> Deadline | None:
    """Greenhouse's own deadline, else the employer's field.

    An instant keeps its offset; a bare day stays a day.
    """
    for value in (structured, fields.get("deadline")):
        if not isinstance(value, str) or not value.strip():
            continue
        raw = clean_text(value, 60)
        if day := _day(raw):
            return Deadline(on=day, raw=raw)
        if at := lenient_instant(raw):
            return Deadline(at=at, tz=_offset(raw), raw=raw)
    return None


def lenient_instant(value: Any) -> Any:
    """Like `decode.instant`, but an unreadable stamp is as good as none: it must not cost the listing."""
    try:
        return instant(value)
    except SchemaDrift:
        return None


def _day(value: Any) -> date | None:
    text = value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        return calendar_day(text)
    except SchemaDrift:
        return None


def _offset(text: str) -> str:
    found = re.search(r"(Z|[+-]\d{2}:?\d{2})$", text)
    return found[1] if found else ""
