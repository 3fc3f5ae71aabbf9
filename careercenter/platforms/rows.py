"""A record on its way from a plugin to the tables: of which post, its bytes, and the mark by which it is known again."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import uuid4

import msgspec

from careercenter.platforms.contract import Message, Record

Raw = bytes | dict[str, Any]
UNFIT = (UnicodeEncodeError, TypeError, OverflowError, RecursionError)
"""What is raised for a value that is no data: half characters, foreign objects, numbers beyond 64 bits, nesting without end."""


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the core keeps of a `contract.Record`."""

    post_id: str
    raw: Raw


def marker(recipe: bytes) -> Callable[[Raw], bytes]:
    """What makes the marks of raw records: hashes of the recipe that drafts are made by and of the record, 32 bytes each. As long
    as the mark is the same, so is the draft. SHA-256, since most processors have it built in.
    """
    begun = hashlib.sha256(recipe)

    def mark(raw: Raw) -> bytes:
        found = begun.copy()
        found.update(raw if isinstance(raw, bytes) else raw_bytes(raw))
        return found.digest()

    return mark


def in_rows(messages: Iterable[Message]) -> Iterator[Message | list[Row]]:
    """The same messages, with lists of rows instead of records."""
    for message in messages:
        yield [Row(message.post_id, message.raw)] if isinstance(message, Record) else message


def raw_bytes(raw: Raw) -> bytes:
    """A record as bytes: what its mark is made of, and what quarantine shows."""
    if isinstance(raw, bytes):
        return raw
    try:
        return msgspec.json.encode(raw, order="deterministic", enc_hook=str)
    except RecursionError:
        return f"Nested without end: {uuid4()}".encode()  # never the same again, since nobody could compare it
    except UNFIT:
        return repr(raw).encode(errors="replace")
