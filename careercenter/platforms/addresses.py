"""Which network addresses a platform may live at. A name is resolved first; the address it gave is what
counts.

The table is our own: Python's `ipaddress.is_global` calls 64:ff9b::7f00:1, 2002:7f00:1:: and multicast
global. Sources: IANA special-purpose address registries (IPv4 and IPv6).
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

from careercenter.platforms.contract import ConfigError, Transient

BLOCKED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relay
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Only global unicast is public; within it, these are not. Whatever embeds an IPv4 address lies outside or
# here.
PUBLIC_V6 = IPv6Network("2000::/3")
BLOCKED_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A checked address to connect to."""

    family: socket.AddressFamily
    sockaddr: tuple


class AllowedHosts:
    """The named `host:port` pairs that may be private or without https.

    A bare host means ports 80 and 443.
    """

    def __init__(self, names: Iterable[str] = ()):
        self._pairs: set[tuple[str, int]] = set()
        for name in names:
            self._pairs |= _pairs(name)

    def names(self, host: str, port: int) -> bool:
        return (host.strip("[]").lower(), port) in self._pairs


def is_public(address: str) -> bool:
    """Whether this literal address belongs to the public internet."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in BLOCKED_V4)
    return ip in PUBLIC_V6 and not any(ip in network for network in BLOCKED_V6)


def resolve(host: str, port: int, allowed: AllowedHosts) -> list[Endpoint]:
    """The addresses of a host. Raises ConfigError when one of them is neither public nor allowed by name."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Transient(f"The name {host} could not be found on the network.") from None
    if not allowed.names(host, port):
        for *_, sockaddr in found:
            if not is_public(str(sockaddr[0])):
                raise ConfigError(
                    f"{host}:{port} leads to a private or special network address, which is refused. "
                    "If this is intended, name it under allow_hosts of the source."
                )
    return [Endpoint(family, sockaddr) for family, _, _, _, sockaddr in found]


def _pairs(name: str) -> set[tuple[str, int]]:
    host, colon, port = name.rpartition(":")
    if name.endswith("]") or not colon or (":" in host and not host.startswith("[")):
        return {(name.strip("[]").lower(), port) for port in DEFAULT_PORTS.values()}
    if not port.isdigit() or not 0 < int(port) < 65536 or not host:
        raise ConfigError(f'"{name}" under allow_hosts is not an address; write it as "host:port".')
    return {(host.strip("[]").lower(), int(port))}
