"""What administrators do with somebody's account: end its sessions, shut it, open it again. Each has a reason in the audit."""

from datetime import datetime

from careercenter import audit, db
from careercenter.people import sessions
from careercenter.people.model import Person


def sign_out(person_id: int, *, by: audit.Actor, now: datetime) -> int:
    """End every session of a person; how many there were. Raises `db.NotFound`."""
    person = _held(person_id)
    ended = sessions.end_all(person.id, now)
    audit.record("person.sessions_ended", "person", person.id, by=by, now=now, detail={"sessions": ended})
    return ended


def disable(person_id: int, reason: str, *, by: audit.Actor, now: datetime) -> Person:
    """Nobody gets in by this account any more; open sessions end at once. Raises `db.NotFound`, `db.Refused`."""
    if person_id == by.person_id:
        raise db.Refused("You cannot disable your own account. Ask another administrator.")
    if not reason:
        raise db.Refused("Write a reason, so that others know why the account is closed.")
    person = _held(person_id)
    if person.disabled_at is None:
        person.disabled_at = now
        ended = sessions.end_all(person.id, now)
        audit.record("person.disabled", "person", person.id, by=by, now=now, reason=reason, detail={"sessions": ended})
    return person


def enable(person_id: int, reason: str, *, by: audit.Actor, now: datetime) -> Person:
    """The account takes sign-ins again. Raises `db.NotFound`, `db.Refused`."""
    if not reason:
        raise db.Refused("Write a reason, so that others know why the account is open again.")
    person = _held(person_id)
    if person.disabled_at is not None:
        person.disabled_at = None
        audit.record("person.enabled", "person", person.id, by=by, now=now, reason=reason)
    return person


def _held(person_id: int) -> Person:
    person = db.session.get(Person, person_id, with_for_update=True)
    if person is None:
        raise db.NotFound
    return person
