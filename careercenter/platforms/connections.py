"""Sockets for the HTTP client: connect to checked addresses only, and be able to cut them from outside.

urllib3 resolves and connects in one step; here the two are apart, with the check between them. The check
runs for every new connection, so a name that changes its address between two requests (DNS rebinding) is
checked again.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from careercenter.platforms.addresses import AllowedHosts, resolve

IDLE_SECONDS = 30.0


class Connections:
    """The open sockets of one client."""

    def __init__(self, allowed: AllowedHosts):
        self.allowed = allowed
        self._handles: set[socket.socket] = set()
        self._lock = threading.Lock()

    def connect(self, host: str, port: int, timeout: Any) -> socket.socket:
        """A connected socket. Raises ConfigError for a refused address, OSError when none answers."""
        last: OSError = OSError("no address")
        for endpoint in resolve(host, port, self.allowed):
            sock = socket.socket(endpoint.family, socket.SOCK_STREAM)
            try:
                sock.settimeout(timeout if isinstance(timeout, (int, float)) else None)
                sock.connect(endpoint.sockaddr)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                sock.close()
                last = error
                continue
            self._remember(sock)
            return sock
        raise last

    def _remember(self, sock: socket.socket) -> None:
        # A second handle on the same connection: wrapping for TLS takes the first one away from us.
        with self._lock:
            self._handles.add(sock.dup())

    def shut(self) -> None:
        """Cut every connection, also one that a thread is just reading from or shaking hands on."""
        with self._lock:
            for handle in self._handles:
                with contextlib.suppress(OSError):  # the other side may have gone first
                    handle.shutdown(socket.SHUT_RDWR)
                handle.close()
            self._handles.clear()


class Clock:
    """Calls `ring` when a deadline passes. One thread for all deadlines of a client, begun at the first: in the pace of a
    read, page after page, a thread for each would cost more than the page.
    """

    def __init__(self, ring: Callable[[], None]):
        self._ring = ring
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._wakes = 0.0
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def until(self, deadline: float) -> Iterator[None]:
        """While this lasts, the deadline (of `time.monotonic`) counts."""
        with self._changed:
            self._deadline = deadline
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            elif deadline < self._wakes:
                self._changed.notify()
        try:
            yield
        finally:
            self._deadline = None

    def end(self) -> None:
        """The thread ends; the clock may be used again."""
        with self._changed:
            self._thread = None
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while self._thread is threading.current_thread():
                now = time.monotonic()
                if self._deadline is not None and self._deadline <= now:
                    self._deadline = None
                    self._ring()
                self._wakes = self._deadline or now + IDLE_SECONDS
                self._changed.wait(self._wakes - now)


class CheckedAdapter(HTTPAdapter):
    """A requests adapter whose connections come from `Connections`."""

    def __init__(self, connections: Connections):
        self._connections = connections
        super().__init__(pool_connections=4, pool_maxsize=2, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._connections)


def _pool_classes(connections: Connections) -> dict[str, type]:
    def connect(self: Any) -> socket.socket:
        return connections.connect(self._dns_host, self.port, self.timeout)

    plain = type("CheckedHTTPConnection", (HTTPConnection,), {"_new_conn": connect})
    secure = type("CheckedHTTPSConnection", (HTTPSConnection,), {"_new_conn": connect})
    return {
        "http": type("CheckedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("CheckedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
