"""Forms that outlive a session: what was typed is sealed under a key that only the browser holds, for one day.

The database alone opens nothing, and neither does the browser: the row belongs to a person, and is deleted when somebody
else signs in by the same browser.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import delete, select

from careercenter import db
from careercenter.people.model import Person
from careercenter.people.sessions import hashed
from careercenter.people.waiting import KeptForm

FOR = timedelta(days=1)
MOST_BYTES = 64 * 1024  # of one form
MOST_FORMS = 5  # of one browser, and browsers of one person


@dataclass(frozen=True)
class Form:
    """One form as it was sent: the route and address it was meant for, and its fields in their order."""

    endpoint: str
    address: str
    fields: list[tuple[str, str]]
    at: str

    @property
    def name(self) -> str:
        """A short word for it that stands in no address."""
        return hashed(self.address)[:16]


def keep(key: str, person_id: int, form: Form, now: datetime) -> str | None:
    """Keep a form for a person. `key` is what the browser's cookie holds, "" for none; returns what it is to hold now.

    The same form sent again takes the place of the first. None when it is too large, or the account is closed.
    """
    if sum(len(name) + len(value) for name, value in form.fields) > MOST_BYTES:
        return None
    person = db.session.get(Person, person_id)
    if person is None or person.disabled_at:
        return None
    row = _row(key, person_id, now, held=True)
    if row is None:
        key = Fernet.generate_key().decode()
        row = KeptForm(browser_hash=hashed(key), person_id=person_id, sealed=b"", created_at=now)
        _make_room(person_id)
        db.session.add(row)
    others = [kept for kept in _opened(row, key) if kept.address != form.address]
    _seal(row, key, [*others, form][-MOST_FORMS:])
    row.created_at = now
    db.session.flush()
    return key


def find(key: str, person_id: int, now: datetime) -> list[Form]:
    """What waits for this person in this browser, oldest first."""
    row = _row(key, person_id, now)
    return _opened(row, key) if row else []


def drop(key: str, person_id: int, name: str, now: datetime) -> bool:
    """Let go of one form; True while others are left."""
    row = _row(key, person_id, now, held=True)
    if row is None:
        return False
    left = [kept for kept in _opened(row, key) if kept.name != name]
    if left:
        _seal(row, key, left)
    else:
        db.session.delete(row)
    db.session.flush()
    return bool(left)


def drop_all(key: str) -> None:
    """Let go of everything that this browser keeps, whoever's it is."""
    db.session.execute(delete(KeptForm).where(KeptForm.browser_hash == hashed(key)))


def forget_old(now: datetime) -> None:
    db.session.execute(delete(KeptForm).where(KeptForm.created_at <= now - FOR))


def _row(key: str, person_id: int, now: datetime, held: bool = False) -> KeptForm | None:
    """This person's row of the browser; `held` against another tab of it, to change it."""
    if not key:
        return None
    mine = select(KeptForm).where(KeptForm.browser_hash == hashed(key), KeptForm.person_id == person_id, KeptForm.created_at > now - FOR)
    return db.session.scalar(mine.with_for_update() if held else mine)


def _opened(row: KeptForm, key: str) -> list[Form]:
    if not row.sealed:
        return []
    try:
        found = json.loads(Fernet(key).decrypt(row.sealed))
    except (InvalidToken, ValueError):
        return []
    return [Form(f["endpoint"], f["address"], [(name, value) for name, value in f["fields"]], f["at"]) for f in found]


def _seal(row: KeptForm, key: str, forms: list[Form]) -> None:
    row.sealed = Fernet(key).encrypt(json.dumps([asdict(form) for form in forms]).encode())


def _make_room(person_id: int) -> None:
    """The newest few rows of a person stay; each is another browser."""
    ids = db.session.scalars(select(KeptForm.id).where(KeptForm.person_id == person_id).order_by(KeptForm.id.desc())).all()
    db.session.execute(delete(KeptForm).where(KeptForm.id.in_(ids[MOST_FORMS - 1:])))
