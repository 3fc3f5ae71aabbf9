"""What one listing is compared by, made from its row alone: the same row gives the same profile, whenever it came."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from careercenter.listings.same import address, words
from careercenter.listings.same.words import Place
from careercenter.platforms.decode import html_to_text

SHORTEST_TEXT = 60
"""A description of fewer letters proves nothing when two are equal."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The comparable content. `posted` is a day's ordinal; None where the platform gives no date. `kind` is one of intern,
    project, simulation, job. `lifted`: the address key is a requisition's own number."""

    company: str
    words: tuple[str, ...]
    seasons: tuple[str, ...]
    years: tuple[str, ...]
    degrees: tuple[str, ...]
    places: tuple[Place, ...]
    workplace: str
    kind: str
    posted: int | None
    lifted: bool = False
    address: str | None = None
    requisition: str | None = None

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def facts_of(stored: Mapping[str, Any]) -> Facts:
    """From what `Facts.plain` gave."""
    lists = {name: tuple(stored[name]) for name in ("words", "seasons", "years", "degrees")}
    return Facts(**{**stored, **lists, "places": tuple((p[0], p[1], p[2]) for p in stored["places"])})


@dataclass(frozen=True, slots=True)
class Profile:
    """`name` orders listings without regard to when they came; the keys are those of `model.WorkProfile`."""

    listing_id: int
    name: str
    platform: str
    facts: Facts
    twin: str | None
    requisition: str | None
    address: str | None

    @property
    def digest(self) -> str:
        return _digest([self.name, self.twin, self.requisition, self.address, self.facts.plain()])


def profile(row: Any) -> Profile:
    """From a row with the columns of `regroup.READ`."""
    draft: dict[str, Any] = row.draft or {}
    company = words.company(row.employer)
    places = words.places(draft.get("places") or ([{"raw": row.place}] if row.place else []))
    title = words.title(row.title, places)
    found = address.key(row.apply_url) if row.apply_url else None
    facts = Facts(
        company, title.words, title.seasons, title.years, title.degrees, places, row.workplace, _kind(row.kind, title.trains),
        _day(draft.get("posted_at")), bool(found and found.lifted), found.text if found else None, row.requisition_id,
    )
    board = f"{row.platform}/{row.board}"
    return Profile(
        row.id, f"{board}/{row.post_id}"[:400], row.platform, facts, _twin(row, draft, company),
        _requisition(company, row.requisition_id, board), found.text if found else None,
    )


def _kind(kind: str, trains: bool) -> str:
    """What is never the other: a title that says "intern" is believed though the platform calls everything a job."""
    if kind in ("micro_internship", "project"):
        return "project"
    return "simulation" if kind == "simulation" else "intern" if trains or kind in ("internship", "co_op") else "job"


def _day(stamp: str | None) -> int | None:
    try:
        return datetime.fromisoformat(stamp).toordinal() if stamp else None
    except ValueError:
        return None


def _twin(row: Any, draft: Mapping[str, Any], company: str) -> str | None:
    """A hash of all that a reader sees; None where there is too little of it to mean anything."""
    text = " ".join(html_to_text(row.description_html).split()).casefold()
    if len(text) < SHORTEST_TEXT:
        return None
    places = [str(p.get("raw")) for p in draft.get("places") or []]
    return _digest([company, row.title.casefold(), places, text, draft.get("duration"), row.pay_text, row.hours_text, row.workplace])


def _requisition(company: str, number: str | None, board: str) -> str | None:
    """Employer and requisition id. A short or wordy one says nothing outside its own board."""
    if not number or not number.strip():
        return None
    number = number.strip().casefold()
    known = len(number) >= 4 and any(c.isdigit() for c in number)
    return f"{company}|{number}"[:360] if known else f"{company}|{number}|{board}"[:360]


def _digest(content: Any) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, default=_plain_date)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _plain_date(value: Any) -> str:
    assert isinstance(value, date)
    return value.isoformat()
