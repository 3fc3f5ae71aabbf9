"""Kinds `rest_json` and `json_feed`: rows in JSON, on one page or many, behind a key or none."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

import msgspec

from careercenter.platforms.contract import Completeness, End, Message, Page, Record, Response, State, Tombstone
from careercenter.platforms.decode import cut_rows, load_json
from careercenter.platforms.distinct import Distinct
from careercenter.platforms.kinds import paths
from careercenter.platforms.kinds.asking import BRACES, Asking
from careercenter.platforms.kinds.described import Described, end, known_etag
from careercenter.platforms.kinds.manifest import Read
from careercenter.platforms.words import time

Heads = msgspec.json.Decoder[Any]


def read(plugin: Described, ask: Asking, state: State | None) -> Iterator[Message]:
    """Page after page until the platform has no more; a page that comes again ends the read. The next page is asked for while
    the one before is handed on.
    """
    told, spec = plugin.manifest.read, plugin.spec()
    single = told.pages.kind == "none" and told.detail is None and told.since is None
    etag = known_etag(state, spec) if single else None
    since = _since(plugin, state)
    url, params = ask.filled(told.url), {name: v for name, value in told.params.items() if (v := ask.filled(value))}
    place = ask.filled(told.rows)
    if told.since and since:
        params |= {told.since.param: since}
    totals, prints, seen, rows_seen, newest, heads = [], set[str](), Distinct(), 0, since, _heads(told)
    gone = 0
    coming = ask.begin(url.replace("{page}", str(told.pages.first)), params | _position(plugin, 1, 0), etag=etag)
    for n in range(1, told.pages.most + 1):
        answer = coming()
        if answer.not_modified:
            yield End(Completeness.COMPLETE, unchanged=True, note="The board has not changed since the last read.")
            return
        rows, rest = cut_rows(answer.body, place)
        rows_seen += len(rows)
        totals.append(_total(rest, told.total))
        fingerprint = f"{hash((len(rows), *rows[:: len(rows) // 16 + 1], *rows[-1:]) if rows else answer.body):x}"
        again = fingerprint in prints
        prints.add(fingerprint)
        following = None if again else _next(told, url, params, rest, len(rows), rows_seen, totals[-1])
        if following and n < told.pages.most:
            url, params = following
            here = url.replace("{page}", str(told.pages.first + n))
            coming = ask.begin(here, params | _position(plugin, n + 1, rows_seen), named=told.pages.kind == "link")
        for message, stamp in _messages(plugin, ask, heads, rows, rest, answer):
            if isinstance(message, Record):
                seen.add(message.post_id)
            elif isinstance(message, Tombstone):
                gone += 1
            if stamp:
                newest = max(newest, stamp) if newest else stamp
            yield message
        yield Page(n, len(rows), fingerprint)
        if again:
            yield End(Completeness.PARTIAL, None, len(seen), note="The platform sent the same page again.")
            return
        if following is None:
            break
    else:
        yield End(Completeness.CAPPED, totals[-1], len(seen), True, f"Reading stopped after {told.pages.most:,} pages.")
        return
    final = end(spec, totals, rows_seen, len(seen), gone)
    yield State(_cursor(plugin, answer, final, single, newest))
    yield final


def _position(plugin: Described, n: int, rows_seen: int) -> dict[str, str]:
    """The parameters that say which page is meant."""
    pages = plugin.manifest.read.pages
    size = {pages.size_param: str(pages.size)} if pages.size_param else {}
    if pages.kind == "offset":
        return {pages.param: str(rows_seen)} | size
    if pages.kind == "page" and pages.param:
        return {pages.param: str(pages.first + n - 1)} | size
    return size


def _next(
    told: Read, url: str, params: dict[str, str], rest: Any, rows: int, rows_seen: int, total: int | None
) -> tuple[str, dict[str, str]] | None:
    """Where the next page is; None after the last."""
    pages = told.pages
    if pages.kind == "none":
        return None
    if pages.kind in ("cursor", "link"):
        following = paths.text(rest, (pages.next,))
        if not following:
            return None
        if pages.kind == "link":
            return following, {}
        return url, params | {pages.param: following}
    if pages.count and (count := paths.text(rest, (pages.count,))).isdigit():
        done = rows_seen >= int(count) * pages.size or rows == 0 or rows < pages.size
    else:
        done = rows == 0 or rows < pages.size or (total is not None and rows_seen >= total)
    return None if done else (url, params)


def _messages(
    plugin: Described, ask: Asking, heads: Heads, rows: list[bytes], rest: Any, answer: Response
) -> Iterator[tuple[Message, str | None]]:
    """A page's rows as messages, each with the row's own stamp where reading by changes needs it."""
    told, detailed = ask.read, 0
    values = {name: value for name, path in told.context.items() if (value := paths.text(rest, (path,)))}
    alike = None if told.link_template else _context(ask, values, None)
    for row in rows:
        head = _head(row, heads)
        if gone := plugin.gone(head):
            yield gone, None
            continue
        raw = _with(alike or _context(ask, values, head), row)
        if told.detail and isinstance(head, dict) and detailed < told.detail.most:
            detailed += 1
            raw = _with_detail(ask, told.detail.url, head, raw)
        yield plugin.message(head, raw, answer.fetched_at), (paths.text(head, told.since.path) or None) if told.since else None


def _heads(told: Read) -> Heads:
    """Decodes of a row what reading needs: what its id, link, stamp, state and further addresses are made of."""
    places = [*told.id, *told.link, *(told.since.path if told.since else ()), *([told.status.at] if told.status else [])]
    places += BRACES.findall(told.link_template + (told.detail.url if told.detail else ""))
    names = {place.partition(".")[0].removesuffix("[]") for place in places}
    shape: Any = TypedDict("Head", dict.fromkeys(names, Any), total=False) if all(names) else Any  # type: ignore[misc,operator]
    return msgspec.json.Decoder(shape)


def _head(row: bytes, heads: Heads) -> Any:
    """The row decoded leniently and in part; `normalize` decodes it strictly. None for a row that is no object."""
    try:
        return heads.decode(row)
    except (msgspec.DecodeError, RecursionError):
        return None


def _context(ask: Asking, values: dict[str, str], head: Any) -> bytes:
    """The first member of each row, for `_with`."""
    return b'{"_context": %b,' % json.dumps(ask.context(values, head), ensure_ascii=False, sort_keys=True).encode()


def _with(more: bytes, row: bytes) -> bytes:
    """A row's object with `more` in front: members, each with a comma behind it. Other rows stay as they are."""
    if row.startswith(b'{"'):
        return more + row[1:]
    inner = row.strip()
    if not inner.startswith(b"{"):
        return row
    rest = inner[1:].lstrip()
    return more[:-1] + rest if rest == b"}" else more + rest


def _with_detail(ask: Asking, template: str, head: Any, raw: bytes) -> bytes:
    """The row with its own page under `detail`; a page that is gone meanwhile leaves the row as it is."""
    answer = ask.page(ask.here(ask.filled(template, head)))
    if answer.status in (404, 410):
        return raw
    load_json(answer.body)
    return _with(b'{"detail":%b,' % answer.body.strip().removeprefix(b"\xef\xbb\xbf"), raw)


def _total(rest: Any, path: str) -> int | None:
    value = paths.first(rest, (path,)) if path else None
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _since(plugin: Described, state: State | None) -> str | None:
    """The stamp to ask from: the newest one seen, minus the overlap. One that cannot be, asks for everything."""
    told, cursor = plugin.manifest.read.since, state.cursor if state else {}
    if told is None or cursor.get("version") != plugin.spec().version:
        return None
    newest = time.stamp(cursor.get("newest"))
    if newest is None or newest > datetime.now(UTC) + timedelta(days=1):
        return None
    return (newest - timedelta(minutes=told.overlap_minutes)).isoformat().replace("+00:00", "Z")


def _cursor(plugin: Described, answer: Response, final: End, single: bool, newest: str | None) -> dict[str, Any]:
    """What the next read may build on; nothing that comes from an answer that is not believed."""
    if final.completeness is not Completeness.COMPLETE:
        return {}
    version = {"version": plugin.spec().version}
    if plugin.manifest.read.since and newest:
        return version | {"newest": newest}
    return version | {"etag": answer.etag} if single and answer.etag else {}
