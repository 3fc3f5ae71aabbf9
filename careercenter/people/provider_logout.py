"""Sessions that a provider ends by the name it gave them itself: a CAS ticket, or a session or person of OpenID Connect."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from careercenter import audit, db
from careercenter.people.sessions import LoginSession, SeenAssertion


def first_time(provider: str, issuer: str, message: str, expires_at: datetime) -> bool:
    """Whether a provider's message comes for the first time; from now on it does not. Of two at once one is the first."""
    insert = postgresql.insert if db.is_postgresql() else sqlite.insert
    new = insert(SeenAssertion).values(
        provider=provider, issuer=issuer, assertion_id=f"logout {message}"[:300], expires_at=expires_at
    ).on_conflict_do_nothing()
    return db.session.scalar(new.returning(SeenAssertion.id)) is not None


def end_where(
    provider: str, issuer: str, now: datetime, *, session_index: str | None = None, name_id: str | None = None
) -> int:
    """End the open sessions of a provider with this index, else of this name; how many there were. Neither ends nothing.

    With both, both have to fit: a provider that names a session and a person means that person's session.
    """
    if not session_index and not name_id:
        return 0
    mine = [LoginSession.provider == provider, LoginSession.issuer == issuer, LoginSession.ended_at.is_(None)]
    if session_index:
        mine.append(LoginSession.session_index == session_index)
    if name_id:
        mine.append(LoginSession.name_id == name_id)
    return end_rows(db.session.scalars(select(LoginSession).where(*mine)).all(), now)


def end_rows(found: Sequence[LoginSession], now: datetime) -> int:
    """End sessions because their provider says so; how many."""
    for row in found:
        db.session.execute(update(LoginSession).where(LoginSession.id == row.id).values(ended_at=now))
        audit.record(
            "person.signed_out", "person", row.person_id, by=audit.SYSTEM, now=now, reason="the campus sign-in ended it",
            detail={"provider": row.provider},
        )
    return len(found)
