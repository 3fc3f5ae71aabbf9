"""One variant over the three states of the feed, in a process of its own: `python -m benchmarks.feeds.runs VARIANT DATABASE
HOST FOLDER STATE...` prints a line of JSON for each state: CPU seconds, listings, and what else it knows.

CPU seconds are those of this process and all its children, and of the PostgreSQL server, between the first request and the last
commit. What is loaded once in a worker's life (libraries, the nursery of plugins) is loaded before.
"""

import json
import os
import resource
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from benchmarks.feeds.feed import SIZE

NOW = datetime(2026, 11, 16, 14, 0, tzinfo=UTC)
Run = Callable[[str], dict[str, Any]]


def spent(*pids: int) -> float:
    """CPU seconds of this process, of its children that have ended, and of live processes with their ended children."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime + sum(ticks(pid) for pid in pids)


def ticks(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def server_seconds(postmaster: int) -> float:
    """CPU seconds of a PostgreSQL server with all its processes, ended ones too."""
    if not postmaster:
        return 0.0
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return ticks(postmaster) + sum(ticks(int(child)) for child in children)


def product(url: str, host: str, folder: Path) -> Run:
    """`listings.sync`, with the plugin in its own processes."""
    from pydantic import SecretStr

    from careercenter import create_app, db, listings
    from careercenter.platforms import apart
    from careercenter.settings import Platforms, Source, load
    from careercenter.steady import settle

    def source(state: str) -> Source:
        return Source(
            platform="bench", boards=("bench",), base_url=f"http://{host}/{state}", allow_hosts=(host,),
            options={"employer_names": {"bench": "Alder & Finch"}},
        )

    app = create_app(load(
        "config", data_dir=folder, database={"url": url}, platforms=Platforms(sources=(source("first"),)),
        server={"secret_key": SecretStr("bench" * 8)},
    ))
    with app.app_context():
        db.upgrade()
        db.session.remove()
    settle()
    moments = iter(NOW + timedelta(hours=6 * n) for n in range(10))

    def run(state: str) -> dict[str, Any]:
        now = next(moments)
        kept = app.extensions["careercenter"]
        app.extensions["careercenter"] = kept.model_copy(update={"platforms": Platforms(sources=(source(state),))})
        nursery = apart._nursery
        nursery.fork(*os.pipe())
        before, began = spent(nursery._process.pid), time.monotonic()
        with app.app_context():
            report = listings.sync("bench", "bench", now=lambda: now)
        wall = time.monotonic() - began
        assert report.ok, report
        time.sleep(0.3)  # the plugin's processes end, and are counted by the nursery
        nursery._control.close()
        nursery._control = None
        nursery._process.wait()
        return {"seconds": spent() - before, "wall": wall, "counts": report.counts.as_dict()}

    return run


def normalised(state: str, host: str) -> Iterator[list[dict[str, Any]]]:
    """The rows of the feed, page by page: read, cut and normalised by the product's own functions in this process."""
    import requests

    from careercenter.listings import normal
    from careercenter.platforms import registry
    from careercenter.platforms.decode import cut_rows, load_json
    from careercenter.platforms.draft import ListingDraft, encoded

    plugin = registry.get("bench")
    cfg = registry.configure(plugin, f"http://{host}", {"employer_names": {"bench": "Alder & Finch"}}, ["bench"])
    zone, skip = ZoneInfo("America/New_York"), 0
    with requests.Session() as session:
        while True:
            answer = session.get(f"http://{host}/{state}/v0/postings/bench", params={"skip": skip, "limit": SIZE, "mode": "json"})
            rows, _ = cut_rows(answer.content, "")
            made = []
            for raw in rows:
                record = load_json(raw) | {"_context": {"board": "bench"}}
                draft = plugin.normalize(record, cfg)
                assert isinstance(draft, ListingDraft), draft
                told = encoded(msgspec.structs.replace(draft, description_html=""))
                made.append({"post_id": record["id"], **normal.columns(draft, zone), "draft": told})
            if made:
                yield made
            if len(rows) < SIZE:
                return
            skip += len(rows)


def dlt(url: str, host: str, folder: Path) -> Run:
    """dlt with the merge disposition, its key indexed: delete-insert into SQLite, upsert into PostgreSQL."""
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR", "DLT_DATA_DIR": str(folder / "dlt")}
    import dlt as library

    postgresql = url.startswith("postgresql")
    strategy = "upsert" if postgresql else "delete-insert"
    target: Any
    if postgresql:
        # The server listens on a socket of its folder only; dlt insists on a host before the question mark.
        target = library.destinations.postgres(url.replace("@/", "@localhost:5432/").replace(":@", ":unused@"))
    else:
        target = library.destinations.sqlalchemy(url, create_primary_keys=True)
    pipeline = library.pipeline("bench", destination=target, dataset_name="bench", pipelines_dir=str(folder / "pipelines"))

    def run(state: str) -> dict[str, Any]:
        @library.resource(
            name="listing", primary_key="post_id", write_disposition={"disposition": "merge", "strategy": strategy},
            columns={"draft": {"data_type": "json"}}, max_table_nesting=0,
        )
        def listing() -> Iterator[list[dict[str, Any]]]:
            for page in normalised(state, host):  # dlt wants a value of Python's for a JSON column, and takes bytes for another type
                yield [row | {"draft": msgspec.json.decode(row["draft"])} for row in page]

        before = spent()
        pipeline.run(listing())
        counted = pipeline.last_trace.last_normalize_info.row_counts
        return {"seconds": spent() - before, "counts": {"received": counted["listing"]}}

    return run


def limit(url: str, host: str, folder: Path) -> Run:
    """The same rows, ready-made, into one table without an index: executemany into SQLite, COPY into PostgreSQL."""

    def run(state: str) -> dict[str, Any]:
        rows = [
            tuple(v.decode() if isinstance(v, bytes) else str(v) if isinstance(v, datetime) else v for v in row.values())
            for page in normalised(state, host) for row in page
        ]
        many = len(rows[0])
        before, began = spent(), time.monotonic()
        if url.startswith("postgresql"):
            import psycopg

            with psycopg.connect(url) as connection, connection.cursor() as cursor:
                cursor.execute("DROP TABLE IF EXISTS plain")
                cursor.execute(f"CREATE TABLE plain ({', '.join(f'c{n} text' for n in range(many))})")
                with cursor.copy("COPY plain FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
        else:
            connection = sqlite3.connect(folder / "plain.db")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("DROP TABLE IF EXISTS plain")
            connection.execute(f"CREATE TABLE plain ({', '.join(f'c{n}' for n in range(many))})")
            with connection:
                connection.executemany(f"INSERT INTO plain VALUES ({', '.join('?' * many)})", rows)
            connection.close()
        return {"seconds": spent() - before, "wall": time.monotonic() - began, "counts": {"received": len(rows)}}

    return run


def only_normalising(url: str, host: str, folder: Path) -> Run:
    """What reading and normalising alone cost: part of every figure but the limit's."""

    def run(state: str) -> dict[str, Any]:
        before = spent()
        many = sum(len(page) for page in normalised(state, host))
        return {"seconds": spent() - before, "counts": {"received": many}}

    return run


VARIANTS = {"product": product, "dlt": dlt, "limit": limit, "normalising": only_normalising}


def main(variant: str, url: str, host: str, folder: str, *states: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    next(normalised("first", host))  # loads libraries, plugin and normaliser
    run, postmaster = VARIANTS[variant](url, host, Path(folder)), int(os.environ.get("BENCH_POSTMASTER", "0"))
    for state in states:
        began, server = time.monotonic(), server_seconds(postmaster)
        found = run(state)
        found["seconds"] += server_seconds(postmaster) - server
        print(json.dumps({"wall": time.monotonic() - began, **found}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
