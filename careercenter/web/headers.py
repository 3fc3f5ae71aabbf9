"""The headers of every answer: a strict content security policy, no caching of personal pages, a request id."""

import re
import secrets
from typing import Any

from flask import Flask, Response, g, request

CSP = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'self'"
)
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
    "Content-Security-Policy": CSP,
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")


def install(app: Flask) -> None:
    always = FIXED | ({"Strict-Transport-Security": "max-age=31536000"} if app.extensions["careercenter"].server.secure else {})
    every = [(name.lower(), (name, value)) for name, value in always.items()]

    @app.before_request
    def _name() -> None:
        given = request.environ.get("HTTP_X_REQUEST_ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)

    @app.after_request
    def _guard(response: Response) -> Response:
        headers = response.headers
        own = {name.lower() for name, _ in headers}
        headers.extend([header for word, header in every if word not in own])
        headers["X-Request-ID"] = g.get("request_id", "")
        return response


def for_static(headers: Any, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"


def send_form_to(response: Response, origin: str) -> Response:
    """Let this one page post its form to another origin: the way to an identity provider by POST."""
    response.headers["Content-Security-Policy"] = CSP.replace("form-action 'self'", f"form-action 'self' {origin}")
    return response
