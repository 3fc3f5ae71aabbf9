"""Who holds an identifier now. Campuses give login names to new people; an account must not go with the name.

A sign-in that may be by a new holder is held: nobody gets in until staff say whether it is the same person.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from careercenter import audit, db
from careercenter.people.model import Person, PersonIdentity
from careercenter.people.waiting import HeldSignIn
from careercenter.signon.identity import Identity

REASSIGNABLE = {"eduPersonPrincipalName", "uid", "user", "upn", "preferred_username", "sAMAccountName", "REMOTE_USER", "remote_user"}
"""Identifiers that a campus may give to somebody else later; the others are made for one person for ever."""
REUSE_GAP = timedelta(days=180)


def doubt(identity: Identity, known: PersonIdentity, person: Person, now: datetime) -> str | None:
    """Why this may be another person than the account's: "campus_id", "gap", "name"; None when nothing speaks for it."""
    seen = _seen(identity)
    if seen["campus_id"] and person.campus_id and seen["campus_id"] != person.campus_id:
        return "campus_id"
    if identity.subject_kind not in REASSIGNABLE or (seen["campus_id"] and seen["campus_id"] == person.campus_id):
        return None
    if now - known.last_seen_at > REUSE_GAP:
        return "gap"
    given, family = seen["given_name"].casefold(), seen["family_name"].casefold()
    if given and family and given != person.given_name.casefold() and family != person.family_name.casefold():
        return "name"
    return None


def hold(identity: Identity, known: PersonIdentity, reason: str, now: datetime) -> HeldSignIn:
    """Put the sign-in before staff; one row per identifier, however often it is tried."""
    db.session.refresh(known, with_for_update=True)  # of two at once, one makes the row
    held = db.session.scalar(select(HeldSignIn).where(HeldSignIn.identity_id == known.id, HeldSignIn.decided_at.is_(None)))
    if held is None:
        held = HeldSignIn(
            identity_id=known.id, person_id=known.person_id, reason=reason, seen=_seen(identity), first_at=now, last_at=now
        )
        db.session.add(held)
        audit.record("sign_in.held", "person", known.person_id, by=audit.SYSTEM, now=now, reason=reason)
    held.last_at, held.seen, held.reason = now, _seen(identity), reason
    db.session.flush()
    return held


def decide(held_id: int, decision: str, version: int, *, by: audit.Actor, now: datetime) -> HeldSignIn:
    """Staff's word: "same" opens the account to this sign-in from now on, "other" parts the identifier from it for ever.

    Raises `db.NotFound`, and `db.Conflict` when somebody else decided first.
    """
    if decision not in ("same", "other"):
        raise db.Refused("Choose whether this is the same person or somebody else.")
    held = _claim(held_id, version)
    identity = db.session.get_one(PersonIdentity, held.identity_id)
    person = db.session.get_one(Person, held.person_id)
    if decision == "same":
        _accept(person, identity, held, now)
    else:
        identity.ended_at, identity.generation = now, identity.id
    held.decision, held.decided_at, held.decided_by_id, held.version = decision, now, by.person_id, held.version + 1
    audit.record(
        "sign_in.decided", "person", person.id, by=by, now=now, reason=held.reason, detail={"decision": decision, "held": held.id}
    )
    return held


def _claim(held_id: int, version: int) -> HeldSignIn:
    """The open row, locked, as the page showed it."""
    held = db.session.scalar(select(HeldSignIn).where(HeldSignIn.id == held_id).with_for_update())
    if held is None:
        raise db.NotFound
    if held.decided_at is not None or held.version != version:
        first = db.session.get(Person, held.decided_by_id) if held.decided_by_id else None
        raise db.Conflict(f"{first.name if first else 'Somebody'} decided on this sign-in a moment before you.")
    return held


def waiting(limit: int = 50) -> list[tuple[HeldSignIn, Person, PersonIdentity]]:
    """Sign-ins that wait for staff, those that were tried last first; with the account and its identifier."""
    found = select(HeldSignIn, Person, PersonIdentity).join(Person, Person.id == HeldSignIn.person_id)
    found = found.join(PersonIdentity, PersonIdentity.id == HeldSignIn.identity_id).where(HeldSignIn.decided_at.is_(None))
    rows = db.session.execute(found.order_by(HeldSignIn.last_at.desc(), HeldSignIn.id.desc()).limit(limit))
    return [(row[0], row[1], row[2]) for row in rows]


def count_waiting() -> int:
    """How many sign-ins wait for staff."""
    return db.session.scalar(select(func.count(HeldSignIn.id)).where(HeldSignIn.decided_at.is_(None))) or 0


def _accept(person: Person, identity: PersonIdentity, held: HeldSignIn, now: datetime) -> None:
    """The account takes what the provider says now, so that the next sign-in raises no doubt."""
    campus_id = held.seen["campus_id"]
    if campus_id and db.session.scalar(select(Person.id).where(Person.campus_id == campus_id, Person.id != person.id)):
        raise db.Refused("Another account holds this campus number already, so this is somebody else.")
    person.campus_id = campus_id or person.campus_id
    person.given_name = held.seen["given_name"] or person.given_name
    person.family_name = held.seen["family_name"] or person.family_name
    identity.last_seen_at = now


def _seen(identity: Identity) -> dict[str, str]:
    longest = {"given_name": 100, "family_name": 100, "email": 254, "campus_id": 40}
    return {name: (identity.first(name) or "")[:size] for name, size in longest.items()}
