"""A loopback server that speaks like a Greenhouse board, whose answers a test sets: the feed of the sync tests."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server


def post(number: int, **values: Any) -> dict[str, Any]:
    """One post in the shape that Greenhouse sends."""
    return {
        "id": number, "internal_job_id": 9000 + number, "title": f"Marketing Intern {number}",
        "updated_at": "2026-11-01T09:00:00-05:00", "first_published": "2026-11-01T09:00:00-05:00",
        "requisition_id": f"R{number}", "location": {"name": "Dayton, OH"}, "company_name": "Alder & Finch",
        "absolute_url": f"https://boards.example.com/alderfinch/jobs/{number}", "metadata": [], "departments": [],
        "offices": [], "content": f"&lt;p&gt;Write {number} briefs for the spring campaign.&lt;/p&gt;", **values,
    }


class Feed:
    """`posts` is what the board shows; `body` and `status`, when set, are sent instead. `before` runs in each request."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.total: int | None = None
        self.body: bytes | None = None
        self.status = "200 OK"
        self.tags = False
        self.before: Any = None
        self.requests = 0
        self.host = ""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        jobs = environ["PATH_INFO"].endswith("/jobs")
        if jobs and environ["QUERY_STRING"]:  # the read itself; a check asks without content
            self.requests += 1
            if self.before:
                self.before()
        body = self._jobs() if jobs else b'{"name": "Alder & Finch", "content": ""}'
        tag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        if self.tags and environ.get("HTTP_IF_NONE_MATCH") == tag:
            start_response("304 Not Modified", [("ETag", tag)])
            return []
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(self.status if jobs else "200 OK", headers + ([("ETag", tag)] if self.tags else []))
        return [body]

    def _jobs(self) -> bytes:
        if self.body is not None:
            return self.body
        total = len({p.get("id") for p in self.posts}) if self.total is None else self.total
        return json.dumps({"jobs": self.posts, "meta": {"total": total}}).encode()


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Tests need no access log."""


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve a WSGI application on loopback; gives "127.0.0.1:PORT"."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
