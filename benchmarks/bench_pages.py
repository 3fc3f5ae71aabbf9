"""Page speed, signed in, on the demo campus: beside the same server's hello page and beside Django's page of the same rows.

The product runs under its own gunicorn settings with one worker. Its hello page goes the way of every page that somebody
signed in asks for (pages/served.py); what Flask alone takes in the same process is printed beside it. Django runs under
the same settings, signed in by its own sessions, and shows the same words, dates aside (pages/alike.py looks before
anything is measured). CPU seconds are those of the worker per request, read from its POSIX clock; variants alternate,
medians are printed. "Cold" empties, before each request, every cache that holds anything of a row (see pages/served.py);
"warm" asks the same page again. Django fills no such cache.
Latency is that of one kept connection. Run it on a quiet machine: beside other work, a page loses more of the
processor's caches than the hello page does, and every ratio to it looks two to three times worse.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pages import alike, campus
from benchmarks.pages.servers import ROOT, Server, serving

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "25"))
TIMES = int(os.environ.get("BENCH_TIMES", "4"))
PEER = ROOT / "benchmarks" / "django_peer"
LATENCIES = int(os.environ.get("BENCH_LATENCIES", "250"))
COLD = {"X-Bench-Cold": "1"}
PAGES = {
    "home, student": ("/", "student"), "home, advisor": ("/", "advisor"), "listings": ("/listings", "student"),
    "queue": ("/queue", "advisor"),
}
VARIANTS = ("cold", "warm", "django")


@dataclass
class Variant:
    """One page of one server, asked in one way, and what a request of it cost in each round."""

    server: Server
    path: str
    headers: dict[str, str]
    costs: list[float]

    def run(self) -> None:
        self.costs.append(self.server.cpu_of(self.path, self.headers, TIMES))

    def page(self) -> bytes:
        return self.server.get(self.path, self.headers)


def main() -> int:
    began = time.monotonic()
    here = campus.prepare()
    folder = campus.FOLDER.parent
    metrics, copy = folder / "metrics", folder / "peer.db"
    metrics.mkdir(exist_ok=True)
    peers = peer(here, copy)
    ours = {"CAREERCENTER_CONFIG": str(here.config), "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    theirs = {"PEER_DATABASE": str(copy)}
    with (
        serving("benchmarks.pages.served:serve()", ROOT / "config" / "gunicorn.py", ours, folder) as product,
        serving("benchmarks.django_peer.serve:application", PEER / "gunicorn.py", theirs, folder) as django,
    ):
        variants = plan(product, django, here, peers)
        for variant in variants.values():
            variant.server.cpu_of(variant.path, variant.headers, TIMES)
        for name in PAGES:
            alike.must_show_the_same(name, *(variants[name, kind].page() for kind in ("warm", "django")))
        for _ in range(ROUNDS):
            for variant in variants.values():
                variant.run()
        show(variants)
        spreads(product, here)
    print(f"{time.monotonic() - began:.0f} s in all")
    return 0


def peer(here: campus.Campus, database: Path) -> dict[str, str]:
    """Django's copy of the campus, and the cookies of the same people there; in its own process, as Django wants it."""
    people = [f"{role}:{number}" for role, number in here.person_ids.items()]
    command = [sys.executable, "-m", "benchmarks.django_peer.prepare", str(here.database), str(database), *people]
    done = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def plan(product: Server, django: Server, here: campus.Campus, peers: dict[str, str]) -> dict[tuple[str, str], Variant]:
    """Every variant, in the order of a round."""
    found = {
        ("hello", ""): Variant(product, "/hello", {"Cookie": here.cookies["student"]}, []), ("bare", ""): Variant(product, "/bare", {}, []),
    }
    for name, (path, role) in PAGES.items():
        cookie = {"Cookie": here.cookies[role]}
        found[name, "cold"] = Variant(product, path, cookie | COLD, [])
        found[name, "warm"] = Variant(product, path, cookie, [])
        found[name, "django"] = Variant(django, path, {"Cookie": peers[role]}, [])
    return found


def show(variants: dict[tuple[str, str], Variant]) -> None:
    """Medians, the lowest round below them (nearer to a quiet machine), and the ratios of both."""
    print("CPU of the worker for one request in µs: median of the rounds, and below it the lowest round")
    print(f"{'':16}{'Flask':>8}{'hello':>8}{'cold':>8}{'warm':>8}{'Django':>8}{'KB':>5}{'KB Dj.':>7}   "
          "hello/cold  hello/warm  Django/cold  Django/warm  Flask/cold  Flask/warm")
    print(f"{'goal':68}    0.25 up     0.33 up       5.0 up       5.0 up")
    for name in PAGES:
        ours, theirs = variants[name, "warm"], variants[name, "django"]
        sizes = [len(each.page()) / 1000 for each in (ours, theirs)]
        for label, figure in ((name, statistics.median), ("", min)):
            hello, bare = (figure(variants[kind, ""].costs) * 1e6 for kind in ("hello", "bare"))
            cold, warm, django = (figure(variants[name, kind].costs) * 1e6 for kind in VARIANTS)
            print(f"{label:16}{bare:8.0f}{hello:8.0f}{cold:8.0f}{warm:8.0f}{django:8.0f}{sizes[0]:5.0f}{sizes[1]:7.0f}   "
                  f"{hello / cold:10.2f}{hello / warm:12.2f}{django / cold:13.1f}{django / warm:13.1f}"
                  f"{bare / cold:12.2f}{bare / warm:12.2f}")


def spreads(product: Server, here: campus.Campus) -> None:
    """p50 and p99 of one kept connection; they mean little while something else uses the processors."""
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    quiet = "" if load < processors else "; the machine is busy, so these are not the product's own"
    print(f"latency of one kept connection in ms (goal: p99 at most 3 × p50), load {load:.1f} on {processors} processors{quiet}")
    for name, (path, role) in PAGES.items():
        taken = product.latencies(path, {"Cookie": here.cookies[role]}, LATENCIES)
        p50, p99 = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
        print(f"{name:16}p50 {p50 * 1000:6.1f}   p99 {p99 * 1000:6.1f}   p99/p50 {p99 / p50:4.1f}")


if __name__ == "__main__":
    sys.exit(main())
