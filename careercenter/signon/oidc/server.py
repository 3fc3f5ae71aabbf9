"""What an OpenID Connect server says of itself: its discovery document and its keys, kept for a while and fetched anew.

Both outlive a server that is away: an old copy serves for a day. A key that we do not know makes us look once more, so that
the provider may change its keys at any time.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from careercenter.signon.identity import SignOnUnavailable
from careercenter.signon.oidc.tokens import ALGORITHMS, Key, usable_keys

FRESH_SECONDS = 3600.0
KEPT_SECONDS = 86_400.0
RETRY_SECONDS = 10.0  # after a failure nobody waits for the same server again so soon
STRANGER_SECONDS = 30.0  # how often a token that anybody may have sent makes us fetch keys
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
OPTIONAL = ("userinfo_endpoint", "end_session_endpoint")


class Copy:
    """Something fetched, with its age. Shared by threads: one fetches, the others wait no longer than their own deadline."""

    def __init__(self, fetch: Callable[[Any], Any]):
        self._fetch = fetch
        self._lock = threading.Lock()
        self._value: Any = None
        self._at = self._failed_at = float("-inf")
        self._failure: SignOnUnavailable | None = None

    def get(self, deadline: Any, younger_than: float | None = None) -> Any:
        """The value, fetched now if it is older than `younger_than` seconds (an hour). Raises `SignOnUnavailable`."""
        younger_than = FRESH_SECONDS if younger_than is None else younger_than
        if self.age < younger_than:
            return self._value
        if not self._lock.acquire(timeout=deadline.left):
            raise SignOnUnavailable("unavailable", "another sign-in still waits for the same server")
        try:
            if self.age >= younger_than:
                self._renew(deadline)
            return self._value
        finally:
            self._lock.release()

    @property
    def age(self) -> float:
        return time.monotonic() - self._at

    def _renew(self, deadline: Any) -> None:
        if self._failure is None or time.monotonic() - self._failed_at >= RETRY_SECONDS:
            try:
                self._value, self._at, self._failure = self._fetch(deadline), time.monotonic(), None
            except SignOnUnavailable as error:
                self._failure, self._failed_at = error, time.monotonic()
        if self._failure is not None and self.age >= KEPT_SECONDS:
            raise SignOnUnavailable(self._failure.reason_code, self._failure.detail)


class Server:
    """One issuer. Every method takes the deadline of the sign-in that needs it, and raises `SignOnUnavailable`."""

    def __init__(self, issuer: str):
        self.issuer = issuer
        self._document = Copy(self._read_document)
        self._keys = Copy(self._read_keys)

    def document(self, deadline: Any) -> Mapping[str, Any]:
        """The discovery document, checked: it is this issuer's own, and its addresses are https."""
        found: Mapping[str, Any] = self._document.get(deadline)
        return found

    def keys(self, deadline: Any, *, again: bool = False, stranger: bool = False) -> list[Key] | None:
        """The signing keys; `again` when those did not fit: then fetched anew, for a `stranger` only if that was not just done."""
        if again and stranger and self._keys.age < STRANGER_SECONDS:
            return None
        found: list[Key] = self._keys.get(deadline, 0.0 if again else None)
        return found

    def _read_document(self, deadline: Any) -> Mapping[str, Any]:
        from authlib.oidc.discovery import get_well_known_url

        found = _json(get_well_known_url(self.issuer, external=True), deadline)
        if found.get("issuer") != self.issuer:
            raise SignOnUnavailable("discovery", f"the discovery document of {self.issuer} names another issuer")
        for name in (*NEEDED, *OPTIONAL):
            self._check_address(name, found.get(name), name in NEEDED)
        signs = found.get("id_token_signing_alg_values_supported")
        if isinstance(signs, list) and not set(map(str, signs)) & set(ALGORITHMS):
            raise SignOnUnavailable("discovery", "the provider signs by no method that we take; switch it to RS256 or ES256")
        return found

    def _check_address(self, name: str, value: object, needed: bool) -> None:
        if value is None and not needed:
            return
        parts = urlsplit(value if isinstance(value, str) else "")
        allowed = ("https",) if self.issuer.startswith("https:") else ("https", "http")
        if parts.scheme not in allowed or not parts.hostname or parts.fragment or parts.username:
            raise SignOnUnavailable("discovery", f"the discovery document has no usable {name}")

    def _read_keys(self, deadline: Any) -> list[Key]:
        keys = usable_keys(_json(str(self.document(deadline)["jwks_uri"]), deadline))
        if not keys:
            raise SignOnUnavailable("discovery", "the provider publishes no key that we take: RSA of 2,048 bits, or EC")
        return keys


def _json(url: str, deadline: Any) -> dict[str, Any]:
    from careercenter.signon import calls

    with calls.session(deadline) as session:
        answer = session.get(url, headers={"Accept": "application/json"})
    return parsed(answer, "discovery")


def parsed(answer: Any, reason_code: str) -> dict[str, Any]:
    """The JSON object of an answer. Raises `SignOnUnavailable` with `reason_code`."""
    shown = urlsplit(str(answer.url))
    if answer.status_code != 200:
        raise SignOnUnavailable(reason_code, f"{shown.hostname}{shown.path} answered with status {answer.status_code}")
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SignOnUnavailable(reason_code, f"{shown.hostname}{shown.path} did not answer with a JSON object")
    return found
