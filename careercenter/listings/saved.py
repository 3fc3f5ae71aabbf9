"""Searches that a person keeps: an address under a name, and how much is new since they last looked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import audit, db
from careercenter.audit import Actor

MOST = 20


class SavedSearch(db.Model):
    """`query` is the query string of the search page, without where in the list somebody was."""

    __tablename__ = "saved_search"
    __table_args__ = (UniqueConstraint("person_id", "query"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(String(80))
    query: Mapped[str] = mapped_column(String(2000))
    saved_at: Mapped[datetime]
    looked_at: Mapped[datetime]


_MINE = (
    select(SavedSearch.id, SavedSearch.name, SavedSearch.query, SavedSearch.looked_at)
    .where(SavedSearch.person_id == bindparam("person_id")).order_by(SavedSearch.name, SavedSearch.id)
)


def mine(person_id: int) -> Sequence[Any]:
    """A person's searches by name: id, name, query, looked_at."""
    return db.ask(_MINE, person_id=person_id)


def save(person_id: int, name: str, query: str, *, by: Actor, now: datetime) -> int:
    """Keep a search; one that is kept already gets the new name. Gives its id. Raises `db.Refused` with what to do."""
    name, query = name.replace("\x00", "").strip()[:80], query[:2000]
    if not name:
        raise db.Refused("Give the search a name, so that you find it again.")
    queries = db.session.scalars(select(SavedSearch.query).where(SavedSearch.person_id == person_id)).all()
    if len(queries) >= MOST and query not in queries:
        raise db.Refused(f"You keep {MOST} searches already. Delete one that you no longer need, then save this one.")
    made = (postgresql.insert if db.is_postgresql() else sqlite.insert)(SavedSearch).values(
        person_id=person_id, name=name, query=query, saved_at=now, looked_at=now
    )
    kept = made.on_conflict_do_update(index_elements=["person_id", "query"], set_={"name": name}).returning(SavedSearch.id)
    number = db.session.scalars(kept).one()
    audit.record("search.saved", "saved_search", number, by=by, now=now)
    return number


def look(saved_id: int, person_id: int, now: datetime) -> str:
    """Note that somebody looks at their search now; gives its query. Raises `db.NotFound`."""
    kept = _own(saved_id, person_id)
    kept.looked_at = now
    return kept.query


def forget(saved_id: int, person_id: int, *, by: Actor, now: datetime) -> str:
    """Delete a person's own search; gives its name. Raises `db.NotFound`."""
    kept = _own(saved_id, person_id)
    db.session.execute(delete(SavedSearch).where(SavedSearch.id == kept.id))
    audit.record("search.forgotten", "saved_search", kept.id, by=by, now=now)
    return kept.name


def _own(saved_id: int, person_id: int) -> SavedSearch:
    kept = db.session.get(SavedSearch, saved_id) if saved_id < 2**31 else None
    if kept is None or kept.person_id != person_id:
        raise db.NotFound
    return kept
