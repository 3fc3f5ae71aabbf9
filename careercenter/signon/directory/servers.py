"""Which server is asked, and until when. All servers together have one deadline, and a dead one is left out for a while.

libldap's TLS handshake obeys no timeout: against a server that accepts and stays silent it waits for ever. So every call
runs in a helper thread and is given up at its deadline. What follows a hang is decided here, so that a silent directory
costs this process two waiting requests once, and afterwards nothing:

- at most `AT_ONCE` calls are under way in a process, and whoever finds no room is told so at once;
- a server that hung is not asked for `HUNG` seconds, one that failed not for `FAILED` seconds;
- a server that holds `STUCK` helpers is not asked until one of them comes back.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from careercenter import logs
from careercenter.signon.directory.wire import Unusable
from careercenter.signon.identity import SignOnUnavailable

AT_ONCE = 2
ROOM_SECONDS = 0.25
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
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()

    @property
    def stuck(self) -> int:
        """How many helpers wait for a server that was given up."""
        return sum(server.stuck for server in self._servers)

    def ask(self, work: Callable[[str], Result], seconds: float | None = None) -> Result:
        """What `work` makes of the first server that can be used, within the deadline. Raises `SignOnUnavailable`."""
        if not self._room.acquire(timeout=ROOM_SECONDS):
            raise SignOnUnavailable("directory", "earlier calls still wait for the directory")
        try:
            return self._first(work, time.monotonic() + (seconds or self._seconds))
        finally:
            self._room.release()

    def _first(self, work: Callable[[str], Result], until: float) -> Result:
        with self._lock:
            living = [s for s in self._servers if s.dead_until <= time.monotonic() and s.stuck < STUCK]
        last = Unusable("no directory server answered a moment ago; it is asked again shortly")
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
