"""Addresses that staff paste: whose they are, and their short form. Nothing is fetched."""

import re

from careercenter.platforms.contract import Entry

LONGEST = 2000


def recognised(entry: Entry, address: str) -> tuple[str, str] | None:
    """The post's id and short address; None for an address of another kind."""
    for pattern in entry.patterns:
        found = re.fullmatch(pattern, address[:LONGEST].strip(), re.IGNORECASE)
        if found:
            return found["id"], entry.address.replace("{id}", found["id"])
    return None
