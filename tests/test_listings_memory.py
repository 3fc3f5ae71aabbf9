"""What a sync remembers does not grow with the feed, but for a byte for each listing and eight bytes for each post id."""

import sys
import tracemalloc
from collections import namedtuple
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from careercenter.listings.seen import SeenIds
from careercenter.listings.sorting import Batch, Reading, sort
from careercenter.listings.sync import read
from careercenter.platforms import reading
from careercenter.platforms.contract import Completeness, End, Mode, Page, Seen
from careercenter.platforms.distinct import Distinct
from careercenter.platforms.rows import Row

MANY = 100_000
NOW = datetime(2026, 11, 16, 14, 0, tzinfo=UTC)
Known = namedtuple("Known", "post_id id raw_hash state misses")


def peak(act: Callable[[], object]) -> int:
    """The most bytes that a call held at once."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_reading_holds_eight_bytes_for_each_post() -> None:
    def read(cfg: Any, board: str, state: Any, http: Any) -> Iterator[Any]:
        for n in range(MANY):
            yield Seen(f"post-{n}")
        yield End(Completeness.COMPLETE, MANY, MANY)

    def run() -> None:
        *_, end = reading.messages(SimpleNamespace(read=read), None, "b", None, None)  # type: ignore[arg-type]
        assert end.completeness is Completeness.COMPLETE

    def walk() -> None:
        for message in reading.messages(SimpleNamespace(read=read), None, "b", None, None):  # type: ignore[arg-type]
            if isinstance(message, End):
                assert message.completeness is Completeness.COMPLETE

    assert peak(walk) < 6_000_000
    assert peak(run) > 12_000_000, "the measure sees what is kept"


def test_a_batch_ends_by_its_bytes_too() -> None:
    """Three thousand records of the largest size would be six gigabytes."""
    spec = SimpleNamespace(capabilities=SimpleNamespace(mode=Mode.SNAPSHOT))
    run = Reading(1, 1, SimpleNamespace(spec=spec), ZoneInfo("UTC"), lambda raws: list, NOW)  # type: ignore[arg-type]
    large, small = bytes(1_000_000), b"{}"
    told = [*([Row(str(n), large)] for n in range(70)), *([Row(f"s{n}", small)] for n in range(3100))]
    taken: list[int] = []
    end, _ = read(run, iter([*told, Page(1, 3170, "a"), End(Completeness.COMPLETE, 3170, 3170)]), lambda: NOW, lambda items, _: taken.append(len(items)))
    assert end.completeness is Completeness.COMPLETE
    assert taken == [16, 16, 16, 16, 3000, 106]


def test_sorting_holds_a_byte_for_each_listing() -> None:
    def run() -> None:
        known = Reading(1, 1, SimpleNamespace(), ZoneInfo("UTC"), lambda raws: list, NOW)  # type: ignore[arg-type]
        for start in range(0, MANY, 500):
            items = [Row(str(n), b"{}") for n in range(start, start + 500)]
            rows = {item.post_id: Known(item.post_id, int(item.post_id), b"", "open", 0) for item in items}
            sort(known, Batch(items, rows, {}, (), list, known.zone, {n: start + n for n in range(500)}, (), False), NOW)
        assert (known.counts.unchanged, known.unique) == (MANY, MANY)

    assert peak(run) < 1_000_000
    assert peak(lambda: set(range(MANY))) > 3_000_000, "what a set of their ids would take"


def test_seen_ids_are_a_set() -> None:
    seen = SeenIds()
    assert [seen.add(n) for n in (5, 8191, 8192, 5, 10**12)] == [True, True, True, False, True]
    assert 8192 in seen and 8193 not in seen and 10**12 in seen and 0 not in seen
    assert [n for n in (1, 5, 8191) if n in seen] == [5, 8191]


def test_distinct_counts_as_a_set_does() -> None:
    counted, plain = Distinct(), set()
    for n in range(120_000):
        counted.add(str(n % 70_001))
        plain.add(str(n % 70_001))
    assert len(counted) == len(plain) == 70_001


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_processes_of_a_sync_do_not_grow_with_the_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.feeds import feed, memory

    feed.install(tmp_path / "plugin")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "plugin"), *sys.path])
    small, large = (memory.of_sync(size, tmp_path) for size in (10_000, 50_000))
    assert large < small * 1.3
