"""What gunicorn serves while pages are measured: the product, and beside it a bare Flask hello page in the same process.

`COLD` as a request header empties, before that request, every cache of the product that holds anything of a row: cards,
table rows, charts, facets, marks. What belongs to the program or the installation stays, as compiled templates do.
"""

import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from flask import Flask

from careercenter.cli.serve import application

_CACHE = type(lru_cache(len))
COLD = "HTTP_X_BENCH_COLD"
KEPT = (
    "careercenter.web.face", "careercenter.web.shell", "careercenter.web.stencils",  # files, signs, navigation by role, markup
    "careercenter.credit.queues", "careercenter.listings.browse", "careercenter.evaluations.results",  # statements
    "careercenter.credit.policy", "careercenter.evaluations.instruments", "careercenter.accreditation.specs",  # configuration
    "careercenter.platforms.registry", "careercenter.signon.crypto",
    "careercenter.credit.marks",  # what so many hours earn under a policy: arithmetic that names no row
)


def hello() -> Flask:
    """The smallest page that Flask can serve."""
    app = Flask("hello")

    @app.get("/hello")
    def say() -> str:
        return "Hello"

    return app


def caches() -> list[Callable[[], None]]:
    """How to empty each functools cache of the product, except those of `KEPT`."""
    found = [
        value for name, module in list(sys.modules.items()) if name.startswith("careercenter") and name not in KEPT
        for value in list(vars(module).values()) if type(value) is _CACHE and value.__module__ == name
    ]
    return [value.cache_clear for value in found]


def serve() -> Any:
    """The product's WSGI application: `gunicorn "benchmarks.pages.served:serve()"`."""
    app = application()
    product, greeting, empty = app.wsgi_app, hello().wsgi_app, caches()

    def choose(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/hello":
            return greeting(environ, start_response)
        if COLD in environ:
            for forget in empty:
                forget()
        return product(environ, start_response)  # type: ignore[no-any-return]

    app.wsgi_app = choose
    return app
