"""Pushed events that were not taken: for each board, reason and day how often, how large at most, and when last.

Whoever can reach the address can send what they like. So nothing of what came is kept but its size; rows are as many as boards
that a source names, reasons and days; and after `MOST` of a kind in a day only one in `PAUSE` is written at all.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, String, delete, func, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db
from careercenter.listings.arrivals import OLDER, Arrival
from careercenter.listings.model import Board

MOST, PAUSE = 100, timedelta(seconds=10)
KEPT = timedelta(days=30)
LARGEST = 2**31 - 1
NOWHERE = ("", "")
"""Stands for every platform and board that no source names."""
REASONS = {
    "signature": (
        "The signature does not fit.",
        "Enter the platform's signing key again in the source's settings, then let the platform send once more."
    ),
    "no_secret": ("No signing key is entered here.", "Enter the key that the platform shows beside its webhook."),
    "off": ("This board takes no events, or its source is off.", "Switch the source on, or delete the webhook at the platform."),
    "no_source": ("No source has this address.", "Compare the address at the platform with the one on the source's page."),
    "too_large": ("The event was too large.", "If it is the platform's, campus IT may raise max_kilobytes in config/platforms.toml."),
    "too_many": ("Too many came from one address.", "The platform sends again later. If it goes on, campus IT may raise per_quarter_hour."),
    "packed": ("The event was compressed.", "Switch compression off where the platform sends it."),
    OLDER: ("Something newer was read already.", "Nothing. If it goes on, the platform's clock may be wrong."),
}
"""Why an event was not taken, and what staff do about it."""


class RefusedEvent(db.Model):
    """One reason on one campus day. `last_at` is when it was written last."""

    __tablename__ = "refused_event"

    platform: Mapped[str] = mapped_column(String(40), primary_key=True)
    board: Mapped[str] = mapped_column(String(120), primary_key=True)
    reason: Mapped[str] = mapped_column(String(20), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    times: Mapped[int]
    largest: Mapped[int]
    last_at: Mapped[datetime]


@dataclass(frozen=True)
class Refused:
    """One reason at one board over the days that are kept. `more`: on some day it was too often to be counted."""

    platform: str
    board: str
    reason: str
    times: int
    more: bool
    since: datetime | date
    last_at: datetime
    largest: int | None = None

    @property
    def words(self) -> tuple[str, str]:
        return REASONS[self.reason]


def counts(platform: str, board: str, reason: str, now: datetime) -> bool:
    """Whether one more is to be noted. Reads one row; a flood is turned away here, before it writes."""
    said = select(RefusedEvent.times, RefusedEvent.last_at).where(*_key(platform, board, reason, now))
    row = db.session.execute(said).one_or_none()
    return row is None or row.times < MOST or row.last_at <= now - PAUSE


def note(platform: str, board: str, reason: str, size: int, now: datetime) -> None:
    """Count one more, in the caller's transaction. `size`: bytes, as the sender states it."""
    size = min(size, LARGEST)
    insert = postgresql.insert if db.is_postgresql() else sqlite.insert
    row = insert(RefusedEvent).values(
        platform=platform, board=board, reason=reason, day=_day(now), times=1, largest=size, last_at=now
    )
    larger = func.greatest if db.is_postgresql() else func.max
    more = {"times": RefusedEvent.times + 1, "largest": larger(RefusedEvent.largest, size), "last_at": now}
    db.session.execute(row.on_conflict_do_update(index_elements=["platform", "board", "reason", "day"], set_=more))


def _key(platform: str, board: str, reason: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        RefusedEvent.platform == platform, RefusedEvent.board == board, RefusedEvent.reason == reason, RefusedEvent.day == _day(now),
    )


def _day(at: datetime) -> date:
    return at.astimezone(db.settings().campus.zone).date()


def recent(platform: str = "", boards: Collection[str] | None = None) -> list[Refused]:
    """What was refused, the newest first: everywhere, or at some boards of a platform."""
    here = (RefusedEvent.platform == platform) & RefusedEvent.board.in_(boards) if boards is not None else true()
    key = (RefusedEvent.platform, RefusedEvent.board, RefusedEvent.reason)
    rows = db.session.execute(
        select(
            *key, func.sum(RefusedEvent.times), func.max(RefusedEvent.times), func.min(RefusedEvent.day), func.max(RefusedEvent.last_at),
            func.max(RefusedEvent.largest),
        ).where(here).group_by(*key).order_by(func.max(RefusedEvent.last_at).desc(), *key)
    )
    return [Refused(*row[:3], int(row[3]), row[4] >= MOST, *row[5:]) for row in rows]


def overtaken(board: Board) -> list[Refused]:
    """Events of a board that were taken, and changed nothing since something newer was read."""
    told = select(func.count(), func.min(Arrival.arrived_at), func.max(Arrival.arrived_at))
    n, first, last = db.session.execute(told.where(Arrival.board_id == board.id, Arrival.state == OLDER)).one()
    return [Refused(board.platform, board.board, OLDER, n, False, first, last)] if n else []


def forget_old(now: datetime) -> None:
    db.session.execute(delete(RefusedEvent).where(RefusedEvent.day < _day(now - KEPT)))
