"""What people type into forms, read into values; every mistake is a sentence beside its field."""

import re
from collections.abc import Container, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

_CLOCK = re.compile(r"(\d{1,4})\s*(?:h|hours?|:)\s*(?:(\d{1,2})\s*(?:m|min|minutes)?\.?)?", re.IGNORECASE)


class Typed:
    """Reads one form. `errors` maps a field's name to what is wrong with it."""

    def __init__(self, form: Mapping[str, str]):
        self.form = form
        self.errors: dict[str, str] = {}

    def text(self, name: str, wanted: str = "", limit: int = 5000) -> str:
        """A text; with `wanted`, an empty one is a mistake."""
        value = self.form.get(name, "").replace("\x00", "").strip()
        if wanted and not value:
            self.errors[name] = wanted
        elif len(value) > limit:
            self.errors[name] = f"Shorten this to {limit:,} characters; it has {len(value):,}."
        return value

    def line(self, name: str, wanted: str = "", limit: int = 200) -> str:
        """A text of one line."""
        return " ".join(self.text(name, wanted, limit).split())

    def email(self, name: str, wanted: str) -> str:
        value = self.line(name, wanted, 254)
        if value and not re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+", value):
            self.errors[name] = "Write the e-mail address in full, as name@company.com."
        return value

    def choice(self, name: str, options: Container[str], wanted: str) -> str:
        value = self.form.get(name, "")
        if value not in options:
            self.errors[name] = wanted
        return value

    def day(self, name: str, wanted: str) -> date:
        """A date as a date field sends it; `date.min` beside an error."""
        try:
            return date.fromisoformat(self.form.get(name, "").strip())
        except ValueError:
            self.errors[name] = wanted
            return date.min

    def minutes(self, name: str, wanted: str, empty: int | None = None) -> int:
        """A duration typed as "2:30", "2.5", "2 h 15 min"; `empty` is allowed where it is given."""
        value = self.form.get(name, "").strip()
        if not value and empty is not None:
            return empty
        found = read_minutes(value)
        if found is None:
            self.errors[name] = wanted
        return found or 0

    def amount(self, name: str, wanted: str, needed: bool = True) -> Decimal | None:
        """Money or credits: at most two decimal places, not negative."""
        value = self.form.get(name, "").strip().replace(",", "").removeprefix("$").strip()
        if not value and not needed:
            return None
        try:
            number = Decimal(value)
            if number.is_finite() and 0 <= number < 10_000_000 and number * 100 == (number * 100).to_integral_value():
                return number
        except InvalidOperation:
            self.errors[name] = wanted
            return None
        self.errors[name] = wanted
        return None

    def whole(self, name: str, least: int, most: int, wanted: str, needed: bool = True) -> int | None:
        """A whole number that a person types, from `least` to `most`; None beside an error, and where an empty field is allowed."""
        value = self.form.get(name, "").strip()
        if not value and not needed:
            return None
        found = read_whole(value)
        if found is None or not least <= found <= most:
            self.errors[name] = wanted
            return None
        return found

    def number(self, name: str) -> int:
        """A hidden or chosen number; 0 when it is none."""
        return number(self.form.get(name, ""))


def number(value: str) -> int:
    """A number as a record's id or version can be; 0 for everything else."""
    return read_whole(value) or 0


def read_whole(value: str) -> int | None:
    """A whole number of at most nine digits; None for everything else. Python itself refuses numbers of 4,300 digits."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def read_minutes(value: str) -> int | None:
    """Minutes of a typed duration; None when it is none, or is longer than ten thousand hours."""
    clock = _CLOCK.fullmatch(value)
    if clock:
        hours, rest = int(clock[1]), int(clock[2] or 0)
        return hours * 60 + rest if rest < 60 else None
    try:
        hours_typed = Decimal(value.replace(",", "."))
    except InvalidOperation:
        return None
    return round(hours_typed * 60) if hours_typed.is_finite() and 0 <= hours_typed < 10_000 else None


def hours_text(minutes: int) -> str:
    """Minutes as a field shows them again: "2:30", "12"."""
    hours, rest = divmod(minutes, 60)
    return f"{hours}:{rest:02}" if rest else str(hours)
