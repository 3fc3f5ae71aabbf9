"""How far an installed plugin has come on the ladder of the conformance kit: data beside its manifest, read without
running the kit or loading the plugin. `careercenter platforms check NAME --write` writes it.
"""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from careercenter.platforms import registry

FILE = "conformance.json"
RUNGS = {"bronze": range(1, 10), "silver": range(10, 19), "gold": range(19, 25)}
READ = 4  # two reads: where that could not be tried, nothing was shown
LIVE_DAYS = timedelta(days=90)


@dataclass(frozen=True)
class Standing:
    """The last examination: of which version, which checks found something and what, which had nothing to look at and why.

    `live_on`: the day of the last recording from the living platform, if there was one.
    """

    version: str
    failed: dict[int, tuple[str, ...]]
    not_here: dict[int, str]
    live_on: date | None
    recorded: bool
    """False: examined by the shape that the vendor documents, since nobody holds a recording."""

    def rung(self, today: date) -> str | None:
        """bronze, silver or gold; None below, or where nothing could be read.

        Each rung needs those under it, gold also a live recording of the last 90 days.
        """
        reached = None
        if READ in self.not_here:
            return None
        for name, checks in RUNGS.items():
            if any(n in self.failed for n in checks) or (name == "gold" and not self._live(today)):
                break
            reached = name
        return reached

    def lacks(self, today: date) -> tuple[str, ...]:
        """What keeps it from the next rung, in sentences; nothing at gold."""
        if READ in self.not_here:
            return (self.not_here[READ],)
        for name, checks in RUNGS.items():
            found = tuple(sentence for n in checks for sentence in self.failed.get(n, ()))
            if not found and name == "gold" and not self._live(today):
                found = ("It was not recorded from the living platform within the last 90 days.",)
            if found:
                return found
        return ()

    def _live(self, today: date) -> bool:
        return self.live_on is not None and timedelta() <= today - self.live_on <= LIVE_DAYS


def standing(name: str) -> Standing | None:
    """Of the installed plugin of this name; None when it was never examined. Compare `version` with the installed one."""
    path = file_of(name)
    try:
        return read(json.loads(path.read_text("utf-8"))) if path else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def file_of(name: str) -> Path | None:
    """Where the standing of an installed plugin is kept; its package is looked for and not loaded."""
    entry = registry.installed().get(name)
    try:
        found = find_spec(entry.value.partition(":")[0].partition(".")[0]) if entry else None
    except (ImportError, ValueError):
        return None
    folders = list(found.submodule_search_locations or ()) if found else []
    return Path(folders[0]) / FILE if folders else None


def read(kept: dict[str, Any]) -> Standing:
    """A standing from its JSON form. Raises KeyError, TypeError or ValueError."""
    return Standing(
        kept["version"], {int(n): tuple(found) for n, found in kept["failed"].items()},
        {int(n): str(why) for n, why in kept["not_here"].items()}, date.fromisoformat(kept["live_on"]) if kept["live_on"] else None,
        bool(kept["recorded"]),
    )


def written(standing: Standing) -> str:
    """Its JSON form."""
    return json.dumps({
        "version": standing.version, "failed": {str(n): list(found) for n, found in standing.failed.items()},
        "not_here": {str(n): why for n, why in standing.not_here.items()},
        "live_on": standing.live_on.isoformat() if standing.live_on else None, "recorded": standing.recorded,
    }, indent=1, ensure_ascii=False) + "\n"
