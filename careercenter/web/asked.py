"""What somebody asks of the search page: words, filters and order, read from an address and written into one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote_plus, urlencode

from careercenter.listings.browse import SORTS, Filters

FACETS = (
    ("kind", "Kind"), ("hours", "Hours"), ("pay", "Pay"), ("deadline", "Deadline"), ("workplace", "Where"), ("city", "Place"),
    ("skill", "Skill"), ("platform", "Source"),
)
_ORDER = ("q", *(name for name, _ in FACETS), "place", "sort")


@dataclass(frozen=True)
class Asked:
    """`sort` is empty for the usual order: the best match where there are words, else the newest."""

    q: str = ""
    filters: Filters = field(default_factory=Filters)
    sort: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Asked":
        """From the values of an address or a form. Unknown values find nothing and can be taken back by their chip."""
        chosen: dict[str, Any] = {
            name: tuple(dict.fromkeys(v[:120] for v in _all(given, name)[:12] if v)) for name, _ in FACETS
        }
        sort = _first(given, "sort")
        filters = Filters(**chosen, place=_first(given, "place").strip()[:100])
        return cls(_first(given, "q").strip()[:200], filters, sort if sort in SORTS else "")

    @property
    def order(self) -> str:
        """The order that the page is in."""
        usual = "best" if self.q else "newest"
        return usual if self.sort == "best" and not self.q else self.sort or usual

    @property
    def pairs(self) -> list[tuple[str, str]]:
        pairs = [("q", self.q)] if self.q else []
        pairs += [(name, value) for name, _ in FACETS for value in getattr(self.filters, name)]
        pairs += [("place", self.filters.place)] if self.filters.place else []
        return pairs + ([("sort", self.sort)] if self.sort else [])

    @property
    def query(self) -> str:
        return urlencode(self.pairs)

    @property
    def address(self) -> str:
        return "/listings" + (f"?{self.query}" if self.pairs else "")

    def page(self, after: str) -> str:
        """The address of the page after a cursor."""
        return "/listings?" + urlencode([*self.pairs, ("after", after)])

    def adding(self, name: str) -> Callable[[str], str]:
        """The address with one more choice of a facet, as a function of that choice: a page writes dozens."""
        pairs, at = self.pairs, _ORDER.index(name)
        before = urlencode([pair for pair in pairs if _ORDER.index(pair[0]) <= at])
        after = urlencode([pair for pair in pairs if _ORDER.index(pair[0]) > at])
        head, tail = f"/listings?{before}{'&' if before else ''}{name}=", f"&{after}" if after else ""
        return lambda value: f"{head}{quote_plus(value)}{tail}"

    def but(self, **other: Any) -> "Asked":
        return replace(self, **other)

    def without(self, name: str, value: str) -> "Asked":
        """The same with one choice taken back; "q" stands for the words."""
        return self.but(q="") if name == "q" else self.but(filters=self.filters.without(name, value))


def _all(given: Mapping[str, Any], name: str) -> Sequence[str]:
    """Every value of a name, from Flask's fields or from a parsed query string."""
    found = given.getlist(name) if hasattr(given, "getlist") else given.get(name, [])
    return [str(value) for value in found]


def _first(given: Mapping[str, Any], name: str) -> str:
    return next(iter(_all(given, name)), "").replace("\x00", "")
