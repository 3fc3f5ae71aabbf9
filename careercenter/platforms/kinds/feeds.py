"""Kinds `xml_feed` and `rss_atom`: one XML document whose rows are elements. Also employers' feeds for Indeed and LinkedIn.

An element becomes a dict: children by their name without prefix, attributes as "@name", text of an element that has
attributes or children as "#text", repeated children as a list. So the manifest's `[fields]` read XML as they read JSON.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from careercenter.platforms.contract import Completeness, End, Message, Page, Record, SchemaDrift, State
from careercenter.platforms.kinds import paths
from careercenter.platforms.kinds.asking import Asking
from careercenter.platforms.kinds.described import Described, end, known_etag

MAX_DEPTH = 32
MAX_ELEMENTS = 2_000_000
MAX_ATTRIBUTES = 200


def read(plugin: Described, ask: Asking, state: State | None) -> Iterator[Message]:
    """The whole feed in one answer."""
    told, spec = ask.read, plugin.spec()
    params = {name: ask.filled(value) for name, value in told.params.items()}
    answer = ask.get(ask.filled(told.url), params, known_etag(state, spec))
    if answer.not_modified:
        yield End(Completeness.COMPLETE, unchanged=True, note="The feed has not changed since the last read.")
        return
    root = parse(answer.body)
    outer, rows = cut(root, told.rows)
    values = {name: value for name, path in told.context.items() if (value := paths.text(outer, (path,)))}
    seen: set[str] = set()
    for row in rows:
        record = {"_context": ask.context(values, row), **row}
        message = plugin.gone(record) or plugin.message(record, json.dumps(record, ensure_ascii=False).encode(), answer.fetched_at)
        if isinstance(message, Record):
            seen.add(message.post_id)
        yield message
    yield Page(1, len(rows), hashlib.blake2b(answer.body, digest_size=16).hexdigest())
    declared = paths.text(outer, (told.total,)) if told.total else ""
    final = end(spec, [int(declared) if declared.isdigit() else None], len(rows), len(seen))
    keep = final.completeness is Completeness.COMPLETE and answer.etag
    yield State({"etag": answer.etag, "version": spec.version} if keep else {})
    yield final


def parse(body: bytes) -> Element:
    """The root of an XML document, without DTD or entities, within limits. Raises SchemaDrift."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if not start:
        raise SchemaDrift("The platform sent an empty answer.", "/")
    if start.startswith((b"<!doctype html", b"<html")):
        raise SchemaDrift("The platform sent a web page (perhaps a login page) where a feed was expected.", "/")
    if not start.startswith(b"<"):
        raise SchemaDrift("The platform sent no XML where a feed was expected.", "/")
    try:
        root: Element = fromstring(body.lstrip(b"\xef\xbb\xbf \t\r\n"), forbid_dtd=True)
    except DefusedXmlException:
        raise SchemaDrift("The feed declares entities or a document type, which is refused.", "/") from None
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        raise SchemaDrift(f"The feed is not well formed or cut off ({str(error)[:80]}).", "/") from None
    _measure(root)
    return root


def _measure(root: Element) -> None:
    count, level = 0, [root]
    for _ in range(MAX_DEPTH):
        count += len(level)
        if count > MAX_ELEMENTS or any(len(e.attrib) > MAX_ATTRIBUTES for e in level):
            raise SchemaDrift("The feed holds more elements or attributes than a feed of listings has.", "/")
        level = [child for element in level for child in element]
        if not level:
            return
    raise SchemaDrift(f"The feed is nested more than {MAX_DEPTH} levels deep.", "/")


def cut(root: Element, place: str) -> tuple[Any, list[dict[str, Any]]]:
    """The rows at a place ("channel.item"; "*" as a name means any), and the document around them as a dict."""
    *outer, last = place.split(".")
    holder: Element | None = root
    for name in outer:
        holder = next((child for child in holder if name in ("*", local(child))), None) if holder is not None else None
    if holder is None:
        raise SchemaDrift(f'The feed has no element "{place}".', f"/{place}")
    rows = [as_dict(child) for child in holder if local(child) == last]
    for child in [c for c in holder if local(c) == last]:
        holder.remove(child)
    around = as_dict(root)
    return around, [row if isinstance(row, dict) else {"#text": row} for row in rows]


def as_dict(element: Element) -> Any:
    """An element as plain data; a text where it holds nothing else."""
    text = (element.text or "").strip()
    found: dict[str, Any] = {f"@{name.rpartition('}')[2]}": value for name, value in element.attrib.items()}
    for child in element:
        name, value = local(child), as_dict(child)
        if name in found:
            known = found[name]
            found[name] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            found[name] = value
    if not found:
        return text
    return found | ({"#text": text} if text else {})


def local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
