"""How often something may be tried in a quarter of an hour, counted in the database and so by all workers together.

An attempt that fails rolls its own changes back, and would take the count with it. So the edge counts first, in a
transaction of its own, and tries afterwards:

    with db.transaction():
        tries.count("password", username, limits.tries_per_account, g.now)
    ...

What is refused is not counted, so nobody is shut out for longer than the quarter of an hour that began by the clock.
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from math import ceil

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from careercenter import db
from careercenter.people.waiting import Tries

WINDOW = timedelta(minutes=15)


class TooMany(Exception):
    """It was tried too often (page: 429). `minutes`: how long until it may be tried again, 1 to 15."""

    def __init__(self, minutes: int):
        self.minutes = minutes
        super().__init__(f"too many tries; again in {minutes} minutes")


def count(kind: str, key: str, limit: int, now: datetime) -> None:
    """Count one try of a `kind` (20 characters at most) by a `key`, such as a name or an address; only its HMAC is kept.

    Inside the caller's transaction; of many at once exactly `limit` get through. Keys that differ in case or in spaces
    around them are one. Who counts several kinds in one transaction always takes them in the same order. Raises `TooMany`.
    """
    window = _window(now)
    if _add(kind, _hidden(kind, key), window) > limit:
        raise TooMany(max(1, ceil((window + WINDOW - now) / timedelta(minutes=1))))


def _add(kind: str, key: str, window: datetime) -> int:
    """One more; returns how many there are now. A single statement: no two tries ever read the same number."""
    insert = postgresql.insert if db.is_postgresql() else sqlite.insert
    new = insert(Tries).values(kind=kind, key=key, window=window, count=1)
    more = new.on_conflict_do_update(index_elements=["kind", "key", "window"], set_={"count": Tries.count + 1})
    return db.session.execute(more.returning(Tries.count)).scalar_one()


def forget_old(now: datetime) -> None:
    """Remove what no window counts any more."""
    db.session.execute(delete(Tries).where(Tries.window < _window(now)))


def network(address: str | None) -> str:
    """The key of a client's address: all of a version 4 address, the network of a version 6 one, since a browser has many."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return address or ""
    return str(ip_network((found, 64), strict=False)) if found.version == 6 else str(found)


def _window(now: datetime) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return now - (now - epoch) % WINDOW


def _hidden(kind: str, key: str) -> str:
    secret = db.settings().server.secret_key.get_secret_value()
    said = f"{kind}\n{key.strip().casefold()}".encode("utf-8", "surrogatepass")
    return hmac.new(f"tries:{secret}".encode(), said, hashlib.sha256).hexdigest()
