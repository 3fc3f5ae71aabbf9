"""Checks 20 to 24: a plugin that may be relied on."""

import base64
import gzip
import hmac
import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from careercenter.conformance.bronze import broken_bodies
from careercenter.conformance.case import Case, Heard, NotHere
from careercenter.conformance.core import center
from careercenter.conformance.formats import put
from careercenter.conformance.report import check
from careercenter.conformance.stage import Asked, Said
from careercenter.platforms import hooks, reading
from careercenter.platforms.contract import ConfigError, Hook, PlatformKind, Pushed, Record
from careercenter.platforms.draft import ListingDraft

MADE_UP = re.compile(r"made-up|example|sample|test|kit|fake|demo|0{6}", re.IGNORECASE)
KEYLIKE = re.compile(r"\b(?:sk|pk)_(?:live|test)_\w{8,}|\beyJ[\w-]{20,}\.[\w-]{10,}\.|\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY")
ALIVE = re.compile(r"<script|<[^>]*(?:onerror|javascript:)", re.IGNORECASE)
ALWAYS = ("title", "employer", "apply")


@check(20, "What has expired never opens; a deadline keeps its zone, in summer and in winter")
def expired(case: Case) -> Iterator[str]:
    case.listed()
    made = zip(case.usual.ids, case.drafts(case.usual), strict=True)
    dated = {i: d.deadline for i, d in made if isinstance(d, ListingDraft) and d.deadline}
    if not dated:
        raise NotHere("No recorded post has a deadline.")
    for post_id, deadline in dated.items():
        at, on = deadline.at, deadline.on
        if (at is None) == (on is None) or (at is not None and at.utcoffset() != timedelta(0)):
            yield f'The deadline of "{post_id}" is not exactly one of an instant in UTC and a day.'
    yield from _zones(case)
    ends = [d.at or datetime.combine(d.on or date.max, time.min, UTC) for d in dated.values()]
    with center(case) as place:
        place.sync(max(ends) + timedelta(days=3))
        still = [i for i, state in place.states.items() if i in dated and state == "open"]
    if still:
        yield f'The post "{still[0]}" had expired before it came, and was opened.'


def _zones(case: Case) -> Iterator[str]:
    """A deadline written without an offset, once in winter and once in summer; and one with an offset."""
    for record in case.usual.records:
        draft = reading.draft_of(case.plugin, record.raw, case.cfg())
        if not isinstance(draft, ListingDraft) or draft.deadline is None or not draft.deadline.raw:
            continue
        for text in ("2027-01-15T12:00:00", "2027-07-15T12:00:00", "2027-07-15T12:00:00-07:00", "2027-07-15T12:00:00Z"):
            raw = _replaced(record, draft.deadline.raw, text)
            made = reading.draft_of(case.plugin, raw, case.cfg()) if raw is not None else None
            if isinstance(made, ListingDraft) and made.deadline and made.deadline.at:
                yield from _kept(text, made.deadline.at, made.deadline.tz)
        return


def _kept(text: str, at: datetime, zone: str | None) -> Iterator[str]:
    meant = datetime.fromisoformat(text)
    if meant.tzinfo is None:
        if not zone:
            yield f'The deadline "{text}" names no zone; it was taken as {at.isoformat()}.'
            return
        try:
            meant = meant.replace(tzinfo=ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError):
            return
    if at != meant:
        yield f'The deadline "{text}" in {zone or "its own offset"} was read as {at.isoformat()}.'


def _replaced(record: Record, old: str, new: str) -> Any:
    """The raw record with one text in place of another; None where it does not stand so."""
    if isinstance(record.raw, bytes):
        quoted = json.dumps(old, ensure_ascii=False).encode()
        return record.raw.replace(quoted, json.dumps(new).encode()) if quoted in record.raw else None
    text, was = json.dumps(record.raw, ensure_ascii=False), json.dumps(old, ensure_ascii=False)
    return json.loads(text.replace(was, json.dumps(new))) if was in text else None


@check(21, "Scripts, javascript: links, bombs, floods, formulas and redirects into the house do no harm")
def hostile(case: Case) -> Iterator[str]:
    case.reads()
    for record in case.usual.records[:3]:
        for links in (False, True):
            evil = _poisoned(json.loads(record.raw) if isinstance(record.raw, bytes) else record.raw, links)
            made = reading.draft_of(case.plugin, json.dumps(evil).encode() if isinstance(record.raw, bytes) else evil, case.cfg())
            yield from _harm(made)
    if case.cassette.tape.listing is None:
        return
    for name, said in _attacks(case).items():
        heard = _attacked(case, said)
        if heard.crash or heard.complete:
            yield f"{name} is read as {heard.words}"
    yield from _inwards(case)


def _harm(made: Any) -> Iterator[str]:
    if not isinstance(made, ListingDraft):
        return
    if ALIVE.search(made.description_html):
        yield "A script in the description came through: clean it with decode.clean_html."
    if any(link and not link.startswith(("http://", "https://")) for link in (made.apply.url, made.url, made.employer.url)):
        yield "A link that is no web address came through: read it with decode.web_address."


def _poisoned(value: Any, links: bool) -> Any:
    """A record with every text poisoned, or every link."""
    if isinstance(value, dict):
        return {name: _poisoned(item, links) for name, item in value.items()}
    if isinstance(value, list):
        return [_poisoned(item, links) for item in value]
    if not isinstance(value, str):
        return value
    if value.startswith(("http://", "https://")):
        return "javascript:alert(1)" if links else value
    if links:
        return value
    return f'=cmd|{value}<script>alert(1)</script><img src=x onerror="alert(1)"><a href="javascript:alert(1)">x</a>'


def _attacks(case: Case) -> dict[str, Said]:
    """Answers that want to hurt the reader."""
    bomb = gzip.compress(b"[" + b" " * 30_000_000 + b"]", 9)
    return {
        "A zip bomb": Said(200, bomb, {"Content-Encoding": "gzip"}),
        "A body of 50 MB": Said(200, b"[", {"Content-Length": "50000000"}),
        "An entity bomb": Said(200, b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "cccccccc">]><a>&b;</a>'),
        "Nesting without end": Said(200, broken_bodies(case)["deep nesting"] if b"{" in case.stage.body[:1] else b"<a>" * 10_000),
    }


def _attacked(case: Case, said: Said) -> Heard:
    if case.spec.kind is PlatformKind.FILE_DROP:
        case.stage.put(said.body)
    else:
        case.stage.before = lambda asked: said if case.stage.is_listing(asked) else None
    return case.read()


def _inwards(case: Case) -> Iterator[str]:
    """A redirect to a machine inside the house is not followed."""
    if case.spec.kind is PlatformKind.FILE_DROP:
        return
    def lead(asked: Asked) -> Said | None:
        return Said(302, b"", {"Location": "http://127.0.0.1:9/admin"}) if case.stage.is_listing(asked) else None

    case.stage.before = lead
    heard = case.read()
    if not isinstance(heard.error, ConfigError):
        yield f"A redirect to an address inside the house is read as {heard.words}"


@check(22, "No secret stands in a log, an error, a message, a record or the cassette")
def secrets(case: Case) -> Iterator[str]:
    for name, text in case.cassette.texts().items():
        if found := KEYLIKE.search(text):
            yield f"The cassette's file {name} holds what looks like a key: {found[0][:12]}…"
    used = {name: str(value) for name in case.spec.secret_fields() if (value := case.cassette.tape.options.get(name))}
    for name, value in used.items():
        if not MADE_UP.search(value):
            yield f'The option "{name}" of the cassette must be a made-up word that says so, such as "made-up-key".'
    if used and case.cassette.tape.listing:
        told = "\n".join(_told(case))
        for name, value in used.items():
            if value in told:
                yield f'The "{name}" stands in what the plugin logs, says or raises.'


def _told(case: Case) -> Iterator[str]:
    """All that a plugin lets out, in good days and bad."""
    handler = _Kept()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        for said in (None, Said(500), Said(404), Said(200, b"<html>"), Said(200, b"{}"), Said(418)):
            case.stage.before = _always(case, said)
            heard = case.read()
            yield from (repr(message) for message in heard.messages)
            yield f"{heard.words} {getattr(heard.error, 'path', '')} {getattr(heard.error, 'url', '')}"
            yield from (str(draft) for draft in case.drafts(heard))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    yield from handler.lines


def _always(case: Case, said: Said | None) -> Callable[[Asked], Said | None]:
    return lambda asked: said if case.stage.is_listing(asked) else None


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@check(23, "A pushed event counts when its signature is right, once, and never over a newer one")
def pushed(case: Case) -> Iterator[str]:
    hook = case.spec.hook
    if hook is None:
        raise NotHere("The platform pushes nothing that it signs.")
    secret = str(case.cassette.tape.options.get(hook.option, ""))
    if hook.option not in case.spec.secret_fields():
        yield f'The hook\'s option "{hook.option}" is not typed as a secret.'
    if not secret or not case.pushes:
        yield "The cassette holds no [[pushed]] event, or no secret to sign it with."
        return
    yield from _signature(hook, secret, case.pushes[0].body)
    event = case.pushes[0]
    if event.event_id.startswith("#") or event.occurred_at == event.arrived_at:
        yield "The event's own id or time is not found, so nobody can tell a repeated or late one ([hook] event_id, at)."
    heard = case.read(pushed=(event,))
    first = next((m for m in heard.messages if isinstance(m, Record)), None)
    if first is None or first.post_id != event.post_id:
        yield f'The event is about the post "{event.post_id}", and the record made of it about "{first.post_id if first else ""}".'
        return
    yield from _delivered(case, hook, event, first)


def _signature(hook: Hook, secret: str, body: bytes) -> Iterator[str]:
    digest = hmac.new(secret.encode(), body, hook.algorithm.removeprefix("hmac-")).digest()
    good = hook.prefix + (digest.hex() if hook.encoding == "hex" else base64.b64encode(digest).decode())
    if not hooks.signed(hook, secret, good, body):
        yield "An event that is signed as the manifest says is refused."
    for given, told in ((good, body + b" "), ("", body), (good[:-2], body), (good, body.replace(b"e", b"a", 1))):
        if hooks.signed(hook, secret, given, told):
            yield "An event whose signature is wrong is taken."
    if hooks.signed(hook, secret + "x", good, body):
        yield "An event that is signed by another secret is taken."


def _delivered(case: Case, hook: Hook, event: Pushed, record: Record) -> Iterator[str]:
    """The event made newer and older, sent twice and in the wrong order, through the core."""
    made = reading.draft_of(case.plugin, record.raw, case.cfg())
    title = made.title if isinstance(made, ListingDraft) else ""
    at = case.cassette.at
    with center(case) as place:
        place.sync(at)
        newer = _retold(case, hook, event, title, "newer", at + timedelta(hours=2))
        older = _retold(case, hook, event, title, "older", at + timedelta(hours=1))
        if not place.push(newer) or place.push(newer):
            yield "An event that is sent twice is not counted once."
        place.sync(at + timedelta(hours=3))
        place.push(older)
        place.sync(at + timedelta(hours=4))
        if "newer" not in place.title_of(event.post_id):
            yield f'A late event has replaced a newer one: the title is "{place.title_of(event.post_id)}".'


def _retold(case: Case, hook: Hook, event: Pushed, title: str, word: str, at: datetime) -> Pushed:
    value = json.loads(event.body.replace(json.dumps(title).encode(), json.dumps(f"{title} ({word})").encode()))
    put(value, hook.at, at.isoformat())
    put(value, hook.event_id, f"{event.event_id}-{word}")
    return hooks.envelope(hook, json.dumps(value).encode(), case.cassette.at + timedelta(hours=3))


@check(24, "The posts carry what the manifest promises: title, employer and a way to apply always, the rest as often as it says")
def coverage(case: Case) -> Iterator[str]:
    case.reads()
    drafts = case.drafts(case.usual)
    good = [d for d in drafts if isinstance(d, ListingDraft)]
    if not good:
        yield f"No recorded post becomes a listing. {drafts[0].reason if drafts else 'None is read.'}"
        return
    for draft in drafts:
        if not isinstance(draft, ListingDraft):
            yield f"A recorded post is refused: {draft.reason}"
    for name, promised in {**dict.fromkeys(ALWAYS, 100), **case.spec.promises}.items():
        has = sum(_has(draft, name) for draft in good)
        if has * 100 < promised * len(good):
            yield f"{has} of {len(good)} posts state {name}; the manifest promises {promised} %."


def _has(draft: ListingDraft, name: str) -> bool:
    value = getattr(draft, name, None)
    if name == "apply":
        return bool(draft.apply.url or draft.apply.email or draft.apply.platform)
    if name == "employer":
        return bool(draft.employer.name)
    if name == "pay":
        return draft.pay.kind.value != "unknown" or draft.pay.min is not None
    if name == "workplace":
        return draft.workplace.value != "unknown"
    return value not in (None, "", ())
