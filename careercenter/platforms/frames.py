"""What crosses the pipe between the core and a plugin's process: messages, drafts and errors as MessagePack frames.

Nothing is unpickled: a plugin that has gone wild can send wrong data, never code. A frame is its length in four bytes and
the pair (kind, content).
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from careercenter.platforms import contract
from careercenter.platforms.contract import PlatformError, PluginFault
from careercenter.platforms.draft import ListingDraft, Reject
from careercenter.platforms.rows import UNFIT, Row

MOST_BYTES = 6_000_000
_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Records:
    """Several records in one frame."""

    rows: Annotated[list[Row], msgspec.Meta(max_length=10_000)]


@dataclass(frozen=True, slots=True)
class Drafts:
    """What became of a batch, in its order: a draft, or the reason why there is none."""

    made: list[tuple[ListingDraft | None, str]]


_DECODERS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    shape.__name__: msgspec.msgpack.Decoder(shape)
    for shape in (
        contract.Seen, contract.Unreadable, contract.Tombstone, contract.Page, contract.State, contract.End,
        contract.CheckResult, Records, Drafts,
    )
}
_ANY = msgspec.msgpack.Decoder()
_PAIR = msgspec.msgpack.Decoder(tuple[str, msgspec.Raw])
_ERRORS: dict[str, type[PlatformError]] = {
    error.__name__: error
    for error in (
        contract.ConfigError, contract.AuthError, contract.RateLimited, contract.Transient, contract.SchemaDrift,
        contract.BoardGone, contract.TermsBlocked, PluginFault,
    )
}


def _plain(value: Any) -> Any:
    if isinstance(value, MappingProxyType):
        return dict(value)
    raise TypeError(f"{type(value).__name__} does not cross the pipe")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)


class Broken(Exception):
    """The other side sent what is no frame."""


def pack(kind: str, content: Any) -> bytearray:
    """One frame."""
    frame = bytearray(_LENGTH.size)
    _ENCODER.encode_into((kind, content), frame, _LENGTH.size)
    _LENGTH.pack_into(frame, 0, len(frame) - _LENGTH.size)
    return frame


def pack_value(value: Any) -> bytearray:
    """A message or PlatformError as a frame."""
    if isinstance(value, PlatformError):
        told = {name: getattr(value, name) for name in ("retry_after", "path", "status", "url") if hasattr(value, name)}
        args = value.problems if isinstance(value, contract.ConfigError) else (str(value),)
        return pack("error", {"error": type(value).__name__, "args": list(args), "told": told})
    return pack(type(value).__name__, value)


def pack_rows(rows: list[Row]) -> bytearray:
    """Records as one frame or several. One that cannot cross is replaced by what can be said of it."""
    try:
        frame = pack_value(Records(rows))
        if len(frame) < MOST_BYTES or len(rows) == 1:
            return frame
    except UNFIT:
        if len(rows) == 1:
            return pack_value(contract.Unreadable(b"", "This record holds what no text may hold.", datetime.now(UTC)))
    half = len(rows) // 2
    return pack_rows(rows[:half]) + pack_rows(rows[half:])


def pack_drafts(drafts: Sequence[ListingDraft | Reject]) -> bytearray:
    return pack_value(Drafts([(None, d.reason) if isinstance(d, Reject) else (d, "") for d in drafts]))


def read(take: Callable[[int], bytes]) -> tuple[str, Any]:
    """The next frame's kind and content; `take(n)` gives exactly n bytes. Raises `Broken`."""
    (size,) = _LENGTH.unpack(take(_LENGTH.size))
    if size > MOST_BYTES:
        raise Broken(f"a frame of {size:,} bytes")
    try:
        kind, content = _PAIR.decode(take(size))
        return kind, _DECODERS.get(kind, _ANY).decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Broken(str(error)[:200]) from None


def error_of(content: Any) -> PlatformError:
    """The error that the other side raised, as one of ours; whatever is unknown is the plugin's fault."""
    try:
        kind, args, told = _ERRORS[content["error"]], [str(a)[:2000] for a in content["args"]], content["told"]
        if kind is contract.ConfigError:
            return contract.ConfigError(*args)
        if kind is contract.RateLimited:
            return contract.RateLimited(args[0], told.get("retry_after"))
        if kind is contract.SchemaDrift:
            return contract.SchemaDrift(args[0], str(told.get("path", "$")))
        if kind is contract.BoardGone:
            return contract.BoardGone(args[0], int(told["status"]), str(told["url"]))
        return kind(args[0])
    except (KeyError, IndexError, TypeError, ValueError):
        return PluginFault("The plugin's process reported an error that nobody knows.")
