"""A form that is sent twice is carried out once: each form carries a random key, and the key is spent with the change.

A double click, a reload or a second tab sends the same key again; whoever comes second waits for the first to commit
and gets its answer. Keys belong to the person who sent them and are forgotten after a day.
"""

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db

KEPT = timedelta(days=1)


class SentForm(db.Model):
    """A key that was spent, and the address that answered it."""

    __tablename__ = "sent_form"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    answer: Mapped[str] = mapped_column(String(300), default="")


def earlier(key: str, person_id: int, now: datetime) -> str | None:
    """Spend a form's key, in the caller's transaction. None the first time; afterwards the address that answered it.

    A form without a key, as a program may send it, is always new.
    """
    if not key:
        return None
    insert = postgresql.insert if db.is_postgresql() else sqlite.insert
    mine = insert(SentForm).values(key=key[:64], person_id=person_id, at=now, answer="").on_conflict_do_nothing()
    if db.session.scalar(mine.returning(SentForm.key)):
        return None
    spent = select(SentForm.answer).where(SentForm.key == key[:64], SentForm.person_id == person_id)
    return db.session.scalar(spent) or "/"


def answered(key: str, person_id: int, address: str) -> None:
    """Note where the first sending led, in the same transaction."""
    if key:
        mine = update(SentForm).where(SentForm.key == key[:64], SentForm.person_id == person_id)
        db.session.execute(mine.values(answer=address))


def forget_old(now: datetime) -> None:
    db.session.execute(delete(SentForm).where(SentForm.at < now - KEPT))
