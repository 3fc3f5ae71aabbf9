"""A server that shows the style page under the product's content security policy, for tests of the face."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response, render_template, request
from werkzeug.serving import WSGIRequestHandler, make_server

from careercenter.web import face
from careercenter.web.shell import Shell

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)


def shell(theme: str | None = None, **more: Any) -> Shell:
    """The shell of an advisor of the demo campus."""
    nav: Any = (
        ("Today", "/about/style", "house", True, 2),
        ("Requests", "#queue", "clipboard-check", False, 11),
        ("Placements", "#placements", "briefcase", False, 0),
        ("Listings", "#listings", "search", False, 0),
        ("Evaluations", "#evaluations", "chat-square-text", False, 3),
        ("Platforms", "#platforms", "heart-pulse", False, 0),
        ("Workbooks", "#workbooks", "file-earmark-spreadsheet", False, 0),
    )
    facts: dict[str, Any] = {
        "campus_name": "Harbor State University",
        "nav": nav,
        "signed_in": True,
        "person_name": "Dana Reyes",
        "role_label": "Advisor",
        "demo": True,
        "theme": theme,
        "other_roles": (("faculty", "Faculty sponsor"),),
    }
    return Shell(**(facts | more))


def make_app() -> Flask:
    """A Flask application with the style page and nothing else."""
    app = Flask("careercenter.web")
    face.install(app)
    app.jinja_env.globals["csrf_token"] = lambda: "token-of-the-style-page"

    @app.get("/about/style")
    def style() -> str:
        campus = request.args.get("campus")
        css = f"/theme.css?campus={campus}" if campus else None
        return render_template("styleguide.html", shell=shell(request.args.get("theme"), theme_css=css))

    @app.get("/theme.css")
    def theme() -> Response:
        colour = request.args["campus"]
        css = f":root{{--campus-primary:#{colour};--campus-accent:#{colour}}}"
        return Response(css, mimetype="text/css")

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return app


class Quiet(WSGIRequestHandler):
    """Answers without a line for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return None


@contextmanager
def serving(app: Flask | None = None) -> Iterator[str]:
    """The address of a server of the style page, or of `app`, while the block runs."""
    server = make_server("127.0.0.1", 0, app or make_app(), threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
