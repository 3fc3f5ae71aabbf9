"""Runs a plugin in a process of its own, so that one that hangs, crashes, floods or eats memory harms no other.

The parent keeps the clock: a process that is silent too long, works too long or sends too much is killed with everything
that it started, and the read ends as the plugin's fault. Leaving without the word that it is done is a fault, too.
"""

import contextlib
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import SecretStr

from careercenter.platforms import frames
from careercenter.platforms.budget import Budget
from careercenter.platforms.contract import CheckResult, Message, PluginConfig, PluginFault, Pushed, State
from careercenter.platforms.draft import ListingDraft, Reject
from careercenter.platforms.rows import Row

NURSERY_SECONDS = 60
READY = object()
MOST_HOSTS = 1000
FRAMES_AHEAD = 16
PIPE_BYTES = 1 << 19
BATCH_BYTES, BATCH_RECORDS = frames.MOST_BYTES // 6, 250


@dataclass(frozen=True)
class Limits:
    """What a plugin's process may use: seconds without a word, seconds in all, bytes of memory, bytes that it sends."""

    silence_seconds: float = 90
    total_seconds: float = 3000
    memory_bytes: int = 1_500_000_000
    sent_bytes: int = 8_000_000_000


@dataclass(frozen=True)
class Task:
    """Which plugin, how configured, with what reach; everything the process needs to know."""

    plugin: str
    base_url: str
    options: dict[str, Any]
    boards: tuple[str, ...]
    user_agent: str
    allow_hosts: tuple[str, ...]
    drops: str
    budget: Budget | None = None


def task(
    plugin: str, cfg: PluginConfig, user_agent: str, allow_hosts: Sequence[str], drops: str, budget: Budget | None = None
) -> Task:
    """The task of a checked configuration; secrets travel by the pipe only."""
    values = {name: getattr(cfg, name) for name in type(cfg).model_fields if name not in ("base_url", "boards")}
    options = {name: v.get_secret_value() if isinstance(v, SecretStr) else v for name, v in values.items() if v is not None}
    return Task(plugin, cfg.base_url, options, cfg.boards, user_agent, tuple(allow_hosts), drops, budget)


def messages(
    task: Task, board: str, state: State | None, limits: Limits = Limits(), pushed: Sequence[Pushed] = ()
) -> Iterator[Message | list[Row]]:
    """Like `rows.in_rows(reading.messages(…))`, from a process of its own. `pushed` must fit into one frame. Raises PlatformError.

    A thread listens, so that the process goes on and gets its turns while what it said before is worked on.
    """
    job = {"board": board, "state": dict(state.cursor) if state else None, "pushed": pushed}
    with _Process("read", task, job, limits) as process, ThreadPoolExecutor(1, "listen") as thread:
        coming = deque(thread.submit(process.next) for _ in range(FRAMES_AHEAD))
        try:
            while (found := coming.popleft().result()) is not None:
                coming.append(thread.submit(process.next))
                yield found.rows if isinstance(found, frames.Records) else found
        finally:
            process.kill()  # the thread need not wait for more
            thread.shutdown(cancel_futures=True)


def check(task: Task, limits: Limits = Limits()) -> CheckResult:
    """`Plugin.check` from a process of its own. Raises PlatformError."""
    with _Process("check", task, {}, limits) as process:
        found = process.next()
        if not isinstance(found, CheckResult):
            raise PluginFault("The plugin's check ended without a result.")
        return found


class Normalizer:
    """A process that turns raw records into drafts, batch by batch; a context manager. Started at the first batch.

    A batch on which the process dies or hangs is done again one record at a time, each time with a new process where the
    one before is gone; the record that is to blame is rejected with the reason.
    """

    def __init__(self, task: Task, limits: Limits = Limits()):
        self._task, self._limits = task, limits
        self._process: _Process | None = None
        self._lock, self._over = threading.Lock(), False

    def __enter__(self) -> "Normalizer":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def stop(self) -> None:
        """Nobody waits for drafts any more: a thread that makes some ends at once, with rejects."""
        with self._lock:
            self._over = True
            if self._process:
                self._process.kill()

    def drafts(self, raws: Sequence[bytes | dict[str, Any]]) -> list[ListingDraft | Reject]:
        """As many drafts as raw records, in their order."""
        made: list[ListingDraft | Reject] = []
        for batch in _batches(raws):
            try:
                made += self._made(batch)
            except PluginFault:
                self._end()
                made += [self._one(raw) for raw in batch]
        return made

    def _one(self, raw: bytes | dict[str, Any]) -> ListingDraft | Reject:
        try:
            return self._made([raw])[0]
        except PluginFault as fault:
            self._end()
            return Reject(f"The plugin could not read this record: {fault}")

    def _made(self, batch: list[bytes | dict[str, Any]]) -> list[ListingDraft | Reject]:
        """The drafts of one frame of raw records."""
        with self._lock:
            if self._over:
                raise PluginFault("The run ended before.")
            new = self._process is None
            process = self._process = self._process or _Process("normalize", self._task, {}, self._limits).__enter__()
        if new and process.next() is not READY:  # before that, nobody reads what we tell
            raise PluginFault("The plugin's process did not begin.")
        process.tell("batch", batch)
        found = process.next()
        if not isinstance(found, frames.Drafts) or len(found.made) != len(batch):
            raise PluginFault("The plugin's process ended in the middle of a batch.")
        return [draft or Reject(reason) for draft, reason in found.made]

    def _end(self) -> None:
        with self._lock:
            process, self._process = self._process, None
            if process:
                process.close()


def _batches(raws: Sequence[bytes | dict[str, Any]]) -> Iterator[list[bytes | dict[str, Any]]]:
    """As many raw records as fit into a frame together with the drafts that come back."""
    batch: list[bytes | dict[str, Any]] = []
    size = 0
    for raw in raws:
        many = len(raw) if isinstance(raw, bytes) else 20_000
        if batch and (size + many > BATCH_BYTES or len(batch) == BATCH_RECORDS):
            yield batch
            batch, size = [], 0
        batch.append(raw)
        size += many
    if batch:
        yield batch


class _Nursery:
    """The process that forks plugin processes; one for this process, started at the first task and anew when it is gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._of = 0

    def fork(self, told: int, frames_to: int) -> int:
        """A new child that reads `told` and writes `frames_to`; its process id, which is its group's too."""
        with self._lock:
            for _ in range(2):
                try:
                    control = self._started()
                    socket.send_fds(control, [b"!"], [told, frames_to])
                    answer = control.recv(8, socket.MSG_WAITALL)
                    if len(answer) == 8:
                        return int.from_bytes(answer, "big")
                except OSError:
                    pass  # it is gone: once more with a new one
                self._control = None
        raise PluginFault("No process for the plugin could be started.")

    def _started(self) -> socket.socket:
        if self._control is None or self._of != os.getpid():  # a forked web or worker process starts its own
            ours, theirs = socket.socketpair()
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
                [sys.executable, "-m", "careercenter.platforms.child", str(theirs.fileno())], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True,
                env=_environment(),
            )
            theirs.close()
            ours.settimeout(NURSERY_SECONDS)
            self._control, self._of = ours, os.getpid()
        return self._control


_nursery = _Nursery()


class _Process:
    def __init__(self, kind: str, task: Task, job: dict[str, Any], limits: Limits):
        self._kind, self._limits, self._budget = kind, limits, task.budget
        self._hosts: set[str] = set()
        self._job = {**asdict(task), **job, "memory_bytes": limits.memory_bytes}
        self._began = time.monotonic()
        self._sent = 0
        self._buffer = bytearray()

    def __enter__(self) -> "_Process":
        told, self._tell = os.pipe()
        self._frames, answers = os.pipe()
        self._over, self._end = os.pipe()
        try:
            self._pid = _nursery.fork(told, answers)
        finally:
            os.close(told)
            os.close(answers)
        _widen(self._frames)
        os.set_blocking(self._tell, False)
        self.tell(self._kind, self._job)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def kill(self) -> None:
        """End the process and everything that it started. Nobody waits for it then, though what left its group may hold the pipes."""
        os.write(self._end, b"!")
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(self._pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        for end in (self._tell, self._frames, self._over, self._end):
            os.close(end)

    def tell(self, kind: str, content: Any) -> None:
        data = memoryview(frames.pack(kind, content))
        try:
            while data:
                self._wait(writes=[self._tell])
                data = data[os.write(self._tell, data):]
        except BrokenPipeError:
            raise PluginFault("The plugin's process ended before it had begun.") from None

    def next(self) -> Any:
        """The next value; None at the end. Raises PlatformError, a PluginFault when the process broke its bounds."""
        try:
            kind, content = frames.read(self._take)
            while kind in ("turn", "rest"):
                self._gate(kind, content)
                kind, content = frames.read(self._take)
        except frames.Broken as error:
            raise PluginFault(f"The plugin's process sent what is no message: {error}.") from None
        if kind == "error":
            raise frames.error_of(content)
        return None if kind == "done" else READY if kind == "ready" else content

    def _gate(self, kind: str, content: Any) -> None:
        """The process wants to ask a host, or a host asked it for rest."""
        if kind == "turn" and isinstance(content, str) and len(content) < 256 and len(self._hosts) < MOST_HOSTS:
            self._hosts.add(content)
            self.tell("turn", self._budget.turn(content) if self._budget else {})
            return
        match content:
            case [str(host), int(seconds) | float(seconds)] if kind == "rest" and host in self._hosts:
                if self._budget:
                    self._budget.rest(host, seconds)
            case _:
                raise PluginFault("The plugin's process asks in a way that no client does, and was ended.")

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._buffer += self._some()
        with memoryview(self._buffer) as held:
            taken = bytes(held[:size])
        del self._buffer[:size]
        return taken

    def _some(self) -> bytes:
        self._wait(reads=[self._frames])
        found = os.read(self._frames, 1 << 20)
        if not found:
            raise PluginFault("The plugin's process broke off without the word that it was done.")
        self._sent += len(found)
        if self._sent > self._limits.sent_bytes:
            raise PluginFault("The plugin's process sent more than a platform can have and was ended.")
        return found

    def _wait(self, reads: Sequence[int] = (), writes: Sequence[int] = ()) -> None:
        """Until a pipe can be read or written. Raises PluginFault when that is too long, or the process was ended meanwhile."""
        left = self._limits.total_seconds - (time.monotonic() - self._began)
        can_read, can_write, _ = select.select([self._over, *reads], writes, [], max(0, min(self._limits.silence_seconds, left)))
        if self._over in can_read:
            raise PluginFault("The plugin's process was ended.")
        if not can_read and not can_write:
            words = "took too long" if left <= self._limits.silence_seconds else "was silent for too long"
            raise PluginFault(f"The plugin's process {words} and was ended.")


def _widen(pipe: int) -> None:
    """Room for a whole frame in a pipe, so that neither side waits for the other in the middle of one."""
    with contextlib.suppress(OSError, AttributeError):  # the user's pipes have their share already; not on Linux
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _environment() -> dict[str, str]:
    """No secret of ours rests in the environment of foreign code."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CAREERCENTER_")} | {"PYTHONWARNINGS": "ignore"}
