"""Roles that many people would lose at once by the directory's word: held until a person has looked at the list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, select, update
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import audit, db
from careercenter.people.model import Person


@dataclass(frozen=True)
class Loss:
    """What one person would lose, as (source, role, scope, term). `why`: "gone", "closed", or "present" with less than before."""

    person_id: int
    why: str
    taken: tuple[tuple[str, str, str, str], ...]


class DirectoryHold(db.Model):
    """A list of `losses` that waits for a person; one at a time has no `ended_at`. `holders`: who held roles at all."""

    __tablename__ = "directory_hold"

    id: Mapped[int] = mapped_column(primary_key=True)
    found_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    holders: Mapped[int]
    losses: Mapped[list[list[Any]]] = mapped_column(JSON)
    version: Mapped[int] = mapped_column(default=1)
    confirmed_at: Mapped[datetime | None]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    ended_at: Mapped[datetime | None]

    @property
    def listed(self) -> list[Loss]:
        return [Loss(person, why, tuple((t[0], t[1], t[2], t[3]) for t in taken)) for person, why, taken in self.losses]

    @property
    def ceiling(self) -> frozenset[tuple[int, str, tuple[str, str, str]]]:
        """Every single grant that the list allows to be taken, as (person, source, (role, scope, term))."""
        return frozenset((loss.person_id, source, (role, scope, term)) for loss in self.listed for source, role, scope, term in loss.taken)


def current() -> DirectoryHold | None:
    """The list that waits for somebody, or that was confirmed and waits for the next look."""
    found = select(DirectoryHold).where(DirectoryHold.ended_at.is_(None)).order_by(DirectoryHold.id.desc()).limit(1)
    return db.session.scalar(found)


def count() -> int:
    """How many people's roles wait for somebody's word."""
    hold = current()
    return len(hold.losses) if hold and hold.confirmed_at is None else 0


def people(hold: DirectoryHold) -> list[tuple[Person, Loss]]:
    """Who would lose what, by name."""
    losses = {loss.person_id: loss for loss in hold.listed}
    found: list[Person] = []
    ids = sorted(losses)
    for n in range(0, len(ids), 500):
        found += db.session.scalars(select(Person).where(Person.id.in_(ids[n:n + 500])))
    return [(person, losses[person.id]) for person in sorted(found, key=lambda p: (p.family_name, p.given_name, p.id))]


def confirm(hold_id: int, version: int, *, by: audit.Actor, now: datetime) -> None:
    """A person has seen this list: the next look may take away what it names and the directory still says.

    The caller asks for that look (`work.request("directory-sync", now)`). Raises `db.NotFound`, and `db.Conflict` when the list
    changed or somebody else was first.
    """
    hold = db.session.get(DirectoryHold, hold_id)
    if hold is None:
        raise db.NotFound
    mine = update(DirectoryHold).where(
        DirectoryHold.id == hold_id, DirectoryHold.version == version,
        DirectoryHold.confirmed_at.is_(None), DirectoryHold.ended_at.is_(None),
    )
    if db.changed(mine.values(confirmed_at=now, confirmed_by_id=by.person_id, version=version + 1)) != 1:
        raise db.Conflict("The list changed, or somebody confirmed it a moment before you. Look at it again.")
    audit.record(
        "directory.losses_confirmed", "directory_hold", hold_id, by=by, now=now, detail={"people": [loss.person_id for loss in hold.listed]}
    )


def replace(losses: Sequence[Loss], holders: int, used: int | None, now: datetime) -> None:
    """After a look: what is held now. The list that waited is brought up to date, or ended when there is nothing to hold.

    `used` is the confirmed list that this look obeyed. One that was confirmed meanwhile waits for the next look.
    """
    hold = db.session.scalar(
        select(DirectoryHold).where(DirectoryHold.ended_at.is_(None)).order_by(DirectoryHold.id.desc()).limit(1).with_for_update()
    )
    rows = [[loss.person_id, loss.why, [list(taken) for taken in loss.taken]] for loss in losses]
    if hold is not None and hold.confirmed_at is not None and hold.id != used:
        return
    if hold is not None and (hold.id == used or not rows):
        hold.ended_at, hold = now, None
    if not rows:
        return
    if hold is None:
        db.session.add(DirectoryHold(found_at=now, seen_at=now, holders=holders, losses=rows))
        audit.record("directory.losses_held", "directory", None, by=audit.SYSTEM, now=now, detail={"people": len(rows), "holders": holders})
    else:
        hold.seen_at, hold.holders = now, holders
        if hold.losses != rows:
            hold.losses, hold.version = rows, hold.version + 1
