"""The way in when every other is broken: whoever may run commands on the server opens an admin session for minutes.

The command prints an address that works once within a quarter of an hour. It is loud on purpose: the audit, the log, a
mail to the support address, and the console show who, why, when, and whether it was used.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Select, String, select, update
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import audit, db, links, outbox
from careercenter.people.model import Person, RoleGrant
from careercenter.people.sessions import LoginSession, start_session
from careercenter.signon.identity import Identity

PURPOSE = SOURCE = PROVIDER = "breakglass"
USE_WITHIN = timedelta(minutes=15)
MOST_MINUTES = 240


class BreakGlass(db.Model):
    """One address that was printed, and when it was opened. `person_id` is an account made for this alone."""

    __tablename__ = "break_glass"

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("magic_link.id"), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(String(500))
    minutes: Mapped[int]
    issued_by: Mapped[str] = mapped_column(String(200))
    issued_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]


def issue(name: str, reason: str, minutes: int, *, by: audit.Actor, now: datetime) -> str:
    """The secret of a new address. Raises `db.Refused` for a nameless or unreasoned one."""
    name, reason = " ".join(name.split())[:100], " ".join(reason.split())[:500]
    if not name or not reason:
        raise db.Refused("Say for whom the session is and why; both are kept in the audit log.")
    if not 1 <= minutes <= MOST_MINUTES:
        raise db.Refused(f"A session lasts from 1 to {MOST_MINUTES} minutes.")
    person = _account(name, now)
    support = db.settings().campus.support_email
    link = links.issue(PURPOSE, person.id, support, now, USE_WITHIN)
    glass = BreakGlass(
        link_id=link.id, person_id=person.id, reason=reason, minutes=minutes, issued_by=by.label, issued_at=now
    )
    db.session.add(glass)
    db.session.flush()
    _tell("breakglass.issued", glass, person, by, now)
    return links.token(link)


def find(secret: str, now: datetime) -> tuple[BreakGlass, Person]:
    """What an address would open. Raises `links.LinkUnusable`."""
    link = links.find(secret, PURPOSE, now)
    glass = db.session.scalars(select(BreakGlass).where(BreakGlass.link_id == link.id)).one()
    person = db.session.get_one(Person, glass.person_id)
    if person.disabled_at:
        raise links.LinkUnusable
    return glass, person


def open_session(secret: str, now: datetime, user_agent: str = "") -> tuple[int, str]:
    """Use the address up: an admin session that ends after its minutes, as (person, secret). Of two at once one wins, the
    other gets `links.LinkUnusable`."""
    glass, person = find(secret, now)
    links.consume(links.find(secret, PURPOSE, now), now)
    until = now + timedelta(minutes=glass.minutes)
    held = next((g for g in person.roles if g.source == SOURCE), None)
    if held is None:
        person.roles.append(RoleGrant(role="admin", source=SOURCE, because="break-glass", granted_at=now, ends_at=until))
    else:
        held.granted_at, held.ends_at = now, until
    glass.opened_at = now
    db.session.flush()
    _tell("breakglass.opened", glass, person, person.actor, now)
    opened = start_session(person, Identity(
        provider=PROVIDER, subject_kind=PROVIDER, subject=str(person.id), attributes={}, assertion_id=f"{PROVIDER}-{glass.id}",
        assertion_expires_at=until, authn_context=PROVIDER, authenticated_at=now, session_not_on_or_after=until,
    ), now, user_agent)
    return person.id, opened


def recent(now: datetime, days: int = 90) -> list[tuple[BreakGlass, Person]]:
    """Every address of the last months, newest first."""
    found = select(BreakGlass, Person).join(Person, Person.id == BreakGlass.person_id)
    found = found.where(BreakGlass.issued_at > now - timedelta(days=days)).order_by(BreakGlass.id.desc()).limit(20)
    return [(row[0], row[1]) for row in db.session.execute(found)]


def open_now(now: datetime) -> set[int]:
    """The ids of those whose session is open at this moment, or whose address still works."""
    live = _sessions(now)
    waiting = BreakGlass.opened_at.is_(None) & (BreakGlass.issued_at > now - USE_WITHIN) & links.MagicLink.revoked_at.is_(None)
    found = select(BreakGlass.id).join(links.MagicLink, links.MagicLink.id == BreakGlass.link_id).where(
        waiting | (BreakGlass.opened_at.is_not(None) & BreakGlass.person_id.in_(live))
    )
    return set(db.session.scalars(found))


def end(glass_id: int, *, by: audit.Actor, now: datetime) -> bool:
    """End the session, or revoke the address that still waits. False when there was nothing to end."""
    glass = db.session.get(BreakGlass, glass_id)
    if glass is None:
        raise db.NotFound
    before = glass_id in open_now(now)
    links.revoke(PURPOSE, glass.person_id, now)
    mine = update(LoginSession).where(LoginSession.person_id == glass.person_id, LoginSession.ended_at.is_(None))
    db.session.execute(mine.values(ended_at=now))
    role = update(RoleGrant).where(RoleGrant.person_id == glass.person_id, RoleGrant.source == SOURCE, RoleGrant.ends_at > now)
    db.session.execute(role.values(ends_at=now))
    if before:
        audit.record("breakglass.ended", "person", glass.person_id, by=by, now=now, detail={"break_glass": glass.id})
    return before


def _sessions(now: datetime) -> Select[Any]:
    return select(LoginSession.person_id).where(
        LoginSession.provider == PROVIDER, LoginSession.ended_at.is_(None), LoginSession.expires_at > now
    )


def _account(name: str, now: datetime) -> Person:
    """The account of this name that nothing else opens: it has no campus number, no address and no identity."""
    mark = "(break-glass)"
    person = db.session.scalar(select(Person).where(
        Person.given_name == name, Person.family_name == mark, Person.campus_id.is_(None), Person.email == ""
    ))
    if person is None:
        person = Person(given_name=name, family_name=mark, email="", created_at=now)
        db.session.add(person)
        db.session.flush()
    return person


def _tell(action: str, glass: BreakGlass, person: Person, by: audit.Actor, now: datetime) -> None:
    audit.record(
        action, "person", person.id, by=by, now=now, reason=glass.reason, detail={"minutes": glass.minutes, "break_glass": glass.id}
    )
    config = db.settings()
    if config.campus.support_email:
        word = action.rpartition(".")[2]
        outbox.post(
            "break_glass", to=("Career Center support", config.campus.support_email), about=("person", person.id), now=now,
            dedupe=f"{action}:{glass.id}", values={
                "what": "was opened" if word == "opened" else "was made and can be opened", "name": person.given_name,
                "reason": glass.reason, "minutes": glass.minutes, "by": glass.issued_by,
                "at": now.astimezone(config.campus.zone).strftime("%a %d %b %Y, %H:%M"), "url": config.server.public_url,
            },
        )
