"""The demo's outside world in one process on loopback: identity provider, mailbox, recorded platforms, SMTP.

`python -m demo.services --config DIR --http PORT --smtp PORT`. The identity provider answers at the root, the mailbox
at /mail, the recorded platforms at /platforms.
"""

import argparse
import signal
import sys
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

from careercenter.settings import Settings, load
from demo import mailbox, roster
from demo.idp import DemoIdp, make_idp

PAYLOADS = Path(__file__).parent / "payloads"
WARM_UP_SECONDS = 3.0


def make_world(settings: Settings, http_port: int) -> tuple[Any, DemoIdp]:
    """The three applications as one, for the settings of a demo campus; and the identity provider among them."""
    from demo.platform_server import make_platform_app

    idp = make_idp(f"http://127.0.0.1:{http_port}", roster.for_sign_in(), service_metadata(settings), settings.data_dir / "idp")
    pages = mailbox.MailboxPages(settings.data_dir / "mail", settings.server.public_url, settings.campus.time_zone)
    world = DispatcherMiddleware(idp, {"/mail": pages, "/platforms": make_platform_app(PAYLOADS, seeded_on(settings))})
    return world, idp


def seeded_on(settings: Settings) -> date:
    """The day that the recorded listings' dates count from."""
    return date.fromisoformat((settings.data_dir / "seeded-on").read_text().strip())


def service_metadata(settings: Settings) -> Callable[[], bytes]:
    """The career center's own SAML metadata, made when the identity provider first asks."""

    def make() -> bytes:
        from careercenter.signon.saml import ServiceProvider, own_metadata

        return own_metadata(ServiceProvider(settings.sp_entity_id, settings.server.public_url, settings.signon.service))

    return make


class _Quiet(WSGIRequestHandler):
    """Addresses may hold a sign-in's state; they are not written down."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """No line per request."""


def serve(config: Path, http_port: int, smtp_port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = load(config)
    world, idp = make_world(settings, http_port)
    post = mailbox.listen(settings.data_dir / "mail", smtp_port)
    server = make_server("127.0.0.1", http_port, world, threaded=True, request_handler=_Quiet)
    warm = threading.Timer(WARM_UP_SECONDS, lambda: idp.server)  # pysaml2 takes a second or two to import
    warm.daemon = True
    warm.start()

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        server.serve_forever(poll_interval=0.2)
    finally:
        warm.cancel()
        post.stop()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="demo.services", description="The demo campus' identity provider, mail and platforms.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--http", type=int, required=True)
    parser.add_argument("--smtp", type=int, required=True)
    chosen = parser.parse_args(arguments)
    serve(chosen.config, chosen.http, chosen.smtp)
    return 0


if __name__ == "__main__":
    sys.exit(main())
