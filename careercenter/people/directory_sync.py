"""The nightly look at everybody in the directory: roles follow, and who left loses theirs and is signed out.

A person is *known to the directory* once an entry was matched to them: by the directory's own key, or the first time by
campus number, never by e-mail. What follows for somebody who is known:

- present: names and address are refreshed; roles of source "directory" become what the rules say of the entry's attributes.
  A role of source "signon" goes as well when the directory does not give it now and either gave it before, or gives roles by
  every attribute that this role's rules look at. So an entitlement that only the identity provider knows is left alone.
- gone from the directory, or its account closed: every role from sign-on and directory goes. Records and roles that staff
  gave stay; staff end those.
- another campus number on either side, or several entries for one number: nothing changes; staff are told.

Whoever loses a role is signed out everywhere at once. Who proved themselves while the directory was being read keeps what they
proved. When more than a share of those who hold roles would lose one, nothing is taken away: the list is held until a person
confirms it, and what is confirmed is a ceiling for the next look, not an order. What the directory adds is applied at once.
A reading that breaks off, or shows nobody, changes nothing.

`run` opens its own transactions, since it spans the network.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from sqlalchemy import func, select

from careercenter import audit, db
from careercenter.people import directory_hold, sessions
from careercenter.people.directory_hold import Loss
from careercenter.people.model import Person, PersonIdentity, RoleGrant
from careercenter.people.recognise import Terms, first, holding, refresh, set_roles
from careercenter.people.sessions import LoginSession
from careercenter.signon.attributes import Grant, Rule, matched, roles_for
from careercenter.signon.directory import PROVIDER, Seen
from careercenter.signon.identity import Identity, SignOnUnavailable

BATCH = 50
SOURCES = ("directory", "signon")
Key = tuple[str, str, str]
"""role, scope, term"""
Progress = Callable[..., None]


@dataclass(frozen=True)
class Known:
    """A person as stored: what each source gives, the directory keys they are known by, and whether they are signed in."""

    id: int
    campus_id: str
    names: tuple[str, str, str]
    keys: frozenset[tuple[str, str]]
    held: Mapping[str, frozenset[Key]]
    signed_in: bool = False


@dataclass(frozen=True)
class Change:
    """What a look at the directory means for one person. `why`: "present", "gone" or "closed".

    `grants` are the roles of source "directory" from now on, `withdrawn` those of source "signon" that go.
    """

    person: Known
    why: str
    entry: Identity | None
    grants: tuple[Grant, ...] = ()
    withdrawn: frozenset[Key] = frozenset()

    @property
    def wanted(self) -> frozenset[Key]:
        return frozenset(_key(grant) for grant in self.grants)

    @property
    def gained(self) -> frozenset[Key]:
        return self.wanted - self.person.held.get("directory", frozenset())

    @property
    def taken(self) -> frozenset[tuple[str, Key]]:
        """Grants that go, as (source, key)."""
        given = {("directory", key) for key in self.person.held.get("directory", frozenset()) - self.wanted}
        return frozenset(given | {("signon", key) for key in self.withdrawn})

    @property
    def lost(self) -> frozenset[Key]:
        """Roles that the person would not hold any more, from whatever source."""
        before = frozenset().union(*self.person.held.values())
        left = {key for source, keys in self.person.held.items() for key in keys if (source, key) not in self.taken}
        return before - left - self.wanted

    @property
    def matters(self) -> bool:
        """Whether there is anything to write."""
        if self.gained or self.taken or (self.why != "present" and self.person.signed_in):
            return True
        if self.entry is None:
            return False
        names = any(value and value != had for value, had in zip(_names(self.entry), self.person.names, strict=True))
        return (self.entry.subject_kind, self.entry.subject) not in self.person.keys or (names and self.why == "present")


@dataclass
class Plan:
    """The changes of one look. `doubtful`: how many people could not be matched with certainty."""

    seen: int
    changes: list[Change] = field(default_factory=list)
    doubtful: int = 0

    @property
    def holders(self) -> int:
        return sum(any(c.person.held.get(source) for source in SOURCES) for c in self.changes)

    @property
    def losers(self) -> list[Change]:
        return [c for c in self.changes if c.lost]


@dataclass(frozen=True)
class Report:
    """How a look went. With `held`, so many people would lose a role and none does before somebody confirms."""

    seen: int
    known: int
    gained: int
    lost: int
    held: int
    doubtful: int
    losers: tuple[Loss, ...] = ()

    @property
    def sentence(self) -> str:
        said = f"{self.seen} entries read, {self.known} known people; {self.gained} gained a role, {self.lost} lost one"
        if self.doubtful:
            said += f", {self.doubtful} could not be matched with certainty"
        if self.held:
            said += f". {self.held} would lose a role, which is more than usual: nothing is taken away until somebody confirms it"
        return said + "."


def run(
    everybody: Callable[[], Iterable[Seen]], rules: Sequence[Rule], terms: Terms, share: float, now: Callable[[], datetime],
    *, dry_run: bool = False, progress: Progress = lambda *_, **__: None,
) -> Report:
    """One look. `share` is the part of those who hold roles that may lose one without being asked about.

    Raises `db.Refused` when the directory shows nobody or its reading breaks off; nothing is changed then.
    """
    started = now()
    entries = _read(everybody, progress)
    made = plan(entries, rules, terms, _known(), started)
    hold = directory_hold.current()
    allowed = hold.ceiling if hold and hold.confirmed_at else frozenset()
    asked = [c for c in made.losers if not _within(c, allowed)]
    held = {c.person.id for c in asked} if len(asked) > share * made.holders else set()
    report = Report(
        made.seen, len(made.changes), sum(bool(c.gained) for c in made.changes), len(made.losers) - len(held), len(held), made.doubtful,
        tuple(_loss(c) for c in made.losers),
    )
    if not dry_run:
        _apply(made, held, terms, started, now, progress)
        _note(report, made, held, hold.id if hold and allowed else None, now())
    return report


def _read(everybody: Callable[[], Iterable[Seen]], progress: Progress) -> list[Seen]:
    entries = []
    try:
        for entry in everybody():
            entries.append(entry)
            if len(entries) % 500 == 0:
                progress(len(entries), message="read")
    except SignOnUnavailable as error:
        raise db.Refused(f"The directory could not be read to its end, so nothing was changed: {error.detail}.") from None
    if not entries:
        raise db.Refused("The directory showed nobody, so nothing was changed. Check base_dn, people_filter and the account's rights.")
    return entries


def _within(change: Change, allowed: frozenset[tuple[int, str, Key]]) -> bool:
    return all((change.person.id, source, key) in allowed for source, key in change.taken)


def _loss(change: Change) -> Loss:
    return Loss(change.person.id, change.why, tuple(sorted((source, *key) for source, key in change.taken)))


# What a look means: no database from here to `plan`'s end


def plan(entries: Sequence[Seen], rules: Sequence[Rule], terms: Terms, people: Iterable[Known], now: datetime) -> Plan:
    """Match people to entries and say what follows for each. Reads and writes nothing."""
    by_key = {(e.subject_kind, e.subject): e for e in entries}
    numbers = Counter(e.first("campus_id") for e in entries)
    by_number = {e.first("campus_id"): e for e in entries if numbers[e.first("campus_id")] == 1}
    people = list(people)
    owners = {key: person.id for person in people for key in person.keys}
    spoken = {rule.attribute for e in entries if not e.closed for rule in rules if _speaks(rule, e)}
    made = Plan(len(entries))
    for person in people:
        entry = _entry(person, by_key, by_number, owners)
        if entry is None and not person.keys:
            made.doubtful += person.campus_id != "" and numbers[person.campus_id] > 1
        elif person.campus_id and (
            entry.first("campus_id") not in ("", person.campus_id) if entry is not None else numbers[person.campus_id] > 1
        ):
            made.doubtful += 1
        else:
            made.changes.append(_change(person, entry, rules, terms, spoken, now))
    return made


def _entry(
    person: Known, by_key: Mapping[tuple[str, str], Seen], by_number: Mapping[str, Seen], owners: Mapping[tuple[str, str], int]
) -> Seen | None:
    """The entry of a person, an open one before a closed one; by number only when nobody else is known by that entry."""
    found = [by_key[key] for key in sorted(person.keys) if key in by_key]
    other = by_number.get(person.campus_id) if person.campus_id else None
    if other is not None and owners.get((other.subject_kind, other.subject), person.id) == person.id:
        found.append(other)
    return next((e for e in found if not e.closed), found[0] if found else None)


def _speaks(rule: Rule, entry: Seen) -> bool:
    return any(matched(rule.value, value) is not None for value in entry.attributes.get(rule.attribute, ()))


def _change(person: Known, entry: Seen | None, rules: Sequence[Rule], terms: Terms, spoken: set[str], now: datetime) -> Change:
    signed_on = person.held.get("signon", frozenset())
    if entry is None or entry.closed:
        return Change(person, "closed" if entry else "gone", entry.identity(now) if entry else None, withdrawn=signed_on)
    identity = entry.identity(now)
    grants = tuple(g for g in roles_for(identity, rules) if not g.term or g.term in terms)
    wanted = {_key(grant) for grant in grants}
    gave = person.held.get("directory", frozenset())
    withdrawn = {key for key in signed_on - wanted if key in gave or _all_spoken(key, rules, spoken)}
    return Change(person, "present", identity, grants, frozenset(withdrawn))


def _all_spoken(key: Key, rules: Sequence[Rule], spoken: set[str]) -> bool:
    """Whether the directory gives roles by every attribute that could give this one."""
    role, scope, term = key
    looked_at = {
        rule.attribute for rule in rules if rule.role == role
        and ("{scope}" in rule.value or rule.scope == scope) and ("{term}" in rule.value or rule.term == term)
    }
    return bool(looked_at) and looked_at <= spoken


def _key(grant: Grant | RoleGrant) -> Key:
    return grant.role, grant.scope, grant.term


def _names(identity: Identity) -> tuple[str, str, str]:
    return first(identity, "given_name"), first(identity, "family_name"), first(identity, "email")


# Rows


def _known() -> Iterator[Known]:
    """Everybody here who could be in the directory: with a campus number, or known by a key of it. Disabled people are not."""
    keys: dict[int, set[tuple[str, str]]] = {}
    mine = select(PersonIdentity.person_id, PersonIdentity.subject_kind, PersonIdentity.subject)
    for person_id, kind, subject in db.session.execute(mine.where(PersonIdentity.provider == PROVIDER, PersonIdentity.ended_at.is_(None))):
        keys.setdefault(person_id, set()).add((kind, subject))
    held: dict[int, dict[str, set[Key]]] = {}
    for person_id, source, *key in db.session.execute(
        select(RoleGrant.person_id, RoleGrant.source, RoleGrant.role, RoleGrant.scope, RoleGrant.term)
    ):
        held.setdefault(person_id, {}).setdefault(source, set()).add((key[0], key[1], key[2]))
    signed_in = set(db.session.scalars(select(LoginSession.person_id).where(LoginSession.ended_at.is_(None))))
    found = select(Person.id, Person.campus_id, Person.given_name, Person.family_name, Person.email)
    for person_id, campus_id, *names in db.session.execute(found.where(Person.disabled_at.is_(None)).order_by(Person.id)):
        if campus_id or person_id in keys:
            yield Known(
                person_id, campus_id or "", (names[0], names[1], names[2]), frozenset(keys.get(person_id, ())),
                {source: frozenset(given) for source, given in held.get(person_id, {}).items()},
                person_id in signed_in,
            )


def _apply(
    made: Plan, held: set[int], terms: Terms, started: datetime, now: Callable[[], datetime], progress: Progress
) -> None:
    """Write the changes, some people at a time; nobody else changes their roles meanwhile."""
    waiting = [change for change in made.changes if change.matters]
    for n in range(0, len(waiting), BATCH):
        some = {change.person.id: change for change in waiting[n:n + BATCH]}
        with db.transaction():
            for person in _locked(some):
                _apply_one(person, some[person.id], person.id in held, terms, started, now())
        progress(min(n + BATCH, len(waiting)), len(waiting), "written")


def _locked(ids: Iterable[int]) -> list[Person]:
    """All of them at once and in order, before anything is written, so that two who lock never wait for each other."""
    return list(db.session.scalars(select(Person).where(Person.id.in_(list(ids))).order_by(Person.id).with_for_update()))


def _apply_one(person: Person, change: Change, keep: bool, terms: Terms, started: datetime, now: datetime) -> None:
    """`keep`: nothing is taken away before somebody confirms it."""
    if change.why == "present" and _proved_since(person, started):
        return
    before = holding(person)
    if change.entry is not None:
        _remember(person, change.entry, now)
        if change.why == "present":
            refresh(person, change.entry)
    kept = cast("list[Grant]", [row for row in person.roles if row.source == "directory"] if keep else [])  # rows say the same
    set_roles(person, [*change.grants, *kept], terms, now, source="directory")
    if not keep:
        _withdraw(person, change.withdrawn, now)
    if before - holding(person) or (change.why != "present" and not keep):
        sessions.end_all(person.id, now)


def _remember(person: Person, entry: Identity, now: datetime) -> None:
    """The entry's key is this person's from now on, unless it is somebody's already."""
    found = db.session.scalar(select(PersonIdentity.id).where(
        PersonIdentity.provider == PROVIDER, PersonIdentity.subject_kind == entry.subject_kind, PersonIdentity.subject == entry.subject,
        PersonIdentity.ended_at.is_(None),
    ))
    if found is None:
        db.session.add(PersonIdentity(
            person_id=person.id, provider=PROVIDER, subject_kind=entry.subject_kind, subject=entry.subject,
            first_seen_at=now, last_seen_at=now,
        ))


def _proved_since(person: Person, started: datetime) -> bool:
    last = db.session.scalar(select(func.max(PersonIdentity.last_seen_at)).where(PersonIdentity.person_id == person.id))
    return last is not None and last >= started


def _withdraw(person: Person, keys: frozenset[Key], now: datetime) -> None:
    """Take roles of source "signon" away; the next sign-in gives what is proven then."""
    gone = [grant for grant in person.roles if grant.source == "signon" and _key(grant) in keys]
    if not gone:
        return
    for grant in gone:
        person.roles.remove(grant)
    audit.record(
        "person.roles", "person", person.id, by=audit.SYSTEM, now=now, reason="directory look-up",
        detail={"withdrawn": sorted(list(_key(grant)) for grant in gone)},
    )


def _note(report: Report, made: Plan, held: set[int], used: int | None, now: datetime) -> None:
    with db.transaction():
        losses = [_loss(change) for change in made.losers if change.person.id in held]
        directory_hold.replace(losses, made.holders, used, now)
        audit.record(
            "directory.synced", "directory", None, by=audit.SYSTEM, now=now,
            detail={name: getattr(report, name) for name in ("seen", "known", "gained", "lost", "held", "doubtful")},
        )
