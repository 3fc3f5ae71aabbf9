"""Lever job sites (public Postings API). Everything is in the manifest, but for the lists inside a posting."""

from html import escape
from typing import Any

from careercenter.platforms.kinds import plugin as described


def prepare(record: dict[str, Any]) -> dict[str, Any]:
    """A posting's lists are bare items under a heading; they become whole HTML lists."""
    lists = record.get("lists")
    parts = [
        f"<h3>{escape(str(part.get('text', '')))}</h3><ul>{part.get('content', '')}</ul>"
        for part in lists if isinstance(part, dict)
    ] if isinstance(lists, list) else []
    return record | {"lists": parts}


plugin = described("careercenter_lever", prepare=prepare)
