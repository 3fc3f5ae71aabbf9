"""Listings under one title of one employer and platform, and which of them another listing is compared with.

Where there are very many, as of a shop that looks for a "Store Intern" in a thousand towns, the title does not tell which work
each one is, and to compare all with all would take hours. So a listing is compared with those of a crowd that have a place in
common with it, or may have; and one that is of a crowd itself with few of them, those posted nearest to its own day. Who that is
depends on what there is alone: whoever comes into a crowd, changes or leaves it has all of the crowd compared again.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from typing import Any

from careercenter.listings.same.profile import Profile
from careercenter.listings.same.words import meet

CROWD = 20
"""More listings than this are a crowd; two crowds are compared so many at a time."""


Label = tuple[Any, ...]
"""Platform, employer and what a title says."""


def label(one: Profile) -> Label:
    facts = one.facts
    return one.platform, facts.company, facts.words, facts.seasons, facts.years, facts.degrees


class Titled:
    """The listings with one label."""

    def __init__(self, label: Label, members: Iterable[Profile]):
        self.label = label
        self.members = list(members)
        self.text = self.members[0].facts.text
        self.crowded = len(self.members) > CROWD

    @cached_property
    def numbers(self) -> set[str]:
        return {n for word in self.members[0].facts.words if len(n := word.strip("#")) > 2 and n.isdigit()}

    @cached_property
    def by_city(self) -> dict[str | None, list[tuple[int, int, Profile]]]:
        """The members that name a city, or none (""), or all (None), each after its day and its number among those of that day."""
        found: dict[str | None, list[tuple[int, int, Profile]]] = defaultdict(list)
        numbers: Counter[tuple[str | None, int]] = Counter()
        for one in sorted(self.members, key=lambda p: (p.facts.posted or 0, p.name)):
            day = one.facts.posted or 0
            for city in (*_cities(one), None):
                found[city].append((day, numbers[city, day], one))
                numbers[city, day] += 1
        return found

    @cached_property
    def turns(self) -> dict[tuple[int, str | None], tuple[int, int]]:
        """The day and number of a member, by its id and the city."""
        return {(one.listing_id, city): (day, n) for city, there in self.by_city.items() for day, n, one in there}

    def near(self, one: Profile, own: "Titled") -> Collection[Profile]:
        """The members that a listing of another platform, one of `own`, is compared with."""
        if not (self.crowded or own.crowded):
            return self.members
        found: dict[int, Profile] = {}
        cities = _cities(one)
        for city in (None,) if "" in cities else (*cities, ""):
            there = self.by_city.get(city, [])
            if self.crowded and own.crowded and len(there) > CROWD:
                at = bisect_left(there, own.turns[one.listing_id, city or None])
                start = min(max(0, at - CROWD // 2), len(there) - CROWD)
                there = there[start : start + CROWD]
            found.update((other.listing_id, other) for _, _, other in there)
        return [other for other in found.values() if meet(one.facts.places, other.facts.places) is not False]


def comparable(own: Titled, others: Titled) -> bool:
    """A "Store 1042 Intern" is never that of store 1043."""
    return not own.numbers or not others.numbers or not own.numbers.isdisjoint(others.numbers)


def _cities(one: Profile) -> set[str]:
    """The cities that a listing names; "" among them where a place may be anywhere in a state, or no place is known."""
    return {city for city, _, _ in one.facts.places} or {""}


def pairs(asking: Iterable[Profile], own: Titled, others: Titled) -> Iterator[tuple[Profile, Profile]]:
    """Every two to compare: of some of `own`, all where that is a crowd, and of `others`. A pair may come twice."""
    for one in asking:
        for other in others.near(one, own):
            yield one, other
    if own.crowded and others.crowded:
        for other in others.members:
            for one in own.near(other, others):
                yield one, other
