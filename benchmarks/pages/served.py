"""What gunicorn serves while pages are measured: the product with a hello page of its own, and beside it, in the same
process, a bare Flask application with nothing but another.

`/hello` is the smallest page that the product's server can give to somebody who is signed in: session, permission, headers,
log line and counters of any page, and one word. `/bare` is Flask without the product.

`COLD` as a request header empties, before that request, every cache of the product that holds anything of a row: cards,
table rows, charts, facets, marks. What belongs to the program or the installation stays, as compiled templates do.
"""

import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from flask import Flask

from careercenter.cli.serve import application
from careercenter.web.access import ACCESS, SIGNED_IN

_CACHE = type(lru_cache(len))
COLD = "HTTP_X_BENCH_COLD"
KEPT = (
    "careercenter.web.face", "careercenter.web.shell", "careercenter.web.stencils",  # files, signs, navigation by role, markup
    "careercenter.credit.queues", "careercenter.credit.overview", "careercenter.listings.browse",  # statements
    "careercenter.evaluations.results",
    "careercenter.credit.policy", "careercenter.evaluations.instruments", "careercenter.accreditation.specs",  # configuration
    "careercenter.platforms.registry", "careercenter.signon.crypto",
    "careercenter.listings.index.tally._hits", "careercenter.listings.index.tally._values_of",  # statements beside counts
    "careercenter.listings.index.options._labels_of",
    "careercenter.listings.index.ranking._newest", "careercenter.listings.index.sqlite",
    "careercenter.credit.marks",  # what so many hours earn under a policy: arithmetic that names no row
)


def say() -> str:
    return "Hello"


def bare() -> Flask:
    """The smallest page that Flask can serve."""
    app = Flask("bare")
    app.add_url_rule("/bare", view_func=say)
    return app


def caches() -> list[Callable[[], None]]:
    """How to empty each functools cache of the product, except those of `KEPT`."""
    found = [
        value for name, module in list(sys.modules.items()) if name.startswith("careercenter") and name not in KEPT
        for word, value in list(vars(module).items())
        if type(value) is _CACHE and value.__module__ == name and f"{name}.{word}" not in KEPT
    ]
    return [value.cache_clear for value in found]


def serve() -> Any:
    """The product's WSGI application: `gunicorn "benchmarks.pages.served:serve()"`."""
    app = application()
    ACCESS["hello"] = SIGNED_IN
    app.add_url_rule("/hello", "hello", say)
    product, greeting, empty = app.wsgi_app, bare().wsgi_app, caches()

    def choose(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/bare":
            return greeting(environ, start_response)
        if COLD in environ:
            for forget in empty:
                forget()
        return product(environ, start_response)  # type: ignore[no-any-return]

    app.wsgi_app = choose
    return app
