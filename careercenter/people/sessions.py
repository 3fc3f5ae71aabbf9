"""Server-side sessions and the sign-on requests under way. Only hashes of what the browser holds are stored."""

import hashlib
import secrets
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, UniqueConstraint, and_, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db
from careercenter.people import devices
from careercenter.people.model import Person, RoleGrant, holds_now
from careercenter.signon.identity import Begin, Demand, Identity, Waiting

SIGN_ON_MINUTES = 10
MAIL = "mail"  # what a session says instead of a provider when a mailed code opened it
TOUCH = timedelta(minutes=1)  # last_seen_at is written at most once a minute


class LoginSession(db.Model):
    """One signed-in browser; `device` names it in plain words. `logout` is what the provider must be told at the end.

    `viewing_as` makes it a read-only look through another person's eyes until `viewing_until`; `viewing_pages` were seen.
    `clock_ahead`: by how many seconds the provider's clock was ahead of ours.
    """

    __tablename__ = "login_session"
    __table_args__ = (
        Index("ix_login_session_index", "provider", "name_id", "session_index"),
        Index("ix_login_session_provider", "provider", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    acting_role: Mapped[str] = mapped_column(String(20))
    provider: Mapped[str] = mapped_column(String(32))
    issuer: Mapped[str] = mapped_column(String(400), default="")
    name_id: Mapped[str | None] = mapped_column(String(400))
    session_index: Mapped[str | None] = mapped_column(String(400))
    authn_context: Mapped[str | None] = mapped_column(String(200))
    authenticated_at: Mapped[datetime | None]
    logout: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    device: Mapped[str] = mapped_column(String(120), default="")
    clock_ahead: Mapped[int | None]
    viewing_as: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    viewing_until: Mapped[datetime | None]
    viewing_pages: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SignOnRequest(db.Model):
    """A sign-in that went off to an identity provider; consumed exactly once when the answer comes.

    `purpose`: "sign_in", "step_up" (of the session `session_id`) or "trial" (campus IT looks at what a provider sends).
    """

    __tablename__ = "sign_on_request"

    id: Mapped[int] = mapped_column(primary_key=True)
    relay_hash: Mapped[str] = mapped_column(String(64), unique=True)
    browser_hash: Mapped[str] = mapped_column(String(64))
    provider: Mapped[str] = mapped_column(String(32))
    issuer: Mapped[str] = mapped_column(String(400), default="")
    request_id: Mapped[str] = mapped_column(String(200))
    kept: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    contexts: Mapped[list[str]] = mapped_column(JSON, default=list)
    fresh: Mapped[bool] = mapped_column(default=False)
    purpose: Mapped[str] = mapped_column(String(10), default="sign_in")
    session_id: Mapped[int | None]
    next_path: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime]


class SeenAssertion(db.Model):
    """Assertions that opened a session, until they expire: none opens a second."""

    __tablename__ = "seen_assertion"
    __table_args__ = (UniqueConstraint("provider", "issuer", "assertion_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(32))
    issuer: Mapped[str] = mapped_column(String(400), default="")
    assertion_id: Mapped[str] = mapped_column(String(300))
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SignOnExpired(Exception):
    """No sign-in is waiting for this answer: it is too old, was used already, or came to another browser."""


@dataclass(frozen=True)
class Journey:
    """A `SignOnRequest` as it was found: what the answer must fit, and what follows when it does."""

    id: int
    provider: str
    issuer: str
    waiting: Waiting
    purpose: str
    session_id: int | None
    next_path: str


@dataclass(frozen=True)
class Looking:
    """An administrator who looks through the viewer's eyes."""

    by_id: int
    by_name: str
    until: datetime


@dataclass(frozen=True)
class Viewer:
    """Who looks at a page: what every request needs, in one query.

    `viewing` is (person, until) while an administrator's session looks through somebody's eyes; `viewas.through` then makes
    the viewer that pages see, with `looking`.
    """

    session_id: int
    person_id: int
    name: str
    role: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    provider: str = ""
    authn_context: str | None = None
    authenticated_at: datetime | None = None
    viewing: tuple[int, datetime] | None = None
    looking: Looking | None = None


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def begin_sign_on(
    provider: str, start: Begin, relay: str, browser: str, next_path: str, now: datetime, *,
    issuer: str = "", demand: Demand = Demand(), purpose: str = "sign_in", session_id: int | None = None,
) -> None:
    """Remember that this browser was sent to `provider`; `relay` is the opaque word that comes back with the answer."""
    db.session.add(SignOnRequest(
        relay_hash=hashed(relay), browser_hash=hashed(browser), provider=provider, issuer=issuer,
        request_id=start.request_id, kept=start.kept, contexts=list(demand.contexts), fresh=demand.fresh, purpose=purpose,
        session_id=session_id, next_path=next_path, created_at=now,
    ))


def find_sign_on(relay: str, browser: str, now: datetime) -> Journey:
    """The waiting sign-in, seen from the browser that began it. Raises `SignOnExpired`."""
    row = db.session.scalar(select(SignOnRequest).where(SignOnRequest.relay_hash == hashed(relay)))
    if row is None or row.browser_hash != hashed(browser) or row.created_at < now - timedelta(minutes=SIGN_ON_MINUTES):
        raise SignOnExpired
    demand = Demand(tuple(row.contexts), row.fresh)
    waiting = Waiting(row.request_id, row.created_at, dict(row.kept), demand, row.issuer)
    return Journey(row.id, row.provider, row.issuer, waiting, row.purpose, row.session_id, row.next_path)


def take_sign_on(journey: Journey | None, identity: Identity) -> None:
    """Consume request and assertion. Of two at once one wins; the other gets `SignOnExpired`.

    An unsolicited answer has no journey; its assertion is consumed all the same.
    """
    gone = 1 if journey is None else db.changed(delete(SignOnRequest).where(SignOnRequest.id == journey.id))
    insert = postgresql.insert if db.is_postgresql() else sqlite.insert
    new = db.session.scalar(
        insert(SeenAssertion).values(
            provider=identity.provider, issuer=identity.issuer, assertion_id=identity.assertion_id,
            expires_at=identity.assertion_expires_at,
        ).on_conflict_do_nothing().returning(SeenAssertion.id)
    )
    if gone != 1 or new is None:
        raise SignOnExpired


def start_session(person: Person, identity: Identity, now: datetime, user_agent: str = "") -> str:
    """A new session; returns the secret that the browser keeps. It ends with the provider's own limit, if earlier.

    A provider that does not say when the person proved themselves leaves it open: signing then asks for a new proof.
    """
    server = db.settings().server
    secret = secrets.token_urlsafe(32)
    role = "alumni" if identity.provider == MAIL else _first_role(person, now)
    expires = now + timedelta(hours=server.absolute_hours)
    if identity.session_not_on_or_after:
        expires = min(expires, identity.session_not_on_or_after)
    db.session.add(LoginSession(
        token_hash=hashed(secret), person_id=person.id, acting_role=role, provider=identity.provider,
        issuer=identity.issuer, name_id=identity.name_id, session_index=identity.session_index, logout=dict(identity.logout),
        authn_context=identity.authn_context, authenticated_at=identity.authenticated_at, clock_ahead=identity.clock_ahead(now),
        device=devices.words(user_agent), created_at=now, last_seen_at=now, expires_at=expires,
    ))
    return secret


def _first_role(person: Person, now: datetime) -> str:
    held = {
        grant.role for grant in person.roles if (grant.starts_at or now) <= now and (grant.ends_at is None or grant.ends_at > now)
    }
    return first_role(held)


def first_role(held: Container[str]) -> str:
    """In which of the roles held somebody begins."""
    return next((r for r in ("admin", "registrar", "advisor", "faculty", "student", "alumni") if r in held), "")


_VIEWER = (
    select(
        LoginSession.id, LoginSession.last_seen_at, Person.id, Person.given_name, Person.family_name,
        LoginSession.acting_role, RoleGrant.role, RoleGrant.scope, LoginSession.provider, LoginSession.authn_context,
        LoginSession.authenticated_at, LoginSession.viewing_as, LoginSession.viewing_until,
    )
    .join(Person, Person.id == LoginSession.person_id)
    .outerjoin(RoleGrant, and_(RoleGrant.person_id == Person.id, holds_now(bindparam("now", type_=db.UTCDateTime()))))
    .where(LoginSession.token_hash == bindparam("token_hash"), LoginSession.ended_at.is_(None))
    .where(LoginSession.expires_at > bindparam("now", type_=db.UTCDateTime()), Person.disabled_at.is_(None))
    .order_by(RoleGrant.id)
)


def viewer(secret: str, now: datetime) -> Viewer | None:
    """Who holds this session now; None when it ended, went idle, expired, or the person was disabled."""
    found = db.ask(_VIEWER, token_hash=hashed(secret), now=now)
    if not found:
        return None
    session_id, last_seen, person_id, given, family, acting, _, _, provider, context, proven, seen_as, seen_until = found[0]
    if last_seen <= now - timedelta(minutes=db.settings().server.idle_minutes):
        return None
    roles = tuple(dict.fromkeys(row.role for row in found if row.role and (provider != MAIL or row.role == "alumni")))
    if now - last_seen > TOUCH:
        _touch(session_id, now)
    role = acting if acting in roles else (roles[0] if roles else "")
    scopes = tuple(dict.fromkeys(row.scope for row in found if row.role == role))
    viewing = (seen_as, seen_until) if seen_as else None
    return Viewer(session_id, person_id, f"{given} {family}".strip(), role, roles, scopes, provider, context, proven, viewing)


def scopes_now(person_id: int, role: str, now: datetime) -> tuple[str, ...]:
    """Where a person holds a role at this moment, for decisions: a page may be older than a grant that was taken away."""
    held = (
        select(RoleGrant.scope).join(Person, Person.id == RoleGrant.person_id)
        .where(RoleGrant.person_id == person_id, RoleGrant.role == role, Person.disabled_at.is_(None), holds_now(now))
        .order_by(RoleGrant.id)
    )
    return tuple(dict.fromkeys(db.session.scalars(held)))


def _touch(session_id: int, now: datetime) -> None:
    with db.transaction():
        db.session.execute(update(LoginSession).where(LoginSession.id == session_id).values(last_seen_at=now))


def act_as(session_id: int, role: str, token_hash: str) -> None:
    """Somebody with several roles changes hats; the session goes on under a new secret."""
    changed = update(LoginSession).where(LoginSession.id == session_id)
    db.session.execute(changed.values(acting_role=role, token_hash=token_hash))


def renew(session_id: int, **values: object) -> str:
    """The session goes on under a new secret, which is returned; `values` are columns that change with it."""
    secret = secrets.token_urlsafe(32)
    db.session.execute(update(LoginSession).where(LoginSession.id == session_id).values(token_hash=hashed(secret), **values))
    return secret


def open_now(person_id: int, now: datetime) -> ColumnElement[bool]:
    """The condition that a `LoginSession` belongs to a person and lets somebody in."""
    idle = now - timedelta(minutes=db.settings().server.idle_minutes)
    return and_(
        LoginSession.person_id == person_id, LoginSession.ended_at.is_(None), LoginSession.expires_at > now,
        LoginSession.last_seen_at > idle,
    )


def still_open(session_id: int, now: datetime) -> LoginSession | None:
    """A session that lets somebody in now."""
    row = db.session.get(LoginSession, session_id)
    return db.session.scalar(select(LoginSession).where(LoginSession.id == row.id, open_now(row.person_id, now))) if row else None


def open_sessions(person_id: int, now: datetime) -> Sequence[LoginSession]:
    """Where somebody is signed in, the last seen first."""
    found = select(LoginSession).where(open_now(person_id, now)).order_by(LoginSession.last_seen_at.desc(), LoginSession.id.desc())
    return db.session.scalars(found).all()


def end_session(session_id: int, now: datetime) -> None:
    db.session.execute(
        update(LoginSession).where(LoginSession.id == session_id, LoginSession.ended_at.is_(None)).values(ended_at=now)
    )


def end_own(session_id: int, person_id: int, now: datetime) -> bool:
    """End one of a person's sessions; False when it is none of theirs, or over."""
    mine = update(LoginSession).where(LoginSession.id == session_id, open_now(person_id, now))
    return db.changed(mine.values(ended_at=now)) == 1


def end_all(person_id: int, now: datetime, but: int | None = None) -> int:
    """End every session of a person, `but` one; how many of them were still in use."""
    others = LoginSession.id != (but or 0)
    used = db.changed(update(LoginSession).where(open_now(person_id, now), others).values(ended_at=now))
    rest = update(LoginSession).where(LoginSession.person_id == person_id, LoginSession.ended_at.is_(None), others)
    db.session.execute(rest.values(ended_at=now))
    return used


def forget_old(now: datetime) -> None:
    """Remove what no longer proves anything: stale requests, expired assertions, sessions a month over."""
    db.session.execute(delete(SignOnRequest).where(SignOnRequest.created_at < now - timedelta(hours=1)))
    db.session.execute(delete(SeenAssertion).where(SeenAssertion.expires_at < now - timedelta(hours=1)))
    db.session.execute(delete(LoginSession).where(LoginSession.expires_at < now - timedelta(days=30)))
