"""Peak memory of a sync with all its processes, for feeds of different sizes: it should not grow with the feed."""

import contextlib
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


def memory(pid: int) -> int:
    """The memory of a process in kB; what it shares with others is counted among them by parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def peak(command: list[str], env: dict[str, str]) -> int:
    """Run a command to its end; the most memory that all its processes had together, in kB."""
    found = [0]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)

    def look() -> None:
        while process.poll() is None:
            with contextlib.suppress(OSError, StopIteration):  # one of them ended while we looked
                found.append(sum(memory(pid) for pid in family(process.pid)))
            time.sleep(0.03)

    watcher = threading.Thread(target=look)
    watcher.start()
    assert process.wait() == 0, command
    watcher.join()
    return max(found)


def of_sync(size: int, folder: Path) -> int:
    """The peak of a first sync and an unchanged one into SQLite, in kB: the sync, its nursery, the processes of the plugin."""
    with feed.serving(size) as host:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        place = folder / f"memory-{size}"
        command = [sys.executable, "-m", "benchmarks.feeds.runs", "product", f"sqlite:///{place}.db", host, str(place), "first", "first"]
        return peak(command, env)


def compare(sizes: list[int], folder: Path) -> None:
    peaks = {size: of_sync(size, folder) for size in sizes}
    print()
    for size, used in peaks.items():
        print(f"peak memory of a sync of {size:>9,} listings: {used / 1024:6.0f} MiB")
    print(f"ratio {peaks[sizes[-1]] / peaks[sizes[0]]:.2f} (the goal is 1.3 or less)")
