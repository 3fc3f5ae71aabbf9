"""Servers that misbehave: silent after accepting, slow, or only there to notice that somebody came."""

import contextlib
import select
import socket
import threading
import time
from types import TracebackType
from typing import Self


class Silent:
    """Accepts connections, keeps what it receives, answers `reply` once and then nothing."""

    def __init__(self, reply: bytes = b""):
        self.received: list[bytes] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self._reply = reply
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._hear, args=(connection,), daemon=True).start()

    def _hear(self, connection: socket.socket) -> None:
        try:
            self.received.append(connection.recv(4096))
            if self._reply:
                connection.sendall(self._reply)
                self.received.append(connection.recv(4096))
        except OSError:
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        for connection in (*self._open, self._socket):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


class Slow(Silent):
    """Passes everything on to a server on another port of this machine, `seconds` later in each direction."""

    def __init__(self, port: int, seconds: float):
        self._target, self._seconds = port, seconds
        super().__init__()

    def _hear(self, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._target)) as behind:
            other = {connection: behind, behind: connection}
            try:
                while True:
                    for ready in select.select(list(other), [], [], 30)[0]:
                        part = ready.recv(65536)
                        time.sleep(self._seconds)
                        other[ready].sendall(part)
                        if not part:
                            return
            except (OSError, ValueError):  # one side is gone
                return
