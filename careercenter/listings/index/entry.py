"""What the index knows of one listing, from the listing's row alone: its numbers, its choices and its words."""

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, literal_column

from careercenter.listings.index.words import value, words
from careercenter.platforms.decode import html_to_text

KINDS = {
    "internship": "Internship", "micro_internship": "Micro-internship", "co_op": "Co-op", "project": "Project",
    "simulation": "Job simulation", "job": "Job",
}
WORKPLACES = {"onsite": "On site", "hybrid": "Hybrid", "remote": "Remote", "unknown": "Not stated"}
PAY = {
    "hourly": ("Paid by the hour", ("hourly",)), "fixed": ("Fixed fee or stipend", ("fixed_fee", "stipend")),
    "salary": ("Salary", ("salary",)), "unpaid": ("Unpaid or credit only", ("unpaid", "credit_only")),
    "unstated": ("Not stated", ("not_displayed", "unknown")),
}
HOURS = {
    "week10": "Up to 10 a week", "week20": "10 to 20 a week", "week40": "More than 20 a week",
    "total40": "Up to 40 in all", "total": "More than 40 in all", "unstated": "Not stated",
}
DEADLINES = {"week": "In the next 7 days", "month": "In 8 to 30 days", "later": "Later", "none": "None given"}
CHOICES = ("kind", "workplace", "pay", "hours", "platform")
"""The facets of which a listing has exactly one value each: their combinations are counted together."""
_PAY_OF = {kind: choice for choice, (_, kinds) in PAY.items() for kind in kinds}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000
_NOON = _DAY // 2
NEVER = -(2**62)
"""The `rush` of a listing without a deadline."""
MOST_VALUES = 20
MOST_INDEXED = 10_000
EVERY = "open:"
"""A word that every entry has, and that nobody can type."""
_VALUE = re.compile(r"[\w+#]{1,120}")


class Entry(NamedTuple):
    """`choices` in the order of `CHOICES`; `skills` and `places` are values of facets with their labels; `title`, `about`
    and `text` are words; `marks` are the words that filters look for."""

    key: int
    listing_id: int
    choices: tuple[str, ...]
    rush: int
    hourly: int
    arrived: int
    skills: dict[str, str]
    places: dict[str, str]
    title: list[str]
    about: list[str]
    text: list[str]
    marks: list[str]

    @property
    def digest(self) -> int:
        whole = (*self[:8], *map(" ".join, self[8:]))
        return int.from_bytes(hashlib.blake2b(repr(whole).encode(), digest_size=8).digest(), signed=True)

    @property
    def vocabulary(self) -> set[str]:
        """The words of this entry that are counted."""
        return {*self.title, *self.about, *self.text, *(m for m in self.marks if m.startswith("in:"))}


def counters(combination_id: int, rush: int, skills: Iterable[str], places: Iterable[str]) -> list[tuple[str, int, str]]:
    """The (name, combination, value) of every counter that an entry adds to; 0 stands for all combinations together."""
    found = [("all", ""), ("due", due_day(rush)), *(("skill", value) for value in skills), *(("city", value) for value in places)]
    return [(name, c, value) for name, value in found for c in (combination_id, 0)]


def entry_of(row: Any) -> Entry:
    """The entry of a listing's row with its board's platform; see `keep` for the columns."""
    cities, raw = _places(row)
    skills = _values(row.draft.get("skills") or ())
    choices = (row.kind, row.workplace, _PAY_OF.get(row.pay_kind, "unstated"), hours_choice(row), row.platform)
    near = dict.fromkeys(words("\n".join(raw)))
    about = words("\n".join((row.employer, row.place, *raw, *skills.values())))
    marks = [EVERY, *(mark(name, chosen) for name, chosen in zip(CHOICES, choices, strict=True))]
    marks += [mark("skill", s) for s in skills] + [mark("city", c) for c in cities] + [f"in:{word}" for word in near]
    return Entry(
        key_of(row.posted_at, row.id), row.id, choices, rush_of(row.deadline_at),
        -1 if row.hourly_cents is None else row.hourly_cents, micros(row.first_seen_at), skills, cities,
        words(row.title), about[:MOST_INDEXED], words(said(row))[:MOST_INDEXED], list(dict.fromkeys(marks)),
    )


def said(row: Any) -> str:
    """All that a reader sees of it, as one text."""
    places = [str(place.get("raw") or "") for place in row.draft.get("places") or ()]
    department = str(row.draft.get("department") or "")
    return "\n".join((row.title, row.employer, *places, *(row.draft.get("skills") or ()), department, html_to_text(row.description_html)))


def _places(row: Any) -> tuple[dict[str, str], list[str]]:
    """The cities as a facet shows them, and all that is said of places; those of the same work in other places too."""
    stated, mates = row.draft.get("places") or (), sorted({place for place in (row.mate_places or "").split("\n") if place})
    if not stated:
        return _values([row.place, *mates]), [row.place, *mates]
    named = [", ".join(part for part in (p.get("city"), p.get("region")) if part) if p.get("city") else p["raw"] for p in stated]
    return _values([*named, *mates]), [*(f"{name} {p['raw']}" for name, p in zip(named, stated, strict=True)), *mates]


def _values(labels: Iterable[str]) -> dict[str, str]:
    found = {value(label): label.strip()[:120] for label in list(labels)[:MOST_VALUES]}
    found.pop("", None)
    return found


def mark(name: str, chosen: str) -> str:
    """The word of the index that stands for a choice. One that nothing has, for a value that nothing can have."""
    return f"{name}:{chosen}" if possible(chosen) else "none:"


def possible(chosen: str) -> bool:
    """Whether any listing could have this value of a facet."""
    return bool(_VALUE.fullmatch(chosen)) and chosen == chosen.lower()


def key_of(posted_at: datetime, listing_id: int) -> int:
    """Grows with the minute of posting, then with the listing's id."""
    minute = micros(posted_at) // 60_000_000
    return min(max(minute, 0), 2**31 - 1) << 32 | listing_id


def listing_of(key: Any) -> Any:
    """The id of the listing whose entry has this key, a number or a column."""
    return key.op("&")(literal_column("4294967295")) if isinstance(key, ColumnElement) else key & 0xFFFF_FFFF


def micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def rush_of(deadline: datetime | None) -> int:
    """Greater for a nearer deadline. A listing can be found at `now` while its rush is less than that of `now`."""
    return NEVER if deadline is None else -micros(deadline)


def day_of(now: datetime) -> int:
    """The number of a moment's day, in the zone that it is given in."""
    return now.toordinal() - _EPOCH.toordinal()


def due_day(rush: int) -> str:
    """The number of a deadline's day as text that sorts; empty for none. What ends by noon UTC is of the day before: a deadline
    without an hour is over at a campus's midnight. So an entry needs no zone."""
    return "" if rush == NEVER else f"{(-rush - _NOON) // _DAY:08d}"


def deadline_choice(rush: int, today: int) -> str:
    """The choice of the facet "deadline", counted in days from the campus's today."""
    if rush == NEVER:
        return "none"
    days = (-rush - _NOON) // _DAY - today
    return "week" if days <= 7 else "month" if days <= 30 else "later"


def rush_bounds(chosen: str, today: int) -> tuple[int, int] | None:
    """The rush that a choice of the facet "deadline" includes, from and to; None for no choice of it."""
    week, month = (-(today + days) * _DAY - _NOON for days in (8, 31))
    return {
        "week": (week + 1, 2**62), "month": (month + 1, week), "later": (NEVER + 1, month), "none": (NEVER, NEVER),
    }.get(chosen)


def hours_choice(row: Any) -> str:
    """The choice of a listing's hours, by their upper bound."""
    most = row.max_minutes if row.max_minutes is not None else row.min_minutes
    if most is None or row.hours_per not in ("week", "total"):
        return "unstated"
    if row.hours_per == "week":
        return "week10" if most <= 600 else "week20" if most <= 1200 else "week40"
    return "total40" if most <= 2400 else "total"
