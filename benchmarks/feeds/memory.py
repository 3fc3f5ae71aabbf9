"""Peak memory of a sync with all its processes, for feeds of different sizes: it should not grow with the feed."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.feeds import feed

ROOT = Path(__file__).parents[2]


@contextmanager
def nothing() -> Iterator[tuple[None, int]]:
    yield None, 0


def family(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def peak(pid: int) -> int:
    """The most memory in kB that a process has had; what it shares with others counts for each of them."""
    return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))


def watched(command: list[str], env: dict[str, str]) -> dict[int, int]:
    """Run a command to its end; the peak of each of its processes in kB."""
    found: dict[int, int] = {}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)

    def look() -> None:
        while process.poll() is None:
            try:
                for pid in family(process.pid):
                    found[pid] = max(found.get(pid, 0), peak(pid))
            except (OSError, StopIteration):
                pass  # it ended while we looked
            time.sleep(0.02)

    watcher = threading.Thread(target=look)
    watcher.start()
    assert process.wait() == 0, command
    watcher.join()
    return found


def of_sync(size: int, folder: Path) -> int:
    """The peaks of all processes of a first sync and an unchanged one, in kB, the largest of each kind added up."""
    with feed.serving(size) as host:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        place = folder / f"memory-{size}"
        command = [sys.executable, "-m", "benchmarks.feeds.runs", "product", f"sqlite:///{place}.db", host, str(place), "first", "first"]
        found = watched(command, env)
    return sum(sorted(found.values(), reverse=True)[:4])  # the sync, its nursery, one that reads, one that normalises


def compare(sizes: list[int], folder: Path) -> None:
    peaks = {size: of_sync(size, folder) for size in sizes}
    print()
    for size, used in peaks.items():
        print(f"peak memory of a sync of {size:>9,} listings: {used / 1024:6.0f} MiB")
    print(f"ratio {peaks[sizes[-1]] / peaks[sizes[0]]:.2f} (the goal is 1.3 or less)")
