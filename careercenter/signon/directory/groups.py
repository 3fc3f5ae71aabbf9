"""The groups of a person: `memberOf`, groups that list their members, groups in groups, Active Directory's primary group.

`asked` puts the questions of one person to the server; `Table` reads every group once and answers for everybody. Both give
the same: for each group its DN as the directory writes it, and its cn. With `groups_base_dn` the cn is given for groups
below it only, since anybody may have made a group of that name elsewhere.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from careercenter.signon.directory.shapes import ACTIVE_DIRECTORY, LOGIN, primary_group_sid
from careercenter.signon.directory.wire import Entry, Unusable, Wire, beneath, common_name, escaped, folded
from careercenter.signon.identity import SignOnUnavailable

CHAIN = "1.2.840.113556.1.4.1941"
"""Active Directory's matching rule that follows groups in groups by itself."""
LEVELS, MOST, BATCH = 10, 1000, 20
MEMBERS = "(|(member={dn})(uniqueMember={dn})(memberUid={username}))"
CLASSES = "(|(objectClass=group)(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))"

Named = dict[str, str]
"""Folded DN -> the DN as it is written."""


class GroupSettings(Protocol):
    @property
    def base_dn(self) -> str: ...
    @property
    def groups_base_dn(self) -> str: ...
    @property
    def group_filter(self) -> str: ...
    @property
    def nested_groups(self) -> bool: ...


def asked(wire: Wire, settings: GroupSettings, entry: Entry, shape: str) -> tuple[str, ...]:
    """The groups of one entry, by a few searches."""
    found = _named(entry.texts("memberOf"))
    if settings.groups_base_dn:
        pattern = filled(settings.group_filter or MEMBERS, dn=entry.dn, username=entry.first(LOGIN[shape]))
        found |= _search(wire, settings.groups_base_dn, pattern)
    primary: Named = {}
    if shape == ACTIVE_DIRECTORY and (sid := primary_group_sid(entry)):
        primary = _search(wire, settings.base_dn, f"(objectSid={escaped(sid)})")
    if settings.nested_groups:
        found |= _nested(wire, settings, entry, found, primary, shape)
    return names(found | primary, settings)


def filled(pattern: str, **given: str) -> str:
    """A filter of the settings with its places filled, escaped. A place without a value matches nothing."""
    def put(place: re.Match[str]) -> str:
        return (escaped(given[place[1]]) or "\\00") if place[1] in given else place[0]

    return re.sub(r"\{([a-z]+)\}", put, pattern)


def names(found: Mapping[str, str], settings: GroupSettings) -> tuple[str, ...]:
    """What rules compare: DNs, and the cn of each group that may be named by it. A cn that looks like a DN is none."""
    short = {
        name for dn in found.values() if beneath(dn, settings.groups_base_dn) and (name := common_name(dn)) and "=" not in name
    }
    return tuple(sorted({*found.values(), *short}))


def closure(start: Named, parents: Callable[[Named], Named]) -> Named:
    """Everything above the groups of `start`, level by level; a group is looked at once, so a circle ends."""
    seen = dict(start)
    level = dict(start)
    for _ in range(LEVELS):
        level = {key: dn for key, dn in parents(level).items() if key not in seen}
        if not level or len(seen) > MOST:
            break
        seen |= level
    return seen


def chain_filter(dn: str) -> str:
    return f"(member:{CHAIN}:={escaped(dn)})"


def _nested(wire: Wire, settings: GroupSettings, entry: Entry, direct: Named, primary: Named, shape: str) -> Named:
    if shape == ACTIVE_DIRECTORY:
        base = settings.groups_base_dn or settings.base_dn
        try:
            found = _search(wire, base, chain_filter(entry.dn))
            if found or not direct:  # a server that knows the rule names the direct groups as well
                for dn in primary.values():
                    found |= _search(wire, base, chain_filter(dn))
                return found
        except Unusable:
            raise
        except SignOnUnavailable:
            pass  # it does not know the rule: follow the groups ourselves
    return closure(direct | primary, lambda level: _parents(wire, settings, level))


def _parents(wire: Wire, settings: GroupSettings, level: Named) -> Named:
    """The groups that hold the groups of one level."""
    dns, found = list(level.values()), Named()
    if settings.groups_base_dn:
        for n in range(0, len(dns), BATCH):
            held = "".join(f"(member={escaped(dn)})(uniqueMember={escaped(dn)})" for dn in dns[n:n + BATCH])
            found |= _search(wire, settings.groups_base_dn, f"(|{held})")
    else:
        for dn in dns:
            group = wire.read(dn, ["memberOf"])
            found |= _named(group.texts("memberOf")) if group else {}
    return found


def _search(wire: Wire, base: str, pattern: str) -> Named:
    return _named(row.dn for row in wire.search(base, pattern, ["1.1"]))


def _named(dns: Iterable[str]) -> Named:
    return {folded(dn): dn for dn in dns}


class Table:
    """Every group at once, for the look at everybody."""

    def __init__(self, wire: Wire, settings: GroupSettings, shape: str):
        self._settings, self._shape = settings, shape
        self._named: Named = {}
        self._above: dict[str, set[str]] = {}
        self._by_login: dict[str, set[str]] = {}
        self._by_sid: dict[bytes, str] = {}
        # Active Directory cuts long lists of members short, and shows every group's own groups instead.
        wanted = ["memberOf", "objectSid"] if shape == ACTIVE_DIRECTORY else ["memberOf", "member", "uniqueMember", "memberUid"]
        for page in wire.pages(settings.groups_base_dn or settings.base_dn, CLASSES, wanted):
            for group in page:
                self._take(group)

    def _take(self, group: Entry) -> None:
        key = folded(group.dn)
        self._named[key] = group.dn
        for dn in group.texts("memberOf"):
            self._named.setdefault(folded(dn), dn)
            self._above.setdefault(key, set()).add(folded(dn))
        if self._settings.groups_base_dn or self._settings.nested_groups:
            for dn in (*group.texts("member"), *group.texts("uniqueMember")):
                self._above.setdefault(folded(dn), set()).add(key)
            for login in group.texts("memberUid"):
                self._by_login.setdefault(login, set()).add(key)
        if sid := group.raw("objectSid"):
            self._by_sid[sid] = key

    def of(self, entry: Entry) -> tuple[str, ...]:
        """The groups of one entry."""
        found = _named(entry.texts("memberOf"))
        if self._settings.groups_base_dn:
            found |= self._all(self._above.get(folded(entry.dn), set()) | self._by_login.get(entry.first(LOGIN[self._shape]), set()))
        if self._shape == ACTIVE_DIRECTORY and (primary := self._by_sid.get(primary_group_sid(entry))):
            found[primary] = self._named[primary]
        if self._settings.nested_groups:
            found = closure(found, lambda level: self._all(key for below in level for key in self._above.get(below, ())))
        return names(found, self._settings)

    def _all(self, keys: Iterable[str]) -> Named:
        return {key: self._named[key] for key in keys}
