"""Runs a plugin's `read` and `normalize` so that its mistakes stay its own.

Whatever the plugin does, the caller sees either well-formed messages that end with exactly one End, or a
PlatformError.
"""

from collections.abc import Iterator
from typing import Any

from careercenter.platforms.contract import (
    Completeness,
    End,
    Http,
    Message,
    Page,
    PlatformError,
    Plugin,
    PluginConfig,
    PluginFault,
    Record,
    SchemaDrift,
    Seen,
    State,
    Tombstone,
    Unreadable,
)
from careercenter.platforms.distinct import Distinct
from careercenter.platforms.draft import ListingDraft, Reject

SHOWN = (Record, Seen)
KEYED = (*SHOWN, Tombstone)
MESSAGES = (Unreadable, Page, State, End)


def messages(
    plugin: Plugin, cfg: PluginConfig, board: str, state: State | None, http: Http
) -> Iterator[Message]:
    """The board's messages, ending with exactly one End. Raises PlatformError; a crash of the plugin is a
    PluginFault.

    A plugin that stops without End is given a PARTIAL one; whatever it says after its End is a fault.
    """
    seen = Distinct()
    ended = False
    for message in _guarded(plugin, cfg, board, state, http):
        if ended:
            raise PluginFault(f'The plugin went on after its end message on board "{board}".')
        _check_message(message)
        if isinstance(message, SHOWN):
            seen.add(message.post_id)
        elif isinstance(message, End):
            ended = True
            message = _judged(message, len(seen))
        yield message
    if not ended:
        yield End(
            Completeness.PARTIAL,
            None,
            len(seen),
            note="The plugin stopped without saying that it had finished.",
        )


def draft_of(plugin: Plugin, raw: bytes | dict[str, Any], cfg: PluginConfig) -> ListingDraft | Reject:
    """`normalize`, with every failure turned into a Reject: a bad record never stops good ones."""
    try:
        result = plugin.normalize(raw, cfg)
    except SchemaDrift as error:
        return Reject(str(error))
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything
        return Reject(f"The plugin failed on this record with {type(error).__name__}: {error}"[:500])
    if not isinstance(result, (ListingDraft, Reject)):
        return Reject(f"The plugin returned {type(result).__name__} instead of a listing.")
    return result


def _guarded(
    plugin: Plugin, cfg: PluginConfig, board: str, state: State | None, http: Http
) -> Iterator[Message]:
    try:
        yield from plugin.read(cfg, board, state, http)
    except PlatformError:
        raise
    except Exception as error:
        raise PluginFault(f'The plugin crashed on board "{board}" with {type(error).__name__}.') from error


def _check_message(message: Any) -> None:
    if isinstance(message, KEYED):
        if not (isinstance(message.post_id, str) and message.post_id):
            raise PluginFault("The plugin sent a record without a post id.")
    elif not isinstance(message, MESSAGES):
        raise PluginFault(f"The plugin sent {type(message).__name__}, which is no message of the contract.")


def _judged(end: End, seen: int) -> End:
    """An End that claims more than was seen is not believed."""
    if end.completeness is not Completeness.COMPLETE or end.unchanged:
        return end
    if end.seen_unique != seen or (end.declared_total is not None and end.declared_total != seen):
        said = end.declared_total if end.declared_total is not None else end.seen_unique
        note = f"{said:,} listings were announced; {seen:,} different ones arrived."
        return End(Completeness.PARTIAL, end.declared_total, seen, end.ceiling_hit, note)
    return end
