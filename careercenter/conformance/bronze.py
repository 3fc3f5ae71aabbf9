"""Checks 1 to 9: a plugin that may be tried."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from careercenter.conformance import elsewhere
from careercenter.conformance.case import Case, Heard, NotHere
from careercenter.conformance.report import check
from careercenter.conformance.stage import Asked, Said
from careercenter.platforms.contract import BoardGone, CheckResult, ConfigError, PlatformError, PlatformKind, Record, Removal
from careercenter.platforms.draft import ListingDraft, Reject

SECRET_NAME = re.compile(r"key|token|secret|passw|credential", re.IGNORECASE)
WRONG: tuple[Any, ...] = (None, 7, -1.5, True, "", "x" * 5000, [], [[]], {}, {"a": {"b": []}}, [None], "\u202e", 10**30)


@check(1, "Its spec is whole, its secrets are marked, its terms have been reviewed")
def spec(case: Case) -> Iterator[str]:
    told = case.spec
    for name in ("id", "label", "version", "maintainer", "docs_url"):
        if not str(getattr(told, name)).strip():
            yield f"plugin.{name} is empty."
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", told.id):
        yield f'The id "{told.id}" is not a short word of small letters, digits and underscores.'
    for name in told.config_model.model_fields:
        if SECRET_NAME.search(name) and name not in told.secret_fields():
            yield f'The option "{name}" sounds like a secret but is not typed as one.'
    terms, able = told.terms, told.capabilities
    if not terms.basis.strip() or terms.reviewed_on is None:
        yield "Nobody has reviewed the terms: state the basis and the date in the manifest."
    if terms.max_polls_per_day < 1 or able.min_poll_minutes < 1:
        yield "max_polls_per_day and min_poll_minutes must be at least 1."
    if not terms.url.startswith("https://") and told.kind is not PlatformKind.MANUAL:
        yield "terms.url is not the address of the terms."


@check(2, "A good configuration passes its check and shows whose board it is; a wrong key or board fails")
def configuration(case: Case) -> Iterator[str]:
    case.reads()
    good = _checked(case, case.cfg())
    if isinstance(good, str) or not good.ok:
        yield f"check() fails for the recorded board: {good if isinstance(good, str) else ' '.join(good.problems)}"
        return
    if not good.identity and not good.sample:
        yield "check() shows neither whose board it is nor a title, so nobody can confirm it."
    if _passes(_checked(case, case.cfg(()))):
        yield "check() passes though no board is named."
    signing = case.spec.hook.option if case.spec.hook else ""
    used = [name for name in case.spec.secret_fields() if case.cassette.tape.options.get(name) and name != signing]
    case.stage.words = (*(str(case.cassette.tape.options[n]) for n in used), *case.cassette.tape.accepts)
    for name in used:
        wrong = _checked(case, case.cfg(None, **{name: "a-wrong-one"}))
        if _passes(wrong):
            yield f'check() passes though the platform refuses the "{name}".'
    if used and not _passes(_checked(case, case.cfg())):
        yield "check() fails though the key is right: the platform did not get to see it."


def _checked(case: Case, cfg: Any) -> CheckResult | str:
    with case.http(cfg) as http:
        try:
            found = case.plugin.check(cfg, http)
        except PlatformError as error:
            return str(error)
    return found if isinstance(found, CheckResult) else f"check() gave {type(found).__name__}"


def _passes(found: CheckResult | str) -> bool:
    return isinstance(found, CheckResult) and found.ok


@check(3, "An unknown board is not taken for an empty one")
def unknown_board(case: Case) -> Iterator[str]:
    case.asks()
    nobody = f"{case.board}-nobody"
    cfg = case.cfg((nobody,))
    heard = case.read(board=nobody, cfg=cfg)
    told = case.cassette.tape.listing
    if heard.records and told and not told.query:
        raise NotHere("The address names no board, so there is none to be unknown.")
    removal, empty = case.spec.capabilities.removal, case.spec.capabilities.allow_empty
    if heard.crash:
        yield f"Reading an unknown board: {heard.crash}"
    elif heard.complete and removal is Removal.ABSENCE and empty:
        yield "An unknown board is read as a complete, empty one; everything on it would close."
    case.stage.show([])
    none = case.read()
    if isinstance(none.error, BoardGone):
        yield "A board that is empty at the moment is taken for one that is gone."
    if none.crash:
        yield f"Reading an empty board: {none.crash}"


@check(4, "Two reads of the same board are equal")
def two_reads(case: Case) -> Iterator[str]:
    case.reads()
    first, second = case.usual, case.read()
    for heard in (first, second):
        if not heard.records or heard.error or heard.crash:
            yield f"Reading the recorded board brought no records: {heard.words}"
            yield from _nowhere(case)
            return
    one, two = case.content(first), case.content(second)
    for post_id in sorted(set(one) | set(two)):
        if one.get(post_id) != two.get(post_id):
            yield f'The post "{post_id}" reads differently the second time.'
    if first.end != second.end:
        yield f"The first read ended as {first.words}, the second as {second.words}"


def _nowhere(case: Case) -> Iterator[str]:
    """What the plugin asked for and the cassette does not have."""
    told = case.cassette.tape.listing
    if told and not any(case.stage.is_listing(asked) for asked in case.stage.asked):
        asked = ", ".join(dict.fromkeys(a.path.removeprefix(urlsplit(case.stage.base).path) for a in case.stage.asked)) or "nothing"
        yield f'It asked for {asked}, and the recorded rows are at "{told.path}" ([listing] path of cassette.toml).'


@check(5, "Each post has an id of its own, which stays whatever else the board shows")
def ids(case: Case) -> Iterator[str]:
    case.reads()
    found = case.usual.ids
    wrong = [i for i in found if not isinstance(i, str) or not i.strip()]
    if wrong:
        yield f"{len(wrong)} records have no id."
    told = case.cassette.tape.listing
    repeats = len(found) - len(set(found))
    if told is None:
        return
    if repeats != told.repeats:
        yield f"{repeats} records repeat the id of another; the cassette says that {told.repeats} do."
    rows = case.stage.more(len(case.stage.recorded) + 1)
    case.stage.show([rows[-1], *reversed(rows[:-1])])
    again = case.read()
    before, after = case.content(case.usual), case.content(again)
    for post_id in found:
        content = before[post_id]
        if found.count(post_id) == 1 and after.get(post_id) != content and content in after.values():
            yield f'When the board is in another order and shows one post more, "{post_id}" is no longer the same post.'


@check(6, "normalize() gives the same draft in another time zone, language and hash seed")
def pure(case: Case) -> Iterator[str]:
    case.reads()
    raws = [record.raw for record in case.usual.records]
    here = [elsewhere.fingerprint(case.plugin, raw, case.cfg()) for raw in raws]
    there = elsewhere.fingerprints(case.address, case.base_url, dict(case.cassette.tape.options), case.board, raws)
    for post_id, one, two in zip(case.usual.ids, here, there, strict=True):
        if one != two:
            yield f'The post "{post_id}" has another draft there: normalize() looks at the clock, the zone, the language or chance.'


@check(7, "A record with missing, empty or wrongly typed values is refused or understood, and never crashes normalize()")
def fuzzed(case: Case) -> Iterator[str]:
    case.reads()
    cfg = case.cfg()
    tried: set[tuple[str, ...]] = set()
    for record in case.usual.records[:4]:
        for what, raw in _spoiled(record, tried):
            try:
                made = case.plugin.normalize(raw, cfg)
            except PlatformError:
                continue
            except Exception as error:  # noqa: BLE001 - foreign code may raise anything
                yield f"normalize() crashes with {type(error).__name__} {what}."
                continue
            if not isinstance(made, (ListingDraft, Reject)):
                yield f"normalize() gives {type(made).__name__} {what}."


def _spoiled(record: Record, tried: set[tuple[str, ...]]) -> Iterator[tuple[str, Any]]:
    """Raw records made wrong in one place each; a place that another record had is not tried again."""
    if isinstance(record.raw, bytes):
        for body in (b"", b"{}", b"[]", b"7", record.raw[: len(record.raw) // 2], b"\xff\xfe" + record.raw):
            yield "on what is not a whole record", body
    value = json.loads(record.raw) if isinstance(record.raw, bytes) else record.raw
    for place in _places(value):
        if place in tried:
            continue
        tried.add(place)
        for wrong in (*WRONG, ...):
            made = _with(value, place, wrong)
            said = f"when {'.'.join(place)} is {'missing' if wrong is ... else repr(wrong)[:30]}"
            yield said, json.dumps(made).encode() if isinstance(record.raw, bytes) else made


def _places(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, list) and len(above) < 5:
        for item in value[:1]:
            yield (*above, "0")
            yield from _places(item, (*above, "0"))
    if isinstance(value, dict) and len(above) < 5:
        for name in value:
            yield (*above, name)
            yield from _places(value[name], (*above, name))


def _with(value: Any, place: tuple[str, ...], new: Any) -> Any:
    """A copy of a record with one place changed; `...` takes it away."""
    name, *rest = place
    if isinstance(value, list):
        items = [_with(value[0], tuple(rest), new)] if rest else [] if new is ... else [new]
        return items + value[1:]
    made = dict(value)
    if rest:
        made[name] = _with(made[name], tuple(rest), new)
    elif new is ...:
        del made[name]
    else:
        made[name] = new
    return made


def broken_bodies(case: Case) -> dict[str, bytes]:
    """Answers with status 200 that are no board."""
    body = case.stage.body
    after = b"<x/>" if body.lstrip(b"\xef\xbb\xbf \r\n")[:1] == b"<" else b"}"
    spoiled = {} if case.spec.kind is PlatformKind.FILE_DROP else {  # a spreadsheet may save its table so
        "what is not UTF-8": b"\xc3\x28" + body, "UTF-16": body.decode().encode("utf-16"),
        "an answer with more after its end": body + after,
    }
    return {
        "a login page": b"<!doctype html><html><title>Sign in</title><form></form></html>",
        "an empty answer": b"", "blank space": b" \n ", "null": b"null", "an empty object": b"{}", "a number": b"7",
        "a truncated answer": body[: len(body) * 2 // 3],
        "deep nesting": b"[" * 10_000 + b"]" * 10_000,
        "rows that are null": b'{"jobs": null, "data": null, "items": null, "results": null, "content": null, "offers": null}',
        **spoiled, **_without_rows(case),
    }


def _without_rows(case: Case) -> dict[str, bytes]:
    """The answer with null where its rows were."""
    form = case.cassette.format
    rows = getattr(form, "rows", "")
    if not rows:
        return {}
    value = json.loads(case.stage.body)
    return {"null in place of the rows": json.dumps(_with(value, tuple(rows.split(".")), None)).encode()}


@check(8, "A login page, an empty, cut or foreign answer with status 200 is never a complete board")
def broken(case: Case) -> Iterator[str]:
    case.listed()
    for name, body in broken_bodies(case).items():
        heard = _told(case, body)
        if heard.crash:
            yield f"On {name}, {heard.crash}"
        elif heard.complete:
            yield f"{name[0].upper()}{name[1:]} is read as {heard.words}"
    marked = _told(case, b"\xef\xbb\xbf" + case.stage.body)
    if marked.crash or (marked.complete and marked.shown != case.usual.shown):
        yield f"A byte order mark before the answer: {marked.words}"


def _told(case: Case, body: bytes) -> Heard:
    """A read in which the platform answers so where the rows should be."""
    if case.spec.kind is PlatformKind.FILE_DROP:
        case.stage.put(body)
        return case.read()
    case.stage.before = lambda asked: Said(200, body) if case.stage.is_listing(asked) else None
    return case.read()


@check(9, "When the second page fails, what came is kept and nothing counts as gone")
def second_page(case: Case) -> Iterator[str]:
    if case.spec.kind is PlatformKind.SITEMAP_JSONLD:
        case.stage.before = lambda asked: Said(500) if asked.n == 3 else None  # robots.txt, the sitemap, a page
        heard = case.read()
    else:
        size = case.pages()
        case.stage.show(case.stage.more(size + 3))
        case.stage.before = lambda asked: _fails(case, asked)
        heard = case.read()
    if heard.crash:
        yield f"When a page fails, {heard.crash}"
    elif heard.complete:
        yield f"A board of which a page failed is read as {heard.words}"
    elif not heard.records and not isinstance(heard.error, ConfigError):
        yield "When the second page fails, the posts of the first are lost."


def _fails(case: Case, asked: Asked) -> Said | None:
    return Said(500, b"later") if case.stage.is_listing(asked) and case.stage.start(asked) else None
