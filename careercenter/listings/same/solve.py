"""Which listings belong together, worked out from all that is known of some: pure, and the same in whatever order they came.

First staff's word, then what is surely the same (equal text, one requisition, one apply address), then likely pairs: the best
first, each listing with at most one of another platform. A group never brings together what staff have parted, and a likely
pair never brings two listings of one platform together.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from rapidfuzz import fuzz

from careercenter.listings.same.model import APART, LINKED, OUTRANKED, SAME, SUGGESTED
from careercenter.listings.same.profile import Facts, Profile
from careercenter.listings.same.score import LEAST_LIKENESS, differences
from careercenter.listings.same.words import company_likeness

LEAST_ALIKE = 55.0
"""One number under titles less alike than this is put to staff and not believed."""
MOST_TITLES = 100
"""A number or address under more different titles than this names no single work (a talent pool, a general page)."""
FEW_TITLES = 4
"""Staff are asked about at most so many titles under one number."""
Key = tuple[int, int]
"""Two listing ids, the smaller first."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two listings that were put side by side; see `model.WorkPair`."""

    a: int
    b: int
    score: float
    decision: str | None = None

    @property
    def key(self) -> Key:
        return self.a, self.b


@dataclass(frozen=True, slots=True)
class Join:
    """Why two listings came together: decision, twin, requisition, address, alike."""

    a: int
    b: int
    by: str
    score: float = 1.0


@dataclass
class Solution:
    """Every listing is in one of `groups`. `states` are those of the given pairs; `doubts` are pairs that share a number or
    address but not their titles, with the ground: they are put to staff."""

    groups: list[list[int]] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)
    states: dict[Key, str] = field(default_factory=dict)
    doubts: dict[Key, str] = field(default_factory=dict)


class _Groups:
    """Growing groups of listings that know who was parted from whom."""

    def __init__(self, profiles: Mapping[int, Profile], parted: Iterable[Key]):
        self.of: dict[int, list[int]] = {i: [i] for i in profiles}
        self.parted: dict[int, set[int]] = defaultdict(set)
        self.joins: list[Join] = []
        for a, b in parted:
            self.parted[a].add(b)
            self.parted[b].add(a)

    def every(self) -> list[list[int]]:
        return list({id(members): members for members in self.of.values()}.values())

    def forbidden(self, a: int, b: int) -> bool:
        one, other = sorted((self.of[a], self.of[b]), key=len)
        return any(not self.parted[i].isdisjoint(other) for i in one if i in self.parted)

    def join(self, a: int, b: int, by: str, score: float = 1.0) -> bool:
        """Bring two groups together; False when somebody parted two of their listings."""
        if self.of[a] is self.of[b]:
            return True
        if self.forbidden(a, b):
            return False
        one, other = sorted((self.of[a], self.of[b]), key=len, reverse=True)
        one += other
        for listing_id in other:
            self.of[listing_id] = one
        self.joins.append(Join(a, b, by, score))
        return True


def solve(profiles: Mapping[int, Profile], pairs: Collection[Pair], *, link_at: float, ask_at: float) -> Solution:
    """Group listings that nothing outside `profiles` is connected with. `pairs` hold every pair scored or decided on."""
    groups = _Groups(profiles, [p.key for p in pairs if p.decision == APART])
    found = Solution()
    names = {i: p.name for i, p in profiles.items()}
    for pair in sorted((p for p in pairs if p.decision == SAME), key=lambda p: _order(p.key, names)):
        groups.join(pair.a, pair.b, "decision")
    for ground in ("twin", "requisition", "address"):
        _surely(ground, profiles, groups, found)
    _likely(profiles, pairs, groups, found, link_at, ask_at)
    for pair in pairs:
        if groups.of[pair.a] is groups.of[pair.b]:
            found.states[pair.key] = LINKED
    found.doubts = {k: v for k, v in found.doubts.items() if groups.of[k[0]] is not groups.of[k[1]]}
    found.groups = groups.every()
    found.joins = groups.joins
    return found


def _order(key: Key, names: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(sorted((names[key[0]], names[key[1]])))


def _surely(ground: str, profiles: Mapping[int, Profile], groups: _Groups, found: Solution) -> None:
    """Join the listings that share a key. Where titles differ too much for one work, staff are asked."""
    sharing: dict[str, list[Profile]] = defaultdict(list)
    for profile in sorted(profiles.values(), key=lambda p: p.name):
        if key := getattr(profile, ground):
            sharing[key].append(profile)
    for members in sharing.values():
        kinds: dict[tuple[str, tuple[str, ...]], Profile] = {}
        for profile in members:
            first = kinds.setdefault((profile.facts.company, profile.facts.words), profile)
            if first is not profile:
                groups.join(first.listing_id, profile.listing_id, ground)
        if len(kinds) > MOST_TITLES:
            continue
        for one, other in combinations(kinds.values(), 2):
            if believed(ground, one.facts, other.facts):
                groups.join(one.listing_id, other.listing_id, ground)
            elif len(kinds) <= FEW_TITLES and (one.facts.lifted or ground == "requisition"):
                a, b = sorted((one.listing_id, other.listing_id))
                found.doubts[a, b] = ground


def believed(ground: str, a: Facts, b: Facts) -> bool:
    """Whether a shared key may be believed for two listings that are written differently."""
    if ground == "twin":
        return True
    if company_likeness(a.company, b.company) < LEAST_LIKENESS:
        return False
    if ground == "address" and not a.lifted:
        return set(a.words) == set(b.words)
    return not a.words or not b.words or fuzz.token_set_ratio(a.text, b.text) >= LEAST_ALIKE


def _likely(
    profiles: Mapping[int, Profile], pairs: Collection[Pair], groups: _Groups, found: Solution, link_at: float, ask_at: float
) -> None:
    """One-to-one for each two platforms: the best pair first, and what it outranks is not asked about."""
    names = {i: p.name for i, p in profiles.items()}
    platform = {i: p.platform for i, p in profiles.items()}
    taken: set[tuple[int, str]] = set()
    for members in groups.every():
        shown = Counter(platform[i] for i in members)
        taken.update((i, other) for i in members for other, n in shown.items() if n > (other == platform[i]))
    open_pairs = [p for p in pairs if p.decision is None and p.score >= ask_at]
    for pair in sorted(open_pairs, key=lambda p: (-p.score, _order(p.key, names))):
        a, b = pair.key
        wanted = {(a, platform[b]), (b, platform[a])}
        if groups.of[a] is groups.of[b]:
            continue
        if platform[a] == platform[b] or not taken.isdisjoint(wanted) or groups.forbidden(a, b):
            found.states[pair.key] = OUTRANKED
            continue
        taken |= wanted
        free = _platforms(groups.of[a], platform).isdisjoint(_platforms(groups.of[b], platform))
        sure = pair.score >= link_at and free and not differences(profiles[a].facts, profiles[b].facts)
        if not sure or not groups.join(a, b, "alike", pair.score):
            found.states[pair.key] = SUGGESTED


def _platforms(members: Sequence[int], platform: Mapping[int, str]) -> set[str]:
    return {platform[i] for i in members}
