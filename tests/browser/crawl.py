"""Which pages there are for a person: every address that links lead to, one for each route, and chosen variants."""

from collections import Counter
from collections.abc import Iterable
from urllib.parse import urldefrag, urljoin, urlsplit

import requests
from bs4 import BeautifulSoup
from flask import Flask
from werkzeug.exceptions import HTTPException

from careercenter.web.access import ACCESS

TRIES = 4
"""So many addresses of one route are tried; some lead on to another one."""
NO_PAGES = {
    "signon.begin", "signon_console.try_it", "signon.metadata", "workbooks.download", "platforms.progress", "static",
    "step_up.begin", "kept.index", "codes.address_enter",  # looked at in test_sign_in_pages
}
"""Routes that answer with no page of their own: a redirect, a file, a part that is put into a page."""


class Map:
    """The routes of the program, to name an address."""

    def __init__(self, app: Flask):
        self._routes = app.url_map.bind("127.0.0.1")
        self._gets = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or set())}

    def endpoint(self, address: str) -> str:
        """"queue/17" → "credit.decision"; "" when the address is none of ours."""
        try:
            return str(self._routes.match(urlsplit(address).path, method="GET")[0])
        except HTTPException:
            return ""

    def expected(self, role: str) -> set[str]:
        """The pages that a role may open."""
        return {name for name, allowed in ACCESS.items() if role in allowed and name in self._gets} - NO_PAGES


def crawl(url: str, cookies: dict[str, str], known: Map, start: Iterable[str]) -> dict[str, str]:
    """Follow links from `start` on; endpoint → the first address found for it."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.update(cookies)
    found: dict[str, str] = {}
    waiting, seen, tried = list(start), set(start), Counter[str]()
    while waiting:
        address = waiting.pop(0)
        answer = session.get(url + address, timeout=30)
        if answer.status_code != 200 or not answer.headers["Content-Type"].startswith("text/html"):
            continue
        found.setdefault(known.endpoint(urlsplit(answer.url).path), urlsplit(answer.url)._replace(scheme="", netloc="").geturl())
        for link in BeautifulSoup(answer.text, "html.parser").find_all("a", href=True):
            target = urldefrag(urljoin(answer.url, str(link["href"]))).url
            path = target.removeprefix(url)
            endpoint = known.endpoint(path) if target.startswith(url) else ""
            if endpoint and endpoint not in NO_PAGES and endpoint not in found and path not in seen and tried[endpoint] < TRIES:
                seen.add(path)
                tried[endpoint] += 1
                waiting.append(path)
    return found
