"""Calls to a provider's own addresses, bounded in time, size and reach: token endpoint, keys, ticket validation.

* one deadline for everything that a sign-in has to ask, looking up names included; library timeouts are per read
* at most 512 KB, unpacked nowhere: no compression is asked for, and none is taken
* https with a verified certificate; plain http to this machine's own address only
* no redirects, no cookies, no proxies or logins from the environment

`bind` puts these rules under a `requests.Session`, so that a library's own session obeys them too. A call runs in a helper
thread: a name server that stays silent cannot be interrupted, only left behind. So many may be left behind, then calls are
refused at once until one returns. Importing this module loads `requests` (half a second): import it where a call begins.
"""

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from careercenter.signon.identity import SignOnUnavailable

SECONDS = 5.0
MAX_BYTES = 512_000
HELPERS = 24
LOOPBACK = ("127.0.0.1", "localhost", "::1")
S = TypeVar("S", bound=requests.Session)
_helpers = threading.BoundedSemaphore(HELPERS)

# urllib3 logs whole paths at debug level, and with them tickets.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


class Deadline:
    """The end of a sign-in's patience, as an instant of this machine's steady clock."""

    def __init__(self, seconds: float = SECONDS):
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that remain, never negative."""
        return max(0.0, self._end - time.monotonic())


def bind(session: S, deadline: Deadline) -> S:
    """Put the rules of this module under a session. Its calls raise `SignOnUnavailable`."""
    session.trust_env = False
    session.max_redirects = 0
    session.headers.update({"User-Agent": "careercenter", "Accept-Encoding": "identity", "Connection": "close"})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Bounded(deadline))
    return session


def session(deadline: Deadline) -> requests.Session:
    """A new session under the rules of this module; a context manager."""
    return bind(requests.Session(), deadline)


class _Bounded(HTTPAdapter):
    def __init__(self, deadline: Deadline):
        self._deadline = deadline
        self._handles: list[socket.socket] = []
        self._lock = threading.Lock()
        self._late = False
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=_trust(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._remember)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """The whole answer, read to its end, whatever the caller asked for."""
        parts = urlsplit(str(request.url))
        shown = f"{parts.scheme}://{parts.hostname}"
        if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in LOOPBACK):
            raise SignOnUnavailable("unavailable", f"{shown} is not https")
        answer = self._within(shown, lambda left: self._read(request, shown, left))
        if 300 <= answer.status_code < 400:
            raise SignOnUnavailable("unavailable", f"{shown} redirects elsewhere, which is not followed")
        return answer

    def _within(self, shown: str, call: Callable[[float], requests.Response]) -> requests.Response:
        left = self._deadline.left
        if left <= 0:
            raise SignOnUnavailable("unavailable", f"{shown} was not asked any more: the time of this sign-in was over")
        helpers = _helpers
        if not helpers.acquire(blocking=False):
            raise SignOnUnavailable("unavailable", f"{shown} was not asked: too many calls are still without an answer")
        outcome: list[requests.Response | Exception] = []

        def run() -> None:
            try:
                outcome.append(call(left))
            except Exception as error:  # noqa: BLE001 - handed to the caller's thread
                outcome.append(error)
            finally:
                helpers.release()

        thread = threading.Thread(target=run, daemon=True, name="sign-on call")
        thread.start()
        thread.join(left)
        found = outcome[0] if outcome else None  # before the cut: a cut call comes back as an empty answer
        self._cut(late=thread.is_alive())
        if isinstance(found, requests.Response):
            return found
        if isinstance(found, SignOnUnavailable):
            raise found
        if found is None or self._deadline.left <= 0:
            raise SignOnUnavailable("unavailable", f"{shown} did not answer in time")
        kind = "has no valid certificate" if isinstance(found, requests.exceptions.SSLError) else "cannot be reached or broke off"
        raise SignOnUnavailable("unavailable", f"{shown} {kind}")

    def _read(self, request: requests.PreparedRequest, shown: str, left: float) -> requests.Response:
        answer = super().send(request, stream=True, timeout=left, verify=True, cert=None, proxies=None)
        with contextlib.closing(answer):
            if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise SignOnUnavailable("unavailable", f"{shown} packs its answer although it was asked not to")
            body = b""
            while chunk := answer.raw.read(65536, decode_content=False):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise SignOnUnavailable("unavailable", f"the answer of {shown} is larger than {MAX_BYTES:,} bytes")
        length = answer.headers.get("Content-Length", "")
        if length.isdigit() and request.method != "HEAD" and len(body) < int(length):
            raise urllib3.exceptions.ProtocolError("cut off")
        answer._content = body
        answer._content_consumed = True  # type: ignore[attr-defined]
        return answer

    def _remember(self, sock: socket.socket) -> None:
        """A second handle on a connection: wrapping for TLS takes the first one away from us."""
        with self._lock:
            if self._late:
                sock.close()
                raise TimeoutError
            self._handles.append(sock.dup())

    def _cut(self, late: bool) -> None:
        """Close every connection, also one that the helper thread is reading from or shaking hands on."""
        with self._lock:
            self._late = late
            for handle in self._handles:
                with contextlib.suppress(OSError):  # the other side may have gone first
                    handle.shutdown(socket.SHUT_RDWR)
                handle.close()
            self._handles.clear()


@cache
def _trust() -> ssl.SSLContext:
    """The authorities of this machine (SSL_CERT_FILE names others), beside those that requests brings."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _pools(remember: Callable[[socket.socket], None]) -> dict[str, type]:
    def watched(base: type) -> type:
        def connect(self: Any) -> socket.socket:
            sock: socket.socket = base._new_conn(self)  # type: ignore[attr-defined]
            remember(sock)
            return sock

        return type(f"Watched{base.__name__}", (base,), {"_new_conn": connect})

    return {
        "http": type("WatchedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": watched(HTTPConnection)}),
        "https": type("WatchedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": watched(HTTPSConnection)}),
    }
