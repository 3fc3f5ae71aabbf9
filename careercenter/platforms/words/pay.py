"""What a posting says about pay. Amounts are kept in the unit that was stated; nothing is converted or annualised."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from careercenter.platforms.decode import clean_text
from careercenter.platforms.draft import Pay, PayKind, PayUnit

PAY_KINDS = {
    "hourly": PayKind.HOURLY, "hourly wage": PayKind.HOURLY, "salary": PayKind.SALARY, "annual salary": PayKind.SALARY,
    "monthly salary": PayKind.SALARY, "stipend": PayKind.STIPEND, "fixed fee": PayKind.FIXED_FEE, "fixed": PayKind.FIXED_FEE,
    "project fee": PayKind.FIXED_FEE, "unpaid": PayKind.UNPAID, "volunteer": PayKind.UNPAID, "non paid": PayKind.UNPAID,
    "credit only": PayKind.CREDIT_ONLY, "academic credit only": PayKind.CREDIT_ONLY,
    "not displayed": PayKind.NOT_DISPLAYED, "not disclosed": PayKind.NOT_DISPLAYED,
}
# The unit that the word itself says. "Salary" alone says none.
PAY_UNITS = {
    "hourly": PayUnit.HOUR, "hourly wage": PayUnit.HOUR, "annual salary": PayUnit.YEAR, "monthly salary": PayUnit.MONTH,
    "stipend": PayUnit.TOTAL, "fixed fee": PayUnit.TOTAL, "fixed": PayUnit.TOTAL, "project fee": PayUnit.TOTAL,
}
# Codes and words for the unit of an amount, as platforms write them (USAJOBS: PA, PH, PD, BW, PM, PW; WC is without pay).
UNITS = {
    "hour": PayUnit.HOUR, "hourly": PayUnit.HOUR, "per-hour-wage": PayUnit.HOUR, "per hour": PayUnit.HOUR, "ph": PayUnit.HOUR,
    "day": PayUnit.DAY, "daily": PayUnit.DAY, "pd": PayUnit.DAY, "per day": PayUnit.DAY,
    "week": PayUnit.WEEK, "weekly": PayUnit.WEEK, "pw": PayUnit.WEEK, "per week": PayUnit.WEEK,
    "month": PayUnit.MONTH, "monthly": PayUnit.MONTH, "pm": PayUnit.MONTH, "per month": PayUnit.MONTH,
    "per-month-salary": PayUnit.MONTH,
    "year": PayUnit.YEAR, "yearly": PayUnit.YEAR, "annual": PayUnit.YEAR, "annually": PayUnit.YEAR, "pa": PayUnit.YEAR,
    "per year": PayUnit.YEAR, "per-year-salary": PayUnit.YEAR, "1 year": PayUnit.YEAR, "1 hour": PayUnit.HOUR,
    "total": PayUnit.TOTAL, "fixed": PayUnit.TOTAL, "one-time": PayUnit.TOTAL, "project": PayUnit.TOTAL,
}
_KIND_OF_UNIT = {
    PayUnit.HOUR: PayKind.HOURLY, PayUnit.DAY: PayKind.SALARY, PayUnit.WEEK: PayKind.SALARY, PayUnit.MONTH: PayKind.SALARY,
    PayUnit.YEAR: PayKind.SALARY,
}
_UNIT_WORDS = (
    (re.compile(r"(?:/|per|an)\s*(?:hr|hour)\b|\bhourly\b", re.IGNORECASE), PayUnit.HOUR),
    (re.compile(r"(?:/|per|a)\s*(?:wk|week)\b|\bweekly\b", re.IGNORECASE), PayUnit.WEEK),
    (re.compile(r"(?:/|per|a)\s*(?:mo|month)\b|\bmonthly\b", re.IGNORECASE), PayUnit.MONTH),
    (re.compile(r"(?:/|per|a)\s*(?:yr|year)\b|\bannual(?:ly)?\b", re.IGNORECASE), PayUnit.YEAR),
)
_AMOUNT = re.compile(r"(\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,2})?)\s*([kK]\b)?")
_SIGNS = ((re.compile(r"(?<![A-Z])\$|\bUSD\b"), "USD"), (re.compile(r"£|\bGBP\b"), "GBP"), (re.compile(r"€|\bEUR\b"), "EUR"))
_UNPAID = re.compile(r"\bunpaid\b|\bno pay\b|\bnon-?paid\b|\bvolunteer\b", re.IGNORECASE)
_CURRENCY = re.compile(r"[A-Z]{3}")
_NOT_SHOWN = re.compile(r"not (?:displayed|disclosed|stated|specified)", re.IGNORECASE)


def stated_kind(word: str) -> PayKind:
    """The kind that a platform's own word names; UNKNOWN for words that we do not know."""
    return PAY_KINDS.get(word.casefold(), PayKind.UNKNOWN)


def unit_of(word: Any) -> PayUnit:
    """The unit that a platform's code or word names."""
    key = clean_text(word, 40).casefold().replace("_", "-") if isinstance(word, str) else ""
    return UNITS.get(key, UNITS.get(key.replace("-", " "), PayUnit.UNKNOWN))


def range_pay(low: Any, high: Any, currency: Any, unit: PayUnit, kind: PayKind = PayKind.UNKNOWN, raw: str = "", scale: int = 1) -> Pay:
    """Pay from typed amounts; `scale` is 100 for cents. What is not orderly is dropped, its words stay."""
    amounts = [money(value) for value in (low, high) if value not in (None, "")]
    amounts = [amount if amount is None else amount / scale for amount in amounts]
    kind = kind if kind is not PayKind.UNKNOWN else _KIND_OF_UNIT.get(unit, PayKind.UNKNOWN)
    return amounts_pay(kind, unit, amounts, currency_code(currency), raw)


def text_pay(text: Any, kind: PayKind = PayKind.UNKNOWN, unit: PayUnit = PayUnit.UNKNOWN) -> Pay:
    """Pay from a line of words: "$18 - $22/hr", "$50K per year", "Unpaid", "Not Displayed"."""
    raw = clean_text(text, 200) if isinstance(text, str) else ""
    if not raw:
        return Pay(kind)
    if _UNPAID.search(raw):
        return Pay(PayKind.UNPAID, raw=raw)
    said = unit_in(raw)
    unit = said if said is not PayUnit.UNKNOWN else unit
    amounts = [_with_thousands(*found) for found in _AMOUNT.findall(raw)]
    if not amounts and _NOT_SHOWN.search(raw):
        return Pay(PayKind.NOT_DISPLAYED, raw=raw)
    currency = next((code for sign, code in _SIGNS if sign.search(raw)), None)
    kind = kind if kind is not PayKind.UNKNOWN else _KIND_OF_UNIT.get(unit, PayKind.UNKNOWN)
    return amounts_pay(kind, unit, amounts, currency, raw)


def amounts_pay(kind: PayKind, unit: PayUnit, amounts: list[Decimal | None], currency: str | None, raw: str) -> Pay:
    """Keeps the amounts only when there are one or two, in order, not negative, and in a stated currency."""
    good = [amount for amount in amounts if amount is not None]
    orderly = 1 <= len(good) <= 2 and len(good) == len(amounts) and 0 <= good[0] <= good[-1]
    if not orderly or not currency or good[-1] == 0:
        return Pay(kind, None, None, None, unit, raw)
    return Pay(kind, good[0], good[-1], currency, unit, raw)


def unit_in(text: str) -> PayUnit:
    """The one unit that a text names; UNKNOWN when it names none or several."""
    said = {unit for pattern, unit in _UNIT_WORDS if pattern.search(text)}
    return said.pop() if len(said) == 1 else PayUnit.UNKNOWN


def currency_code(value: Any) -> str | None:
    code = value.strip().upper() if isinstance(value, str) else ""
    return code if _CURRENCY.fullmatch(code) else None


def money(value: Any) -> Decimal | None:
    """An amount, from a number or its text; None for what is none or beyond reason."""
    if isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value).replace(",", "").strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount) < 1_000_000_000 else None


def _with_thousands(digits: str, k: str) -> Decimal | None:
    amount = money(digits)
    return amount * 1000 if amount is not None and k else amount
