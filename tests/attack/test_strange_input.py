"""Values that no person types: never an error of ours, never half a write, on either database."""

from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from careercenter import audit
from careercenter.web.access import ACCESS, LINK, PUBLIC
from tests.attack import world
from tests.attack.world import World

HUGE = (2**31, 2**63, 10**30)
ROLES = {"student": "mallory", "advisor": "advisor", "faculty": "faculty", "registrar": "registrar", "admin": "admin"}
VALUES = (
    b"\x00", b"9" * 30, b"-1", b"1e999999", b"\xed\xa0\x80", "😀\u202e".encode() * 100, b"' OR 1=1 --", b"0001-01-01T00:00+14:00",
    b"9" * 4400, b"<script>{{7*7}}${7*7}", b"\r\nX-Evil: 1", "²".encode(), b"0001-01-01T00:00:00+14:00_1", b"17:" + b"9" * 30,
)
FIELDS = (
    "title", "kind", "employer", "supervisor_name", "supervisor_email", "supervisor_title", "supervisor_related", "duties",
    "workplace", "starts_on", "ends_on", "hours", "pay_kind", "pay_amount", "listing_id", "worked_on", "note", "term_id",
    "course_id", "credits", "academic", "objectives", "sponsor_id", "placements", "version", "window", "act", "reason", "ids",
    "outcome", "approval_id", "section_id", "grade", "platform", "board", "name", "term", "as_of", "role", "RelayState",
    "SAMLResponse", "communication", "communication_evidence", "hours_claimed", "hours_shown", "started",
)


@pytest.fixture
def campus(factory, now) -> World:
    return world.build(factory, now)


def clients(app: Flask, campus: World, sign_in) -> dict[str, FlaskClient]:
    return {role: sign_in(world.bare(app), campus.people[name]) for role, name in ROLES.items()}


def who(endpoint: str) -> str:
    allowed = ACCESS[endpoint]
    return next((role for role in ROLES if role in allowed), "student")


def failed(answer: TestResponse) -> bool:
    return answer.status_code >= 500


def test_numbers_too_large_for_any_record_look_absent(app, campus, sign_in) -> None:
    found = clients(app, campus, sign_in)
    wrong = []
    for endpoint, rule, names in world.routes(app, "GET"):
        if not any(f"<int:{name}>" in rule for name in names) or ACCESS[endpoint] in (LINK, PUBLIC):
            continue
        client = found[who(endpoint)]
        absent = world.body(client.get("/no-such-page"))
        for number in (0, 999_999, *HUGE):
            answer = client.get(rule.replace(f"<int:{names[0]}>", str(number)))
            if answer.status_code != 404 or world.body(answer) != absent:
                wrong.append((endpoint, number, answer.status_code))
    assert wrong == []


def test_posts_to_numbers_too_large_look_absent(app, campus, sign_in) -> None:
    found = clients(app, campus, sign_in)
    wrong = []
    for endpoint, rule, names in world.routes(app, "POST"):
        if not any(f"<int:{name}>" in rule for name in names):
            continue
        client = found[who(endpoint)]
        data = {"csrf_token": world.token(client), "version": "1", "outcome": "deny", "reason": "No", "grade": "A"}
        for number in HUGE:
            answer = client.post(rule.replace(f"<int:{names[0]}>", str(number)), data=data)
            if failed(answer):
                wrong.append((endpoint, number, answer.status_code))
    assert wrong == []


def test_no_address_breaks_a_page(app, campus, sign_in) -> None:
    found = clients(app, campus, sign_in)
    wrong = []
    for endpoint, rule, names in world.routes(app, "GET"):
        if names or endpoint == "health.metrics":
            continue
        client = found[who(endpoint)]
        for name in relevant(endpoint):
            for value in VALUES:
                answer = client.get(f"{rule}?{name}={quote(value)}")
                if failed(answer) or "X-Evil" in answer.headers:
                    wrong.append((endpoint, name, value[:24], answer.status_code))
    assert wrong == []


def relevant(endpoint: str) -> tuple[str, ...]:
    """The parameters that a page reads; all of them where it is cheap to send all."""
    word = endpoint.partition(".")[0]
    read = {
        "listings": ("q", "place", "kind", "hours", "platform", "after", "sort", "skill", "deadline"), "credit": ("verdict", "program", "due", "placement"),
        "evaluations": ("list",), "admin": ("before", "role", "q", "kind"), "workbooks": ("as_of", "name", "term"),
        "placements": ("listing",), "signon": ("next", "provider"),
    }
    return read.get(word, ("q",))


def test_no_form_breaks_a_page_or_half_writes(app, campus, sign_in) -> None:
    found = clients(app, campus, sign_in)
    tokens = {role: world.token(client) for role, client in found.items()}
    wrong = []
    for endpoint, rule, names in world.routes(app, "POST"):
        if endpoint in ("logout.sign_out", "workbooks.make"):
            continue
        role, address = who(endpoint), place(rule, names, campus)
        for field in FIELDS:
            if not mine(endpoint, field):
                continue
            for value in VALUES:
                sent = {**valid(endpoint, campus), "csrf_token": tokens[role], field: None}
                data = "&".join(f"{k}={quote(str(v))}" for k, v in sent.items() if v is not None) + f"&{field}={quote(value)}"
                answer = found[role].post(address, data=data, content_type=world.FORM_DATA)
                if failed(answer) or "X-Evil" in answer.headers:
                    wrong.append((endpoint, field, value[:24], answer.status_code))
    assert wrong == []
    assert audit.verify() is None


def place(rule: str, names: list[str], campus: World) -> str:
    ids = {
        "placement_id": campus.ids["placement"] + 1, "entry_id": campus.ids["entry"], "request_id": campus.ids["own_request"],
        "evaluation_id": campus.ids["evaluation"], "job_id": campus.ids["job"],
    }
    if names == ["request_id"] and rule.startswith("/queue"):
        ids["request_id"] = campus.ids["request"]
    if names == ["token"]:
        return rule.replace("<token>", campus.tokens["approve" if "approve" in rule else "evaluate"])
    return rule.replace(f"<int:{names[0]}>", str(ids.get(names[0], 1))) if names else rule


def mine(endpoint: str, field: str) -> bool:
    """Whether a route reads a field: the others were shown to change nothing by `test_forms_take_what_they_ask`."""
    return field in valid(endpoint, None) or field in EXTRA.get(endpoint, ())


TERMS = {
    "title": "Work", "kind": "internship", "employer": "Harbor", "supervisor_name": "Sam", "supervisor_email": "s@harbor.example",
    "supervisor_title": "", "supervisor_related": "no", "duties": "Things", "workplace": "remote", "starts_on": "2026-09-01",
    "ends_on": "2026-12-01", "hours": "100", "pay_kind": "hourly", "pay_amount": "20", "listing_id": "",
}
REQUEST = {
    "term_id": "1", "course_id": "1", "credits": "3", "academic": "20", "objectives": "One\nTwo", "note": "", "sponsor_id": "",
    "placements": "2", "version": "1", "window": "abcdef", "act": "save",
}
EXTRA = {"credit.preview": ("ids",), "credit.approve_together": ("ids",)}


def valid(endpoint: str, campus: World | None) -> dict[str, str]:
    """A form that the route would take."""
    forms = {
        "placements.create": TERMS, "placements.save": TERMS, "placements.log_hours": {"worked_on": "2026-10-02", "hours": "1", "note": "n"},
        "credit.create": REQUEST, "credit.save": REQUEST, "credit.autosave": REQUEST, "credit.withdraw": {"version": "99", "reason": "x"},
        "credit.decide": {"approval_id": "1", "outcome": "return", "version": "99", "reason": "x", "section_id": ""},
        "credit.grade": {"grade": "A", "version": "99"}, "credit.answer": {"outcome": "no", "reason": "x"},
        "evaluations.answer": {
            "communication": "5", "communication_evidence": "Saw it", "hours": "no", "hours_claimed": "12", "hours_shown": "600", "started": "1",
        },
        "evaluations.answer_mine": {"started": "1", "note": ""},
        "platforms.sync": {"platform": "greenhouse", "board": "x"}, "signon.act_as": {"role": "admin"},
        "signon.acs": {"RelayState": "x", "SAMLResponse": "x"},
    }
    return dict(forms.get(endpoint, {}))


@pytest.mark.parametrize("as_of", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", "0001-01-01", "\x00", "9" * 40])
def test_a_file_as_of_nonsense_is_refused_or_empty(app, campus, sign_in, as_of: str) -> None:
    client = sign_in(world.bare(app), campus.people["registrar"])
    data = {"csrf_token": world.token(client), "name": "r3", "term": "202710", "as_of": as_of}
    assert client.post("/files", data=data).status_code in (303, 400, 422)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "r3\x00", "r3/../r3", "", "R3", "a" * 5000])
def test_a_file_of_no_layout_is_refused(app, campus, sign_in, name: str) -> None:
    client = sign_in(world.bare(app), campus.people["registrar"])
    data = {"csrf_token": world.token(client), "name": name, "term": "202710", "as_of": ""}
    assert client.post("/files", data=data).status_code in (400, 422)


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_a_megabyte_is_a_sentence(app, campus, sign_in) -> None:
    client = sign_in(world.bare(app), campus.people["mallory"])
    for size, statuses in ((400_000, (422,)), (1_000_000, (413, 422)), (3_000_000, (413,))):
        data = {**TERMS, "csrf_token": world.token(client), "duties": "x" * size}
        answer = client.post("/placements/new", data=data)
        assert answer.status_code in statuses, size
        assert "<h1" in answer.get_data(as_text=True)


def test_ten_thousand_choices_are_no_failure(app, campus, sign_in) -> None:
    client = sign_in(world.bare(app), campus.people["mallory"])
    form = {**REQUEST, "csrf_token": world.token(client)}
    form.pop("placements")
    data = "&".join(f"{k}={quote(v)}" for k, v in form.items()) + "&placements=1" * 35_000
    assert client.post("/credit/new", data=data, content_type=world.FORM_DATA).status_code < 500
