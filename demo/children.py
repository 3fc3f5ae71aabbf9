"""The processes that the supervisor looks after: each in a group of its own, with a log, stopped as a whole."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_KEPT = 4000  # characters of a log that are read to say why a process ended


class Child:
    """One process and what it starts. Output goes to `<folder>/<name>.log`."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], folder: Path):
        self.name = name
        self.log = folder / f"{name}.log"
        folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=_follow_parent if sys.platform == "linux" else None,
            )

    @property
    def ended(self) -> int | None:
        """The exit status; None while it runs."""
        return self.process.poll()

    def reason(self) -> str:
        """Why it ended, in a sentence, with the last words of its log."""
        status = self.process.returncode
        how = f"was ended by signal {-status} ({signal.Signals(-status).name})" if status < 0 else f"ended with status {status}"
        words = self.last_words()
        return f"The {self.name} process {how}." + (f" It said: {words}" if words else "") + f" Its log: {self.log}"

    def last_words(self) -> str:
        """The last line of the log that says something."""
        try:
            lines = self.log.read_text(errors="replace")[-_KEPT:].splitlines()
        except OSError:
            return ""
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")

    def signal(self, number: int) -> None:
        """Signal the whole group; a group that is gone is fine."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            self.process.poll()


def stop_all(children: list[Child], patience: float = 10.0) -> list[str]:
    """Ask every group to stop, insist after `patience` seconds, and return the names of those that had to be killed."""
    for child in children:
        child.signal(signal.SIGTERM)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and any(child.ended is None for child in children):
        time.sleep(0.05)
    stubborn = [child.name for child in children if child.ended is None]
    for child in children:
        child.signal(signal.SIGKILL)  # whatever a child left behind in its group
        child.process.wait()
    return stubborn


def _follow_parent() -> None:
    """Ask the kernel to end this process with the supervisor, even if that is killed outright."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
