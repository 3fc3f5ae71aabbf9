"""Answers that no platform should give: whatever comes, nothing may call itself a complete board, and nothing crashes."""

import gzip
import json
from collections.abc import Callable

import pytest
from werkzeug.wrappers import Request, Response

from careercenter.platforms.contract import (
    AuthError,
    BoardGone,
    Completeness,
    End,
    PlatformError,
    RateLimited,
    Record,
    SchemaDrift,
    State,
    Transient,
)
from tests.plugins.recorded import PAYLOADS, recorded

NAMES = sorted(p.name for p in PAYLOADS.iterdir() if p.is_dir())
JSON = [n for n in NAMES if (PAYLOADS / n / "board.json").exists()]
XML = [n for n in NAMES if (PAYLOADS / n / "board.xml").exists()]
PAGED = ["lever", "smartrecruiters"]


def whole(name: str) -> bytes:
    return next((PAYLOADS / name).glob("board.*")).read_bytes()


BODIES: dict[str, Callable[[str], bytes]] = {
    "login page": lambda n: b"<!doctype html><html><title>Sign in</title><form></form></html>",
    "empty": lambda n: b"",
    "blank": lambda n: b" \n ",
    "null": lambda n: b"null",
    "an empty object": lambda n: b"{}",
    "a number": lambda n: b"7",
    "truncated": lambda n: whole(n)[: len(whole(n)) * 2 // 3],
    "UTF-16": lambda n: whole(n).decode().encode("utf-16"),
    "not UTF-8": lambda n: b"\xc3\x28" + whole(n),
    "10,000 deep": lambda n: b"[" * 10_000 + b"]" * 10_000 if n in JSON else b"<a>" * 10_000 + b"</a>" * 10_000,
    "text after the end": lambda n: whole(n) + b"}" if n in JSON else whole(n) + b"<x/>",
    "an entity bomb": lambda n: b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "cccccccc">]><a>&b;</a>',
    "rows of another kind": lambda n: b'{"jobs": "none", "content": 3, "offers": {}, "data": true, "items": null}',
}


@pytest.mark.parametrize("body", list(BODIES))
@pytest.mark.parametrize("name", NAMES)
def test_a_broken_answer_is_never_a_complete_board(name: str, body: str) -> None:
    with recorded(name, lambda _: Response(BODIES[body](name))) as board:
        try:
            end = board.read()[-1]
        except (SchemaDrift, BoardGone, Transient):
            return
    assert isinstance(end, End) and end.completeness is not Completeness.COMPLETE, end


@pytest.mark.parametrize("name", NAMES)
def test_a_byte_order_mark_is_harmless(name: str) -> None:
    with recorded(name, lambda r: None if "detail" in r.path or "Token" in r.path else Response(b"\xef\xbb\xbf" + whole(name)) if not r.args.get("offset", "0") > "0" else None) as b:
        assert any(isinstance(m, Record) for m in b.read())


@pytest.mark.parametrize(("status", "headers", "error"), [
    (401, {}, AuthError), (403, {}, AuthError), (404, {}, BoardGone), (410, {}, BoardGone), (429, {"Retry-After": "7"}, RateLimited),
    (403, {"Retry-After": "7"}, RateLimited), (500, {}, Transient), (503, {}, Transient), (302, {"Location": "http://127.0.0.1:1/"}, PlatformError),
])
@pytest.mark.parametrize("name", NAMES)
def test_statuses_are_named_by_what_to_do_next(name: str, status: int, headers: dict[str, str], error: type[PlatformError]) -> None:
    with recorded(name, lambda _: Response("no", status, headers)) as board, pytest.raises(error):
        board.read()


@pytest.mark.parametrize("name", PAGED)
def test_a_failing_second_page_is_partial_and_keeps_what_came(name: str) -> None:
    def answer(request: Request) -> Response | None:
        if a_posts_own(request):
            return Response("{}")
        at = int(request.args.get("skip") or request.args.get("offset") or 0)
        return Response("later", 503) if at else Response(many(name, 100))

    with recorded(name, answer) as board:
        *came, end = board.read()
    assert sum(isinstance(m, Record) for m in came) == 100
    assert isinstance(end, End) and end.completeness is Completeness.PARTIAL and "stopped after 100" in end.note


@pytest.mark.parametrize("name", PAGED)
def test_the_same_page_for_ever_ends_as_partial(name: str) -> None:
    def answer(request: Request) -> Response | None:
        return Response("{}") if a_posts_own(request) else Response(many(name, 100))

    with recorded(name, answer) as board:
        end = board.read()[-1]
    assert isinstance(end, End) and end.completeness is Completeness.PARTIAL and "same page" in end.note


def a_posts_own(request: Request) -> bool:
    """SmartRecruiters' page of one post."""
    return "/companies/" in request.path and not request.path.endswith("/postings")


def many(name: str, rows: int) -> bytes:
    """A full first page made of the recording's first row."""
    value = json.loads(whole(name))
    first = value[0] if isinstance(value, list) else value["content"][0]
    made = [first | {"id": f"{first['id']}-{n}"} for n in range(rows)]
    return json.dumps(made if isinstance(value, list) else value | {"content": made, "totalFound": 250}).encode()


def test_a_declared_total_that_does_not_agree_is_partial() -> None:
    with recorded("remotive", lambda _: Response(whole("remotive").replace(b'"job-count": 4', b'"job-count": 9'))) as board:
        end = board.read()[-1]
    assert isinstance(end, End) and end.completeness is Completeness.PARTIAL and "9" in end.note


def test_a_known_ceiling_is_capped() -> None:
    def page(request: Request) -> Response:
        n = int(request.args["page"])
        rows = [{"id": n * 20 + i, "name": f"Intern {i}", "refs": {"landing_page": f"https://x.example/{n * 20 + i}"},
                 "company": {"name": "Acme"}, "levels": [{"name": "Internship"}]} for i in range(20)]
        return Response(json.dumps({"results": rows, "page_count": 150, "total": 3000}))

    with recorded("themuse", page) as board:
        end = board.read()[-1]
    assert isinstance(end, End) and end.completeness is Completeness.CAPPED and end.ceiling_hit


def test_not_modified_is_complete_and_unchanged_and_a_tag_comes_only_from_a_believed_answer() -> None:
    def tagged(request: Request) -> Response:
        if request.headers.get("If-None-Match") == '"a"':
            return Response(status=304)
        return Response(whole("recruitee"), headers={"ETag": '"a"'})

    with recorded("recruitee", tagged) as board:
        state = next(m for m in board.read() if isinstance(m, State))
        (end,) = board.read(state)
    assert isinstance(end, End) and end.unchanged and end.completeness is Completeness.COMPLETE
    with recorded("remotive", lambda _: Response(whole("remotive").replace(b": 4", b": 9", 1), headers={"ETag": '"a"'})) as board:
        assert next(m for m in board.read() if isinstance(m, State)).cursor == {}


def test_a_bad_row_spoils_only_itself() -> None:
    rows = b'[{"id": "1", "text": "Good", "hostedUrl": "https://x.example/1"}, {"id": "2", "text": "x", "n": 99999999999999999999}, 7, {"id": {}, "text": "x"}]'
    with recorded("lever", lambda r: Response(rows if r.args["skip"] == "0" else b"[]")) as board:
        messages = board.read()
        made = [type(board.draft(m.raw)).__name__ for m in messages if isinstance(m, Record)]
    assert made == ["ListingDraft", "Reject"]
    assert [type(m).__name__ for m in messages].count("Unreadable") == 2


def test_next_page_on_another_host_is_not_followed() -> None:
    body = whole("arbeitnow").replace(b'"next": null', b'"next": "https://evil.example/api?page=2"')
    with recorded("arbeitnow", lambda _: Response(body)) as board:
        end = board.read()[-1]
    assert isinstance(end, End) and end.completeness is Completeness.PARTIAL and "another host" in end.note


def test_a_gzip_bomb_is_refused() -> None:
    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    with recorded("lever", lambda _: Response(bomb, headers={"Content-Encoding": "gzip"})) as board, pytest.raises(SchemaDrift):
        board.read()


@pytest.mark.parametrize("name", NAMES)
def test_scripts_and_foreign_links_do_not_come_through(name: str) -> None:
    with recorded(name) as board:
        raw = next(m.raw for m in board.read() if isinstance(m, Record))
        evil = json.dumps(poisoned(json.loads(raw)))
        made = board.draft(evil.encode())
    text = str(made)
    assert "<script" not in text and "javascript:" not in text and "onerror" not in text


def poisoned(value: object, name: str = "") -> object:
    if isinstance(value, dict):
        return {k: poisoned(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(v, name) for v in value]
    if isinstance(value, str) and value.startswith("http"):
        return "javascript:alert(1)" if "apply" in name.lower() else value
    return f"{value}<script>alert(1)</script><img src=x onerror=alert(1)>" if isinstance(value, str) and "<" in value else value


@pytest.mark.parametrize("name", NAMES)
def test_wrong_types_in_a_record_are_rejected_or_understood_and_never_crash(name: str) -> None:
    with recorded(name) as board:
        raw = next(m.raw for m in board.read() if isinstance(m, Record))
        record = json.loads(raw)
        for key in record:
            for wrong in (None, 7, -1.5, True, "", "x" * 5000, [], [[]], {}, {"a": {"b": []}}, [None], "\u202e"):
                made = board.draft(json.dumps(record | {key: wrong}).encode())
                assert type(made).__name__ in ("ListingDraft", "Reject")
                assert "failed on this record" not in getattr(made, "reason", ""), (key, wrong, made)
