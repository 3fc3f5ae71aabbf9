"""The one HTTP client through which every plugin reads: bounded in time, size and reach.

* one deadline for the whole request, kept by our own clock (library timeouts are per read: a drip outlives
them)
* at most 25 MB decoded, and at most 100 times what came over the wire
* a name is resolved, the address checked, then connected to; every redirect (three at most) is checked again
* https only, unless the host is named under `allow_hosts`; no proxies or logins from the environment; no
cookies
* each host is asked only as often as all processes together may ask it (`gate`), and pages are crawled only where the
  site's robots.txt permits it (`robots`)
* errors speak plain sentences and never show a query string or a secret

Importing this module loads `requests`; import it where a sync begins, not where a page is shown.
"""

import logging
import re
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from careercenter.platforms.addresses import DEFAULT_PORTS, AllowedHosts
from careercenter.platforms.connections import CheckedAdapter, Clock, Connections
from careercenter.platforms.contract import (
    AuthError,
    ConfigError,
    Dropped,
    PlatformError,
    Pushed,
    RateLimited,
    Response,
    SchemaDrift,
    Transient,
)
from careercenter.platforms.robots import Robots

MAX_BYTES = 25_000_000
MAX_RATIO = 100
READ_BYTES = 1 << 20
RATIO_FREE_BYTES = 1_000_000  # a short answer may compress as well as it likes
MAX_REDIRECTS = 3
MAX_RETRY_AFTER = 86_400.0
SETTLED_SECONDS = 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PASSED_ON = frozenset({304, 404, 410})
CONDITIONS = frozenset({"if-none-match", "if-modified-since"})

# urllib3 logs whole paths at debug level, and with them the keys that some platforms want in the query.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


class Gate(Protocol):
    """Keeps the requests of all processes to a host within bounds."""

    def enter(self, host: str) -> None:
        """Wait for this request's turn. Raises RateLimited when that is too far away, or when the host asked for rest."""
        ...

    def rest(self, host: str, seconds: float) -> None:
        """The host asks to be left alone for so long."""
        ...


class HttpClient:
    """Implements `contract.Http`. One per run and thread; a context manager that closes its connections."""

    def __init__(
        self,
        *,
        user_agent: str,
        allow_hosts: Iterable[str] = (),
        secrets: Iterable[str] = (),
        deadline_seconds: float = 60,
        attempts: int = 3,
        max_bytes: int = MAX_BYTES,
        drops: Path | None = None,
        gate: Gate | None = None,
        robots: bool = False,
        pushed: Sequence[Pushed] = (),
    ):
        self._allowed = AllowedHosts(allow_hosts)
        self._secrets = tuple(secrets)
        self._deadline_seconds = deadline_seconds
        self._attempts = attempts
        self._max_bytes = max_bytes
        self._drops, self._pushed = drops, pushed
        self._gate = gate
        self._robots = Robots(user_agent, self._robots_txt) if robots else None
        self._connections = Connections(self._allowed)
        self._clock = Clock(self._connections.shut)
        self._adapter = CheckedAdapter(self._connections)
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "gzip, deflate", "Accept": "*/*", "Connection": "keep-alive"}

    def __enter__(self) -> "HttpClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._adapter.close()
        self._connections.shut()
        self._clock.end()

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        etag: str | None = None,
    ) -> Response:
        """See `contract.Http.get`.

        A Transient is tried again, at most `attempts` times and within the deadline.
        """
        import stamina

        extra = dict(headers or {}) | ({"If-None-Match": etag} if etag else {})
        deadline = time.monotonic() + self._deadline_seconds

        def again(error: Exception) -> bool:
            return isinstance(error, Transient) and time.monotonic() < deadline

        try:
            for attempt in stamina.retry_context(
                on=again,
                attempts=self._attempts,
                timeout=self._deadline_seconds,
                wait_initial=0.2,
                wait_max=2.0,
                wait_jitter=0.2,
            ):
                with attempt:
                    return self._follow(url, params, extra, deadline)
        except PlatformError as error:
            raise redacted(error, self._secrets) from None
        raise Transient(f"{_shown(url)} could not be read.")

    def _robots_txt(self, url: str) -> Response:
        return self._follow(url, None, {}, time.monotonic() + self._deadline_seconds)

    def dropped(self, board: str) -> Dropped | None:
        """See `contract.Http.dropped`. A file that is still being written (younger than ten seconds) is left alone."""
        if self._drops is None or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}", board):
            return None
        folder = self._drops / board
        files = [f for f in folder.iterdir() if f.is_file() and not f.name.startswith(".")] if folder.is_dir() else []
        ready = [f for f in files if time.time() - f.stat().st_mtime >= SETTLED_SECONDS]
        if not ready:
            return None
        newest = max(ready, key=lambda f: (f.stat().st_mtime, f.name))
        if newest.stat().st_size > self._max_bytes:
            raise SchemaDrift(f"{newest.name} is larger than {self._max_bytes:,} bytes and was not read.", "file")
        return Dropped(newest.name, newest.read_bytes(), datetime.fromtimestamp(newest.stat().st_mtime, UTC))

    def pushed(self, board: str) -> Sequence[Pushed]:
        """See `contract.Http.pushed`: a client serves the run of one board."""
        return self._pushed

    def _follow(
        self, url: str, params: Mapping[str, str] | None, headers: dict[str, str], deadline: float
    ) -> Response:
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._once(url, params, headers, deadline)
            if isinstance(answer, Response):
                return answer
            if _origin(answer) != _origin(url):
                headers = {}  # keys belong to the host that they were given for
            url, params = answer, None
        raise SchemaDrift(
            f"{_shown(url)} was reached by more than {MAX_REDIRECTS} redirects, which is refused.", "redirect"
        )

    def _once(
        self, url: str, params: Mapping[str, str] | None, headers: dict[str, str], deadline: float
    ) -> Response | str:
        """One exchange: the whole answer, or the address it redirects to."""
        prepared = self._prepare(url, params, headers)
        if self._robots:
            self._robots.permit(str(prepared.url))
        if self._gate:
            asked = time.monotonic()
            self._gate.enter(_host(prepared.url))
            deadline += time.monotonic() - asked  # the host is not to blame for what we waited for our turn
        with self._exchange(prepared, deadline) as raw:
            if raw.status_code in REDIRECTS and raw.headers.get("location"):
                return urljoin(str(prepared.url), raw.headers["location"])
            try:
                _refuse_by_status(raw, str(prepared.url))
            except RateLimited as error:
                if self._gate and error.retry_after:
                    self._gate.rest(_host(prepared.url), error.retry_after)
                raise
            body = b"" if _is_empty(raw) else self._body(raw)
            return Response(
                status=raw.status_code,
                url=str(prepared.url),
                headers={name.lower(): value for name, value in raw.headers.items()},
                body=body,
                fetched_at=datetime.now(UTC),
                not_modified=raw.status_code == 304,
            )

    def _prepare(
        self, url: str, params: Mapping[str, str] | None, headers: dict[str, str]
    ) -> requests.PreparedRequest:
        try:
            prepared = requests.Request("GET", url, params=params, headers=self._headers | headers).prepare()
            parts = urlsplit(str(prepared.url))
            port = parts.port or DEFAULT_PORTS[parts.scheme]
        except (requests.RequestException, ValueError, KeyError):
            raise ConfigError(f"{_shown(url)} is not a web address.") from None
        if (
            parts.username is not None
            or ("Authorization" in prepared.headers and "Authorization" not in headers)
        ):
            raise ConfigError(
                f"{_shown(url)} carries a user name or password in the address; put it into the options."
            )
        if parts.scheme != "https" and not self._allowed.names(parts.hostname or "", port):
            raise ConfigError(
                f"{_shown(url)} is not https. Plain http is read only from hosts under allow_hosts."
            )
        return prepared

    @contextmanager
    def _exchange(self, prepared: requests.PreparedRequest, deadline: float) -> Iterator[requests.Response]:
        """Send, and give the answer with its body still unread.

        The clock cuts every connection at the deadline.
        """
        left = deadline - time.monotonic()
        late = Transient(
            f"{_shown(prepared.url)} took longer than {self._deadline_seconds:g} seconds and was given up."
        )
        if left <= 0:
            raise late
        answer = None
        try:
            with self._clock.until(deadline):
                answer = self._adapter.send(prepared, stream=True, timeout=left)
                yield answer
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise late if time.monotonic() >= deadline else _network_error(error, prepared.url) from None
        finally:
            if answer is None or not _reusable(answer):
                self._connections.shut()
            if answer is not None:
                answer.close()
        if time.monotonic() >= deadline:
            raise late

    def _body(self, answer: requests.Response) -> bytes:
        """The decoded body.

        Raises Transient when it is cut short, SchemaDrift when too large or undecodable.
        """
        shown = _shown(answer.url)
        declared = answer.headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise SchemaDrift(
                f"{shown} announces {int(declared):,} bytes; {self._max_bytes:,} is the limit.",
                "body",
            )
        inflate = _Inflate(answer.headers.get("Content-Encoding", ""), self._max_bytes, shown)
        wire = 0
        # read1 returns with what one receive gave; the clock of _exchange cuts a drip of bytes.
        while chunk := answer.raw.read1(READ_BYTES, decode_content=False):
            wire += len(chunk)
            inflate.feed(chunk, wire)
        if (declared.isdigit() and wire < int(declared)) or not inflate.finished:
            raise Transient(f"{shown} was cut off after {wire:,} bytes.")
        return b"".join(inflate.parts)


def redacted(error: PlatformError, secrets: Iterable[str]) -> PlatformError:
    """The same error without these secrets, the longest first."""

    def hide(text: str) -> str:
        for secret in sorted(filter(None, secrets), key=len, reverse=True):
            text = text.replace(secret, "[hidden]")
        return text

    error.args = tuple(hide(a) if isinstance(a, str) else a for a in error.args)
    if isinstance(error, ConfigError):
        error.problems = tuple(hide(problem) for problem in error.problems)
    return error


class _Inflate:
    """Decodes gzip and deflate piece by piece, so that a bomb is noticed while it is still small."""

    def __init__(self, encoding: str, limit: int, shown: str):
        self.parts: list[bytes] = []
        self._size = 0
        self._limit, self._shown = limit, shown
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise SchemaDrift(f'{shown} is packed as "{encoding[:40]}", which was not asked for.', "body")
        self._packed = encoding not in ("", "identity")
        self._inflater = zlib.decompressobj(47) if self._packed else None

    @property
    def finished(self) -> bool:
        return self._inflater is None or self._inflater.eof

    def feed(self, chunk: bytes, wire: int) -> None:
        while chunk:
            chunk = self._step(chunk)
            if self._size > self._limit:
                raise SchemaDrift(
                    f"{self._shown} is larger than {self._limit:,} bytes and was not read.", "body"
                )
            if self._size > max(RATIO_FREE_BYTES, wire * MAX_RATIO):
                raise SchemaDrift(
                    f"{self._shown} unpacks to more than {MAX_RATIO} times its size and was refused.", "body"
                )

    def _step(self, chunk: bytes) -> bytes:
        """Decode at most 1 MB; returns what is left of the chunk."""
        if self._inflater is None:
            self._keep(chunk)
            return b""
        if self._inflater.eof:
            if not chunk.startswith(b"\x1f\x8b"):
                return b""  # padding after the stream
            self._inflater = zlib.decompressobj(47)
        try:
            self._keep(self._inflater.decompress(chunk, 1_000_000))
        except zlib.error:
            raise SchemaDrift(
                f"{self._shown} cannot be unpacked: its compression is damaged.", "body"
            ) from None
        return self._inflater.unconsumed_tail or self._inflater.unused_data

    def _keep(self, part: bytes) -> None:
        self.parts.append(part)
        self._size += len(part)


def _is_empty(answer: requests.Response) -> bool:
    return answer.status_code in (204, 304)


def _reusable(answer: requests.Response) -> bool:
    """Whether the connection may serve the next request: read to its end, and not to be closed."""
    whole = answer.raw.closed or _is_empty(answer)
    return whole and answer.raw.version != 10 and answer.headers.get("Connection", "").lower() != "close"


def _refuse_by_status(answer: requests.Response, url: str) -> None:
    status, shown = answer.status_code, _shown(url)
    wait = retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))
    if status == 429 or (status in (403, 503) and wait is not None):
        pause = f" It asks to wait {wait:,.0f} seconds." if wait is not None else ""
        raise RateLimited(f"{shown} says that we ask too often.{pause}", wait)
    if status in (401, 403):
        raise AuthError(
            f"{shown} refuses access ({status}). Check the key or ask the platform for a new one."
        )
    if status >= 500:
        raise Transient(f"{shown} has trouble of its own ({status}).")
    if not 200 <= status < 300 and status not in PASSED_ON:
        raise SchemaDrift(f"{shown} answered with status {status}, which is not expected here.", "status")
    if status == 304 and not CONDITIONS & {name.lower() for name in answer.request.headers}:
        raise SchemaDrift(f"{shown} says that nothing has changed (304) though it was not asked.", "status")
    if status == 206:
        raise SchemaDrift(f"{shown} sent only a part of the answer (206).", "status")


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, from a number or a date, between 0 and one day; None when absent or unreadable."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max((when - now).total_seconds(), 0.0), MAX_RETRY_AFTER)


def _network_error(error: Exception, url: Any) -> PlatformError:
    if isinstance(error, requests.exceptions.SSLError):
        return Transient(f"{_shown(url)} has no valid certificate, so nothing was read.")
    return Transient(f"{_shown(url)} cannot be reached or broke off the connection.")


def _host(url: Any) -> str:
    return (urlsplit(str(url)).hostname or "").lower()


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _shown(url: Any) -> str:
    """The address without user, query and fragment: those are where keys hide."""
    try:
        parts = urlsplit(str(url))
    except ValueError:
        return "The address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]
