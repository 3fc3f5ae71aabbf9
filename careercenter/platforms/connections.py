"""Sockets for the HTTP client: connect to checked addresses only, and be able to cut them from outside.

urllib3 resolves and connects in one step; here the two are apart, with the check between them. The check
runs for every new connection, so a name that changes its address between two requests (DNS rebinding) is
checked again.
"""

import contextlib
import socket
import threading
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from careercenter.platforms.addresses import AllowedHosts, resolve


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
