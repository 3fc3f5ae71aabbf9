"""A platform of any size on loopback: postings in Lever's shape, page by page, made from their numbers.

Up to `KEPT` postings its pages are made before the first is asked for, so that making them takes no part in what is measured.

`python -m benchmarks.feeds.feed SIZE` serves it and prints its port. Its address says in which state it stands: `/first`;
`/later`, where 1 % has changed, 1 % is new and 1 % is gone.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

WORDS = (  # noqa: SIM905 - thirty quoted words would say no more
    "students plan write review campaign research data records patients clients design schedule support community public "
    "garden museum energy river budget story survey laboratory theatre harvest archive interview translate repair measure"
).split()
TOWNS = ("Dayton, OH", "Chicago, IL", "Portland, OR", "Remote", "Austin, TX; Denver, CO", "Toronto, Canada")
TEAMS = ("Marketing", "Finance", "Engineering", "People", "Research")
ROOT = Path(__file__).parents[2]
KEPT = 200_000
SIZE = 250

PLUGIN = """from careercenter.platforms.kinds import plugin as described
from careercenter_lever import prepare

plugin = described("careercenter_bench", prepare=prepare)
"""


def install(folder: Path) -> None:
    """A plugin package `bench`: Lever's manifest, read to the end however long the feed is. The folder goes on the path."""
    package, info = folder / "careercenter_bench", folder / "careercenter_bench-1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    lever = (ROOT / "plugins" / "careercenter_lever" / "manifest.toml").read_text()
    manifest = lever.replace('id = "lever"', 'id = "bench"').replace("size = 100 }", "size = 250, most = 100000 }")
    (package / "manifest.toml").write_text(manifest)
    (package / "__init__.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: careercenter-bench\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[careercenter.platforms]\nbench = careercenter_bench:plugin\n")


def words(n: int, many: int) -> str:
    """As many words, another choice for each number."""
    return " ".join(WORDS[(n * 31 + i * i * 7 + n // 97 * i) % len(WORDS)] for i in range(many))


def posting(n: int, edition: int = 1) -> dict[str, Any]:
    """One posting; another edition has another text."""
    town, team, low = TOWNS[n % len(TOWNS)], TEAMS[n % len(TEAMS)], 15 + n % 20
    return {
        "id": f"{n:08x}-5caa-473d-abd4-b71f09a8167b",
        "text": f"{words(n, 3).title()} {'Intern' if n % 3 else 'Coordinator'}",
        "categories": {
            "commitment": "Internship" if n % 3 else "Part-time", "location": town, "team": team, "allLocations": town.split("; "),
        },
        "createdAt": 1764205361939 + n * 1000, "country": "US", "workplaceType": ("remote", "hybrid", "onsite", "unspecified")[n % 4],
        "description": f"<div>{words(n + edition, 40).capitalize()}.</div><div><br></div><div>You <b>{words(n + 3, 25)}</b>.</div>",
        "lists": [
            {"text": "What you will do", "content": "".join(f"<li>{words(n + i, 7)}</li>" for i in range(3))},
            {"text": "What you bring", "content": "".join(f"<li>{words(n + 9 + i, 5)}</li>" for i in range(2))},
        ],
        "additional": f"<div>{words(n + 7, 12).capitalize()} &amp; more.</div>",
        "salaryRange": {"min": low, "max": low + 4, "currency": "USD", "interval": "per-hour-wage"},
        "hostedUrl": f"https://jobs.example.org/bench/{n:08x}", "applyUrl": f"https://jobs.example.org/bench/{n:08x}/apply",
    }


def shown(state: str, size: int, at: int) -> tuple[int, int] | None:
    """Which posting stands at a place of the feed, and in which edition; None after the last."""
    if at >= size:
        return None
    if state == "first" or at % 100 > 1:
        return at, 1
    return (at, 2) if at % 100 else (size + at, 1)  # one of a hundred is edited, one made way for a new one


@cache
def page(state: str, size: int, skip: int, limit: int) -> bytes:
    found = (shown(state, size, at) for at in range(skip, skip + limit))
    return json.dumps([posting(*one) for one in found if one]).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    size = 0

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = parse_qs(parts.query)
        make = page if self.size <= KEPT else page.__wrapped__
        body = make(parts.path.split("/")[1], self.size, int(asked["skip"][0]), int(asked["limit"][0]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """A benchmark needs no access log."""


@contextmanager
def serving(size: int) -> Iterator[str]:
    """A feed of so many postings, served by a process of its own; "127.0.0.1:PORT"."""
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.feeds.feed", str(size)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield f"127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def main() -> None:
    Handler.size = size = int(sys.argv[1])
    if size <= KEPT:
        for state in ("first", "later"):
            for skip in range(0, size + 1, SIZE):
                page(state, size, skip, SIZE)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
