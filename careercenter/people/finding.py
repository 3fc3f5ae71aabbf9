"""Finds a person by a word that somebody at a terminal types, and says in lines how they get in and what they are."""

from datetime import datetime

from sqlalchemy import func, or_, select

from careercenter import db
from careercenter.people.model import ROLES, Person, PersonIdentity, RoleGrant

FEW = 5
FROM = {"signon": "sign-on", "directory": "directory", "staff": "staff", "breakglass": "break-glass"}


def by_word(word: str) -> list[Person]:
    """Who has this campus number or address; else whose name holds every part of it. At most one more than `FEW`."""
    word = " ".join(word.split())[:100]
    if not word:
        return []
    exact = select(Person).where(or_(Person.campus_id == word, func.lower(Person.email) == word.lower()))
    if found := list(db.session.scalars(exact.order_by(Person.id).limit(FEW + 1))):
        return found
    named = select(Person)
    for part in word.split():
        named = named.where(or_(Person.given_name.icontains(part, autoescape=True), Person.family_name.icontains(part, autoescape=True)))
    return list(db.session.scalars(named.order_by(Person.family_name, Person.given_name, Person.id).limit(FEW + 1)))


def lines(person: Person, now: datetime) -> list[str]:
    """Who they are, by which identities they get in, which roles they hold and why."""
    told = [f"{person.name}, campus number {person.campus_id or 'none'}, {person.email or 'no address'}"]
    if person.disabled_at:
        told.append(f"  disabled since {person.disabled_at:%Y-%m-%d}: nobody gets in")
    known = select(PersonIdentity).where(PersonIdentity.person_id == person.id).order_by(PersonIdentity.id)
    told += [f"  identity: {_identity(found)}" for found in db.session.scalars(known)] or ["  identity: none yet"]
    told += [f"  role: {_role(grant, now)}" for grant in sorted(person.roles, key=lambda g: g.id)] or ["  role: none"]
    return told


def _identity(found: PersonIdentity) -> str:
    issuer = f" ({found.issuer})" if found.issuer else ""
    ended = f", given to somebody else since {found.ended_at:%Y-%m-%d}" if found.ended_at else ""
    return f"{found.provider}{issuer}, {found.subject_kind} {found.subject}, last seen {found.last_seen_at:%Y-%m-%d}{ended}"


def _role(grant: RoleGrant, now: datetime) -> str:
    within = f" within {grant.scope}" if grant.scope else ""
    term = f" for term {grant.term}" if grant.term else ""
    why = f", because {grant.because}" if grant.because else ""
    over = " (over)" if grant.ends_at and grant.ends_at <= now else " (to come)" if grant.starts_at and grant.starts_at > now else ""
    return f"{ROLES.get(grant.role, grant.role)}{within}{term}, from {FROM.get(grant.source, grant.source)}{why}{over}"
