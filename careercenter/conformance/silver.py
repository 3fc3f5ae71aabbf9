"""Checks 10 to 15: a plugin that may run every day. 16 to 18 are in `core`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from careercenter.conformance.case import Case, NotHere
from careercenter.conformance.report import check
from careercenter.conformance.stage import FAR_FUTURE, Asked, Said
from careercenter.platforms.contract import Completeness, RateLimited, State

WAIT = "7"


@check(10, "A repeated page, a short page and a total that shrinks end the read, and nothing counts as gone")
def pages_that_lie(case: Case) -> Iterator[str]:
    size = case.pages()
    rows = case.stage.more(size + 3)
    moods: dict[str, Any] = {
        "A page that repeats for ever": lambda asked: _always_first(case, asked),
        "A total that shrinks to nothing on the second page": lambda asked: _shrunk(case, asked),
    }
    if case.spec.capabilities.declares_total:
        moods["A short second page"] = lambda asked: _short(case, asked)
    for words, mood in moods.items():
        case.stage.show(rows)
        case.stage.before = mood
        heard = case.read()
        if heard.crash:
            yield f"{words}: {heard.crash}"
        elif heard.complete:
            yield f"{words} is read as {heard.words}"


def _always_first(case: Case, asked: Asked) -> Said | None:
    return case.stage.usual(asked, 0) if case.stage.is_listing(asked) else None


def _cut(case: Case, asked: Asked, rows: int, total: int | None) -> Said | None:
    """The second page with other rows and another total."""
    start = case.stage.start(asked)
    if not case.stage.is_listing(asked) or not start:
        return None
    stage = case.stage
    shown = stage.rows
    try:
        stage.rows, stage.total = shown[: start + rows], len(shown) if total is None else total
        return stage.usual(asked)
    finally:
        stage.rows, stage.total = shown, None


def _shrunk(case: Case, asked: Asked) -> Said | None:
    if not case.spec.capabilities.declares_total:
        return None if case.stage.start(asked) == 0 else _always_first(case, asked)
    return _cut(case, asked, 0, 0)


def _short(case: Case, asked: Asked) -> Said | None:
    return _cut(case, asked, 1, None)


@check(11, "A board that reaches the platform's known ceiling is CAPPED")
def ceiling(case: Case) -> Iterator[str]:
    case.listed()
    most = case.spec.capabilities.max_rows
    if most is None:
        raise NotHere("No ceiling is known.")
    case.stage.show(case.stage.more(most), most)
    heard = case.read()
    if heard.end is None or heard.end.completeness is not Completeness.CAPPED:
        yield f"A board with {most:,} listings, which is the most that the platform shows, is read as {heard.words}"


@check(12, "A declared total that does not agree with what came is PARTIAL")
def total(case: Case) -> Iterator[str]:
    case.asks()
    if not case.spec.capabilities.declares_total:
        raise NotHere("The platform declares no total.")
    if case.usual.records and case.usual.end and case.usual.end.declared_total is None:
        yield "The plugin says that the platform declares a total, and does not read it. Where does it stand ([read] total)?"
    rows = case.stage.more(len(case.stage.recorded))
    for declared in {len(rows) + 5, len(rows) - 1} - {len(case.usual.shown)}:
        case.stage.show(rows, declared)
        heard = case.read()
        if heard.crash or heard.complete:
            yield f"A board that declares {declared} listings and shows {len(rows)} is read as {heard.words}"


@check(13, "Asked to wait, the plugin stops asking and says for how long")
def asked_to_wait(case: Case) -> Iterator[str]:
    case.asks()
    for status in (429, 403):
        def slow_down(asked: Asked, status: int = status) -> Said | None:
            return None if asked.path == "/robots.txt" else Said(status, b"slow down", {"Retry-After": WAIT})

        case.stage.asked.clear()
        case.stage.before = slow_down
        heard = case.read()
        requests = sum(asked.path != "/robots.txt" for asked in case.stage.asked)
        if heard.crash or not isinstance(heard.error, RateLimited):
            yield f"The platform answers {status} and asks to wait; the read ends as {heard.words}"
        elif heard.error.retry_after != float(WAIT):
            yield f"The platform asks to wait {WAIT} seconds; the plugin says {heard.error.retry_after}."
        if requests > 1:
            yield f"The platform answers {status} and asks to wait; the plugin asks {requests - 1} more times at once."


@check(14, '"Not modified" is a complete read without changes, and is never built on an answer that was not believed')
def not_modified(case: Case) -> Iterator[str]:
    case.asks()
    case.stage.tag = '"kit"'
    first = case.read()
    case.stage.asked.clear()
    again = case.read(first.state)
    said_so = any(asked.headers.get("if-none-match") == case.stage.tag for asked in case.stage.asked)
    if again.crash or again.error:
        yield f"The second read of an unchanged board ended as {again.words}"
    elif said_so and not (again.complete and again.end and again.end.unchanged):
        yield f'"Not modified" is read as {again.words}, and everything would count as gone.'
    if not case.spec.capabilities.declares_total:
        return
    case.stage.show(case.stage.recorded, len(case.stage.recorded) + 5)
    doubtful = case.read()
    later = case.read(doubtful.state)
    if doubtful.end and not doubtful.complete and later.end and later.end.unchanged:
        yield "After a read that was not believed, \"not modified\" confirms it: give out a tag only after a complete read."


@check(15, "A state from the future, from another version or spoiled means a full read")
def spoiled_state(case: Case) -> Iterator[str]:
    case.reads()
    case.stage.tag = '"kit"'
    found = case.read().state
    kept = dict(found.cursor) if found else {}
    states = [_future(kept), {**kept, "version": FAR_FUTURE}, {n: kept[n] if n == "version" else 10**12 for n in kept}]
    states.append({n: kept[n] if n == "version" else [[]] for n in kept})
    states.append({"etag": 7, "pages": [], "newest": f"{FAR_FUTURE}-01-01T00:00:00Z", "digest": {}})
    for state in states:
        heard = case.read(State(state))
        unchanged = heard.end is not None and heard.end.unchanged
        if heard.crash or (not heard.complete and case.usual.complete) or (not unchanged and heard.shown != case.usual.shown):
            yield f"With the state {json.dumps(state)[:80]} the read ends as {heard.words}"
        elif unchanged and state != kept:
            yield f"With the state {json.dumps(state)[:80]} the board counts as unchanged."


def _future(value: Any) -> Any:
    """The same cursor with every word in it from the far future."""
    if isinstance(value, Mapping):
        return {name: word if name == "version" else _future(word) for name, word in value.items()}
    if isinstance(value, list):
        return [_future(item) for item in value]
    return f"{FAR_FUTURE}-01-01T00:00:00Z" if isinstance(value, str) else 10**12
