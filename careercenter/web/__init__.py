"""The only place that knows HTTP: a blueprint per word, `access.py` for every permission, templates and static files."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from flask import Flask
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from whitenoise import WhiteNoise

from careercenter.settings import Settings
from careercenter.web import access, errors, face, formats, headers, kept, shell, signing, untrusted

STATIC = Path(__file__).parent / "static"
csrf = CSRFProtect()


def _as_it_is(function: Any) -> Any:
    """No function here is a coroutine. Flask looks at each of them in each request, which takes a tenth of its own time."""
    return function


def init(app: Flask, settings: Settings) -> None:
    """Join pages, permissions, headers and error pages to the application."""
    server = settings.server
    app.config.update(
        SECRET_KEY=server.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=server.max_body_kilobytes * 1024,
        SESSION_COOKIE_NAME="__Host-careercenter" if server.secure else "careercenter",
        SESSION_COOKIE_SECURE=server.secure,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=server.secure,
    )
    app.ensure_sync = _as_it_is  # type: ignore[method-assign, assignment]
    app.jinja_options = {**app.jinja_options, "cache_size": -1}  # every template of ours, without counting which are used
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    headers.install(app)  # before all others: a request has its name even when its form is refused
    csrf.init_app(app)
    for part in (signing, face, formats, untrusted, access, kept, errors, shell):
        part.install(app)
    for found in iter_modules(__path__):
        module = import_module(f"{__name__}.{found.name}")
        if hasattr(module, "blueprint"):
            app.register_blueprint(module.blueprint)
    for endpoint in access.CSRF_EXEMPT & app.view_functions.keys():
        csrf.exempt(app.view_functions[endpoint])
    if server.trusted_proxies:
        hops = server.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app, root=STATIC, prefix="static/", max_age=31_536_000, add_headers_function=headers.for_static
    )
