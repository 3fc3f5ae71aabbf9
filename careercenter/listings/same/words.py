"""Titles, employers and places as two listings are compared by them: the same thing said in other words becomes the same.

Pure functions of text. What is not understood stays as it was written; nothing is guessed.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from rapidfuzz import fuzz

from careercenter.platforms.words.places import ALSO_CITIES, COUNTRIES, STATE_BY_NAME, STATES

Place = tuple[str, str, str]
"""City, state or region, country; "" where it is not known."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


LEGAL = _set(
    "inc incorporated llc llp lp ltd limited plc corp corporation co company gmbh ag sa sas se bv nv oy ab pty pte srl spa kg "
    "ohg holdings holding the"
)
COMMON = _set(
    "and of for a an at group technologies technology tech systems solutions services service partners consulting global "
    "international national american america us usa north south east west new university college health healthcare medical "
    "bank financial capital labs lab studio studios media energy center centre hospital school county city state department "
    "research institute industries enterprises software digital data"
)
ROLE = _set("intern interns internship internships coop coops co op trainee traineeship placement student students")
SEASONS = {"summer": "summer", "fall": "fall", "autumn": "fall", "spring": "spring", "winter": "winter"}
DEGREES = {
    "undergraduate": ("bachelor",), "undergrad": ("bachelor",), "bachelor": ("bachelor",), "bachelors": ("bachelor",),
    "bs": ("bachelor",), "ba": ("bachelor",), "bsc": ("bachelor",), "master": ("master",), "masters": ("master",), "ms": ("master",),
    "msc": ("master",), "meng": ("master",), "mba": ("mba",), "phd": ("phd",), "doctoral": ("phd",), "doctorate": ("phd",),
    "graduate": ("master", "phd"), "grad": ("master", "phd"),
}
PLAIN = _set(
    "the a an and of for in at to with or on our program programme opportunity position role job opening remote hybrid onsite "
    "virtual us usa united states full part time paid"
)
ALIKE = {
    "swe": "software engineer", "sde": "software engineer", "sw": "software", "engineering": "engineer", "engineers": "engineer",
    "eng": "engineer", "engr": "engineer", "developer": "develop", "development": "develop", "dev": "develop", "mktg": "marketing",
    "ml": "machine learning", "ai": "artificial intelligence", "hr": "human resources", "pm": "product manage",
    "management": "manage", "manager": "manage", "mgmt": "manage", "ops": "operations", "qa": "quality assurance",
    "ux": "user experience", "ui": "user interface", "it": "information technology", "bizdev": "business develop",
    "analytics": "analyst", "analysis": "analyst", "analysts": "analyst", "sciences": "science", "scientist": "science",
    "acct": "account", "accounting": "account", "accountant": "account", "designer": "design", "admin": "administration",
    "comms": "communications", "communication": "communications", "finance": "financial",
}
CITIES = {
    "nyc": "new york", "new york city": "new york", "manhattan": "new york", "sf": "san francisco", "la": "los angeles",
    "washington dc": "washington", "washington d c": "washington", "philly": "philadelphia",
}
NOWHERE = frozenset({"remote", "anywhere", "multiple locations", "various", "various locations"})
_WORD = re.compile(r"[a-z0-9+#]+")
_YEAR = re.compile(r"^20[2-4]\d$")
_SHORT_YEAR = re.compile(r"['’](2\d)\b")


class Title(NamedTuple):
    """`words` are those that tell the work itself, sorted; the rest is what else a title says of it. `trains`: it calls itself
    an internship, a co-op or the like."""

    words: tuple[str, ...]
    seasons: tuple[str, ...]
    years: tuple[str, ...]
    degrees: tuple[str, ...]
    trains: bool = False


def plain(text: str) -> str:
    """Case-folded, without accents; a hyphenated or dotted short form becomes one word ("co-op", "Ph.D.", "L.L.C.")."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = text.casefold()
    if "." in text:
        text = re.sub(r"\b((?:[a-z]{1,2}\.)+[a-z]{1,2})\b\.?", lambda found: found[1].replace(".", ""), text)
    return text.replace("co-op", "coop").replace("'s", "s").replace("’s", "s")


@lru_cache(maxsize=4096)
def company(name: str) -> str:
    """An employer's name without its legal form: "Alder & Finch, Inc." → "alder finch"."""
    words = _WORD.findall(plain(name))
    kept = [word for word in words if word not in LEGAL and word != "and"]
    return " ".join(kept or words)[:120]


def company_tokens(name: str) -> set[str]:
    """What a normal employer's name can be found by: its own words, and the whole written as one."""
    words = name.split()
    found = {word for word in words if word not in COMMON and len(word) > 1}
    return {token[:60] for token in found | {"".join(words), "".join(words[:2])} if token}


@lru_cache(maxsize=16384)
def company_likeness(a: str, b: str) -> float:
    """How alike two normal names are, 0 to 100: by their words in any order, written as one, or as initials."""
    if a == b:
        return 100.0
    joined = fuzz.ratio(a.replace(" ", ""), b.replace(" ", ""))
    for short, long in ((a, b), (b, a)):
        if long.count(" ") > 1 and short.replace(" ", "") == "".join(word[0] for word in long.split()):
            return 90.0
    return max(fuzz.token_sort_ratio(a, b), joined, 0.9 * fuzz.token_set_ratio(a, b))


def title(text: str, places: Iterable[Place] = ()) -> Title:
    """What a title says. The names of the listing's own places are no part of the work."""
    folded = plain(text)
    years = {"20" + short for short in _SHORT_YEAR.findall(folded)}
    local = {word for city, region, _ in places for word in (*city.split(), region) if word}
    words: set[str] = set()
    seasons: set[str] = set()
    degrees: set[str] = set()
    trains = False
    for word in _WORD.findall(_SHORT_YEAR.sub(" ", folded)):
        if word in SEASONS:
            seasons.add(SEASONS[word])
        elif _YEAR.match(word):
            years.add(word)
        elif word in DEGREES:
            degrees.update(DEGREES[word])
        elif word in ROLE:
            trains = True
        elif word not in PLAIN and word not in local:
            words.update(ALIKE.get(word, word).split())
    return Title(tuple(sorted(words)), tuple(sorted(seasons)), tuple(sorted(years)), tuple(sorted(degrees)), trains)


def places(found: Iterable[Mapping[str, Any]]) -> tuple[Place, ...]:
    """Places of a draft (`raw`, `city`, `region`, `country`) in one form, sorted; what names no place is left out."""
    known = {_place(str(p.get("raw") or ""), p.get("city"), p.get("region"), p.get("country")) for p in found}
    return tuple(sorted(p for p in known if any(p)))


def _place(raw: str, city: str | None, region: str | None, country: str | None) -> Place:
    """The parts where the platform gave them, else what its words say."""
    if city or region or country:
        name, state, land = city or "", region or "", country or ""
    else:
        name, state, land = _read_place([part.strip() for part in re.split(r"[,()–—]|\s-\s", raw) if part.strip()])
    name = " ".join(_WORD.findall(plain(name)))
    return "" if name in NOWHERE else CITIES.get(name, name), (_region(state) or state).casefold(), land.upper()


def _read_place(parts: list[str]) -> Place:
    """ "Austin, Texas, United States": the first part is the city, unless it is a state or a country by itself."""
    name, state, land = parts[0] if parts else "", "", ""
    for part in parts[1:]:
        state, land = state or _region(part), land or COUNTRIES.get(part.casefold(), "")
    if not state and not land and (country := COUNTRIES.get(name.casefold())):
        return "", "", country
    if not state and name.casefold() not in ALSO_CITIES and (code := STATE_BY_NAME.get(name.casefold())):
        return "", code, land
    return name, state, land


def _region(text: str) -> str:
    """A US state's code; "" for what is none."""
    text = re.sub(r"\s+\d{5}$", "", text.strip())
    return text.upper() if text.upper() in STATES else STATE_BY_NAME.get(text.casefold(), "")


def meet(a: Iterable[Place], b: Iterable[Place]) -> bool | None:
    """Whether two lists name a place in common, where a state holds its cities; None when either names none."""
    a, b = tuple(a), tuple(b)
    if not a or not b:
        return None
    return any(all(not x or not y or x == y for x, y in zip(one, other, strict=True)) for one in a for other in b)
