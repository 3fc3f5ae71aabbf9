"""The Greenhouse plugin over HTTP: healthy boards, boards with moods, broken answers."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from careercenter.platforms import draft, reading, registry
from careercenter.platforms.contract import (
    BoardGone,
    Completeness,
    ConfigError,
    End,
    Page,
    PlatformError,
    RateLimited,
    Record,
    SchemaDrift,
    State,
    Transient,
    Unreadable,
)
from careercenter.platforms.decode import html_to_text
from careercenter.platforms.http import HttpClient
from demo.platform_server import PlatformApp, make_platform_app

SEED = date(2026, 11, 1)
GREENHOUSE = registry.get("greenhouse")


class Serving:
    """A WSGI app on a loopback port, and a client that may reach it."""

    def __init__(self, app: Callable[..., Any], prefix: str = ""):
        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.cfg = registry.configure(GREENHOUSE, f"http://{self.host}{prefix}", {}, ["glasswing"])
        self.http = HttpClient(user_agent="test", allow_hosts=[self.host], attempts=1, deadline_seconds=1.5)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def read(self, board: str = "glasswing", state: State | None = None) -> list[Any]:
        return list(reading.messages(GREENHOUSE, self.cfg, board, state, self.http))

    def close(self) -> None:
        self.http.__exit__(None, None, None)
        self.server.shutdown()


@pytest.fixture
def app() -> PlatformApp:
    return make_platform_app(seeded_on=SEED)


@pytest.fixture
def demo(app: PlatformApp) -> Iterator[Serving]:
    serving = Serving(app, "/greenhouse")
    yield serving
    serving.close()


@pytest.fixture
def answering() -> Iterator[Callable[[Response], Serving]]:
    opened: list[Serving] = []

    def serve(response: Response) -> Serving:
        opened.append(Serving(Request.application(lambda request: response)))
        return opened[-1]

    yield serve
    for serving in opened:
        serving.close()


def keys(messages: list[Any]) -> set[str]:
    return {m.post_id for m in messages if isinstance(m, Record)}


def contents(serving: Serving, messages: list[Any]) -> dict[str, bytes]:
    drafts = {
        m.post_id: reading.draft_of(GREENHOUSE, m.raw, serving.cfg) for m in messages if isinstance(m, Record)
    }
    return {key: draft.content_hash(d) for key, d in drafts.items() if isinstance(d, draft.ListingDraft)}


def board(*jobs: Any, total: int | None = None) -> Response:
    meta = {"total": len(jobs) if total is None else total}
    return Response(json.dumps({"jobs": list(jobs), "meta": meta}), mimetype="application/json")


def job(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "internal_job_id": 7,
        "title": "Data Intern",
        "company_name": "Acme Demo",
        "absolute_url": "https://acme.example/jobs/1",
        "location": {"name": "Dayton, OH"},
        "metadata": [],
        "content": "&lt;p&gt;Hello&lt;/p&gt;",
        **changes,
    }


def normal(**changes: Any) -> draft.ListingDraft:
    result = GREENHOUSE.normalize(json.dumps(job(**changes)).encode(), registry.configure(GREENHOUSE))
    assert isinstance(result, draft.ListingDraft), result
    return result


def metadata(**values: Any) -> draft.ListingDraft:
    return normal(
        metadata=[{"name": name.replace("_", " "), "value": value} for name, value in values.items()]
    )


# ---- reading ----


def test_every_demo_board_is_read_whole(demo, app):
    total, rejected = 0, 0
    for token in app.tokens:
        messages = demo.read(token)
        end = messages[-1]
        assert (end.completeness, end.declared_total, end.seen_unique) == (
            Completeness.COMPLETE,
            len(keys(messages)),
            len(keys(messages)),
        )
        drafts = [reading.draft_of(GREENHOUSE, m.raw, demo.cfg) for m in messages if isinstance(m, Record)]
        rejected += sum(isinstance(d, draft.Reject) for d in drafts)
        total += len(drafts)
        assert all(d.description_html and d.places for d in drafts if isinstance(d, draft.ListingDraft))
    assert total > 150
    assert rejected == 1


def test_check_shows_whose_board_it_is(demo):
    result = GREENHOUSE.check(demo.cfg, demo.http)
    assert (result.ok, result.identity, len(result.sample)) == (True, "Glasswing Conservancy", 3)
    assert [b.label for b in GREENHOUSE.discover(demo.cfg, demo.http)] == ["Glasswing Conservancy"]
    wrong = registry.configure(GREENHOUSE, demo.cfg.base_url, {}, ["nobody"])
    assert "nobody" in GREENHOUSE.check(wrong, demo.http).problems[0]
    assert not GREENHOUSE.check(registry.configure(GREENHOUSE, demo.cfg.base_url), demo.http).ok


def test_unknown_board_is_gone(demo):
    with pytest.raises(BoardGone) as caught:
        demo.read("nobody")
    assert caught.value.status == 404


def test_unchanged_board_is_told_by_its_tag(demo, app):
    first = demo.read()
    state = next(m for m in first if isinstance(m, State))
    again = demo.read(state=state)
    assert [type(m) for m in again] == [End]
    assert again[0].unchanged
    app.set_scenario("edited")
    assert keys(demo.read(state=state))


@pytest.mark.parametrize(
    "cursor", [{"etag": 5}, {"etag": "x\r\nHost: y"}, {"etag": '"x"', "version": "2999"}, {"etag": None}]
)
def test_corrupt_or_foreign_state_means_a_full_read(demo, cursor):
    assert keys(demo.read(state=State(cursor))) == keys(demo.read())


def test_two_reads_are_equal_and_dates_stand_still(demo, app):
    assert contents(demo, demo.read()) == contents(demo, demo.read())
    later = make_platform_app(seeded_on=SEED)
    assert later.content("glasswing", "steady") == app.content("glasswing", "steady")


def test_edits_show_though_the_stamp_stands(demo, app):
    before = demo.read()
    app.set_scenario("edited", "glasswing")
    after = demo.read()
    old, new = contents(demo, before), contents(demo, after)
    changed = {key for key in old if old[key] != new[key]}
    assert changed
    assert len(set(new) - set(old)) == 1
    stamps = {m.post_id: json.loads(m.raw)["updated_at"] for m in before if isinstance(m, Record)}
    assert all(
        json.loads(m.raw)["updated_at"] == stamps[m.post_id]
        for m in after
        if isinstance(m, Record) and m.post_id in changed
    )


def test_vanished_is_complete_and_short_is_not(demo, app):
    whole = keys(demo.read())
    app.set_scenario("vanished")
    fewer = demo.read()
    assert keys(fewer) < whole
    assert fewer[-1].completeness is Completeness.COMPLETE
    app.set_scenario("short")
    short = demo.read()
    assert keys(short) < whole
    assert short[-1].completeness is Completeness.PARTIAL
    assert dict(next(m for m in short if isinstance(m, State)).cursor) == {}


@pytest.mark.parametrize(
    ("scenario", "error"), [("login_page", SchemaDrift), ("down", Transient), ("slow", Transient)]
)
def test_moods_are_named_by_what_to_do_next(demo, app, scenario, error):
    app.set_scenario(scenario)
    with pytest.raises(error):
        demo.read()


BROKEN = {
    "login page": b"<html>sign in</html>",
    "empty": b"",
    "object": b"{}",
    "null": b"null",
    "null list": b'{"jobs": null, "meta": {"total": 0}}',
    "truncated": json.dumps({"jobs": [job(), job(id=2)], "meta": {"total": 2}}).encode()[:-40],
    "NaN": b'{"jobs": [{"id": 1, "x": NaN}], "meta": {"total": 1}}',
    "UTF-16": json.dumps({"jobs": [job()], "meta": {"total": 1}}).encode("utf-16"),
    "deep": b'{"jobs": ' + b"[" * 10_000,
    "text after": b'{"jobs": [], "meta": {"total": 0}} and more',
    "two lists": b'{"jobs": [{"id": 1}], "jobs": [], "meta": {"total": 0}}',
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_answers_are_never_a_complete_board(answering, name):
    with pytest.raises(SchemaDrift):
        answering(Response(BROKEN[name], mimetype="application/json")).read()


def test_byte_order_mark_is_harmless(answering):
    body = b"\xef\xbb\xbf" + board(job()).get_data()
    assert answering(Response(body)).read()[-1].completeness is Completeness.COMPLETE


def test_an_honest_zero_is_complete_and_a_silent_one_is_not(answering):
    assert answering(board()).read()[-1].completeness is Completeness.COMPLETE
    assert answering(Response(b'{"jobs": []}')).read()[-1].completeness is Completeness.UNKNOWN
    assert (
        answering(Response(b'{"jobs": [], "meta": {"total": true}}')).read()[-1].completeness
        is Completeness.UNKNOWN
    )


def test_total_that_does_not_match_is_partial(answering):
    end = answering(board(job(), total=37)).read()[-1]
    assert (end.completeness, end.declared_total, end.seen_unique) == (Completeness.PARTIAL, 37, 1)


def test_duplicate_ids_count_once(answering):
    messages = answering(board(job(), job(title="Other"), total=2)).read()
    assert next(m for m in messages if isinstance(m, Page)).rows == 2
    assert (messages[-1].completeness, messages[-1].seen_unique) == (Completeness.PARTIAL, 1)


def test_bad_rows_spoil_only_themselves(answering):
    rows = [
        job(),
        5,
        None,
        job(id=None),
        job(id=True),
        job(id=""),
        job(id=[1]),
        {"title": "x"},
        job(id="a b"),
    ]
    messages = answering(board(*rows)).read()
    assert keys(messages) == {"1"}
    assert sum(isinstance(m, Unreadable) for m in messages) == len(rows) - 1
    assert messages[-1].completeness is Completeness.PARTIAL


def test_too_many_requests_and_redirects_inwards(answering):
    with pytest.raises(RateLimited) as caught:
        answering(Response("slow down", 429, {"Retry-After": "90"})).read()
    assert caught.value.retry_after == 90
    with pytest.raises(ConfigError):
        answering(Response("", 302, {"Location": "http://127.0.0.1:1/latest/meta-data"})).read()
    with pytest.raises(BoardGone):
        answering(Response("", 410)).read()


# ---- the normal form ----


def test_ids_and_requisitions():
    assert normal(requisition_id="R-1").requisition_id == "R-1"
    assert normal(requisition_id=" TBD ").requisition_id == "7"
    assert normal(requisition_id=None).requisition_id == "7"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": " \u202e"}, "no title"),
        ({"absolute_url": "javascript:alert(1)"}, "web address"),
        ({"absolute_url": None}, "web address"),
        ({"company_name": None}, "employer_names"),
        ({"internal_job_id": None}, "general interest"),
        ({"title": 5}, "Text was expected"),
        ({"title": "x\ud800"}, "half of a pair"),
    ],
)
def test_what_cannot_be_a_listing_is_rejected_with_a_reason(changes, words):
    result = reading.draft_of(GREENHOUSE, json.dumps(job(**changes)).encode(), registry.configure(GREENHOUSE))
    assert isinstance(result, draft.Reject)
    assert words in result.reason


def test_employer_name_may_come_from_the_options():
    cfg = registry.configure(GREENHOUSE, None, {"employer_names": {"acme": "Acme Demo"}})
    raw = job(company_name=None, absolute_url="https://job-boards.greenhouse.io/acme/jobs/1")
    assert GREENHOUSE.normalize(raw, cfg).employer.name == "Acme Demo"


def test_description_is_unescaped_once_more_and_sanitised():
    content = "&lt;p&gt;Tom &amp;amp; Ann&lt;script&gt;x()&lt;/script&gt; 3 &amp;lt; 5&lt;/p&gt;"
    found = normal(content=content)
    assert found.description_html == "<p>Tom &amp; Ann 3 &lt; 5</p>"
    assert html_to_text(found.description_html) == "Tom & Ann 3 < 5"
    assert normal(content="&amp;lt;p&amp;gt;Hi&amp;lt;/p&amp;gt;").description_html == "<p>Hi</p>"
    assert normal(content=None).description_html == ""


KINDS = {
    "Software Engineering Intern": "internship",
    "Internship, Marketing (Summer)": "internship",
    "Interns - Operations": "internship",
    "Internal Auditor": "job",
    "International Sales Associate": "job",
    "Internist": "job",
    "Internship Program Manager": "job",
    "Manager, University Recruiting and Internships": "job",
    "Product Manager Intern": "internship",
    "Mechanical Engineering Co-op": "co_op",
    "Coop, Fall": "co_op",
    "Micro-internship: icon set": "micro_internship",
    "Accountant": "job",
}


@pytest.mark.parametrize("title", KINDS)
def test_kind_from_the_title(title):
    assert normal(title=title).kind == KINDS[title]


def test_kind_from_metadata_and_department():
    def with_type(value: str, **changes: Any) -> str:
        return normal(metadata=[{"name": "Employment Type", "value": value}], **changes).kind

    assert with_type("Micro-internship", title="Icon set") == "micro_internship"
    assert with_type("Co-op", title="Engineer") == "co_op"
    assert with_type("Regular", title="Food Co-op Buyer") == "job"
    assert with_type("Full-time", title="Engineering Intern") == "internship"
    assert normal(title="Analyst", departments=[{"name": "Summer Internships"}]).kind == "internship"
    assert normal(title="Analyst", departments=[{"name": "Internal Audit"}]).kind == "job"


PLACES = {
    "Portland, OR or Seattle, WA": (["Portland|OR|US", "Seattle|WA|US"], "unknown"),
    "Austin, TX; Denver, CO | Boise, ID / Provo, UT": (
        ["Austin|TX|US", "Denver|CO|US", "Boise|ID|US", "Provo|UT|US"],
        "unknown",
    ),
    "Raleigh/Durham, NC": (["Raleigh/Durham|NC|US"], "unknown"),
    "Remote, Oregon": (["Remote|OR|US"], "unknown"),
    "Remote, OR": (["Remote|OR|US"], "unknown"),
    "Remote - US": (["None|None|US"], "remote"),
    "Remote": ([], "remote"),
    "US Remote": (["None|None|US"], "remote"),
    "Remote (California)": (["None|CA|US"], "remote"),
    "New York, NY; Remote": (["New York|NY|US"], "unknown"),
    "Columbus, Ohio (Hybrid)": (["Columbus|OH|US"], "hybrid"),
    "Hybrid - Chicago, IL": (["Chicago|IL|US"], "hybrid"),
    "Atlanta, GA": (["Atlanta|GA|US"], "unknown"),
    "Tbilisi, Georgia": (["None|None|None"], "unknown"),
    "Atlanta, Georgia, United States": (["Atlanta|GA|US"], "unknown"),
    "London, UK": (["London|None|GB"], "unknown"),
    "New York": (["None|None|None"], "unknown"),
    "Dayton, OH; Dayton, OH": (["Dayton|OH|US"], "unknown"),
    "": ([], "unknown"),
}


@pytest.mark.parametrize("line", PLACES)
def test_places_and_workplace(line):
    found = normal(location={"name": line})
    assert [f"{p.city}|{p.region}|{p.country}" for p in found.places] == PLACES[line][0]
    assert found.workplace == PLACES[line][1]


def test_workplace_stated_by_the_employer_wins_and_contradictions_stay_open():
    assert metadata(Workplace_Type="On-site").workplace == "onsite"
    assert normal(title="Analyst (Remote)").workplace == "remote"
    assert normal(title="Analyst (Remote)", location={"name": "Dayton, OH (Hybrid)"}).workplace == "unknown"
    assert normal(content="&lt;p&gt;work from anywhere for a month&lt;/p&gt;").workplace == "unknown"


PAY = [
    (
        {"Pay_Type": "Hourly", "Pay": {"unit": "USD", "min_value": "18.00", "max_value": "22.5"}},
        "hourly 18.00 22.5 USD hour",
    ),
    ({"Pay_Type": "Stipend", "Pay": {"unit": "USD", "amount": "1500"}}, "stipend 1500 1500 USD total"),
    (
        {"Pay_Type": "Fixed fee", "Pay": {"unit": "USD", "min_value": "300", "max_value": "300"}},
        "fixed_fee 300 300 USD total",
    ),
    ({"Compensation": "$18 - $22/hr"}, "hourly 18 22 USD hour"),
    ({"Compensation": "$52,000 per year"}, "salary 52000 52000 USD year"),
    ({"Compensation": "$4,000"}, "unknown 4000 4000 USD unknown"),
    ({"Compensation": "competitive"}, "unknown None None None unknown"),
    ({"Compensation": "$20 per hour or $800 per week"}, "unknown 20 800 USD unknown"),
    ({"Pay_Type": "Unpaid"}, "unpaid None None None unknown"),
    ({"Pay_Type": "Academic credit only"}, "credit_only None None None unknown"),
    ({"Pay_Type": "Not displayed"}, "not_displayed None None None unknown"),
    (
        {"Pay_Type": "Salary", "Pay": {"unit": "USD", "min_value": "9", "max_value": "5"}},
        "salary None None None unknown",
    ),
    ({}, "unknown None None None unknown"),
]


@pytest.mark.parametrize(("fields", "expected"), PAY)
def test_pay_is_kept_as_stated(fields, expected):
    pay = metadata(**fields).pay
    assert f"{pay.kind} {pay.min} {pay.max} {pay.currency} {pay.unit}" == expected


def test_pay_ranges_in_cents():
    ranges = [{"min_cents": 1850, "max_cents": 2100, "currency_type": "USD", "title": "Hourly range"}]
    pay = normal(pay_input_ranges=ranges).pay
    assert (str(pay.min), str(pay.max), pay.kind) == ("18.5", "21", "hourly")
    assert normal(pay_input_ranges=[{**ranges[0], "title": "Range"}]).pay.kind == "unknown"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("15-20", (900, 1200)),
        ("20", (1200, 1200)),
        (12, (720, 720)),
        ("up to 20", (None, 1200)),
        ("at least 10", (600, None)),
        ("37.5", (2250, 2250)),
        ("20-15", (None, None)),
        ("varies", (None, None)),
        ("400", (None, None)),
    ],
)
def test_hours_in_minutes(value, expected):
    hours = metadata(Hours_per_Week=value).hours
    assert (hours.min_minutes, hours.max_minutes, hours.per) == (*expected, "week")


def test_deadlines_keep_what_was_said():
    at = normal(application_deadline="2026-11-01T23:59:00-04:00").deadline
    assert (at.at.isoformat(), at.on, at.tz) == ("2026-11-02T03:59:00+00:00", None, "-04:00")
    assert metadata(Apply_by="2026-12-01").deadline.on == date(2026, 12, 1)
    assert normal(application_deadline="soon").deadline is None
    assert normal(updated_at="Posted 3 Days Ago").source_updated_at is None


def test_campus_names_for_employers_own_fields():
    cfg = registry.configure(GREENHOUSE, None, {"metadata_names": {"Weekly commitment": "hours_per_week"}})
    found = GREENHOUSE.normalize(job(metadata=[{"name": "weekly commitment", "value": "10"}]), cfg)
    assert found.hours.max_minutes == 600


def test_normalize_never_crashes_on_wrong_types():
    cfg = registry.configure(GREENHOUSE)
    full = job(
        departments=[{"name": "X"}],
        offices=[],
        requisition_id="R",
        language="en",
        first_published="x",
        pay_input_ranges=[{}],
    )
    for name in full:
        for value in (
            None,
            5,
            1.5,
            True,
            "text",
            [],
            [None],
            [5],
            {},
            {"name": 5},
            [{"name": "Pay", "value": {"unit": 5}}],
        ):
            result = normalized_or_named(full, name, value, cfg)
            assert isinstance(result, (draft.ListingDraft, draft.Reject))


def normalized_or_named(full: dict[str, Any], name: str, value: Any, cfg: Any) -> Any:
    try:
        return GREENHOUSE.normalize({**full, name: value}, cfg)
    except PlatformError as error:  # typed: reading.draft_of turns it into a Reject
        return draft.Reject(str(error))
