"""Server-side sessions and the sign-on requests under way. Only hashes of what the browser holds are stored."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db
from careercenter.people.model import Person, RoleGrant
from careercenter.signon.identity import Identity

SIGN_ON_MINUTES = 10
TOUCH = timedelta(minutes=1)  # last_seen_at is written at most once a minute


class LoginSession(db.Model):
    __tablename__ = "login_session"
    __table_args__ = (Index("ix_login_session_index", "provider", "name_id", "session_index"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    acting_role: Mapped[str] = mapped_column(String(20))
    provider: Mapped[str] = mapped_column(String(32))
    name_id: Mapped[str | None] = mapped_column(String(400))
    session_index: Mapped[str | None] = mapped_column(String(400))
    authn_context: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SignOnRequest(db.Model):
    """A sign-in that went off to an identity provider; consumed exactly once when the answer comes."""

    __tablename__ = "sign_on_request"

    id: Mapped[int] = mapped_column(primary_key=True)
    relay_hash: Mapped[str] = mapped_column(String(64), unique=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    provider: Mapped[str] = mapped_column(String(32))
    request_id: Mapped[str] = mapped_column(String(200))
    next_path: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime]


class SeenAssertion(db.Model):
    """Assertions that opened a session, until they expire: none opens a second."""

    __tablename__ = "seen_assertion"
    __table_args__ = (UniqueConstraint("provider", "assertion_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(32))
    assertion_id: Mapped[str] = mapped_column(String(300))
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SignOnExpired(Exception):
    """No sign-in is waiting for this answer: it is too old, was used already, or came to another browser."""


@dataclass(frozen=True)
class Viewer:
    """Who looks at a page: what every request needs, in one query."""

    session_id: int
    person_id: int
    name: str
    role: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def begin_sign_on(provider: str, request_id: str, relay: str, browser: str, next_path: str, now: datetime) -> None:
    """Remember that this browser was sent to `provider`; `relay` is what comes back as RelayState."""
    db.session.add(SignOnRequest(
        relay_hash=hashed(relay), browser_hash=hashed(browser), provider=provider, request_id=request_id,
        next_path=next_path, created_at=now,
    ))


def find_sign_on(relay: str, browser: str, now: datetime) -> SignOnRequest:
    """The waiting sign-in, seen from the browser that began it. Raises `SignOnExpired`."""
    waiting = db.session.scalar(select(SignOnRequest).where(SignOnRequest.relay_hash == hashed(relay)))
    if waiting is None or waiting.browser_hash != hashed(browser):
        raise SignOnExpired
    if waiting.created_at < now - timedelta(minutes=SIGN_ON_MINUTES):
        raise SignOnExpired
    return waiting


def take_sign_on(waiting: SignOnRequest, identity: Identity) -> None:
    """Consume request and assertion. Of two at once one wins; the other gets `SignOnExpired`."""
    gone = db.changed(delete(SignOnRequest).where(SignOnRequest.id == waiting.id))
    insert = postgresql.insert if db.is_postgresql() else sqlite.insert
    new = db.session.scalar(
        insert(SeenAssertion).values(
            provider=identity.provider, assertion_id=identity.assertion_id, expires_at=identity.assertion_expires_at
        ).on_conflict_do_nothing().returning(SeenAssertion.id)
    )
    if gone != 1 or new is None:
        raise SignOnExpired


def start_session(person: Person, identity: Identity, now: datetime) -> str:
    """A new session; returns the secret that the browser keeps. It ends with the provider's own limit, if earlier."""
    server = db.settings().server
    secret = secrets.token_urlsafe(32)
    expires = now + timedelta(hours=server.absolute_hours)
    if identity.session_not_on_or_after:
        expires = min(expires, identity.session_not_on_or_after)
    db.session.add(LoginSession(
        token_hash=hashed(secret), person_id=person.id, acting_role=_first_role(person), provider=identity.provider,
        name_id=identity.name_id, session_index=identity.session_index, authn_context=identity.authn_context,
        created_at=now, last_seen_at=now, expires_at=expires,
    ))
    return secret


def _first_role(person: Person) -> str:
    held = {grant.role for grant in person.roles}
    return next((r for r in ("admin", "registrar", "advisor", "faculty", "student") if r in held), "")


_VIEWER = (
    select(
        LoginSession.id, LoginSession.last_seen_at, Person.id, Person.given_name, Person.family_name,
        LoginSession.acting_role, RoleGrant.role, RoleGrant.scope,
    )
    .join(Person, Person.id == LoginSession.person_id)
    .outerjoin(RoleGrant, RoleGrant.person_id == Person.id)
    .where(LoginSession.token_hash == bindparam("token_hash"), LoginSession.ended_at.is_(None))
    .where(LoginSession.expires_at > bindparam("now", type_=LoginSession.expires_at.type), Person.disabled_at.is_(None))
    .order_by(RoleGrant.id)
)


def viewer(secret: str, now: datetime) -> Viewer | None:
    """Who holds this session now; None when it ended, went idle, expired, or the person was disabled."""
    found = db.ask(_VIEWER, token_hash=hashed(secret), now=now)
    if not found:
        return None
    session_id, last_seen, person_id, given, family, acting, _, _ = found[0]
    if last_seen <= now - timedelta(minutes=db.settings().server.idle_minutes):
        return None
    roles = tuple(dict.fromkeys(row.role for row in found if row.role))
    if now - last_seen > TOUCH:
        _touch(session_id, now)
    role = acting if acting in roles else (roles[0] if roles else "")
    scopes = tuple(dict.fromkeys(row.scope for row in found if row.role == role))
    return Viewer(session_id, person_id, f"{given} {family}".strip(), role, roles, scopes)


def scopes_now(person_id: int, role: str) -> tuple[str, ...]:
    """Where a person holds a role at this moment, for decisions: a page may be older than a grant that was taken away."""
    held = (
        select(RoleGrant.scope).join(Person, Person.id == RoleGrant.person_id)
        .where(RoleGrant.person_id == person_id, RoleGrant.role == role, Person.disabled_at.is_(None)).order_by(RoleGrant.id)
    )
    return tuple(dict.fromkeys(db.session.scalars(held)))


def _touch(session_id: int, now: datetime) -> None:
    with db.transaction():
        db.session.execute(update(LoginSession).where(LoginSession.id == session_id).values(last_seen_at=now))


def act_as(session_id: int, role: str, token_hash: str) -> None:
    """Somebody with several roles changes hats; the session goes on under a new secret."""
    changed = update(LoginSession).where(LoginSession.id == session_id)
    db.session.execute(changed.values(acting_role=role, token_hash=token_hash))


def end_session(session_id: int, now: datetime) -> None:
    db.session.execute(update(LoginSession).where(LoginSession.id == session_id).values(ended_at=now))


def forget_old(now: datetime) -> None:
    """Remove what no longer proves anything: stale requests, expired assertions, sessions a month over."""
    db.session.execute(delete(SignOnRequest).where(SignOnRequest.created_at < now - timedelta(hours=1)))
    db.session.execute(delete(SeenAssertion).where(SeenAssertion.expires_at < now - timedelta(hours=1)))
    db.session.execute(delete(LoginSession).where(LoginSession.expires_at < now - timedelta(days=30)))
