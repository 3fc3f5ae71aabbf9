"""A CAS server of the tests, over real HTTP, that lies on request; python-cas speaks to it as to any other.

`server.sign_in(url)` is its sign-in page: it takes the address that a browser was sent to and gives the query that the browser
brings back. `server.answer`, if set, is the whole body of the next validations.
"""

import itertools
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

HEAD = '<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas">'
TAIL = "</cas:serviceResponse>"
ATTRIBUTES = """<cas:attributes><cas:givenName>Maya</cas:givenName><cas:sn>Okafor</cas:sn><cas:mail>maya@demo.edu</cas:mail>
<cas:eduPersonScopedAffiliation>student@demo.edu</cas:eduPersonScopedAffiliation>
<cas:eduPersonScopedAffiliation>faculty@elsewhere.edu</cas:eduPersonScopedAffiliation>
<cas:memberOf>a</cas:memberOf><cas:memberOf>b</cas:memberOf><cas:authenticationDate>2026-11-16T14:00:00.123456789Z[UTC]</cas:authenticationDate>
</cas:attributes>"""


def success(inside: str = ATTRIBUTES, user: str = "<cas:user>maya</cas:user>") -> str:
    return f"{HEAD}<cas:authenticationSuccess>{user}{inside}</cas:authenticationSuccess>{TAIL}"


class CasServer:
    """See the module. `asked` are the queries of validations, as (path, query)."""

    def __init__(self) -> None:
        self._http = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._http.server_port}/cas"
        self._count = itertools.count(1)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.reset()

    def reset(self) -> None:
        """An honest server again."""
        self.answer: Response | None = None
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._tickets: dict[str, tuple[str, bool]] = {}

    def __enter__(self) -> "CasServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def sign_in(self, url: str) -> dict[str, str]:
        """A person signs in, with a password where `renew` asks for it: the query that the browser brings back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        ticket = f"ST-{next(self._count)}-abc"
        self._tickets[ticket] = (asked["service"], asked.get("renew") == "true")
        return {"ticket": ticket, **{name: values[0] for name, values in parse_qs(urlsplit(asked["service"]).query).items()}}

    def _answer(self, environ: Any, start: Any) -> Any:
        request = Request(environ)
        self.asked.append((request.path, request.args.to_dict()))
        return (self.answer or self._validate(request))(environ, start)

    def _validate(self, request: Request) -> Response:
        service, renewed = self._tickets.pop(request.args.get("ticket", ""), ("", False))
        if not service or service != request.args.get("service") or (request.args.get("renew") == "true" and not renewed):
            code = "INVALID_SERVICE" if service else "INVALID_TICKET"
            return Response(f'{HEAD}<cas:authenticationFailure code="{code}">no</cas:authenticationFailure>{TAIL}')
        return Response(success(), mimetype="text/xml")


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """Tests need no access log."""
