"""A look through another person's eyes: an administrator sees what somebody sees, changes nothing, for half an hour.

Start and stop are audited with the reason and the number of pages. Each page is not: a look opens what an administrator
answers for anyway, and a row for every click would bury the one that says why.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from careercenter import audit, db
from careercenter.people import sessions
from careercenter.people.model import Person, RoleGrant, holds_now
from careercenter.people.sessions import LoginSession, Looking, Viewer

FOR = timedelta(minutes=30)


def start(session_id: int, person_id: int, reason: str, *, by: audit.Actor, now: datetime) -> str:
    """Begin to look; returns the session's new secret. Raises `db.NotFound`, `db.Refused`, `db.Conflict`."""
    person = db.session.get(Person, person_id)
    if person is None:
        raise db.NotFound
    if person.id == by.person_id:
        raise db.Refused("You see what you see already.")
    if not reason:
        raise db.Refused("Write a reason, so that it stands beside the look in the audit log.")
    if person.disabled_at:
        raise db.Refused("The account is disabled, so this person sees nothing.")
    if _is_admin(person_id, now):
        raise db.Refused("Nobody looks through an administrator's eyes.")
    mine = update(LoginSession).where(LoginSession.id == session_id, LoginSession.viewing_as.is_(None))
    if db.changed(mine.values(viewing_as=person_id, viewing_until=now + FOR, viewing_pages=0)) != 1:
        raise db.Conflict("You look through somebody's eyes already.")
    audit.record("person.looked_through", "person", person_id, by=by, now=now, reason=reason)
    return sessions.renew(session_id)


def through(own: Viewer, now: datetime) -> Viewer | None:
    """What an administrator's session sees now; None when the look is over: by time, by either's role, by a closed account."""
    if own.viewing is None or own.viewing[1] <= now or "admin" not in own.roles:
        return None
    person_id, until = own.viewing
    found = db.session.execute(
        select(Person.given_name, Person.family_name, RoleGrant.role, RoleGrant.scope)
        .outerjoin(RoleGrant, (RoleGrant.person_id == Person.id) & holds_now(now))
        .where(Person.id == person_id, Person.disabled_at.is_(None)).order_by(RoleGrant.id)
    ).all()
    roles = tuple(dict.fromkeys(row.role for row in found if row.role))
    if not found or "admin" in roles:
        return None
    role = sessions.first_role(roles)
    return replace(
        own, person_id=person_id, name=f"{found[0].given_name} {found[0].family_name}".strip(), role=role, roles=(role,) if role else (),
        scopes=tuple(dict.fromkeys(row.scope for row in found if row.role == role)),
        looking=Looking(own.person_id, own.name, until),
    )


def count_page(session_id: int) -> None:
    """One page more was seen."""
    mine = update(LoginSession).where(LoginSession.id == session_id)
    db.session.execute(mine.values(viewing_pages=LoginSession.viewing_pages + 1))


def stop(session_id: int, *, by: audit.Actor, now: datetime, why: str = "") -> str | None:
    """End the look; the session goes on as its own person's, under the secret that is returned. None when it was over already."""
    row = db.session.get(LoginSession, session_id, with_for_update=True, populate_existing=True)
    if row is None or row.viewing_as is None:
        return None
    audit.record(
        "person.look_ended", "person", row.viewing_as, by=by, now=now, reason=why, detail={"pages": row.viewing_pages}
    )
    return sessions.renew(session_id, viewing_as=None, viewing_until=None, viewing_pages=0)


def end_overdue(now: datetime) -> int:
    """Note the end of looks that nobody stopped: the time was over, or the session ended; how many."""
    over = or_(LoginSession.viewing_until <= now, LoginSession.ended_at.is_not(None), LoginSession.expires_at <= now)
    rows = db.session.execute(select(LoginSession.id, LoginSession.person_id).where(LoginSession.viewing_as.is_not(None), over)).all()
    for session_id, person_id in rows:
        actor = db.session.get_one(Person, person_id).actor
        stop(session_id, by=actor, now=now, why="nobody stopped it")
    return len(rows)


def _is_admin(person_id: int, now: datetime) -> bool:
    """Now or later: a role that begins tomorrow is one too."""
    to_come = or_(RoleGrant.ends_at.is_(None), RoleGrant.ends_at > now)
    held = select(RoleGrant.id).where(RoleGrant.person_id == person_id, RoleGrant.role == "admin", to_come)
    return db.session.scalar(held.limit(1)) is not None
