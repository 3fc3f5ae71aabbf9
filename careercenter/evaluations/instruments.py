"""Instruments: what an evaluation asks, as versioned TOML data of `config/evaluations/`.

A file is one instrument; a version holds from its `effective_from` on; an evaluation keeps the version that it was sent
with, so answers stay readable beside the words that were asked. Nothing here knows a placement or a form.
"""

import tomllib
from collections import Counter
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from careercenter import db

COMPETENCIES = {
    "career": "Career and self-development", "communication": "Communication", "critical_thinking": "Critical thinking",
    "equity": "Equity and inclusion", "leadership": "Leadership", "professionalism": "Professionalism",
    "teamwork": "Teamwork", "technology": "Technology",
}
LEVELS = 5
NOT_OBSERVED = "not_observed"


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Level(_Data):
    """One step of the scale: a word, and what is seen at that step."""

    label: str
    anchor: str = ""


class Option(_Data):
    code: str = Field(pattern=r"^[a-z][a-z_]{0,39}$")
    label: str


class Item(_Data):
    """One question. `anchors` says, lowest level first, what is seen of this behavior; empty: the scale's own."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    kind: Literal["rating", "choice", "hours", "text"]
    title: str
    question: str = ""
    competency: str = ""
    anchors: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    evidence: Literal["none", "optional", "extremes"] = "none"
    required: bool = True

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Item":
        if self.kind == "rating" and self.competency not in COMPETENCIES:
            raise ValueError(f"a rating measures a competency, one of: {', '.join(COMPETENCIES)}")
        if self.anchors and len(self.anchors) != LEVELS:
            raise ValueError(f"give {LEVELS} anchors, lowest level first, or none")
        if (self.kind == "choice") != bool(self.options):
            raise ValueError("a choice, and only a choice, has options")
        return self


class Version(_Data):
    """What is asked from a day on."""

    version: str = Field(max_length=20)
    effective_from: date
    minutes: int = Field(ge=1, le=60)
    intro: str
    levels: tuple[Level, ...] = Field(min_length=LEVELS, max_length=LEVELS)
    items: tuple[Item, ...] = Field(alias="item", min_length=1)

    @model_validator(mode="after")
    def _items_are_distinct(self) -> "Version":
        twice = [code for code, n in Counter(item.code for item in self.items).items() if n > 1]
        if twice:
            raise ValueError(f'two items are called "{twice[0]}"; each needs its own code')
        if sum(item.kind == "hours" for item in self.items) > 1:
            raise ValueError("only one item can confirm the hours")
        bare = next((i for i in self.items if i.kind == "rating" and not i.anchors), None)
        if bare and not all(level.anchor for level in self.levels):
            raise ValueError(f'the item "{bare.code}" has no anchors, so every level needs one')
        return self

    def item(self, code: str) -> Item | None:
        return next((item for item in self.items if item.code == code), None)

    def anchor(self, item: Item, rating: int) -> str:
        """What is seen at a level (1 is the lowest) of an item."""
        return item.anchors[rating - 1] if item.anchors else self.levels[rating - 1].anchor


class Instrument(_Data):
    """One questionnaire. It serves `kinds` by `rater` for placements of at least `from_minutes` planned."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    title: str
    rater: Literal["supervisor", "student", "faculty"]
    kinds: tuple[Literal["midterm", "final", "debrief"], ...] = Field(min_length=1)
    from_minutes: int = Field(0, ge=0)
    remind_after_days: tuple[int, ...] = ()
    versions: tuple[Version, ...] = Field(alias="version", min_length=1)

    def on(self, day: date) -> Version:
        """The version in force on a day; before the first one, the first."""
        in_force = [v for v in self.versions if v.effective_from <= day]
        return max(in_force or self.versions[:1], key=lambda v: v.effective_from)

    def pinned(self, version: str) -> Version:
        """The version of that name. Raises `LookupError` when the file has lost it."""
        found = next((v for v in self.versions if v.version == version), None)
        if found is None:
            raise LookupError(f"config/evaluations/{self.name}.toml has no version {version}; versions in use must stay in the file")
        return found


def check_instruments(folder: Path) -> list[str]:
    """Every mistake in the instruments of a folder, one sentence each; empty when all can be used."""
    problems: list[str] = []
    served: Counter[tuple[str, str, int]] = Counter()
    for path in sorted(folder.glob("*.toml")):
        found = _read(path)
        if isinstance(found, Instrument):
            served.update((found.rater, kind, found.from_minutes) for kind in found.kinds)
        else:
            problems += found
    problems += [
        f"{folder}: two instruments serve the {kind} by the {rater} from {minutes} minutes on; raise from_minutes of one"
        for (rater, kind, minutes), n in served.items() if n > 1
    ]
    missing = [
        f"{folder}: no instrument with from_minutes = 0 serves the {kind} by the {rater}"
        for rater, kind in (("supervisor", "final"), ("student", "debrief")) if not served[rater, kind, 0]
    ]
    return problems or missing


def _read(path: Path) -> Instrument | list[str]:
    """The instrument of a file, or its mistakes."""
    try:
        instrument = Instrument.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        return [f"{path}: this is not a readable TOML file: {error}"]
    except ValidationError as error:
        return [
            f"{path}: {'.'.join(str(part) for part in item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        ]
    if instrument.name != path.stem:
        return [f'{path}: the name "{instrument.name}" must be that of the file, "{path.stem}"']
    names = [v.version for v in instrument.versions]
    if len(set(names)) < len(names):
        return [f"{path}: two versions share a name; evaluations keep the name of theirs"]
    return instrument


def named(name: str) -> Instrument:
    """The instrument of that name in the campus's configuration. Raises `LookupError`."""
    found = _all().get(name)
    if found is None:
        raise LookupError(f"there is no instrument {name} in config/evaluations")
    return found


def fitting(rater: str, kind: str, planned_minutes: int) -> Instrument:
    """The instrument that serves a rater and kind for a placement of that size. Raises `LookupError`."""
    serving = [i for i in _all().values() if i.rater == rater and kind in i.kinds and i.from_minutes <= planned_minutes]
    if not serving:
        raise LookupError(f"no instrument in config/evaluations serves the {kind} by the {rater}")
    return max(serving, key=lambda i: i.from_minutes)


def _all() -> dict[str, Instrument]:
    folder = db.settings().folder / "evaluations"
    return _load(tuple((path, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.toml"))))


@lru_cache(maxsize=8)
def _load(files: tuple[tuple[Path, int], ...]) -> dict[str, Instrument]:
    """The readable instruments by name; a broken file is reported by `check_instruments` and does not stop the others."""
    found = (_read(path) for path, _ in files)
    return {i.name: i for i in found if isinstance(i, Instrument)}
