"""The demo campus' mail: an SMTP server that keeps what it is sent, and the page on which to read it.

Every mail becomes one file of a folder, named by its arrival and its Message-ID; the same mail delivered twice is one
file. Nothing leaves the machine.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from functools import lru_cache
from html import escape
from pathlib import Path
from time import time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from werkzeug.wrappers import Request, Response

TEMPLATES = Path(__file__).parent / "mailbox_templates"
FONTS = Path(__file__).parent.parent / "careercenter" / "web" / "static" / "vendor"
SHOWN = 200
_ADDRESS = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)]")
_FONT = re.compile(r"[a-z0-9-]+\.woff2")
_NAME = re.compile(r"\d{16}-[0-9a-f]{16}")


class Mail(NamedTuple):
    """One received mail as the list shows it."""

    name: str
    to: str
    sender: str
    subject: str
    at: datetime


class Sink:
    """Keeps every mail it is given as a file in `folder` (an aiosmtpd handler)."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Accept one message."""
        keep(self.folder, envelope.original_content)
        return "250 Kept"


def keep(folder: Path, content: bytes) -> Path:
    """Write one mail; a repetition of the same Message-ID keeps the first."""
    message_id = str(_read(content)["Message-ID"] or hashlib.sha256(content).hexdigest())
    digest = hashlib.sha256(message_id.encode()).hexdigest()[:16]
    known = next(folder.glob(f"*-{digest}.eml"), None)
    if known:
        return known
    path = folder / f"{int(time() * 1_000_000):016d}-{digest}.eml"
    temporary = path.with_suffix(".part")
    temporary.write_bytes(content)
    temporary.replace(path)
    return path


def listen(folder: Path, port: int) -> Any:
    """Start the SMTP server on loopback in a thread of its own; `.stop()` ends it."""
    from aiosmtpd.controller import Controller

    controller = Controller(Sink(folder), hostname="127.0.0.1", port=port)
    controller.start()
    return controller


class MailboxPages:
    """The WSGI application: `/` lists (newest first, `?q=` filters by address or subject), `/read/<name>` shows one."""

    def __init__(self, folder: Path, career_center: str, zone: str):
        self.folder = folder
        self.zone = ZoneInfo(zone)
        self._pages = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
        self._pages.globals["career_center"] = career_center
        self._pages.filters["moment"] = self._moment

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self.respond(Request(environ))(environ, start_response)

    def respond(self, request: Request) -> Response:
        """One request, one page."""
        root, path = request.script_root, request.path
        if path in ("", "/"):
            query = request.args.get("q", "").strip()
            found = [mail for mail in self.mails() if _matches(mail, query)]
            return self._page("list.html", root, mails=found[:SHOWN], count=len(found), query=query)
        if path == "/mailbox.css":
            return _file(TEMPLATES / "mailbox.css", "text/css; charset=utf-8")
        if path.startswith("/fonts/") and _FONT.fullmatch(path.removeprefix("/fonts/")):
            return _file(FONTS / path.removeprefix("/fonts/"), "font/woff2")
        name = path.removeprefix("/read/")
        if path.startswith("/read/") and _NAME.fullmatch(name) and (self.folder / f"{name}.eml").is_file():
            message = _read((self.folder / f"{name}.eml").read_bytes())
            return self._page("read.html", root, mail=_summary(self.folder / f"{name}.eml"), body=linked(text_of(message)))
        return self._page("missing.html", root, status=404)

    def mails(self) -> list[Mail]:
        """Everything received, newest first."""
        return [_summary(path) for path in sorted(self.folder.glob("*.eml"), reverse=True)]

    def _moment(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        return f"{local:%a} {local.day} {local:%b}, {local:%I:%M %p}".replace(", 0", ", ").replace("AM", "am").replace("PM", "pm")

    def _page(self, template: str, root: str, status: int = 200, **values: Any) -> Response:
        page = self._pages.get_template(template).render(root=root, **values)
        return Response(page, status, content_type="text/html; charset=utf-8", headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; font-src 'self'; img-src data:; "
                                       "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
        })


def text_of(message: EmailMessage) -> str:
    """The plain text of a mail, or a sentence when there is none."""
    part = message.get_body(preferencelist=("plain",))
    return part.get_content() if part else "This message has no plain text."


def linked(text: str) -> Markup:
    """The text as HTML with its web addresses as links; everything else is escaped."""
    out, end = [], 0
    for found in _ADDRESS.finditer(text):
        address = escape(found.group())
        out.append(f'{escape(text[end:found.start()])}<a href="{address}">{address}</a>')
        end = found.end()
    return Markup("".join(out) + escape(text[end:]))  # noqa: S704  every part was escaped above


def _matches(mail: Mail, query: str) -> bool:
    text = f"{mail.to} {mail.subject}".casefold()
    return all(word in text for word in query.casefold().split())


@lru_cache(maxsize=4096)
def _summary(path: Path) -> Mail:
    message = _read(path.read_bytes())
    try:
        at = parsedate_to_datetime(str(message["Date"]))
    except (ValueError, TypeError):
        at = datetime.fromtimestamp(int(path.stem[:16]) / 1_000_000).astimezone()
    return Mail(path.stem, str(message["To"] or ""), str(message["From"] or ""), str(message["Subject"] or "No subject"), at)


def _read(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=policy.default)  # type: ignore[return-value]


def _file(path: Path, kind: str) -> Response:
    if not path.is_file():
        return Response("", 404)
    return Response(path.read_bytes(), content_type=kind,
                    headers={"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"})
