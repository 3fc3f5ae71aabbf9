"""Metadata from the network: one deadline, one size limit, https, and "nothing new" where the server can say so.

The HTTP client is the one that reads platforms. An address of the configuration may be private or, on this machine, plain
http (the settings refuse any other); where a redirect leads is checked as for platforms.
"""

import hashlib
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from careercenter import db
from careercenter.platforms.contract import AuthError, ConfigError, PlatformError, RateLimited, Transient

MEDIA_TYPE = "application/samlmetadata+xml"
PORTS = {"http": 80, "https": 443}


class FetchFailed(Exception):
    """Nothing could be read; the text is one plain sentence. `silent`: the server or the network, which may soon mend itself."""

    def __init__(self, sentence: str, silent: bool = False):
        self.silent = silent
        super().__init__(sentence)


@dataclass(frozen=True)
class Fetched:
    """What the server sent. `missing`: it knows no such document. `unchanged`: what we have is the newest."""

    body: bytes
    etag: str = ""
    last_modified: str = ""
    missing: bool = False
    unchanged: bool = False


def get(url: str, *, limit: int, seconds: float, attempts: int = 1, etag: str = "", last_modified: str = "") -> Fetched:
    """Read an address of the configuration. Raises `FetchFailed` after `seconds` at the latest."""
    from careercenter.platforms.http import HttpClient  # loads requests: only where something is fetched

    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    headers = {"Accept": MEDIA_TYPE} | ({"If-Modified-Since": last_modified} if last_modified else {})
    client = HttpClient(
        user_agent=db.settings().platforms.user_agent, allow_hosts=(f"{host}:{parts.port or PORTS[parts.scheme]}",),
        deadline_seconds=seconds, attempts=attempts, max_bytes=limit,
    )
    try:
        with client:
            found = client.get(url, headers=headers, etag=etag or None)
    except AuthError:
        raise FetchFailed(f"{parts.hostname} refuses to hand out the metadata; ask those who run it.") from None
    except ConfigError as error:
        raise FetchFailed(error.problems[0] if error.problems else f"{parts.hostname} cannot be read.") from None
    except PlatformError as error:
        raise FetchFailed(str(error), silent=isinstance(error, Transient | RateLimited)) from None
    return Fetched(
        found.body, found.headers.get("etag", "")[:200], found.headers.get("last-modified", "")[:60],
        missing=found.status in (404, 410), unchanged=found.not_modified,
    )


def query_address(base: str, entity_id: str) -> str:
    """Where a metadata query server (MDQ) keeps an entity: its ID by SHA-1, as the protocol spells it."""
    name = "{sha1}" + hashlib.sha1(entity_id.encode(), usedforsecurity=False).hexdigest()
    return f"{base.rstrip('/')}/entities/{quote(name, safe='')}"
