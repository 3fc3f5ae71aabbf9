"""Reads one line of text that may hold several places, a way of working, or both.

Nothing is guessed. "Remote, Oregon" is a town, a named city does not prove that work is on site, and a list
that mixes cities with "Remote" leaves the workplace unknown.
"""

import re
from functools import lru_cache

from careercenter.platforms.draft import Place, Workplace

STATES = dict(
    entry.split(" ", 1)
    for entry in (  # noqa: SIM905 - fifty quoted lines would say no more
        "AL Alabama,AK Alaska,AZ Arizona,AR Arkansas,CA California,CO Colorado,CT Connecticut,DE Delaware,"
        "DC District of Columbia,FL Florida,GA Georgia,HI Hawaii,ID Idaho,IL Illinois,IN Indiana,IA Iowa,"
        "KS Kansas,KY Kentucky,LA Louisiana,ME Maine,MD Maryland,MA Massachusetts,MI Michigan,MN Minnesota,"
        "MS Mississippi,MO Missouri,MT Montana,NE Nebraska,NV Nevada,NH New Hampshire,NJ New Jersey,"
        "NM New Mexico,NY New York,NC North Carolina,ND North Dakota,OH Ohio,OK Oklahoma,OR Oregon,"
        "PA Pennsylvania,PR Puerto Rico,RI Rhode Island,SC South Carolina,SD South Dakota,TN Tennessee,"
        "TX Texas,UT Utah,VT Vermont,VA Virginia,WA Washington,WV West Virginia,WI Wisconsin,WY Wyoming"
    ).split(",")
)
# "Georgia" written out is a state and a country, so alone it decides nothing.
STATE_BY_NAME = {name.casefold(): code for code, name in STATES.items() if name != "Georgia"}
ALSO_CITIES = frozenset({"new york", "washington"})
COUNTRIES = {
    name: code
    for code, names in {
        "US": ["us", "usa", "u.s.", "u.s.a.", "united states", "united states of america"],
        "GB": ["uk", "united kingdom"],
        "IE": ["ireland"],
        "CA": ["canada"],
        "MX": ["mexico"],
        "DE": ["germany"],
        "FR": ["france"],
        "ES": ["spain"],
        "NL": ["netherlands"],
        "IN": ["india"],
        "JP": ["japan"],
        "SG": ["singapore"],
        "AU": ["australia"],
        "BR": ["brazil"],
        "IL": ["israel"],
        "PL": ["poland"],
        "SE": ["sweden"],
        "CH": ["switzerland"],
    }.items()
    for name in names
}
WORKPLACES = {
    "remote": Workplace.REMOTE, "fullyremote": Workplace.REMOTE, "hybrid": Workplace.HYBRID, "onsite": Workplace.ONSITE,
    "inoffice": Workplace.ONSITE, "inperson": Workplace.ONSITE,
}

# "/" counts only with space around it: "Raleigh/Durham, NC" is one region. "OR" after a comma is Oregon.
_SEPARATOR = re.compile(r"\s*[;|\n]\s*|\s+/\s+|\s+or\s+|(?<!,)\s+OR\s+")
_REMOTE = re.compile(
    r"^(?:fully |100% )?remote(?:\s*[-–—:,]\s*(?P<a>.+)|\s*\((?P<b>.+)\)|\s+(?:in|within)\s+(?P<c>.+))?$"
    r"|^(?P<d>[A-Za-z. ]+?)\s*(?:[-–—]\s*)?\(?remote\)?$",
    re.IGNORECASE,
)
_MARK = re.compile(
    r"[\s,–—-]*[(\[]\s*(remote|hybrid|on-?\s?site|in[ -]office|in[ -]person)\s*[)\]]\s*$", re.IGNORECASE
)
_LEADING = re.compile(r"^(hybrid|on-?site|in[ -]office|in[ -]person)\s*[-–—:,]\s*", re.IGNORECASE)
_ALONE = re.compile(r"^(hybrid|on-?site|in[ -]office|in[ -]person)$", re.IGNORECASE)
_TOWN = re.compile(r"^remote,\s*(or|oregon)(,\s*(us|usa|united states))?$", re.IGNORECASE)


@lru_cache(maxsize=4096)
def read_location(text: str) -> tuple[tuple[Place, ...], Workplace]:
    """Places in the order given, without repetition, and the workplace if the text settles it."""
    places: list[Place] = []
    ways: set[Workplace] = set()
    for part in _SEPARATOR.split(text):
        if not part.strip(" ,"):
            continue
        place, way = _read_part(part.strip(" ,"))
        ways.add(way)
        if place and place not in places:
            places.append(place)
    return tuple(places), ways.pop() if len(ways) == 1 else Workplace.UNKNOWN


def workplace_of(word: str) -> Workplace:
    """A platform's word for the way of working; UNKNOWN for words that we do not know."""
    key = "".join(word.replace("-", "").replace("_", "").split()).casefold()
    return WORKPLACES.get(key, Workplace.UNKNOWN)


def _read_part(part: str) -> tuple[Place | None, Workplace]:
    if _TOWN.match(part):
        return Place(part, "Remote", "OR", "US"), Workplace.UNKNOWN
    if _ALONE.match(part):
        return None, workplace_of(part)
    if mark := _MARK.search(part):
        return place_of(part[: mark.start()]), workplace_of(mark[1])
    if lead := _LEADING.match(part):
        return place_of(part[lead.end() :]), workplace_of(lead[1])
    if remote := _REMOTE.match(part):
        region = next((g for g in remote.groups() if g), None)
        return (place_of(region.strip()) if region else None), Workplace.REMOTE
    return place_of(part), Workplace.UNKNOWN


def place_of(text: str) -> Place:
    """One place; its parts are filled only when the last words are a US state or a country that we know."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        return Place(text)
    country = COUNTRIES.get(words[-1].casefold())
    if country and len(words) > 1 and country != "US":
        return Place(text, words[0], words[1] if len(words) > 2 else None, country)
    if country:
        words = words[:-1]
    state = _state(words[-1], within_us=country == "US") if words else None
    if state and len(words) == 1 and words[0].casefold() in ALSO_CITIES:
        return Place(text, country=country)
    if state:
        return Place(text, words[0] if len(words) > 1 else None, state, "US")
    if country:
        return Place(text, words[0] if len(words) == 1 else None, None, country)
    return Place(text)


def _state(word: str, within_us: bool) -> str | None:
    if word.upper() in STATES and (word.isupper() or within_us):
        return word.upper()
    if within_us and word.casefold() == "georgia":
        return "GA"
    return STATE_BY_NAME.get(word.casefold())
