"""May this page be crawled? By the site's robots.txt, as RFC 9309 says; asked once for each host in a read.

A site without one (any 4xx) forbids nothing; one that cannot be reached or has trouble of its own (5xx) forbids everything
for now. A delay that the site asks for between two pages is kept, up to ten seconds.
"""

import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from protego import Protego

from careercenter.platforms.contract import AuthError, Response, SchemaDrift, TermsBlocked, Transient

MOST_BYTES = 512_000
MOST_DELAY = 10.0


class Robots:
    """`fetch` asks an address and raises like the client does."""

    def __init__(self, user_agent: str, fetch: Callable[[str], Response]):
        self._fetch = fetch
        self._agent = (re.match(r"[A-Za-z_-]+", user_agent) or [user_agent])[0]
        self._rules: dict[str, Protego] = {}
        self._last: dict[str, float] = {}

    def permit(self, url: str) -> None:
        """Returns when the page may be asked for now. Raises TermsBlocked, or Transient when nobody can say."""
        parts = urlsplit(url)
        if parts.path == "/robots.txt":
            return
        site = f"{parts.scheme}://{parts.netloc}"
        if site not in self._rules:
            self._rules[site] = self._read(site)
        rules = self._rules[site]
        if not rules.can_fetch(url, self._agent):
            raise TermsBlocked(f"The robots.txt of {parts.netloc} asks programs not to read {parts.path[:120]}, so it was not read.")
        delay = min(rules.crawl_delay(self._agent) or 0.0, MOST_DELAY)
        time.sleep(max(0.0, self._last.get(site, -delay) + delay - time.monotonic()))
        self._last[site] = time.monotonic()

    def _read(self, site: str) -> Protego:
        try:
            answer = self._fetch(f"{site}/robots.txt")
        except AuthError:
            return Protego.parse("")
        except SchemaDrift as drift:
            if drift.path == "status":
                return Protego.parse("")
            raise
        except Transient as trouble:
            raise Transient(f"Nothing was crawled, since nobody can say whether the site permits it: {trouble}") from None
        text = answer.body[:MOST_BYTES].decode("utf-8-sig", "replace") if answer.status == 200 else ""
        return Protego.parse(text)
