"""Platforms to practice on: serves demo/payloads as Greenhouse's Job Board API would, and five other platforms as
`demo.elsewhere` writes them, on this machine only.

`python -m demo.platform_server --port 8091 --seeded-on 2026-11-22` serves it; tests run the app in a thread.
POST /__control with JSON {"scenario": NAME, "board": TOKEN or absent for all} changes what the
Greenhouse boards show:

steady      everything, unchanged
edited      about a tenth of the posts read differently though their stamp stays the same; one post is new
short       the list ends after 60 %, while meta.total still counts all
vanished    every sixth post is gone, and meta.total agrees
mass_drop   four of five posts are gone, and meta.total agrees
login_page  status 200 with a web page
slow        one byte per second
down        status 503
"""

import argparse
import copy
import hashlib
import html
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

from demo import elsewhere

PAYLOADS = Path(__file__).parent / "payloads"
SCENARIOS = ("steady", "edited", "short", "vanished", "mass_drop", "login_page", "slow", "down")
_OFFSET = re.compile(r"@([+-]?\d+)(d?)")
_PATH = re.compile(r"/greenhouse/v1/boards/([a-z0-9_-]+)(/jobs)?")


class PlatformApp:
    """The WSGI app. Remembers its scenario in memory: run it in one process."""

    def __init__(self, payload_dir: Path, seeded_on: date):
        self._anchor = seeded_on
        self._boards = {
            p.stem: json.loads(p.read_text("utf-8"))
            for p in sorted((payload_dir / "greenhouse").glob("*.json"))
        }
        self._scenarios: dict[str | None, str] = {}
        self._lock = threading.Lock()
        self.requests = 0

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(self._boards)

    def set_scenario(self, scenario: str, board: str | None = None) -> None:
        """Raises ValueError for an unknown scenario or board. Without a board it counts for all."""
        if scenario not in SCENARIOS or (board is not None and board not in self._boards):
            raise ValueError(f"There is no scenario {scenario!r} or no board {board!r}.")
        with self._lock:
            if board is None:
                self._scenarios.clear()
            self._scenarios[board] = scenario

    def scenario(self, board: str) -> str:
        with self._lock:
            return self._scenarios.get(board) or self._scenarios.get(None, "steady")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.requests += 1
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.path == "/__control":
            return self._control(request)
        if (other := elsewhere.answer(request.path, request.args, self._anchor)) is not None:
            return Response(other, mimetype="text/xml") if isinstance(other, str) else _tagged(request, other)
        if "/job/" in request.path:  # Personio's feed names no address of its own, so posts lead here
            return Response("<!doctype html><title>Recorded</title><p>The employer's own page would be here.", mimetype="text/html")
        found = _PATH.fullmatch(request.path)
        if not found or found[1] not in self._boards:
            return _json({"status": 404, "error": "Job not found"}, 404)
        token, jobs = found[1], found[2]
        scenario = self.scenario(token)
        if scenario == "down":
            return Response("upstream unavailable", 503, mimetype="text/plain")
        if scenario == "login_page":
            return Response(
                "<!doctype html><title>Sign in</title><form><input name=user></form>", mimetype="text/html"
            )
        if not jobs:
            return _tagged(request, {"name": self._boards[token]["name"], "content": ""})
        content = self.content(token, scenario, full=request.args.get("content") == "true")
        return _dripping(content) if scenario == "slow" else _tagged(request, content)

    def _control(self, request: Request) -> Response:
        if request.method != "POST":
            return _json(
                {"scenarios": SCENARIOS, "boards": {token: self.scenario(token) for token in self._boards}}
            )
        asked = request.get_json(silent=True) or request.form
        try:
            self.set_scenario(str(asked.get("scenario", "")), asked.get("board") or None)
        except ValueError as error:
            return _json({"error": str(error), "scenarios": SCENARIOS}, 400)
        return _json({"scenario": asked["scenario"], "board": asked.get("board")})

    def content(self, token: str, scenario: str, full: bool = True) -> dict[str, Any]:
        """A board as it would be sent, with dates counted from the day of the seed."""
        board = self._boards[token]
        jobs = [copy.deepcopy(job) for job in board["jobs"]]
        total = len(jobs)
        if scenario == "short":
            jobs = jobs[: max(1, total * 6 // 10)]
        elif scenario in ("vanished", "mass_drop"):
            jobs = [
                job for n, job in enumerate(jobs) if (n % 6 != 5 if scenario == "vanished" else n % 5 == 0)
            ]
            total = len(jobs)
        elif scenario == "edited":
            jobs = [_edited(job) if n % 9 == 4 else job for n, job in enumerate(jobs)] + [_new_post(jobs[0])]
            total = len(jobs)
        if not full:
            for job in jobs:
                for name in ("content", "departments", "offices"):
                    job.pop(name)
        return {"jobs": _dated(jobs, self._anchor), "meta": {"total": total}}


def make_platform_app(payload_dir: Path = PAYLOADS, seeded_on: date | None = None) -> PlatformApp:
    """The app over a folder of payloads. Keep `seeded_on` (default today), or all dates move."""
    return PlatformApp(payload_dir, seeded_on or datetime.now(UTC).date())


def _edited(job: dict[str, Any]) -> dict[str, Any]:
    """An edit as employers make it: another sentence and a corrected title, the stamp untouched."""
    job["title"] = job["title"].replace("Internship", "Intern") + " (updated)"
    job["content"] += html.escape("<p>We have added a second mentor for this position.</p>")
    return job


def _new_post(job: dict[str, Any]) -> dict[str, Any]:
    new = copy.deepcopy(job)
    new["id"] += 50_000
    new["internal_job_id"] += 50_000
    new["requisition_id"] += "-B"
    new["absolute_url"] = re.sub(r"\d+$", str(new["id"]), new["absolute_url"])
    new["title"] += ", second opening"
    new["first_published"] = new["updated_at"] = "@0"
    return new


def _dated(value: Any, anchor: date) -> Any:
    if isinstance(value, dict):
        return {name: _dated(item, anchor) for name, item in value.items()}
    if isinstance(value, list):
        return [_dated(item, anchor) for item in value]
    found = _OFFSET.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return value
    day = anchor + timedelta(days=int(found[1]))
    if found[2]:
        return day.isoformat()
    return f"{day.isoformat()}T{'23:59:00' if found[1].startswith('+') else '09:30:00'}-05:00"


def _json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), status, mimetype="application/json")


def _tagged(request: Request, content: Any) -> Response:
    response = _json(content)
    response.set_etag(hashlib.blake2b(response.get_data(), digest_size=12).hexdigest())
    response.make_conditional(request)
    return response


def _dripping(content: Any) -> Response:
    def drip() -> Iterator[bytes]:
        for byte in json.dumps(content).encode():
            yield bytes([byte])
            time.sleep(1)

    return Response(drip(), mimetype="application/json")


def main() -> None:
    from werkzeug.serving import run_simple

    parser = argparse.ArgumentParser(description="Serve the demo's job boards on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--seeded-on", type=date.fromisoformat, default=None)
    arguments = parser.parse_args()
    run_simple("127.0.0.1", arguments.port, make_platform_app(seeded_on=arguments.seeded_on), threaded=True)


if __name__ == "__main__":
    main()
