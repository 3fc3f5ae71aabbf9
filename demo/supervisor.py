"""`python -m demo`: brings a whole demo campus up on this machine, watches it, and takes it down again.

It checks the ground, writes the configuration of this run, starts the services, prepares the database, starts web and
worker, waits until they are ready, and prints the address and whom to sign in as. A process that dies is named with its
reason and everything stops: nothing is restarted silently.
"""

import os
import shutil
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from demo import roster
from demo.children import Child, stop_all
from demo.installation import CannotStart, Installation, choose_ports, claim_folder, refuse_real_things, write

ROOT = Path(__file__).parent.parent
READY_SECONDS = 90.0


class Demo:
    """One run of the demo campus."""

    def __init__(self, installation: Installation):
        self.here = installation
        self.children: list[Child] = []
        self.stopping = threading.Event()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CAREERCENTER_")}
        self.environment["CAREERCENTER_CONFIG"] = str(installation.config)
        self.environment["PYTHONUNBUFFERED"] = "1"
        self.environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self.environment["PROMETHEUS_MULTIPROC_DIR"] = str(installation.folder / "metrics")

    def up(self) -> None:
        """Start everything and wait until it answers. Raises `CannotStart`."""
        python, here = sys.executable, self.here
        _empty(here.folder / "metrics")
        self._start("services", [python, "-m", "demo.services", "--config", str(here.config), "--http",
                                 str(here.services_port), "--smtp", str(here.smtp_port)])
        self._prepare()
        self._start("web", [python, "-m", "gunicorn", "--config", str(ROOT / "config" / "gunicorn.py"), "--chdir", str(ROOT),
                            "--workers", "3", "--bind", f"127.0.0.1:{here.port}", "wsgi:app"])
        self._start("worker", [python, "-m", "careercenter.cli", "worker"])
        self._await(f"{here.services_url}/", "services")
        self._await(f"{here.public_url}/readyz", "web")

    def watch(self) -> int:
        """Wait for Ctrl-C or a death. Returns the exit status."""
        while not self.stopping.wait(0.2):
            dead = self._dead()
            if dead:
                _say(f"{dead.reason()}\nEverything else is being stopped.")
                return 1
        return 0

    def down(self) -> None:
        """Stop every process group."""
        stubborn = stop_all(self.children)
        if stubborn:
            _say(f"These did not stop by themselves and were ended: {', '.join(stubborn)}.")

    def _start(self, name: str, command: list[str]) -> Child:
        child = Child(name, command, self.environment, self.here.folder / "log")
        self.children.append(child)
        return child

    def _prepare(self) -> None:
        """Migrate and seed in a process of its own, unless the last run left the database as this program wants it."""
        from demo.campus import is_prepared

        if is_prepared(self.here.folder):
            return
        _say("Making the demo campus; the first start takes about half a minute.")
        child = self._start("preparation", [sys.executable, "-m", "demo.campus", "--config", str(self.here.config)])
        while child.ended is None and not self.stopping.wait(0.05):
            self._stop_if_dead()
        if self.stopping.is_set():
            raise CannotStart("Stopped before the campus was ready.")
        if child.ended != 0:
            raise CannotStart(child.last_words() or child.reason())
        self.children.remove(child)

    def _await(self, address: str, name: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self._stop_if_dead()
            if self.stopping.is_set():
                raise CannotStart("Stopped before the campus was ready.")
            if _answers(address):
                return
            time.sleep(0.05)
        log = self.here.folder / "log" / f"{name}.log"
        raise CannotStart(f"The {name} process did not become ready within {READY_SECONDS:.0f} seconds. See {log}")

    def _stop_if_dead(self) -> None:
        dead = self._dead()
        if dead and dead.name != "preparation":
            raise CannotStart(dead.reason())

    def _dead(self) -> Child | None:
        return next((child for child in self.children if child.ended is not None), None)


def run(folder: Path, port: int, host: str = "127.0.0.1") -> int:
    """Run the demo until Ctrl-C. Exit status: 0 stopped, 1 a process died, 2 it could not start."""
    began = time.monotonic()
    try:
        refuse_real_things(host, dict(os.environ))
        lock = claim_folder(folder.resolve())
        installation = choose_ports(folder.resolve(), port)
        write(installation)
    except CannotStart as problem:
        _say(str(problem))
        return 2
    demo = Demo(installation)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: demo.stopping.set())
    try:
        demo.up()
        print_welcome(installation, time.monotonic() - began)
        return demo.watch()
    except CannotStart as problem:
        _say(str(problem))
        return 0 if demo.stopping.is_set() else 2
    finally:
        demo.down()
        lock.close()


def print_welcome(installation: Installation, seconds: float) -> None:
    """The address, and the people to sign in as."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    for heading in ("Sign in as", "Role", "What you find"):
        table.add_column(heading)
    for entry in (*roster.PERSONAS, *roster.STAFF):
        if entry.uid in roster.FEATURED:
            table.add_row(entry.name, entry.title, entry.blurb)
    console = Console(highlight=False)
    console.print(f"\n[bold]{installation.public_url}[/bold]  the career center, ready after {seconds:.1f} s")
    console.print(f"{installation.services_url}/mail/  every mail it sends; supervisors' links are here\n")
    console.print(table)
    console.print("\nEverybody signs in with one click; no passwords. Stop with Ctrl-C.\n")
    sys.stdout.flush()


def _empty(folder: Path) -> None:
    """Counters begin anew with every start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def _answers(address: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
