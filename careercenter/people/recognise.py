"""From a proven identity to a person: find, match to the roster, or create; then set the roles that sign-on gives."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from careercenter import audit, db
from careercenter.people import holders, sessions
from careercenter.people.model import Person, PersonIdentity, RoleGrant
from careercenter.people.waiting import HeldSignIn
from careercenter.signon.attributes import Grant
from careercenter.signon.identity import Identity

Terms = Mapping[str, tuple[datetime, datetime]]
"""Term code -> its first instant and the first instant after it."""


def recognise(
    identity: Identity, grants: Iterable[Grant], terms: Terms, now: datetime, directory: Iterable[Grant] | None = None
) -> Person | HeldSignIn:
    """The person behind a proven identity, with roles as sign-on says today; or the reason to ask staff first.

    The key is (provider, issuer, kind, subject); the roster is matched by campus number, never by e-mail. An identifier
    that may have been given to somebody else opens nothing until staff decide. Change inside the caller's transaction.
    `directory` are the roles that the directory gives, None to leave those of its last look. Who loses a role is signed out
    everywhere.
    """
    known = _known(identity)
    campus_id = None if identity.guest else first(identity, "campus_id") or None
    if known:
        person = locked(known.person_id)
        if reason := holders.doubt(identity, known, person, now):
            return holders.hold(identity, known, reason, now)
        known.last_seen_at = now
    else:
        listed = _from_roster(campus_id)
        person = locked(listed.id) if listed else _new(identity, campus_id, now)
        db.session.add(PersonIdentity(
            person_id=person.id, provider=identity.provider, issuer=identity.issuer, subject_kind=identity.subject_kind,
            subject=identity.subject, first_seen_at=now, last_seen_at=now,
        ))
    refresh(person, identity)
    before = holding(person)
    set_roles(person, grants, terms, now, source="signon")
    if directory is not None:
        set_roles(person, directory, terms, now, source="directory")
    if before - holding(person):
        sessions.end_all(person.id, now)
    return person


def locked(person_id: int) -> Person:
    """A person whose roles nobody else changes until this transaction ends."""
    return db.session.get_one(Person, person_id, with_for_update=True)


def holding(person: Person) -> set[tuple[str, str, str]]:
    """The roles of a person from whatever source, as (role, scope, term)."""
    return {(grant.role, grant.scope, grant.term) for grant in person.roles}


@dataclass(frozen=True)
class Match:
    """Whom a proven identity would open. `how`: "known" (signed in before), "held" (staff would be asked, `doubt` says why),
    "roster" (by campus number), "new", "disabled"."""

    how: str
    person: Person | None = None
    doubt: str = ""


def would_match(identity: Identity, now: datetime) -> Match:
    """What `recognise` would find, without changing anything."""
    known, campus_id = _known(identity), first(identity, "campus_id") or None
    person = db.session.get_one(Person, known.person_id) if known else _from_roster(campus_id)
    if person is None:
        return Match("new")
    if known and (reason := holders.doubt(identity, known, person, now)):
        return Match("held", person, reason)
    return Match("disabled" if person.disabled_at else "known" if known else "roster", person)


def known_person(identity: Identity) -> int | None:
    """Whose identity this is; changes nothing, makes nobody."""
    known = _known(identity)
    return known.person_id if known else None


def _known(identity: Identity) -> PersonIdentity | None:
    return db.session.scalar(
        select(PersonIdentity).where(
            PersonIdentity.provider == identity.provider, PersonIdentity.issuer == identity.issuer,
            PersonIdentity.subject_kind == identity.subject_kind, PersonIdentity.subject == identity.subject,
            PersonIdentity.ended_at.is_(None),
        )
    )


def first(identity: Identity, name: str) -> str:
    """The first value of an attribute, no longer than its column."""
    value = (identity.attributes.get(name) or ("",))[0]
    return value[:100] if name.endswith("_name") else value[:40] if name == "campus_id" else value[:254]


def _from_roster(campus_id: str | None) -> Person | None:
    return db.session.scalar(select(Person).where(Person.campus_id == campus_id)) if campus_id else None


def _new(identity: Identity, campus_id: str | None, now: datetime) -> Person:
    person = Person(
        given_name=first(identity, "given_name"), family_name=first(identity, "family_name"),
        email=first(identity, "email"), campus_id=campus_id, created_at=now,
    )
    db.session.add(person)
    db.session.flush()
    audit.record("person.created", "person", person.id, by=audit.SYSTEM, now=now, reason=f"first sign-in by {identity.provider}")
    return person


def refresh(person: Person, identity: Identity) -> None:
    """Names and address follow the campus; a missing attribute changes nothing."""
    for field in ("given_name", "family_name", "email"):
        value = first(identity, field)
        if value and getattr(person, field) != value:
            setattr(person, field, value)


def set_roles(person: Person, grants: Iterable[Grant], terms: Terms, now: datetime, *, source: str) -> set[tuple[str, str, str]]:
    """Make a source's roles of a person what they are today; returns those that were taken away, as (role, scope, term).

    A role for a term that the catalog does not know counts as none: nobody could say when it ends.
    """
    held = {(g.role, g.scope, g.term): g for g in person.roles if g.source == source}
    because = {(g.role, g.scope, g.term): g.because for g in grants if not g.term or g.term in terms}
    wanted = because.keys()
    for key in held.keys() - wanted:
        person.roles.remove(held[key])
    for key in held.keys() & wanted:
        if held[key].because != because[key]:
            held[key].because = because[key]
    for role, scope, term in sorted(wanted - held.keys()):
        starts, ends = terms[term] if term else (None, None)
        person.roles.append(RoleGrant(
            role=role, scope=scope, term=term, source=source, granted_at=now, starts_at=starts, ends_at=ends,
            because=because[role, scope, term],
        ))
    if held.keys() != wanted:
        audit.record(
            "person.roles", "person", person.id, by=audit.SYSTEM, now=now,
            reason="sign-in" if source == "signon" else f"{source} look-up",
            detail={"before": sorted(map(list, held)), "after": sorted(map(list, wanted))},
        )
    return held.keys() - wanted
