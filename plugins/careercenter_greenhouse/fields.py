"""Reads the employer's own fields (`metadata`) of a Greenhouse post: hours, pay, dates, skills.

A field comes with a name, a type and a value, all chosen by the employer. What cannot be read for certain
stays unknown; amounts are never converted from one unit to another.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from careercenter.platforms.decode import clean_text
from careercenter.platforms.draft import Deadline, Duration, Hours, HoursPer, Pay, PayKind, PayUnit
from careercenter.platforms.words import pay, time
from careercenter_greenhouse.config import FieldName, GreenhouseConfig

Fields = Mapping[FieldName, Any]

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
        return time.hours(_range(fields["hours_per_week"]), HoursPer.WEEK)
    return time.hours(_range(fields["total_hours"]), HoursPer.TOTAL) if "total_hours" in fields else None


def _range(value: Any) -> Any:
    return f"{value.get('min_value', '')}-{value.get('max_value', '')}" if isinstance(value, dict) else value


def read_duration(fields: Fields) -> Duration | None:
    return time.duration(fields.get("start_date"), fields.get("end_date"), fields.get("weeks"))


def read_pay(fields: Fields, ranges: Any) -> Pay:
    """Pay from the employer's fields, or from Greenhouse's pay ranges (cents; the title may say the unit)."""
    word = clean_text(str(fields.get("pay_type", "")), 60)
    kind = pay.stated_kind(word)
    if kind in (PayKind.UNPAID, PayKind.CREDIT_ONLY, PayKind.NOT_DISPLAYED):
        return Pay(kind, raw=word)
    if "pay" in fields:
        return _stated_pay(kind, pay.PAY_UNITS.get(word.casefold(), PayUnit.UNKNOWN), fields["pay"], word)
    if isinstance(ranges, list) and ranges and isinstance(ranges[0], dict):
        return _range_pay(ranges[0])
    return Pay(kind, raw=word)


def _stated_pay(kind: PayKind, unit: PayUnit, value: Any, word: str) -> Pay:
    if not isinstance(value, dict):
        return pay.text_pay(str(value), kind, unit)
    amounts = [pay.money(value.get(name)) for name in ("amount", "min_value", "max_value") if name in value]
    currency = pay.currency_code(value.get("unit"))
    raw = " ".join(filter(None, [word, " - ".join(str(a) for a in amounts if a is not None), currency or ""]))
    return pay.amounts_pay(kind, unit, amounts, currency, raw)


def _range_pay(item: dict[str, Any]) -> Pay:
    title = clean_text(str(item.get("title") or ""), 120)
    cents = [c for c in (item.get("min_cents"), item.get("max_cents")) if isinstance(c, int) and not isinstance(c, bool)]
    raw = f"{title} {' - '.join(str(Decimal(c) / 100) for c in cents)}".strip()
    low, high = (*cents, None, None)[:2]
    return pay.range_pay(low, high, item.get("currency_type"), pay.unit_in(title), raw=raw, scale=100)


def read_deadline(structured: Any, fields: Fields) -> Deadline | None:
    """Greenhouse's own deadline, else the employer's field."""
    told = (time.deadline(value) for value in (structured, fields.get("deadline")) if isinstance(value, str))
    return next((found for found in told if found), None)
