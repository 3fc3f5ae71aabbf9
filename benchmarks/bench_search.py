"""Search over many listings: the product's own functions beside plain LIKE and tantivy, query by query in one process.

BENCH_LISTINGS of them (100,000; the targets are meant for 1,000,000), all of them open (BENCH_OPEN is their share), their
words drawn from a Zipf vocabulary; tantivy indexes the same, and keeps of each what a list shows. Both are asked for a first
page as a list shows it: the product reads its rows, tantivy its kept documents, in JSON. Each line runs through all its words
before the next one does, three rounds; the product's transaction is open already, as a page's is.

Times are CPU milliseconds of this process, median and 99th percentile; with BENCH_DATABASES="sqlite postgresql" PostgreSQL is
measured too, by the clock, since it works in other processes. Every cache of the product is emptied before each call, except
where a line says "again". BENCH_KEEP is a folder where what was filled stays for the next run (see benchmarks/shelf.py).
"""

import json
import os
import random
import statistics
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from benchmarks.shelf import LISTINGS, NOW, Shelf, clock_of, fill, installation
from careercenter import db
from careercenter.listings import browse
from careercenter.listings.browse import Filters
from careercenter.listings.index import asking, keep, options, ranking, tally
from careercenter.listings.index.entry import entry_of

DATABASES = os.environ.get("BENCH_DATABASES", "sqlite").split()
QUERIES, ROUNDS = 60, 3
NARROW = Filters(kind=("internship",), workplace=("remote",))
CACHE = type(lru_cache(len))


def peer(folder: Path) -> Any:
    """tantivy over the same words: two text fields, the key to sort by, and what a list shows of a listing as JSON."""
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("title", tokenizer_name="whitespace")
    builder.add_text_field("words", tokenizer_name="whitespace")
    builder.add_integer_field("key", fast=True)
    builder.add_bytes_field("card", stored=True)
    place = folder / "tantivy"
    place.mkdir(exist_ok=True)
    index = tantivy.Index(builder.build(), path=str(place))
    if not index.searcher().num_docs:
        writer = index.writer(200_000_000, num_threads=1)
        for row in db.session.execute(keep.wanted().add_columns(*browse._ROW).execution_options(yield_per=1000)):
            entry, card = entry_of(row), json.dumps(list(row[-len(browse._ROW) :]), default=str).encode()
            title, words = " ".join(entry.title), " ".join(entry.text)
            writer.add_document(tantivy.Document(title=title, words=words, key=entry.key, card=card))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
    return index


def empty_caches() -> None:
    """Forget what was counted and understood; statements that were built stay, as they do in a running process."""
    for kept in (asking.sought, tally.facets, tally.tally, tally._combinations, ranking.frequencies, options._options):
        assert type(kept) is CACHE
        kept.cache_clear()


class Times:
    """Durations by what was done, in milliseconds."""

    def __init__(self) -> None:
        self.of: dict[str, list[float]] = {}

    def take(self, name: str, work: Callable[[], Any], warm: bool = False) -> Any:
        clock = clock_of()
        if not warm:
            empty_caches()
        db.session.connection()
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


def measure(folder: Path) -> Times:
    known = {row.word: row.n for row in db.session.execute(db.db.select(asking.SearchWord.word, asking.SearchWord.n))}
    total = db.session.scalar(db.db.select(db.db.func.count()).select_from(asking.ListingEntry)) or 0
    db.session.rollback()
    luck = random.Random(3)
    frequent = luck.sample([w for w, n in known.items() if 0.03 < n / total < 0.1 and ":" not in w], QUERIES)
    rare = luck.sample([w for w, n in known.items() if 3 < n < total * 0.002 and ":" not in w], QUERIES)
    print(f"  {total:,} entries, {len(known):,} words; the words asked for are in {total * 0.03:,.0f} to {total * 0.1:,.0f} of them\n")
    index, times = peer(folder), Times()
    db.session.rollback()
    pairs = [(often, luck.choice(frequent)) for often in frequent]
    asked: dict[str, Callable[[int], Any]] = {
        "frequent word, newest first": lambda n: rows_of(f'"{frequent[n]}"', "newest"),
        "frequent word, newest first: tantivy, sorted by field": lambda n: tantivy_search(index, frequent[n], "key"),
        "frequent word, best match": lambda n: rows_of(f'"{frequent[n]}"', "best"),
        "frequent word, best match: tantivy, bm25": lambda n: tantivy_search(index, frequent[n]),
        "rare word, best match": lambda n: rows_of(f'"{rare[n]}"', "best"),
        "rare word, best match: tantivy, bm25": lambda n: tantivy_search(index, rare[n]),
        "two frequent words, best match": lambda n: rows_of(" ".join(f'"{word}"' for word in pairs[n]), "best"),
        "two frequent words, best match: tantivy, bm25": lambda n: tantivy_search(index, " ".join(pairs[n])),
        "the same, not quoted: it may go on, newest first": lambda n: rows_of(frequent[n], "newest"),
        "the same, not quoted: it may go on, best match": lambda n: rows_of(frequent[n], "best"),
        "frequent word and two filters, newest first": lambda n: rows_of(f'"{frequent[n]}"', "newest", NARROW),
    }
    for _ in range(ROUNDS):
        for name, work in asked.items():
            for n in range(QUERIES):
                times.take(name, partial(work, n))
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


def tantivy_search(index: Any, q: str, by: str | None = None) -> list[Any]:
    query = index.parse_query(" AND ".join(f"(title:{w} OR words:{w})" for w in q.split()), ["title", "words"])
    searcher = index.searcher()
    found = searcher.search(query, browse.PAGE, order_by_field=by) if by else searcher.search(query, browse.PAGE)
    return [json.loads(searcher.doc(address)["card"][0]) for _, address in found.hits]


def like(q: str) -> Any:
    return db.session.connection().exec_driver_sql(
        "SELECT id, title, employer FROM listing WHERE state = 'open' AND description_html LIKE " + ("%s" if db.is_postgresql() else "?")
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
        with installation(kind) as folder:
            print(f"{kind}: {LISTINGS:,} listings; {fill(Shelf())}", flush=True)
            times = measure(folder)
            unit = "ms by the clock" if db.is_postgresql() else "CPU ms"
            print(f"  {unit:<58} {'p50':>9} {'p99':>9}")
            times.show()
            verdicts(times)
    return 0


if __name__ == "__main__":
    sys.exit(main())
