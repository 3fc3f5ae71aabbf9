"""Asking a platform as its manifest says: addresses filled in, the key shown, one token for a whole read."""

import re
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from pydantic import SecretStr

from careercenter.platforms.contract import BoardGone, ConfigError, Http, Response, SchemaDrift
from careercenter.platforms.decode import load_json
from careercenter.platforms.kinds import paths
from careercenter.platforms.kinds.manifest import Manifest

BRACES = re.compile(r"\{([A-Za-z_.]+)\}")


class Asking:
    """One read of one board: the manifest, a campus's configuration, and the core's HTTP client.

    `ahead`: an answer is fetched as soon as it is known that it will be wanted, by a thread; for readers that read to the end.
    A context manager, for that thread's sake: its end waits for the answer that is under way.
    """

    def __init__(self, manifest: Manifest, cfg: Any, board: str, http: Http, ahead: bool = False):
        self.manifest, self.cfg, self.board, self.http = manifest, cfg, board, http
        self.read, self.label = manifest.read, manifest.spec.label
        self._thread = ThreadPoolExecutor(1, "ahead") if ahead else None

    def __enter__(self) -> "Asking":
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread:
            self._thread.shutdown(cancel_futures=True)

    def begin(self, url: str, params: dict[str, str], etag: str | None = None, named: bool = False) -> Callable[[], Response]:
        """Begin to `get`; gives what waits for the answer. `named`: by the platform itself, so it may lead nowhere else. The client
        serves one request at a time: nothing else may be asked before the answer was taken, and a reader that asks for
        details between its pages is not served ahead.
        """

        def get() -> Response:
            return self.get(self.here(url) if named else url, params, etag)

        if self._thread is None or self.read.detail:
            return get
        return self._thread.submit(get).result

    def get(self, url: str, params: dict[str, str], etag: str | None = None) -> Response:
        """One answer of the platform. Raises BoardGone for 404 and 410."""
        answer = self.page(url, params, etag)
        if answer.status in (404, 410):
            raise BoardGone(f'{self.label} knows no board "{self.board}" (any more).', answer.status, url)
        return answer

    def page(self, url: str, params: dict[str, str] | None = None, etag: str | None = None) -> Response:
        """Like `get`, but 404 and 410 are answers."""
        more, headers = self._credentials
        return self.http.get(url, params=(params or {}) | more, headers=self.read.headers | headers, etag=etag)

    def filled(self, template: str, record: Any = None) -> str:
        """A manifest's address: base_url, board, options, and values of a record in place of braces."""
        if record is not None and re.fullmatch(BRACES, template):
            return paths.text(record, (template[1:-1],))
        return BRACES.sub(lambda found: self._value(found[1], record), template)

    def _value(self, name: str, record: Any) -> str:
        if name == "base_url":
            return str(self.cfg.base_url).replace("{board}", quote(self.board, safe=""))
        if name == "page":  # filled in page by page
            return "{page}"
        if name == "board":
            return quote(self.board, safe="")
        value = getattr(self.cfg, name, None)
        if isinstance(value, SecretStr):
            return quote(value.get_secret_value(), safe="")
        if isinstance(value, str) and value.startswith(("https://", "http://")):
            return value.rstrip("/")
        return quote(str(value) if value is not None else paths.text(record, (name,)), safe="")

    def here(self, url: str) -> str:
        """An address that the platform named itself: it may not lead to another host, since our key goes with us."""
        base = self.filled("{base_url}/")
        target = urljoin(base, url)
        if urlsplit(target)[:2] != urlsplit(base)[:2]:
            raise SchemaDrift("The platform names an address on another host, which is not followed.", "next")
        return target

    def context(self, values: dict[str, str], record: Any) -> dict[str, str]:
        """What a record has to know of its surroundings, under `_context`."""
        link = {"link": self.filled(self.read.link_template, record)} if self.read.link_template else {}
        return {"board": self.board, **values, **link}

    @cached_property
    def _credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """Parameters and headers that show who asks."""
        auth = self.read.auth
        if auth.kind == "none":
            return {}, {}
        key = getattr(self.cfg, auth.option, None)
        value = key.get_secret_value() if isinstance(key, SecretStr) else str(key or "")
        if not value and auth.optional:
            return {}, {}
        if not value:
            raise ConfigError(f'{self.label} needs the option "{auth.option}".')
        value = self._exchanged() if self.read.token else value
        if auth.kind == "query":
            return {auth.name: value}, {}
        if auth.kind == "basic":
            return {}, {auth.name: "Basic " + b64encode(f"{value}:".encode()).decode()}
        return {}, {auth.name: ("Bearer " if auth.kind == "bearer" else auth.prefix) + value}

    def _exchanged(self) -> str:
        token = self.read.token
        assert token is not None
        answer = self.http.get(self.filled(token.url))
        if answer.status in (404, 410):
            raise BoardGone(f"{self.label} gives no token at this base address.", answer.status, token.url)
        if answer.status != 200:
            raise ConfigError(f"{self.label} gives no token at the address of its manifest ({answer.status}).")
        body = answer.body
        found = paths.text(load_json(body), (token.at,)) if token.at else body.decode("utf-8", "replace").strip().strip('"')
        if not re.fullmatch(r"[!-~]{1,5000}", found):
            raise SchemaDrift(f"{self.label} answered without a token.", token.at or "$")
        return found
