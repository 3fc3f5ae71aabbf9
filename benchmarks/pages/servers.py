"""One server process at a time to ask, and how much processor it used for the answers."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0  # seconds until a server answers


@dataclass
class Server:
    """A running gunicorn with one worker, and one kept connection to it. CPU seconds are those of the worker alone."""

    port: int
    worker: int
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str, headers: dict[str, str]) -> bytes:
        """The page. Raises AssertionError when it is not one, for instance the sign-in page."""
        self.connection.request("GET", path, headers=headers)
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, f"{path} answered {answer.status}: {body[:200]!r}"
        return body

    def cpu(self) -> float:
        """CPU seconds of the worker so far, all its threads, from its POSIX clock (nanoseconds)."""
        return time.clock_gettime((~self.worker << 3) | 2)  # what clock_getcpuclockid(3) answers on Linux

    def cpu_of(self, path: str, headers: dict[str, str], times: int) -> float:
        """CPU seconds of one request, averaged over some."""
        before = self.cpu()
        for _ in range(times):
            self.get(path, headers)
        return (self.cpu() - before) / times

    def latencies(self, path: str, headers: dict[str, str], times: int) -> list[float]:
        """Seconds until the whole answer was here, one after the other, sorted."""
        taken = []
        for _ in range(times):
            began = time.perf_counter()
            self.get(path, headers)
            taken.append(time.perf_counter() - began)
        return sorted(taken)


@contextlib.contextmanager
def serving(application: str, settings: Path, environment: dict[str, str], folder: Path) -> Iterator[Server]:
    """Start gunicorn with a settings file and one worker; stop it at the end."""
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", str(settings), "--workers", "1", "--bind", f"127.0.0.1:{port}", application]
    with (folder / f"{application.partition(':')[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **environment, "PYTHONPATH": str(ROOT)}, cwd=ROOT, stdout=log, stderr=log,
        )
        try:
            yield Server(port, _worker(process, port))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _worker(process: subprocess.Popen[bytes], port: int) -> int:
    """The worker's process id, once it answers."""
    until = time.monotonic() + PATIENCE
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while time.monotonic() < until:
        assert process.poll() is None, "The server ended; its log is in var/bench."
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            found = children.read_text().split()
            if found:
                return int(found[0])
        time.sleep(0.1)
    raise AssertionError("The server does not answer; its log is in var/bench.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
