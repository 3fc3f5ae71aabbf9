"""Mailed codes, for people whom no campus signs in: eight digits that hold for ten minutes, in the browser that asked.

A code follows from the secret key and is stored nowhere. Asking does the same work for every address, known or not; the
worker mails the code afterwards, to an address that is on record and never to one that was only typed. (Confirming an
own address is the exception: there the person has signed in.)
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update

from careercenter import audit, db, links, outbox
from careercenter.links import MagicLink
from careercenter.people import sessions
from careercenter.people.model import Person, RoleGrant, holds_now
from careercenter.people.sessions import MAIL, LoginSession, hashed
from careercenter.people.waiting import MailCode
from careercenter.signon.identity import Identity

Purpose = Literal["alumni", "supervisor", "own_email"]
LIVES = timedelta(minutes=10)
TRIES = 5
READING = timedelta(minutes=30)  # how long a supervisor's page stays open


class CodeUnusable(Exception):
    """The code was used a moment before, or the account behind it takes no sign-ins any more."""


def plain(address: str) -> str:
    """An address as it is compared and kept: people write it in any case."""
    return address.strip().lower()


# Asking


def alumnus(address: str, now: datetime) -> int | None:
    """The former student who confirmed this own address."""
    found = select(Person.id).where(Person.own_email == plain(address), Person.own_email_confirmed_at.is_not(None))
    left = exists().where(RoleGrant.person_id == Person.id, RoleGrant.role == "alumni", holds_now(now))
    return db.session.scalar(found.where(Person.disabled_at.is_(None), left))


def supervisor(address: str, now: datetime) -> int | None:
    """The newest living link of a supervisor's address; looks at every link, so that it takes as long for none."""
    return db.session.scalar(select(func.max(MagicLink.id)).where(_alive(plain(address), now)))


def _alive(address: str, now: datetime) -> ColumnElement[bool]:
    return and_(
        func.lower(MagicLink.email) == address, MagicLink.used_at.is_(None), MagicLink.revoked_at.is_(None), MagicLink.expires_at > now
    )


def ask(purpose: Purpose, address: str, subject_id: int | None, now: datetime) -> str:
    """Make a code for this browser; returns the secret that its cookie holds. Without a subject no mail follows."""
    browser = secrets.token_urlsafe(32)
    db.session.add(MailCode(
        purpose=purpose, browser_hash=hashed(browser), address=_hidden(address), subject_id=subject_id, tries=0, created_at=now,
        expires_at=now + LIVES,
    ))
    return browser


def mail_now(browser: str, to: tuple[str, str], person_id: int, now: datetime) -> None:
    """Queue the mail of a code at once: to an own address that somebody signed in wants to confirm."""
    row = db.session.scalars(select(MailCode).where(MailCode.browser_hash == hashed(browser))).one()
    _post(row, to, person_id, now)


_DUE = MailCode.subject_id.is_not(None), MailCode.mailed_at.is_(None)


def waits(now: datetime) -> bool:
    """Whether a code is to be mailed."""
    return db.session.scalar(select(MailCode.id).where(*_DUE, MailCode.expires_at > now).limit(1)) is not None


def mail_waiting(now: datetime, most: int = 50) -> int:
    """Queue the mails of codes that were asked for; how many."""
    due = select(MailCode).where(*_DUE, MailCode.expires_at > now).order_by(MailCode.id).limit(most)
    rows = db.session.scalars(due.with_for_update(skip_locked=True)).all()
    for row in rows:
        if row.purpose == "supervisor":
            link = db.session.get(MagicLink, row.subject_id)
            if link:
                _post(row, ("", link.email), link.id, now)
        else:
            person = db.session.get(Person, row.subject_id)
            if person and person.own_email:
                _post(row, (person.name, person.own_email), person.id, now)
        row.mailed_at = now
    return len(rows)


def _post(row: MailCode, to: tuple[str, str], about: int, now: datetime) -> None:
    kind = "magic_link" if row.purpose == "supervisor" else "person"
    name = f" {to[0]}" if to[0] else ""
    outbox.post(
        f"code_{row.purpose}", to=to, values={"name": name, "minutes": int(LIVES / timedelta(minutes=1))}, about=(kind, about),
        dedupe=f"code:{row.id}", now=now, code_of=row.browser_hash,
    )
    row.mailed_at = now


# Answering


def attempt(purpose: Purpose, browser: str, typed: str, now: datetime) -> MailCode | None:
    """Count one try in the caller's own transaction; the code's row when it was right, None alike for every other case."""
    mine = update(MailCode).where(
        MailCode.browser_hash == hashed(browser), MailCode.purpose == purpose, MailCode.used_at.is_(None),
        MailCode.expires_at > now, MailCode.tries < TRIES,
    )
    found = db.session.execute(mine.values(tries=MailCode.tries + 1).returning(MailCode.id)).scalar_one_or_none()
    row = db.session.get(MailCode, found) if found else None
    digits = "".join(letter for letter in typed if letter.isascii() and letter.isdigit())
    right = hmac.compare_digest(digits, links.digits(hashed(browser)))
    return row if row and right and row.subject_id is not None else None


def _use(row_id: int, now: datetime, **values: object) -> MailCode:
    """Spend a code; of two at once one wins. Raises `CodeUnusable`."""
    if db.changed(update(MailCode).where(MailCode.id == row_id, MailCode.used_at.is_(None)).values(used_at=now, **values)) != 1:
        raise CodeUnusable
    return db.session.get_one(MailCode, row_id, populate_existing=True)


def sign_in(row_id: int, now: datetime) -> tuple[Person, Identity]:
    """Spend an alumni code: who it opens a session for, and the identity to open it with. Raises `CodeUnusable`."""
    row = _use(row_id, now)
    person = db.session.get_one(Person, row.subject_id)
    if alumnus(person.own_email or "", now) != person.id:
        raise CodeUnusable
    return person, Identity(
        provider=MAIL, subject_kind="own_email", subject=str(person.id), attributes={}, assertion_id=f"code-{row.id}",
        assertion_expires_at=row.expires_at, authenticated_at=now,
    )


def let_read(row_id: int, now: datetime) -> str:
    """Spend a supervisor's code; returns the secret of a cookie that opens the page of what waits, for half an hour."""
    secret = secrets.token_urlsafe(32)
    _use(row_id, now, browser_hash=hashed(secret))
    return secret


def reader(secret: str, now: datetime) -> str | None:
    """The address of the supervisor who may read with this cookie; None when the half hour is over."""
    found = select(MagicLink.email).join(MailCode, MailCode.subject_id == MagicLink.id).where(
        MailCode.browser_hash == hashed(secret), MailCode.purpose == "supervisor", MailCode.used_at > now - READING
    )
    return db.session.scalar(found)


def stop_reading(secret: str) -> None:
    """Close a supervisor's page before its time."""
    mine = delete(MailCode).where(MailCode.browser_hash == hashed(secret), MailCode.purpose == "supervisor")
    db.session.execute(mine.where(MailCode.used_at.is_not(None)))


def waiting_links(address: str, now: datetime) -> list[MagicLink]:
    """The living links of a supervisor's address, oldest first."""
    return list(db.session.scalars(select(MagicLink).where(_alive(plain(address), now)).order_by(MagicLink.id)))


# One's own address


def confirm_address(row_id: int, address: str, *, by: audit.Actor, now: datetime) -> Person:
    """Spend a code and note the address that it was mailed to. Raises `CodeUnusable`, and `db.Refused` when somebody else has it."""
    row = _use(row_id, now)
    if row.subject_id != by.person_id or not hmac.compare_digest(row.address, _hidden(address)):
        raise CodeUnusable
    person = db.session.get_one(Person, row.subject_id, with_for_update=True)
    address = plain(address)
    if db.session.scalar(select(Person.id).where(Person.own_email == address, Person.id != person.id)):
        raise db.Refused("Another account uses this address already. Choose another one.")
    _set_address(person, address, by=by, now=now)
    return person


def remove_address(person_id: int, *, by: audit.Actor, now: datetime) -> None:
    person = db.session.get_one(Person, person_id, with_for_update=True)
    if person.own_email:
        _set_address(person, None, by=by, now=now)


def _set_address(person: Person, address: str | None, *, by: audit.Actor, now: datetime) -> None:
    """Whoever got in by the address before is out; the campus address is told."""
    person.own_email, person.own_email_confirmed_at = address, now if address else None
    db.session.flush()
    by_mail = update(LoginSession).where(sessions.open_now(person.id, now), LoginSession.provider == MAIL)
    db.session.execute(by_mail.values(ended_at=now))
    event = audit.record("person.address_confirmed" if address else "person.address_removed", "person", person.id, by=by, now=now)
    if person.email:
        outbox.post(
            "own_address", to=(person.name, person.email), about=("person", person.id), dedupe=f"address:{event.id}", now=now,
            values={"name": person.given_name, "what": f"is now {address}" if address else "was removed"},
        )


def forget_old(now: datetime) -> None:
    """Remove codes that prove nothing any more; a supervisor's page may stand on one for half an hour."""
    over = or_(MailCode.used_at.is_(None), MailCode.used_at <= now - READING)
    db.session.execute(delete(MailCode).where(MailCode.expires_at <= now, over))


def _hidden(address: str) -> str:
    key = db.settings().server.secret_key.get_secret_value()
    return hmac.new(f"address:{key}".encode(), plain(address).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
