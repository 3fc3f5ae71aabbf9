"""The plugin's own process. Started by `apart`: `python -m careercenter.platforms.child CONTROL_FD`, never by hand.

That process is a nursery: it has loaded what every plugin needs, knows no plugin, and forks one child for each task, for
which two descriptors come over the control socket. A child is told what to do by one frame, may use so much memory, time
and so many files and no more, answers in frames, and dies with the nursery, which ends when its parent does. What a plugin
prints goes nowhere.
"""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stamina  # noqa: F401 - loaded here once, and not by each child that asks for something

from careercenter.platforms import frames, http, reading, registry
from careercenter.platforms.budget import Turns
from careercenter.platforms.contract import PlatformError, PlatformKind, PluginFault, Pushed, State, Unreadable
from careercenter.platforms.kinds import drops, feeds, pushes, rest, sitemaps  # noqa: F401 - as above
from careercenter.platforms.rows import UNFIT, Row
from careercenter.steady import settle

PR_SET_PDEATHSIG = 1
FRAME_BYTES = 500_000
FRAME_SECONDS = 5.0


def nursery(control: socket.socket) -> None:
    """Fork a child for each pair of descriptors; answer with its process id. Ends when the parent is gone."""
    signal.signal(signal.SIGCHLD, _bury)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    registry.installed()
    settle()  # what is loaded stays shared with the children
    while True:
        word, fds, _, _ = socket.recv_fds(control, 1, 2)
        if not word:
            return
        child = os.fork()
        if child == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            with contextlib.suppress(BrokenPipeError):  # the parent has lost its interest
                work(os.fdopen(fds[0], "rb"), os.fdopen(fds[1], "wb", buffering=65536))
            os._exit(0)
        for fd in fds:
            os.close(fd)
        control.sendall(child.to_bytes(8, "big"))


def _bury(*_: object) -> None:
    """Children that have ended: what they used is counted as the nursery's then."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def work(told: Any, out: Any) -> None:
    """One task, from its first frame to the word that it is done."""
    kind, job = frames.read(told.read)
    _limit(job["memory_bytes"])
    secrets: tuple[str, ...] = ()
    try:
        plugin = registry.get(job["plugin"])
        cfg = registry.configure(plugin, job["base_url"], job["options"], job["boards"])
        secrets = registry.secret_values(cfg)
        {"read": _read, "normalize": _normalize, "check": _check}[kind](plugin, cfg, job, told, out)
        out.write(frames.pack("done", None))
    except PlatformError as error:
        out.write(frames.pack_value(http.redacted(error, secrets)))
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything
        out.write(frames.pack_value(PluginFault(f"The plugin crashed with {type(error).__name__}.")))
    out.flush()


def _read(plugin: Any, cfg: Any, job: dict[str, Any], told: Any, out: Any) -> None:
    state = State(job["state"]) if job["state"] is not None else None
    with _client(plugin, cfg, job, told, out) as client:
        rows = _Rows(out)
        try:
            for message in reading.messages(plugin, cfg, job["board"], state, client):
                if isinstance(message, reading.Record):
                    rows.add(Row(message.post_id, message.raw))
                    continue
                rows.send()
                try:
                    out.write(frames.pack_value(message))
                except UNFIT:
                    out.write(frames.pack_value(Unreadable(b"", "This record holds what no text may hold.", datetime.now(UTC))))
                out.flush()
        finally:
            rows.send()


class _Rows:
    """Records on their way out, several in a frame; never so late that the parent thinks us silent."""

    def __init__(self, out: Any):
        self._out, self._kept, self._size, self._since = out, list[Row](), 0, 0.0

    def add(self, row: Row) -> None:
        now = time.monotonic()
        if not self._kept:
            self._since = now
        self._kept.append(row)
        self._size += 100 + (len(row.raw) if isinstance(row.raw, bytes) else 10_000)
        if self._size > FRAME_BYTES or now - self._since > FRAME_SECONDS:
            self.send()

    def send(self) -> None:
        if self._kept:
            self._out.write(frames.pack_rows(self._kept))
            self._out.flush()
            self._kept, self._size = [], 0


def _check(plugin: Any, cfg: Any, job: dict[str, Any], told: Any, out: Any) -> None:
    with _client(plugin, cfg, job, told, out) as client:
        out.write(frames.pack_value(plugin.check(cfg, client)))


def _normalize(plugin: Any, cfg: Any, job: dict[str, Any], told: Any, out: Any) -> None:
    """Frame by frame: a batch of raw records comes, as many drafts go back. One that ends this process ends the whole batch."""
    out.write(frames.pack("ready", None))
    out.flush()
    while True:
        kind, raws = frames.read(told.read)
        if kind != "batch":
            return
        out.write(frames.pack_drafts([reading.draft_of(plugin, raw, cfg) for raw in raws]))
        out.flush()


def _client(plugin: Any, cfg: Any, job: dict[str, Any], told: Any, out: Any) -> http.HttpClient:
    return http.HttpClient(
        user_agent=job["user_agent"], allow_hosts=job["allow_hosts"], secrets=registry.secret_values(cfg), drops=Path(job["drops"]),
        gate=Turns(told, out), robots=plugin.spec().kind is PlatformKind.SITEMAP_JSONLD,
        pushed=[Pushed(**event) for event in job.get("pushed", ())],
    )


def _limit(memory_bytes: int) -> None:
    """Bounds that the kernel keeps."""
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 128), (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    nursery(socket.socket(fileno=int(sys.argv[1])))
