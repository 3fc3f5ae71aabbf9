"""From a proven identity to a person: find, match to the roster, or create; then set the roles that sign-on gives."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select

from careercenter import audit, db
from careercenter.people.model import Person, PersonIdentity, RoleGrant
from careercenter.signon.attributes import Grant
from careercenter.signon.identity import Identity

REUSE_GAP = timedelta(days=180)


class ReturningHolder(Exception):
    """A reassignable identifier came back with another student number: staff must look before anybody gets in."""


def recognise(identity: Identity, grants: Iterable[Grant], now: datetime) -> Person:
    """The person behind a proven identity, with roles as sign-on says today. Change inside the caller's transaction.

    The key is (provider, kind, subject); the roster is matched by campus number, never by e-mail. Raises
    `ReturningHolder` when the identity's campus number contradicts the account's.
    """
    known = db.session.scalar(
        select(PersonIdentity).where(
            PersonIdentity.provider == identity.provider, PersonIdentity.subject_kind == identity.subject_kind,
            PersonIdentity.subject == identity.subject,
        )
    )
    campus_id = first(identity, "campus_id") or None
    if known:
        person = db.session.get_one(Person, known.person_id)
        if campus_id and person.campus_id and campus_id != person.campus_id:
            raise ReturningHolder(f"person {person.id} signed in with another campus number")
        known.last_seen_at = now
    else:
        person = _from_roster(campus_id) or _new(identity, campus_id, now)
        db.session.add(PersonIdentity(
            person_id=person.id, provider=identity.provider, subject_kind=identity.subject_kind,
            subject=identity.subject, first_seen_at=now, last_seen_at=now,
        ))
    _refresh(person, identity)
    _set_roles(person, set(grants), now)
    return person


def first(identity: Identity, name: str) -> str:
    """The first value of an attribute; names no longer than their column."""
    value = (identity.attributes.get(name) or ("",))[0]
    return value[:100] if name.endswith("_name") else value


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


def _refresh(person: Person, identity: Identity) -> None:
    """Names and address follow the campus; a missing attribute changes nothing."""
    for field in ("given_name", "family_name", "email"):
        value = first(identity, field)
        if value and getattr(person, field) != value:
            setattr(person, field, value)


def _set_roles(person: Person, grants: set[Grant], now: datetime) -> None:
    held = {(g.role, g.scope): g for g in person.roles if g.source == "signon"}
    wanted = {(g.role, g.scope) for g in grants}
    for key in held.keys() - wanted:
        person.roles.remove(held[key])
    for role, scope in sorted(wanted - held.keys()):
        person.roles.append(RoleGrant(role=role, scope=scope, source="signon", granted_at=now))
    if held.keys() != wanted:
        audit.record(
            "person.roles", "person", person.id, by=audit.SYSTEM, now=now, reason="sign-in",
            detail={"before": sorted(map(list, held)), "after": sorted(map(list, wanted))},
        )
