"""Plugins that hang, crash, flood, fork or eat memory: each ends as its own fault, in time, and leaves nothing behind."""

import io
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from careercenter.platforms import apart, frames
from careercenter.platforms.apart import Limits, Normalizer, Task
from careercenter.platforms.contract import ConfigError, End, PluginFault, Record, SchemaDrift
from careercenter.platforms.draft import ListingDraft, Reject
from careercenter.platforms.rows import Row, in_rows, marker
from tests.rogue_plugin import install

LIMITS = Limits(silence_seconds=3, total_seconds=20, sent_bytes=50_000_000)


@pytest.fixture(scope="module")
def rogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Task]:
    """The installed rogue, and a nursery that finds it."""
    folder = install(tmp_path_factory.mktemp("rogue"))
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", str(folder))
    patch.setenv("ROGUE", f"rogue-{os.getpid()}")
    patch.setattr(apart, "_nursery", apart._Nursery())
    yield Task("rogue", "https://example.org", {}, ("b",), "tests", (), str(folder))
    patch.undo()


def read(task: Task, mood: str, **options: str) -> list[Any]:
    return list(apart.messages(replace(task, options={"mood": mood, **options}), "b", None, LIMITS))


def test_a_good_plugin_says_all_it_has_to_say(rogue: Task) -> None:
    told = read(rogue, "good")
    assert isinstance(told[0][0], Row) and isinstance(told[-1], End)
    assert apart.check(rogue, LIMITS).identity == "Rogue Inc."


FAULTS = {
    "hang": "silent for too long", "stubborn": "silent for too long", "leave": "broke off", "crash": "broke off",
    "kill_self": "broke off", "raise_odd": "KeyboardInterrupt|broke off", "eat": "MemoryError", "flood": "sent more", "fork": "silent for too long",
    "garbage": "no message|broke off", "ask_and_ask": "silent for too long", "write_file": "OSError|broke off", "silence_others": "no client does|no message|broke off",
}


@pytest.mark.parametrize("mood", list(FAULTS))
def test_a_bad_plugin_is_its_own_fault(rogue: Task, mood: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(PluginFault, match=FAULTS[mood]):
        read(rogue, mood, pids=str(tmp_path / "file"))
    assert time.monotonic() - began < 20
    assert not (tmp_path / "file").exists() or (tmp_path / "file").stat().st_size == 0
    assert isinstance(read(rogue, "good")[-1], End), "the next plugin is unharmed"


def test_a_key_in_a_plugins_own_sentence_is_hidden(rogue: Task) -> None:
    with pytest.raises(SchemaDrift) as told:
        read(rogue, "tell", key="sk-very-secret")
    assert str(told.value) == "The key [hidden] is not understood."


@pytest.mark.parametrize("mood", ["print_much", "patch"])
def test_what_a_plugin_prints_or_patches_stays_with_it(rogue: Task, mood: str) -> None:
    assert isinstance(read(rogue, mood)[-1], End)
    assert isinstance(read(rogue, "good")[-1], End)


@pytest.mark.parametrize("mood", ["hang", "flood", "escape"])
def test_a_reader_that_has_heard_enough_ends_the_process_at_once(rogue: Task, mood: str) -> None:
    """Whether the process is silent, and the thread waits for it, has more to say than anybody takes, or left another behind that
    holds the pipe."""
    told = apart.messages(replace(rogue, options={"mood": mood}), "b", None, LIMITS)
    assert isinstance(next(told), list)
    time.sleep(0.5)
    began = time.monotonic()
    told.close()
    assert time.monotonic() - began < 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("listen")]
    assert isinstance(read(rogue, "good")[-1], End)


def test_what_a_plugin_started_ends_with_it(rogue: Task) -> None:
    with pytest.raises(PluginFault):
        read(rogue, "fork")
    end = time.monotonic() + 5
    while (left := _sleepers()) and time.monotonic() < end:
        time.sleep(0.1)
    assert left == []


def _sleepers() -> list[int]:
    """Live processes whose group leader is no longer among the living, and that descend from our nursery's command."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command, stat = (entry / "cmdline").read_bytes(), (entry / "stat").read_text()
            environment = (entry / "environ").read_bytes()
        except OSError:  # it ended while we looked
            continue
        state, _, group = stat.rpartition(")")[2].split()[:3]
        mine = b"careercenter.platforms.child" in command and f"rogue-{os.getpid()}".encode() in environment
        if mine and state != "Z" and group != entry.name:
            found.append(int(entry.name))
    return found


def test_the_nursery_is_replaced_when_it_is_gone(rogue: Task) -> None:
    read(rogue, "good")
    apart._nursery._process.kill()
    apart._nursery._process.wait()
    assert isinstance(read(rogue, "good")[-1], End)


def test_an_unknown_option_and_an_unknown_plugin_are_configuration(rogue: Task) -> None:
    with pytest.raises(ConfigError, match='no option "mod"'):
        list(apart.messages(replace(rogue, options={"mod": "x"}), "b", None, LIMITS))
    with pytest.raises(ConfigError, match="No platform plugin"):
        list(apart.messages(replace(rogue, plugin="nobody"), "b", None, LIMITS))


def test_normalizing_goes_on_after_a_record_that_kills_or_hangs(rogue: Task) -> None:
    raws: list[Any] = [{"n": 1}, {"n": "die"}, {"n": 2}, {"n": "hang"}, {"n": 3}]
    with Normalizer(rogue, LIMITS) as normalizer:
        made = normalizer.drafts(raws)
    assert [type(m) for m in made] == [ListingDraft, Reject, ListingDraft, Reject, ListingDraft]
    assert [m.title for m in made if isinstance(m, ListingDraft)] == ["Work 1", "Work 2", "Work 3"]
    assert "silent" in made[3].reason  # type: ignore[union-attr]


def test_who_waits_for_no_drafts_any_more_ends_their_making_at_once(rogue: Task) -> None:
    """However many records would still hang, each as long as a process may be silent."""
    with Normalizer(rogue, LIMITS) as normalizer, ThreadPoolExecutor(1) as thread:
        made = thread.submit(normalizer.drafts, [{"n": "hang"}] * 20)
        time.sleep(0.5)
        began = time.monotonic()
        normalizer.stop()
        assert {type(draft) for draft in made.result()} == {Reject} and time.monotonic() - began < 1


def test_large_batches_cross_the_pipe(rogue: Task) -> None:
    with Normalizer(rogue, LIMITS) as normalizer:
        assert len(normalizer.drafts([{"n": n, "ballast": "b" * 50_000} for n in range(400)])) == 400


def test_secrets_do_not_rest_in_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREERCENTER_SERVER__SECRET_KEY", "hidden")
    assert "hidden" not in str(apart._environment())


def frames_in(data: bytes) -> list[tuple[str, Any]]:
    stream, found = io.BytesIO(data), []
    while stream.tell() < len(data):
        found.append(frames.read(stream.read))
    return found


def row(post_id: str, raw: Any) -> Row:
    return Row(post_id, raw)


def nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"t": found}
    return found


@pytest.mark.parametrize("raw", [{"t": "half \ud800"}, {"t": object()}, {"t": 2**70}, nested(5000)], ids=["half", "object", "large", "deep"])
def test_a_record_that_cannot_cross_spoils_only_itself(raw: Any) -> None:
    told = [Record(str(n), raw if n == 5 else {"t": "good"}, None, datetime(2026, 11, 16, tzinfo=UTC)) for n in range(9)]
    sent = [row for rows in in_rows(told) if isinstance(rows, list) for row in rows]
    assert all(len(marker(b"recipe")(row.raw)) == 32 for row in sent)
    found = frames_in(frames.pack_rows(sent))
    came = [r.post_id for kind, content in found if kind == "Records" for r in content.rows]
    assert came == [str(n) for n in range(9) if n != 5]
    assert [content.reason for kind, content in found if kind == "Unreadable"] == ["This record holds what no text may hold."]


def test_small_records_fill_a_frame_by_their_number_too(rogue: Task) -> None:
    """A row of two bytes takes a hundred in the memory of who reads it."""
    told = apart.messages(replace(rogue, options={"mood": "crumbs"}), "b", None, LIMITS)
    sizes = [len(found) for found, _ in zip((m for m in told if isinstance(m, list)), range(20), strict=False)]
    told.close()
    assert len(sizes) == 20 and max(sizes) < 10_000
    with pytest.raises(frames.Broken):
        frames_in(frames.pack_value(frames.Records([row(str(n), b"") for n in range(10_001)])))


def test_what_cannot_be_compared_is_never_taken_for_known() -> None:
    mark = marker(b"recipe")
    assert mark(nested(5000)) != mark(nested(5001)) and mark(nested(5000)) != mark(nested(5000))
    assert mark({"a": 1, "b": 2}) == mark({"b": 2, "a": 1})


def test_records_that_are_too_many_for_a_frame_go_in_several() -> None:
    sent = [row(str(n), b"x" * 1_500_000) for n in range(9)]
    found = frames_in(frames.pack_rows(sent))
    assert len(found) > 1 and [r.post_id for _, content in found for r in content.rows] == [str(n) for n in range(9)]
