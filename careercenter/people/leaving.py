"""Sign-out beyond this program: sessions that a provider wants ended, and what a session leaves behind for the provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select

from careercenter import db
from careercenter.people.provider_logout import end_rows
from careercenter.people.sessions import Journey, LoginSession, SignOnRequest, hashed

SIGN_OUT = "sign_out"  # the purpose of a journey that ends at the provider
LEFT_MINUTES = 10


@dataclass(frozen=True)
class Left:
    """A session that somebody ended here a moment ago: where they had signed in, and what that provider must be told."""

    provider: str
    issuer: str
    logout: Mapping[str, str]


def left(session_id: int, now: datetime) -> Left | None:
    """What an ended session leaves behind, for a few minutes; None when its provider has nothing to be told."""
    row = db.session.get(LoginSession, session_id)
    if row is None or row.ended_at is None or row.ended_at < now - timedelta(minutes=LEFT_MINUTES) or not row.logout:
        return None
    return Left(row.provider, row.issuer, dict(row.logout))


def forget_journey(journey: Journey) -> bool:
    """A journey to the provider is over; of two answers one is the first."""
    return db.changed(delete(SignOnRequest).where(SignOnRequest.id == journey.id)) == 1


def is_known(relay: str) -> bool:
    """Whether a journey went off with this word, whoever asks."""
    return bool(relay) and db.session.scalar(select(SignOnRequest.id).where(SignOnRequest.relay_hash == hashed(relay))) is not None


def end_named(provider: str, issuer: str, name: Mapping[str, str], indexes: Sequence[str], now: datetime) -> int:
    """End the sessions of the person whom the provider names, all or only those of the given indexes; how many there were.

    `name` is as in `Identity.logout`. A session that has no index of its own ends with any.
    """
    mine = [LoginSession.provider == provider, LoginSession.issuer == issuer, LoginSession.name_id == name["name_id"]]
    if indexes:
        mine.append(or_(LoginSession.session_index.in_(indexes), LoginSession.session_index.is_(None)))
    rows = db.session.scalars(select(LoginSession).where(*mine, LoginSession.ended_at.is_(None))).all()
    return end_rows([row for row in rows if _same(row.logout, name)], now)


def _same(kept: Mapping[str, str], name: Mapping[str, str]) -> bool:
    """Whether the parts of a name beyond its text agree, as far as both sides say them."""
    parts = ("format", "name_qualifier", "sp_name_qualifier")
    return all(kept[part] == name[part] for part in parts if part in kept and part in name)
