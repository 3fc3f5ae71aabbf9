"""Kinds `webhook` and `manual`: what was pushed to us or entered by staff since the last run; and for a platform whose
manifest says where, the whole board by its interface at the beginning and then every `reconcile_hours`.

The pushes come first and are stored before anything is asked of the network, so trouble there costs none of them.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from careercenter.platforms.contract import (
    Completeness,
    End,
    Message,
    Page,
    PlatformError,
    Pushed,
    Record,
    SchemaDrift,
    Seen,
    State,
    Tombstone,
    Unreadable,
)
from careercenter.platforms.decode import clean_text, load_json
from careercenter.platforms.distinct import Distinct
from careercenter.platforms.kinds import paths, rest
from careercenter.platforms.kinds.asking import Asking
from careercenter.platforms.kinds.described import Described
from careercenter.platforms.words import time

RECONCILE_HOURS = 168
CLOSED = "closed"


def webhook(plugin: Described, ask: Asking, state: State | None) -> Iterator[Message]:
    """The pushed events, then the whole board where that is due."""
    posts = Distinct()
    events = ask.http.pushed(ask.board)
    yield from _all(events, posts, lambda event: _pushed(plugin, ask, event))
    if not (ask.read.url and _due(plugin, ask.cfg, state)):
        said = f"{len(events):,} pushed events taken in." if events else "Nothing was pushed since the last run."
        yield End(Completeness.UNKNOWN, None, len(posts), note=said)
        return
    began = datetime.now(UTC).isoformat()
    try:
        for message in rest.read(plugin, ask, None):
            if isinstance(message, (Record, Seen)):
                posts.add(message.post_id)
            if isinstance(message, Page):
                message = Page(message.n + bool(events), message.rows, message.fingerprint)
            if isinstance(message, End):
                if message.completeness is Completeness.COMPLETE:
                    yield State({"version": plugin.spec().version, "whole_at": began})
                total = message.declared_total if message.declared_total == len(posts) else None
                message = End(message.completeness, total, len(posts), message.ceiling_hit, message.note)
            if not isinstance(message, State):
                yield message
    except PlatformError as error:
        if not events:
            raise
        yield End(Completeness.PARTIAL, None, len(posts), note=f"What was pushed is in; the whole board could not be read: {error}")


def manual(plugin: Described, ask: Asking, state: State | None) -> Iterator[Message]:
    """What staff entered, changed or closed. Staff know it all: what they did not touch stands as it is."""
    posts = Distinct()
    entries = ask.http.pushed(ask.board)
    yield from _all(entries, posts, lambda entry: _entered(plugin, ask, entry))
    if not entries:
        yield End(Completeness.COMPLETE, unchanged=True, note="Nothing was entered since the last run.")
        return
    yield End(Completeness.COMPLETE, None, len(posts))


def _all(events: Any, posts: Distinct, message_of: Any) -> Iterator[Message]:
    for event in events:
        message = message_of(event)
        if isinstance(message, Record):
            posts.add(message.post_id)
        yield message
    if events:
        names = "\n".join(f"{event.event_id} {event.occurred_at.isoformat()}" for event in events)
        yield Page(1, len(events), hashlib.blake2b(names.encode(), digest_size=16).hexdigest())


def _pushed(plugin: Described, ask: Asking, event: Pushed) -> Message:
    """One event as a message: a record, or the word that the post is gone."""
    spec = plugin.spec()
    assert spec.hook is not None
    try:
        content = load_json(event.body)
    except SchemaDrift as error:
        return Unreadable(event.body[:10_000], f"A pushed event cannot be read. {error}", event.arrived_at)
    if event.type in spec.hook.removed and event.post_id:
        return Tombstone(event.post_id, f"{spec.label} pushed the event {event.type}.")
    record = paths.first(content, (spec.hook.record,)) if spec.hook.record else content
    if not isinstance(record, dict):
        return Unreadable(event.body[:10_000], "A pushed event holds no record.", event.arrived_at)
    return plugin.gone(record) or plugin.message(record, _raw(ask, record), event.arrived_at)


def _entered(plugin: Described, ask: Asking, entry: Pushed) -> Message:
    record = load_json(entry.body)
    if entry.type == CLOSED:
        return Tombstone(entry.post_id, clean_text(record.get("closed", ""), 300) or "Closed by staff.")
    return Record(entry.post_id, _raw(ask, record), paths.text(record, ("link",)) or None, entry.arrived_at)


def _raw(ask: Asking, record: dict[str, Any]) -> bytes:
    """A record as the reading of a whole board would give it."""
    return json.dumps({"_context": ask.context({}, record), **record}, ensure_ascii=False, sort_keys=True).encode()


def _due(plugin: Described, cfg: Any, state: State | None) -> bool:
    """Whether the whole board has to be read: never before, by another version, or too long ago."""
    cursor = state.cursor if state else {}
    at = time.stamp(cursor.get("whole_at"))
    if cursor.get("version") != plugin.spec().version or at is None or at > datetime.now(UTC) + timedelta(hours=1):
        return True
    return datetime.now(UTC) - at >= timedelta(hours=getattr(cfg, "reconcile_hours", RECONCILE_HOURS))
