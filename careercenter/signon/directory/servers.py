"""Which server is asked, and until when. All servers together have one deadline, and a dead one is left out for a while.

libldap's TLS handshake obeys no timeout: against a server that accepts and stays silent it waits for ever. So every call
runs in a helper thread and is given up at its deadline. What follows a hang is decided here, so that a silent directory
costs this process two waiting requests once, and afterwards nothing:

- at most `AT_ONCE` calls are under way in a process, and `WAITING` more wait for room while these are younger than `YOUNG`
  seconds, as they are with a directory that answers; everybody else is told so at once. The web server gives a process two
  threads more than these (cli/gunicorn.py), so pages never wait for a directory;
- a server that hung is not asked for `HUNG` seconds, one that failed not for `FAILED` seconds;
- a server that holds `STUCK` helpers is not asked until one of them comes back.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from careercenter import logs
from careercenter.signon.directory.wire import Unusable
from careercenter.signon.identity import SignOnUnavailable

AT_ONCE, WAITING = 2, 2
YOUNG = 0.3
HUNG, FAILED = 30.0, 5.0
STUCK = 3
Result = TypeVar("Result")
log = logs.get("directory")


@dataclass
class _Server:
    url: str
    dead_until: float = 0.0
    stuck: int = 0


class Servers:
    """The servers of one directory, in the order of the settings. Shared by threads."""

    def __init__(self, urls: Sequence[str], seconds: float):
        self._servers = [_Server(url) for url in urls]
        self._seconds = seconds
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._under_way: list[float] = []
        self._waiting = 0
        self._mine = threading.local()

    @property
    def stuck(self) -> int:
        """How many helpers wait for a server that was given up."""
        return sum(server.stuck for server in self._servers)

    def ask(self, work: Callable[[str], Result], seconds: float | None = None) -> Result:
        """What `work` makes of the first server that can be used, within the deadline. Raises `SignOnUnavailable`."""
        with self.room():
            return self._first(work, time.monotonic() + (seconds or self._seconds))

    @contextmanager
    def room(self) -> Iterator[None]:
        """Room for one call, which this thread may take beforehand, so that what it does before asking is spared when the
        directory is away. Raises `SignOnUnavailable`, at once when no server answered a moment ago."""
        if getattr(self._mine, "taken", False):
            yield
            return
        began = self._enter()
        self._mine.taken = True
        try:
            yield
        finally:
            self._mine.taken = False
            with self._lock:
                self._under_way.remove(began)
                self._ended.notify()

    def _enter(self) -> float:
        """When this call began, once there is room for it."""
        with self._lock:
            self._living()
            while len(self._under_way) >= AT_ONCE:
                left = min(self._under_way) + YOUNG - time.monotonic()
                if left <= 0 or self._waiting >= WAITING or not self._wait(left):
                    raise SignOnUnavailable("directory", "earlier calls still wait for the directory")
            began = time.monotonic()
            self._under_way.append(began)
            return began

    def _wait(self, seconds: float) -> bool:
        self._waiting += 1
        try:
            return self._ended.wait(seconds)
        finally:
            self._waiting -= 1

    def _living(self) -> list[_Server]:
        found = [s for s in self._servers if s.dead_until <= time.monotonic() and s.stuck < STUCK]
        if not found:
            raise SignOnUnavailable("directory", "no directory server answered a moment ago; it is asked again shortly")
        return found

    def _first(self, work: Callable[[str], Result], until: float) -> Result:
        with self._lock:
            living = self._living()
        for position, server in enumerate(living):
            try:
                found = self._within(server, partial(work, server.url), (until - time.monotonic()) / (len(living) - position))
            except Unusable as error:
                self._leave_out(server, error)
                last = error
            else:
                server.dead_until = 0.0
                return found
        raise last

    def _leave_out(self, server: _Server, error: Unusable) -> None:
        server.dead_until = time.monotonic() + (HUNG if error.hung else FAILED)
        log.warning("directory_server_unusable", address=server.url, detail=error.detail, seconds=HUNG if error.hung else FAILED)

    def _within(self, server: _Server, work: Callable[[], Result], seconds: float) -> Result:
        def back() -> None:
            with self._lock:
                server.stuck -= 1

        try:
            return within(seconds, work, late=back)
        except TimeoutError:
            with self._lock:
                server.stuck += 1
            raise Unusable(f"no answer within {seconds:.1f} seconds", hung=True) from None


def within(seconds: float, work: Callable[[], Result], late: Callable[[], None] = lambda: None) -> Result:
    """Run `work` in a thread of its own and wait so long for it. Raises `TimeoutError`; `late` is called after that, when
    the thread comes back all the same."""
    answers: SimpleQueue[tuple[Result | None, BaseException | None]] = SimpleQueue()
    lock, ended, given_up = threading.Lock(), threading.Event(), threading.Event()

    def run() -> None:
        try:
            answer: tuple[Result | None, BaseException | None] = work(), None
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
            answer = None, error
        with lock:
            ended.set()
            answers.put(answer)
        if given_up.wait(0):
            late()

    threading.Thread(target=run, name="directory", daemon=True).start()
    try:
        found, error = answers.get(timeout=max(seconds, 0.001))
    except Empty:
        with lock:
            if not ended.is_set():
                given_up.set()
                raise TimeoutError from None
        found, error = answers.get()
    if error is not None:
        raise error
    return found  # type: ignore[return-value]  # without an error there is a result
