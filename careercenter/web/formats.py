"""How figures and dates are said to people: campus time, "Fri 4 Dec, 5 pm", "2 h 15 min", "$20.00". Jinja filters."""

import secrets
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import Flask, current_app, g

from careercenter.platforms.decode import web_address

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MIDNIGHT = time()
NEAR = {0: "today", 1: "tomorrow", -1: "yesterday"}


def zone() -> ZoneInfo:
    found: ZoneInfo = current_app.extensions["careercenter"].campus.zone
    return found


class Calendar(NamedTuple):
    """Campus zone and campus day of a request, and how dates are said then. A list says dozens of dates: take it once."""

    zone: ZoneInfo
    today: date

    def day(self, value: date | datetime | None, year: bool | None = None) -> str:
        """ "Fri 4 Dec", with the year when it is not this one."""
        if value is None:
            return "no date"
        if isinstance(value, datetime):
            value = value.astimezone(self.zone)
        text = f"{DAYS[value.weekday()]} {value.day} {MONTHS[value.month - 1]}"
        return f"{text} {value.year}" if year or (year is None and value.year != self.today.year) else text

    def posted(self, value: datetime) -> str:
        """The day of a posting. A platform that tells a day alone is taken to mean its first moment in UTC: that day is said."""
        return self.day(value.astimezone(UTC).date() if value.astimezone(UTC).time() == MIDNIGHT else value)

    def moment(self, value: datetime | None) -> str:
        """ "today, 9:40 am", "Fri 4 Dec, 5 pm"."""
        if value is None:
            return "never"
        return self._said(value.astimezone(self.zone))

    def deadline(self, value: datetime) -> str:
        """ "Sun 27 Dec, 11:59 pm": a day that is over at midnight is the day before it."""
        local = value.astimezone(self.zone)
        return self.moment(value - timedelta(minutes=1)) if local.time() == MIDNIGHT else self._said(local)

    def _said(self, local: datetime) -> str:
        return f"{NEAR.get(local.toordinal() - self.today.toordinal()) or self.day(local.date())}, {_clock(local)}"

    def days_until(self, value: date | datetime | None) -> str:
        """ "today", "tomorrow", "in 5 days", "3 days ago"."""
        if value is None:
            return "no date"
        if isinstance(value, datetime):
            value = value.astimezone(self.zone)
        n = value.toordinal() - self.today.toordinal()
        return NEAR.get(n) or (f"in {n} days" if n > 0 else f"{-n} days ago")


def calendar() -> Calendar:
    """That of this request."""
    found: Calendar | None = g.get("calendar")
    if found is None:
        there = zone()
        found = g.calendar = Calendar(there, g.now.astimezone(there).date())
    return found


def today() -> date:
    """The campus day of this request."""
    return calendar().today


def day(value: date | datetime | None, year: bool | None = None) -> str:
    return calendar().day(value, year)


def moment(value: datetime | None) -> str:
    return calendar().moment(value)


def deadline(value: datetime) -> str:
    return calendar().deadline(value)


def days_until(value: date | datetime | None) -> str:
    return calendar().days_until(value)


def clock(value: datetime) -> str:
    """ "5 pm", "9:40 am" in campus time."""
    return _clock(value.astimezone(zone()))


def _clock(local: datetime) -> str:
    hour = local.hour % 12 or 12
    return f"{hour}{(local.minute and f':{local.minute:02}') or ''} {'am' if local.hour < 12 else 'pm'}"


def minutes(value: int | None) -> str:
    """ "2 h 15 min"."""
    if value is None:
        return "unknown"
    hours, rest = divmod(abs(value), 60)
    text = " ".join(part for part in (f"{hours:,} h" if hours else "", f"{rest} min" if rest or not hours else "") if part)
    return f"−{text}" if value < 0 else text


def money(value: Decimal | None) -> str:
    return "not stated" if value is None else f"${value:,.2f}"


def number(value: Decimal | int | None) -> str:
    """A figure without needless zeros: 3, 1.5."""
    if value is None:
        return "unknown"
    return f"{value:,.2f}".rstrip("0").rstrip(".") if isinstance(value, Decimal) else f"{value:,}"


def plural(n: int, one: str, many: str = "") -> str:
    """ "1 request", "2 requests"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def iso(value: datetime) -> str:
    return value.astimezone(zone()).isoformat(timespec="minutes")


def form_key() -> str:
    """A fresh key for one showing of a form; see `careercenter.once`."""
    return secrets.token_urlsafe(16)


def install(app: Flask) -> None:
    app.jinja_env.globals["form_key"] = form_key
    app.jinja_env.filters.update(
        day=day, clock=clock, moment=moment, deadline=deadline, days_until=days_until, minutes=minutes, money=money, number=number,
        plural=plural, iso=iso, web_address=web_address,
    )
