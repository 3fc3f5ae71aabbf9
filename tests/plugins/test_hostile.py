"""Answers that no platform should give, where a recording has something of its own to show; the rest is the conformance kit's."""

import gzip
import json

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
from tests.plugins.recorded import NAMES, recorded, tape

PAGED = ["lever", "smartrecruiters"]


def whole(name: str) -> bytes:
    return next(tape(name).glob("board.*")).read_bytes()


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


def many(name: str, rows: int, at: int = 0) -> bytes:
    """A page made of the recording's first row, the first one unless told."""
    value = json.loads(whole(name))
    first = value[0] if isinstance(value, list) else value["content"][0]
    made = [first | {"id": f"{first['id']}-{n}"} for n in range(at, at + rows)]
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
