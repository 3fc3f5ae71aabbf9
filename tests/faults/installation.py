"""A real installation for faults: gunicorn and a worker as processes of their own, killed with SIGKILL and started again.

The program's own configuration, a database of its own, and people who are signed in by the test that plays them.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from bs4 import BeautifulSoup
from flask import Flask

from careercenter import create_app, db, people
from careercenter.jobs import queue
from careercenter.people.model import Person
from careercenter.settings import load
from careercenter.signon.identity import Identity

ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Installation:
    """`database_url` "" means SQLite in the folder. `platform` is "127.0.0.1:PORT" of a recorded platform, or "".

    `files` are further files of the configuration folder, by name; its gunicorn.py is used when there is one.
    """

    def __init__(
        self, folder: Path, smtp_port: int, database_url: str = "", platform: str = "", *, port: int = 0, public_url: str = "",
        trusted_proxies: int = 0, files: Mapping[str, str | bytes] | None = None,
    ):
        self.folder, self.port = folder, port or free_port()
        self.public_url = public_url or self.url
        self.processes: list[subprocess.Popen[bytes]] = []
        config = folder / "config"
        for name in ("policies", "evaluations", "workbooks", "mail"):
            shutil.copytree(ROOT / "config" / name, config / name)
        (config / "careercenter.toml").write_text(
            f'data_dir = "../var"\n[server]\npublic_url = "{self.public_url}"\nsecret_key = {{ file = "../key" }}\n'
            f'trusted_proxies = {trusted_proxies}\n'
            f'[database]\nurl = "{database_url}"\n[mail]\nhost = "127.0.0.1"\nport = {smtp_port}\n'
        )
        if platform:
            (config / "platforms.toml").write_text(
                '[[sources]]\nplatform = "greenhouse"\nboards = ["lakemontdata"]\nevery_minutes = 1440\n'
                f'base_url = "http://{platform}/greenhouse"\nallow_hosts = ["{platform}"]\n'
            )
        for name, content in (files or {}).items():
            (config / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        (folder / "key").write_text("a key for these tests only, long enough to be one")
        self.app: Flask = create_app(load(config))
        with self.app.app_context():
            db.upgrade()
            if database_url:
                queue.prepare(db.settings().database_url)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def web(self, port: int = 0, workers: int = 1) -> "subprocess.Popen[bytes]":
        """Start gunicorn and wait until it answers: whoever opens a form has warmed up its answer."""
        port, own = port or self.port, self.folder / "config" / "gunicorn.py"
        chosen = str(own) if own.exists() else "python:careercenter.cli.gunicorn"
        command = ["-m", "gunicorn", "-c", chosen, "--workers", str(workers), "--bind", f"127.0.0.1:{port}"]
        process = self._start([*command, "careercenter.cli.serve:application()"])
        self.until(lambda: process.poll() is not None or _answers(f"http://127.0.0.1:{port}/readyz"))
        assert process.poll() is None, self.logs()
        return process

    def worker(self) -> "subprocess.Popen[bytes]":
        return self._start(["-m", "careercenter.cli", "worker"])

    def _start(self, arguments: list[str]) -> "subprocess.Popen[bytes]":
        log = (self.folder / f"process{len(self.processes)}.log").open("wb")
        environment = {**os.environ, "CAREERCENTER_CONFIG": str(self.folder / "config"), "PYTHONWARNINGS": "ignore"}
        process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=log, stderr=log, start_new_session=True, env=environment)
        self.processes.append(process)
        return process

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """`kill -9` of the process and everything that it started."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_web_processes(self, master: "subprocess.Popen[bytes]") -> None:
        """`kill -9` of the processes that serve pages; their master starts new ones."""
        for pid in Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split():
            os.kill(int(pid), signal.SIGKILL)

    def ask(self, query: Callable[[], Any]) -> Any:
        with self.app.app_context():
            return query()

    def sign_in(self, person_id: int) -> str:
        """A session as sign-on makes it; the value of its cookie."""
        now = datetime.now(UTC)
        identity = Identity(
            provider="campus", subject_kind="subject-id", subject=f"p{person_id}@example.edu", attributes={}, authn_context=None,
            name_id=None, session_index=None, session_not_on_or_after=None, assertion_id=f"a{person_id}-{now.timestamp()}",
            assertion_expires_at=now,
        )
        with self.app.app_context():
            with db.transaction():
                secret = people.start_session(db.session.get_one(Person, person_id), identity, now)
            signer: Any = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]
            return str(signer.dumps({"sid": secret, "pid": person_id}))

    def until(self, what: Callable[[], Any], seconds: float = 30) -> Any:
        """The first true answer; fails with the logs when it does not come in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = what()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"it did not happen in {seconds} s\n{self.logs()}")

    def logs(self) -> str:
        return "\n".join(p.read_text(errors="replace")[-3000:] for p in sorted(self.folder.glob("process*.log")))

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                self.kill(process)


class Visitor:
    """A person with a browser, over real HTTP. `address` is where the last page was."""

    def __init__(self, installation: Installation, cookie: str):
        self._url = installation.url
        self._http = requests.Session()
        self._http.trust_env = False
        self._name = installation.app.config["SESSION_COOKIE_NAME"]
        self.sign_in(cookie)

    def sign_in(self, cookie: str) -> None:
        """The same browser, from now on in another session."""
        if self._name in self._http.cookies:
            self._http.cookies.clear("127.0.0.1", "/", self._name)
        self._http.cookies.set(self._name, cookie, domain="127.0.0.1", path="/")

    def page(self, path: str) -> str:
        answer = self._http.get(self._url + path, timeout=20)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:400]}"
        return answer.text

    def form(self, path: str, selector: str) -> dict[str, Any]:
        """The fields of a form of a page, as they stand there."""
        page = self.page(path)
        form = BeautifulSoup(page, "html.parser").select_one(selector)
        assert form is not None, page
        sent: dict[str, Any] = {}
        for control in form.select("input[name], textarea[name], select[name]"):
            name = str(control["name"])
            if control.name == "select":
                chosen = control.select_one("option[selected]")
                sent[name] = chosen["value"] if chosen else ""
            elif control.name == "textarea":
                sent[name] = control.get_text().lstrip("\n")
            elif control.get("type") not in ("checkbox", "radio"):
                sent[name] = control.get("value", "")
            elif control.has_attr("checked"):
                sent.setdefault(name, []).append(control["value"])
        return sent

    def post(self, path: str, data: dict[str, Any]) -> requests.Response | None:
        """The answer, not followed; None when the connection broke before it came."""
        try:
            return self._http.post(self._url + path, data=data, timeout=20, allow_redirects=False)
        except requests.ConnectionError:
            return None


def _answers(address: str) -> bool:
    session = requests.Session()
    session.trust_env = False
    try:
        return session.get(address, timeout=2).status_code == 200
    except requests.RequestException:
        return False
