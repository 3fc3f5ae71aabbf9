"""Addresses that come from a page: which are taken, and one look at what stands there.

The person at the page is an administrator of this program, not of this machine: an address may lead to a server of the
campus, also one inside its network, but not to this machine itself or to the neighbour that clouds keep at link-local.
"""

import socket
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from careercenter import db
from careercenter.platforms.addresses import is_public
from careercenter.providers import fetch
from careercenter.settings import LOOPBACK
from careercenter.signon import federation

_CAMPUS_V6 = IPv6Network("fc00::/7")
_HERE = "This address leads to this machine itself, which a page may not name. Use config/signon.toml for that."


def unsafe(address: str) -> str:
    """Why a page may not name this address, in a sentence; empty when it may."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return "Write the whole address, as https://login.example.edu/…"
    if not parts.hostname or parts.scheme not in ("https", "http") or port == 0:
        return "Write the whole address, as https://login.example.edu/…"
    if parts.username is not None:
        return "Leave user name and password out of the address."
    if _local():
        return ""
    if parts.scheme == "http":
        return "Use an https address; with plain http anybody on the way could change what we read."
    return _HERE if parts.hostname == "localhost" or _is_here(parts.hostname) else ""


def look_at(address: str, seconds: float) -> bytes:
    """What stands at an address that `unsafe` let through. Raises `fetch.FetchFailed` after `seconds` at the latest."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if not _local():
        _refuse_here(parts.hostname or "", port)
    found = fetch.get(address, limit=federation.SINGLE_BYTES, seconds=seconds)
    if found.missing:
        raise fetch.FetchFailed("There is nothing at this address. Open it in a browser and compare.")
    return found.body


def _refuse_here(host: str, port: int) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise fetch.FetchFailed(f"The name {host} could not be found on the network. Compare it letter by letter.") from None
    if any(_is_here(str(sockaddr[0])) for *_, sockaddr in found):
        raise fetch.FetchFailed(_HERE)


def _is_here(host: str) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    if isinstance(mapped, IPv6Address):  # a campus' own network or the internet; all else is special, or carries an IPv4 address
        return not (mapped in _CAMPUS_V6 or is_public(str(mapped)))
    return bool(mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified or mapped.is_multicast)


def _local() -> bool:
    """Whether the installation itself lives on this machine's own address: a demo, a test."""
    return urlsplit(db.settings().server.public_url).hostname in LOOPBACK
