"""Two gunicorns of one installation, as two machines behind a balancer, and browsers that choose which one to talk to."""

from pathlib import Path

import requests
from sqlalchemy import func, select

from careercenter import db
from tests.campus_idp import PUBLIC, CampusIdp, signon_toml
from tests.faults.installation import Installation, free_port

INSIDE = """from careercenter.cli import gunicorn as shipped
from careercenter.cli.gunicorn import *

def post_fork(server, worker):
    shipped.post_fork(server, worker)
    import os, signal
    from pathlib import Path
    from careercenter import people
    from careercenter.web import entry
    consume, enter = people.take_sign_on, entry.PURPOSES["sign_in"]
    folder = Path(__file__).parent

    def dies(wish):
        if (folder / wish).exists():
            (folder / wish).unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def take_sign_on(journey, identity):
        if not (folder / "nothing is consumed").exists():
            consume(journey, identity)
        dies("before the commit")

    kept = []

    def sign_in(identity, journey):
        if (folder / "memory leaks").exists():
            kept.append(bytearray(10 * 1024))
        answer = enter(identity, journey)
        dies("after the commit")
        return answer

    people.take_sign_on, entry.PURPOSES["sign_in"] = take_sign_on, sign_in
"""
"""A campus' config/gunicorn.py is code, and runs inside the web process: so tests reach moments that no clock can hit."""


class Machines:
    """One installation served by two gunicorns."""

    def __init__(self, folder: Path, smtp_port: int, database_url: str, idp: CampusIdp):
        self.idp, self.ports = idp, (free_port(), free_port())
        self.installation = Installation(folder, smtp_port, database_url, public_url=PUBLIC, files={
            "signon.toml": signon_toml(idp.settings), "gunicorn.py": INSIDE,
        })
        self.masters = [self.installation.web(port) for port in self.ports]

    def process(self, machine: int = 0) -> int:
        """The id of the process that serves a machine's pages."""
        master = self.masters[machine].pid
        return int(Path(f"/proc/{master}/task/{master}/children").read_text().split()[0])

    def restart(self) -> None:
        for master in self.masters:
            self.installation.kill(master)
        self.masters = [self.installation.web(port) for port in self.ports]

    def wish(self, wish: str) -> Path:
        """Something that the processes shall do from now on."""
        path = self.installation.folder / "config" / wish
        path.write_text("")
        return path

    def count(self, *tables: type) -> list[int]:
        return [int(self.installation.ask(lambda t=t: db.session.scalar(select(func.count()).select_from(t)))) for t in tables]  # type: ignore[misc]


class Visitor:
    """A browser over real HTTP that talks to whichever machine it is told to."""

    def __init__(self, machines: Machines, cookies: dict[str, str] | None = None):
        self._machines, self._http = machines, requests.Session()
        self._http.trust_env = False
        self.cookies = self._http.cookies
        self.cookies.update(cookies or {})

    def _url(self, machine: int, path: str) -> str:
        return f"http://127.0.0.1:{self._machines.ports[machine]}{path}"

    def answer(self, uid: str, machine: int = 0) -> dict[str, str]:
        """The provider's form for a sign-in that begins at this machine."""
        begun = self._http.get(self._url(machine, "/sign-in/campus"), allow_redirects=False, timeout=30)
        assert begun.status_code == 303, begun.text
        return self._machines.idp.form(begun.headers["Location"], uid)

    def post(self, form: dict[str, str], machine: int = 0) -> tuple[int, str]:
        """(status, page) of the ACS' answer; status 0 when the connection broke before it came."""
        try:
            answer = self._http.post(self._url(machine, "/saml/acs"), data=form, allow_redirects=False, timeout=30)
        except requests.ConnectionError:
            return 0, ""
        return answer.status_code, answer.text

    def sign_in(self, uid: str, machine: int = 0) -> int:
        return self.post(self.answer(uid, machine), machine)[0]

    def home(self, machine: int = 0) -> str:
        return self._http.get(self._url(machine, "/"), timeout=30).text
