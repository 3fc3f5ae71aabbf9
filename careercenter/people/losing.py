"""Who would lose access: when a provider is paused or removed, and when the rules that give roles change.

Roles were given at the last sign-in or look-up, and each remembers its rule. What other attributes somebody has is not
kept, so a new rule's winners cannot be told before they sign in; its losers can.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, not_, select, tuple_, update
from sqlalchemy.orm import aliased

from careercenter import audit, db
from careercenter.people.model import Person, PersonIdentity, RoleGrant, holds_now
from careercenter.people.sessions import LoginSession
from careercenter.signon.attributes import Rule, because

FROM_SIGN_ON = ("signon", "directory")
SHOWN = 200


@dataclass(frozen=True)
class Affected:
    """`count` people in all, of whom `people` are shown; the longest unseen are last."""

    count: int
    people: tuple[Person, ...]


@dataclass(frozen=True)
class Lost:
    """A role that no rule of today gives to a person who holds it; `why` names the rule by which they got it."""

    person_id: int
    name: str
    role: str
    scope: str
    term: str
    why: str


@dataclass(frozen=True)
class Preview:
    """Each rule with how many people hold a role by it, who would lose one (`lost` in all), and how many grants are older
    than the note of their rule and cannot be judged before the next sign-in."""

    by_rule: tuple[tuple[Rule, int], ...]
    losing: tuple[Lost, ...]
    lost: int
    unknown: int


def only_by(provider: str, others: Collection[str], codes: bool) -> Affected:
    """The people whose only way in is this provider. `others` are the providers that stay open; with `codes`, alumni
    who confirmed an own address keep theirs."""
    condition = _only_by(provider, others, codes)
    count = db.session.scalar(select(func.count(Person.id)).where(condition)) or 0
    found = select(Person).where(condition).order_by(Person.family_name, Person.given_name, Person.id).limit(SHOWN)
    return Affected(count, tuple(db.session.scalars(found)))


def is_only_by(person_id: int, provider: str, others: Collection[str], codes: bool) -> bool:
    """Whether this person is one of them."""
    return db.session.scalar(select(Person.id).where(_only_by(provider, others, codes), Person.id == person_id)) is not None


def _only_by(provider: str, others: Collection[str], codes: bool) -> ColumnElement[bool]:
    mine, other = aliased(PersonIdentity), aliased(PersonIdentity)
    here = exists().where(mine.person_id == Person.id, mine.provider == provider, mine.ended_at.is_(None))
    elsewhere = exists().where(other.person_id == Person.id, other.provider.in_(list(others)), other.ended_at.is_(None))
    found = here & not_(elsewhere) & Person.disabled_at.is_(None)
    if codes:
        alumni = exists().where(RoleGrant.person_id == Person.id, RoleGrant.role == "alumni")
        found &= not_(Person.own_email_confirmed_at.is_not(None) & alumni)
    return found


def sessions_of(provider: str, now: datetime) -> int:
    """How many sessions are open that began by this provider."""
    return db.session.scalar(select(func.count(LoginSession.id)).where(_open(provider, now))) or 0


def end_sessions_of(provider: str, now: datetime, *, by: audit.Actor) -> int:
    """End them all; returns how many."""
    ended = db.changed(update(LoginSession).where(_open(provider, now)).values(ended_at=now))
    if ended:
        audit.record("sessions.ended", "provider", None, by=by, now=now, reason=provider, detail={"sessions": ended})
    return ended


def _open(provider: str, now: datetime) -> ColumnElement[bool]:
    return (LoginSession.provider == provider) & LoginSession.ended_at.is_(None) & (LoginSession.expires_at > now)


def preview(rules: Sequence[Rule], now: datetime) -> Preview:
    """How the roles that people hold from sign-on stand to these rules."""
    groups = _groups(now)
    orphans = [key for key in groups if key[1] and not any(gives(rule, *key) for rule in rules)]
    by_rule = tuple((rule, sum(n for key, n in groups.items() if gives(rule, *key))) for rule in rules)
    return Preview(
        by_rule, tuple(_people(orphans, now)), sum(groups[key] for key in orphans),
        sum(n for key, n in groups.items() if not key[1]),
    )


def gives(rule: Rule, role: str, why: str, scope: str, term: str) -> bool:
    """Whether a rule still gives a role that was given because of `why`."""
    return (
        rule.role == role and because(rule) == why and ("{scope}" in rule.value or rule.scope == scope)
        and ("{term}" in rule.value or rule.term == term)
    )


_KEY = (RoleGrant.role, RoleGrant.because, RoleGrant.scope, RoleGrant.term)


def _held(now: datetime, *columns: Any) -> Select[Any]:
    found = select(*columns).join(Person, Person.id == RoleGrant.person_id)
    return found.where(RoleGrant.source.in_(FROM_SIGN_ON), Person.disabled_at.is_(None), holds_now(now))


def _groups(now: datetime) -> dict[tuple[str, str, str, str], int]:
    """(role, because, scope, term) → how many people hold it."""
    found = _held(now, *_KEY, func.count(RoleGrant.person_id.distinct()).label("n")).select_from(RoleGrant).group_by(*_KEY)
    return {(row[0], row[1], row[2], row[3]): row[4] for row in db.session.execute(found)}


def _people(keys: Iterable[tuple[str, str, str, str]], now: datetime) -> Iterable[Lost]:
    wanted = list(keys)
    if not wanted:
        return
    found = _held(now, Person.id, Person.given_name, Person.family_name, *_KEY).select_from(RoleGrant)
    found = found.where(tuple_(*_KEY).in_(wanted)).order_by(Person.family_name, Person.given_name, Person.id).limit(SHOWN)
    for person_id, given, family, role, why, scope, term in db.session.execute(found):
        yield Lost(person_id, f"{given} {family}".strip(), role, scope, term, why)
