"""Platforms behind a school's key, in the shape that is documented: how the key is shown, what options mean."""

import json
from decimal import Decimal
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from careercenter.platforms import registry
from careercenter.platforms.contract import AuthError, Completeness, ConfigError, End, Record, TermsBlocked, Tombstone
from careercenter.platforms.http import HttpClient
from tests.plugins.recorded import Recorded, recorded, tape

NEED_A_KEY = ("adzuna", "handshake", "riipen", "symplicity", "twelvetwenty")


def drafts(board: Recorded) -> list[Any]:
    return [board.draft(m.raw) for m in board.read() if isinstance(m, Record)]


@pytest.mark.parametrize(("name", "header", "value"), [
    ("handshake", "x-api-key", "k"), ("riipen", "Authorization", "Bearer k"), ("symplicity", "Authorization", "Token k"),
    ("twelvetwenty", "Authorization", "Bearer one-day-token"),
])
def test_the_key_is_shown_as_the_platform_wants_it(name: str, header: str, value: str) -> None:
    seen: list[Request] = []
    with recorded(name, lambda r: seen.append(r)) as board:  # type: ignore[func-returns-value]
        board.read()
    asked = [r for r in seen if not r.path.endswith("generateAuthenticationToken")]
    assert asked and all(r.headers.get(header) == value for r in asked)
    assert not any("k" in r.args.values() for r in asked)


def test_twelvetwentys_key_is_exchanged_once_for_a_whole_read() -> None:
    seen: list[Request] = []
    with recorded("twelvetwenty", lambda r: seen.append(r)) as board:  # type: ignore[func-returns-value]
        board.read()
    (exchange,) = [r for r in seen if r.path.endswith("/api/client/generateAuthenticationToken")]
    assert exchange.args.to_dict() == {"key": "k"}
    assert seen[1].path.endswith("/api/v2/job-postings") and seen[1].args["PageSize"] == "500"
    assert "statusId" not in seen[1].args, "what stays empty is not sent"


def test_a_refused_exchange_is_a_refused_key() -> None:
    with recorded("twelvetwenty", lambda _: Response("no", 401)) as board, pytest.raises(AuthError) as told:
        board.read()
    assert "key=" not in str(told.value)


@pytest.mark.parametrize("name", NEED_A_KEY)
def test_a_wrong_key_fails_the_check(name: str) -> None:
    with recorded(name, lambda _: Response("no", 401)) as board, board.client() as http:
        found = board.plugin.check(board.cfg, http)
    assert not found.ok and "Check the key" in found.problems[0]


@pytest.mark.parametrize("name", NEED_A_KEY)
def test_a_missing_key_is_named_and_what_was_not_tried_is_said(name: str) -> None:
    with pytest.raises(ConfigError) as told:
        registry.configure(registry.get(name), "https://x.example", {}, ["a"])
    assert "key" in str(told.value)
    note = registry.get(name).spec().note
    assert "ot verified live" in note


def test_custom_attributes_are_what_the_school_says_they_are() -> None:
    attributes = {"kind": "custom_attribute_11", "pay_kind": "custom_attribute_12", "pay": "custom_attribute_13", "hours": "custom_attribute_14"}
    values = {"Summer Associate": "internship", "Consulting Project": "project", "False": "unpaid"}
    with recorded("twelvetwenty", custom_attributes=attributes, custom_values=values) as board:
        first, second = drafts(board)
    assert (first.kind.value, first.pay.kind.value, first.pay.min, first.hours.max_minutes) == ("internship", "hourly", Decimal(32), 2400)
    assert (second.kind.value, second.pay.kind.value, second.hours) == ("project", "unpaid", None)
    assert first.apply.url == "https://campus.example/jobPostings#/jobPostings/501234"


def test_a_status_that_a_school_names_is_asked_for() -> None:
    seen: list[Request] = []
    with recorded("twelvetwenty", lambda r: seen.append(r), status_id="3") as board:  # type: ignore[func-returns-value]
        board.read()
    assert seen[1].args["statusId"] == "3"


def test_symplicity_shows_what_is_approved_and_sends_students_to_csm() -> None:
    with recorded("symplicity") as board:
        messages = board.read()
        made = drafts(board)
    assert [m.post_id for m in messages if isinstance(m, Tombstone)] == ["a3f0c1d2e6"]
    assert all(d.apply.platform and d.apply.url is None for d in made)
    assert made[0].eligibility.class_levels == ("Junior", "Senior")
    assert made[0].places[0].country == "US"


def test_a_row_without_a_word_of_its_state_is_not_gone() -> None:
    """A platform that stops to say a state must not close a whole board by it."""
    with recorded("symplicity") as board:
        whole = json.loads(_body("symplicity"))
    for row in whole["models"]:
        row.pop("approved")
    with recorded("symplicity", lambda _: Response(json.dumps(whole))) as board:
        assert not any(isinstance(m, Tombstone) for m in board.read())


def _body(name: str) -> bytes:
    return (tape(name) / "board.json").read_bytes()


def test_handshakes_base_path_and_list_are_configuration() -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response(_body("handshake").replace(b'"data"', b'"results"'))

    with recorded("handshake", answer, rows="results", resource="jobs") as board:
        cfg = registry.configure(board.plugin, f"http://{board.host}/edu/v1/812", {"key": "k", "rows": "results", "resource": "jobs"}, ["a"])
        with board.client() as http:
            assert len([m for m in board.plugin.read(cfg, "a", None, http) if isinstance(m, Record)]) == 2
    assert seen[0].path == "/edu/v1/812/jobs" and seen[0].args["page_size"] == "50"
    assert board.plugin.spec().capabilities.removal.value == "expiry", "no total proves that all pages came"


def test_adzunas_pages_stand_in_its_address() -> None:
    seen: list[Request] = []

    def page(request: Request) -> Response:
        seen.append(request)
        n = int(request.path.rpartition("/")[2])
        rows = [{"id": f"{n}-{i}", "title": "Intern", "company": {"display_name": "A"}, "redirect_url": f"https://x.example/{n}/{i}"}
                for i in range(50)]
        return Response(json.dumps({"count": 5000, "results": rows}))

    with recorded("adzuna", page) as board:
        end = board.read()[-1]
    assert [r.path for r in seen[:2]] == ["/adzuna/jobs/acme/search/1", "/adzuna/jobs/acme/search/2"]
    assert seen[0].args["app_key"] == "k" and len(seen) == 20
    assert isinstance(end, End) and end.completeness is Completeness.CAPPED


@pytest.mark.parametrize(("name", "words"), [("adzuna", "14 days"), ("workday", "undocumented")])
def test_what_stays_off_says_why(name: str, words: str) -> None:
    plugin = registry.get(name)
    with pytest.raises(TermsBlocked) as told:
        registry.require_terms(plugin.spec())
    assert words in str(told.value) and words in plugin.spec().note


def test_workday_reads_nothing_whatever_it_is_asked() -> None:
    plugin = registry.get("workday")
    cfg = registry.configure(plugin, None, {}, ["acme"])
    with HttpClient(user_agent="test") as http:
        assert not plugin.check(cfg, http).ok and plugin.discover(cfg, http) == []
        with pytest.raises(TermsBlocked):
            plugin.read(cfg, "acme", None, http)
    assert "employer_xml" in plugin.normalize({}, cfg).reason  # type: ignore[union-attr]
