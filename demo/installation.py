"""One demo installation in a folder: what is checked before it starts, its keys, and the configuration of this run.

Layout: config/ (written anew at every start, since the ports may differ), secret_key, careercenter.db, mail/, idp/, log/.
"""

import fcntl
import json
import os
import secrets
import shutil
import socket
import time
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

from demo import by_hand, elsewhere, roster

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CAMPUS, ZONE = "Hollis State University", "America/New_York"
SHIPPED = Path(__file__).parent.parent / "config"
COPIED = ("policies", "evaluations", "workbooks", "mail")
PAIRS = ("sp", "sp-decryption")  # our signing key, and the one that answers are encrypted to
PAYLOADS = Path(__file__).parent / "payloads"
BASE = {"recruitee": "/{board}", "personio": "/{board}"}  # where the company stands in the address itself
MINUTES = {"parker_dewey": 360, "neogov": 360}  # these may not be read every hour


class CannotStart(Exception):
    """The demo cannot run; the text is a sentence that says what to do."""


@dataclass(frozen=True)
class Installation:
    """Folder and ports of one demo campus."""

    folder: Path
    port: int
    services_port: int
    smtp_port: int

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def public_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def services_url(self) -> str:
        return f"http://127.0.0.1:{self.services_port}"


def refuse_real_things(host: str, environment: dict[str, str]) -> None:
    """The demo opens sign-in to everyone: never on a public address, never on a campus' database."""
    if host not in LOOPBACK:
        raise CannotStart(
            f"The demo lets anybody sign in as anybody, so it answers on this machine only and not on {host}. "
            "Leave out --host; for a real installation see docs/operations.md."
        )
    if environment.get("CAREERCENTER_DATABASE__URL"):
        raise CannotStart(
            "CAREERCENTER_DATABASE__URL names a database, and the demo only works with its own file. "
            "Unset it and start again, or use `careercenter run` for a real installation."
        )


def claim_folder(folder: Path) -> IO[str]:
    """Make the folder if needed and hold it for this run; the lock goes with the process. Raises `CannotStart`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "demo.lock").open("a+")
    except OSError as error:
        raise CannotStart(f"The folder {folder} cannot be written ({error.strerror}). Name another one: --var DIR") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise CannotStart(f"A demo is running in {folder} already. Stop it, or name another folder: --var DIR") from None
    return lock


def choose_ports(folder: Path, port: int) -> Installation:
    """The wanted port for the pages and the next free ones for the services. Raises `CannotStart` when it is busy."""
    if not 1 <= port <= 65000:
        raise CannotStart(f"{port} is not a port. Choose one from 1024 to 65000: --port 8010")
    try:
        if not _free(port):
            raise CannotStart(f"Port {port} is in use by another program. Choose another: --port {port + 10}")
    except PermissionError:
        raise CannotStart(f"Port {port} is kept for the system. Choose one from 1024 on: --port 8000") from None
    services = _next_free(port + 1)
    return Installation(folder, port, services, _next_free(services + 1))


def _next_free(port: int) -> int:
    found = next((number for number in range(port, min(port + 200, 65536)) if _free(number)), None)
    if found is None:
        raise CannotStart(f"No free port was found after {port}. Choose another start: --port 9000")
    return found


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise
        except OSError:
            return False
    return True


def write(installation: Installation) -> None:
    """Keys (once) and the configuration of this run. Raises `CannotStart` when the folder cannot be written."""
    try:
        _write_all(installation)
    except OSError as error:
        raise CannotStart(
            f"{error.filename or installation.folder} cannot be written ({error.strerror}). Name another folder: --var DIR"
        ) from None


def _write_all(installation: Installation) -> None:
    folder, config = installation.folder, installation.config
    config.mkdir(exist_ok=True)
    _keep_secret(folder / "secret_key", lambda: secrets.token_hex(32).encode())
    _keep_day(folder / "seeded-on")
    _drop_files(installation)
    _write_certificates(installation)
    for name in COPIED:
        if (SHIPPED / name).is_dir():
            shutil.copytree(SHIPPED / name, config / name, dirs_exist_ok=True)
    for name, text in {
        "careercenter.toml": _careercenter(installation), "signon.toml": _signon(installation),
        "platforms.toml": _platforms(installation),
    }.items():
        (config / name).write_text(f"# Written by the demo at every start; change config/ of the program instead.\n{text}")


def _keep_secret(path: Path, make: Any) -> None:
    if not path.exists():
        _private(path, make())


def _write_certificates(installation: Installation) -> None:
    """Our keys and certificates (once) and the identity provider's metadata, which name its address of this run."""
    folder, metadata = installation.folder, installation.config / "idp-metadata.xml"
    ours = [folder / f"{pair}-{part}.pem" for pair in PAIRS for part in ("key", "cert")]
    has_keys = all(path.exists() for path in (*ours, folder / "idp" / "idp.crt"))
    if has_keys and metadata.exists() and f'"{installation.services_url}/' in metadata.read_text():
        return
    from demo.idp import make_certificate, make_idp  # half a second of imports that a warm start does without

    if not has_keys:
        for pair in (pair for pair in PAIRS if not (folder / f"{pair}-cert.pem").exists()):
            key, certificate = make_certificate(f"{CAMPUS} career center")
            _private(folder / f"{pair}-key.pem", key)
            (folder / f"{pair}-cert.pem").write_bytes(certificate)
    metadata.write_bytes(make_idp(installation.services_url, [], b"", folder / "idp").metadata)


def _keep_day(path: Path) -> None:
    """The day of the first start, campus time: terms, deadlines and recorded listings count from it ever after."""
    if not path.exists():
        path.write_text(datetime.now(ZoneInfo(ZONE)).date().isoformat())


def _private(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)


def _careercenter(installation: Installation) -> str:
    return _toml({"data_dir": ".."}) + _toml({
        "name": CAMPUS, "short_name": "Career Center", "time_zone": ZONE, "support_email": f"careercenter@{roster.MAIL}",
    }, "campus") + _toml({"public_url": installation.public_url, "demo": True, "secret_key": {"file": "../secret_key"}}, "server") + _toml({
        "host": "127.0.0.1", "port": installation.smtp_port, "sender": f"careercenter@{roster.MAIL}",
        "sender_name": f"{CAMPUS} Career Center", "reply_to": f"careercenter@{roster.MAIL}",
    }, "mail")


def _signon(installation: Installation) -> str:
    service = {
        "key_file": "../sp-key.pem", "cert_file": "../sp-cert.pem", "name": f"{CAMPUS} Career Center", "organization": CAMPUS,
        "decryption": [{"key_file": "../sp-decryption-key.pem", "cert_file": "../sp-decryption-cert.pem"}],
        "contacts": [
            {"kind": kind, "name": f"{CAMPUS} IT", "email": f"it@{roster.MAIL}"} for kind in ("technical", "administrative", "security")
        ],
    }
    provider = {
        "name": "campus", "kind": "saml", "label": f"{CAMPUS} sign-in", "metadata_file": "idp-metadata.xml",
        "scopes": [roster.SCOPE],
    }
    return _toml(service, "service") + _toml(provider, "[providers]") + "".join(_toml(rule, "[roles]") for rule in roster.role_rules())


def boards() -> list[str]:
    """The recorded employer boards, by their names on the platform."""
    return sorted(path.stem for path in (PAYLOADS / "greenhouse").glob("*.json"))


def _platforms(installation: Installation) -> str:
    """Seven sources. Staff may add more on the page: the recorded platforms are allowed to be reached from there, too."""
    host = f"127.0.0.1:{installation.services_port}"
    told = _toml({"allow_hosts": [host]})
    for platform, names in {"greenhouse": dict.fromkeys(boards(), ""), **elsewhere.BOARDS}.items():
        source = {"platform": platform, "boards": list(names), "every_minutes": MINUTES.get(platform, 60), "allow_hosts": [host]}
        if platform == "parker_dewey":
            source["options"] = {"columns": elsewhere.COLUMNS}
        else:
            source["base_url"] = f"{installation.services_url}/platforms/{platform}{BASE.get(platform, '')}"
        if platform in ("lever", "ashby"):
            source["options"] = {"employer_names": names}
        told += _toml(source, "[sources]")
    return told + "".join(_toml(source, "[sources]") for source in by_hand.SOURCES)


def _drop_files(installation: Installation) -> None:
    """Files of partners lie in their folders since yesterday, and the same file at every start is no new one."""
    day = date.fromisoformat((installation.folder / "seeded-on").read_text().strip())
    for platform, board in elsewhere.DROPS:
        file = installation.folder / "drops" / platform / board / "export.csv"
        content = elsewhere.drop(platform, board, day)
        if not file.exists() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            yesterday = time.time() - 86_400
            os.utime(file, (yesterday, yesterday))


def _toml(values: dict[str, Any], table: str = "") -> str:
    """A flat table; JSON's strings, numbers, lists and booleans are TOML's too."""
    head = f"\n[{table}]\n" if table else ""
    return head + "".join(f"{name} = {_value(value)}\n" for name, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_value(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
