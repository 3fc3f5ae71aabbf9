"""Serves the recorded payloads as their platforms would, and reads them by the real client."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from careercenter.platforms import reading, registry
from careercenter.platforms.contract import Message, PluginConfig, State
from careercenter.platforms.http import HttpClient

PLUGINS = Path(__file__).parent.parent.parent / "plugins"
NAMES = (
    "adzuna", "arbeitnow", "ashby", "employer_xml", "handshake", "hr_xml", "lever", "neogov", "personio", "recruitee", "remotive",
    "riipen", "smartrecruiters", "symplicity", "teamtailor", "twelvetwenty", "workable",
)
REQUIRED = {"key": "k", "app_id": "a", "web_url": "https://campus.example"}
Answer = Callable[[Request], Response | None]


class Recorded:
    """One plugin over a server on loopback. `answer` comes before the recording, and may return None to let it through."""

    def __init__(self, name: str, host: str, options: dict[str, Any]):
        self.plugin, self.host = registry.get(name), host
        known = self.plugin.spec().config_model.model_fields
        given: dict[str, Any] = {"employer_names": {"acme": "Acme"}} if "employer_names" in known else {}
        given |= {option: value for option, value in REQUIRED.items() if option in known}
        self.cfg: PluginConfig = registry.configure(self.plugin, f"http://{host}/{name}", given | options, ["acme"])

    def read(self, state: State | None = None, board: str = "acme") -> list[Message]:
        with self.client() as http:
            return list(reading.messages(self.plugin, self.cfg, board, state, http))

    def client(self) -> HttpClient:
        return HttpClient(user_agent="test", allow_hosts=[self.host], attempts=1, deadline_seconds=5)

    def draft(self, raw: Any) -> Any:
        return reading.draft_of(self.plugin, raw, self.cfg)


def tape(name: str) -> Path:
    """The folder of a plugin's recording."""
    return PLUGINS / f"careercenter_{name}" / "cassette"


@contextmanager
def recorded(name: str, answer: Answer = lambda _: None, **options: Any) -> Iterator[Recorded]:
    def respond(environ: Any, start: Any) -> Any:
        request = Request(environ)
        found = answer(request) or _recording(name, request)
        return found(environ, start)

    server = make_server("127.0.0.1", 0, respond, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Recorded(name, f"127.0.0.1:{server.server_port}", options)
    finally:
        server.shutdown()


def _recording(name: str, request: Request) -> Response:
    """The board's recording; a later page of it is empty, a post's own page is beside it as `detail-ID`."""
    folder = tape(name)
    if request.path.endswith("/generateAuthenticationToken"):
        return Response("one-day-token")
    detail = folder / f"detail-{request.path.rpartition('/')[2]}.json"
    if detail.exists():
        return Response(detail.read_bytes(), mimetype="application/json")
    board = next(iter(folder.glob("board.*")))
    if board.suffix == ".json" and any(request.args.get(p, "0") not in ("0", "1") for p in ("skip", "offset", "page", "Page", "PageNumber")):
        return Response(empty(board.read_text()), mimetype="application/json")
    return Response(board.read_bytes(), mimetype="application/json" if board.suffix == ".json" else "application/xml")


def empty(text: str) -> str:
    """The same answer without rows."""
    value = json.loads(text)
    if isinstance(value, list):
        return "[]"
    return json.dumps({name: [] if isinstance(item, list) else item for name, item in value.items()})
