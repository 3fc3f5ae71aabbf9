"""Settings that people enter on a page and that rest as rows: each change is made on the version that the page showed, and is
audited."""

from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ForeignKey, Select, String
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import audit, db


class Unsound(db.Refused):
    """Settings that cannot be used; `problems` maps a field to its sentence ("" for the whole)."""

    def __init__(self, problems: dict[str, str]):
        self.problems = problems
        super().__init__(" ".join(problems.values()))


class Entered(db.Model):
    """What every row of such settings has."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(String(80))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    @property
    def told(self) -> dict[str, Any]:
        """What the audit says of the row."""
        return {"version": self.version}


Row = TypeVar("Row", bound=Entered)


def claim(wanted: Select[Row], version: int, what: str, *, by: audit.Actor, now: datetime) -> Row:
    """The row, locked, for a change by `by`. Raises NotFound, and Conflict when it is not the version that the page showed."""
    row = db.session.scalar(wanted.with_for_update())
    if row is None:
        raise db.NotFound
    if row.version != version:
        raise db.Conflict(f"Somebody changed this {what} a moment before you. Look at it again.")
    row.version, row.changed_at, row.changed_by_id = row.version + 1, now, by.person_id
    return row


def note(action: str, row: Entered, *, by: audit.Actor, now: datetime, **more: Any) -> None:
    """Audit what was done to the row. The `action` begins with the kind of row, as "source.added"."""
    audit.record(action, action.partition(".")[0], row.id, by=by, now=now, reason=row.label, detail={**row.told, **more})
