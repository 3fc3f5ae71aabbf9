"""Bytes from strangers: what is refused, what is cleaned, and that nothing else is lost."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careercenter.platforms import decode
from careercenter.platforms.contract import SchemaDrift

REFUSED = {
    "empty": b"",
    "blank": b"  \n",
    "login page": b"<!doctype html><title>Sign in</title>",
    "truncated": b'{"jobs": [{"id": 1',
    "text after": b'{"a": 1} extra',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "huge float": b'{"a": 1e999}',
    "beyond 2^53": b'{"a": 9007199254740993}',
    "10,000 digits": b'{"a": ' + b"9" * 10_000 + b"}",
    "same name twice": b'{"a": 1, "a": 2}',
    "same name with an escape": b'{"a": 1, "\\u0061": 2}',
    "same name far inside": b'[{"a": [{"b": {"c" :1, "c" :2}}]}]',
    "same name, and quotation marks to make up for it": b'{"a": 1, "a": 2, "b": "\\u0022\\u0022"}',
    "same name, and more in a string": b'{"a": 1, "a": 2, "b": "\\"a\\":"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without BOM": '{"a": 1}'.encode("utf-16-le"),
    "Latin-1": '{"a": "é"}'.encode("latin-1"),
    "lone surrogate": b'{"a": "\\ud800"}',
    "lone surrogate in a name": b'{"\\uDBFF": 1}',
    "NUL": b'{"a": "x\\u0000y"}',
    "33 levels": b"[" * 33 + b"]" * 33,
    "10,000 levels": b"[" * 10_000 + b"]" * 10_000,
    "10,000 open levels": b'{"a":' * 10_000,
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_json_is_refused_in_a_sentence(name):
    with pytest.raises(SchemaDrift, match=r"^[A-Z].*\.$"):
        decode.load_json(REFUSED[name])


def test_good_json_passes():
    assert decode.load_json(b'\xef\xbb\xbf{"a": [1, 2.5, "\\ud83d\\ude00", null]}') == {
        "a": [1, 2.5, "😀", None]
    }
    assert decode.load_json(b"[" * 32 + b"]" * 32)
    assert decode.load_json(b'{"a": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}')
    assert decode.load_json(b'{"a": 9007199254740992}') == {"a": 2**53}
    assert decode.load_json(rb'{"\u0022": "\\u0022 \\\u0022 \\u0000 \":"}') == {'"': '\\u0022 \\" \\u0000 ":'}


PARTS = ("a", "b", ":", "\\u0061", '\\"', "\\u0022", "\\\\", "\\\\u0022", "\\u0000", "\\ud83d\\ude00", "\\ud800", "é", ",")
WORDS = st.lists(st.sampled_from(PARTS), max_size=3).map(lambda parts: f'"{"".join(parts)}"')
LITERALS = ("0", "-0", "1.50", "1E5", "1e999", "9007199254740992", "9007199254740993", "true", "null", "NaN", "01")
DOCUMENTS = st.recursive(
    WORDS | st.sampled_from(LITERALS),
    lambda inner: st.lists(inner, max_size=4).map(lambda items: f"[{' , '.join(items)}]")
    | st.lists(st.tuples(WORDS, inner), max_size=4).map(lambda pairs: f"{{{','.join(f'{name} : {item}' for name, item in pairs)}}}"),
)


@given(DOCUMENTS)
@settings(max_examples=200)
def test_what_is_quickly_decoded_is_what_the_strict_way_gives(text):
    assert told(decode.load_json, text) == told(decode._load_strictly, text)


def told(load, text):
    try:
        return repr(load(text.encode(), "$"))
    except SchemaDrift as refused:
        return str(refused), refused.path


def test_rows_are_cut_without_decoding_them():
    rows, rest = decode.split_rows(b'{"jobs": [{"id": 1}, {"id": 2, "id": 3}], "meta": {"total": 2}}', "jobs")
    assert rows == [b'{"id": 1}', b'{"id": 2, "id": 3}']
    assert rest == {"jobs": [], "meta": {"total": 2}}


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b"[]",
        b'{"jobs": null}',
        b'{"jobs": {}}',
        b'{"jobs": [], "jobs": [1]}',
        b'{"jobs": [], "meta": NaN}',
        b'{"jobs": [1',
        b'{"jobs": ' + b"[" * 10_000,
        *REFUSED.values(),
    ],
)
def test_rows_need_their_list(body):
    with pytest.raises(SchemaDrift):
        decode.split_rows(body, "jobs")


def test_text_is_one_clean_line():
    assert (
        decode.clean_text(" Data\u00a0\tIntern \r\n\u202eevil\u2066 \x00\x1b[31m ") == "Data Intern evil [31m"
    )
    assert decode.clean_text("Cafe\u0301") == "Café"
    assert len(decode.clean_text("a" + "\u0301" * 10_000)) <= 1 + decode.MAX_MARKS
    assert decode.clean_text("x" * 900, 100) == "x" * 100
    assert decode.clean_text(None) == ""
    with pytest.raises(SchemaDrift):
        decode.clean_text(5)


@given(st.text())
@settings(max_examples=150)
def test_cleaning_twice_changes_nothing(text):
    once = decode.clean_text(text)
    assert decode.clean_text(once) == once
    once.encode()


HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<a href='javascript:alert(1)'>x</a>",
    "<a href='//evil.example/x'>x</a>", "<a href='data:text/html,x'>x</a>", "<p style='position:fixed'>x</p>",
    "<iframe src='https://evil.example'></iframe>", "<form action='https://e.example'><input></form>",
    "<svg onload=alert(1)>", "<style>@import 'x'</style>", "<p onclick=alert(1)>x</p>", "<math><mi xlink:href='x'>",
    "<a href='java\u0000script:alert(1)'>x</a>", "<template><script>x</script></template>",
]  # fmt: skip


@pytest.mark.parametrize("source", HOSTILE)
def test_html_keeps_nothing_that_acts(source):
    cleaned = decode.clean_html(f"<p>before</p>{source}<p>after</p>").lower()
    assert "<p>before</p>" in cleaned
    for word in (
        "script",
        "onerror",
        "onclick",
        "onload",
        "style",
        "<img",
        "<iframe",
        "<form",
        "<input",
        "evil",
        "data:",
    ):
        assert word not in cleaned


def test_html_keeps_what_a_reader_needs():
    source = "<h1>Role</h1><p>Tom &amp; <b>Ann</b></p><ul><li>one</li></ul><a href='https://x.example/a'>site</a><h5>s</h5>"
    cleaned = decode.clean_html(source)
    assert cleaned.startswith("<h3>Role</h3><p>Tom &amp; <b>Ann</b></p><ul><li>one</li></ul>")
    assert 'href="https://x.example/a"' in cleaned
    assert 'rel="noopener noreferrer nofollow"' in cleaned
    assert "<h4>s</h4>" in cleaned
    assert decode.html_to_text(cleaned).splitlines()[:4] == ["Role", "Tom & Ann", "", "- one"]


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "//x.example",
        "data:x",
        "ftp://x.example",
        "https://",
        "https://a b",
        "https://me@x.example/",
        "http://[::1",
        "https://exa\u2100mple.com/1",
        "https://x.example/a\u3000b",
        "https://x.example/a\ufffdb",
        "https://x.example/a`b",
        "",
        None,
        5,
    ],
)
def test_only_web_addresses_are_web_addresses(value):
    assert decode.web_address(value) is None


def test_dates_need_their_zone():
    assert decode.instant("2026-08-31T23:59:00-04:00") == datetime(2026, 9, 1, 3, 59, tzinfo=UTC)
    assert decode.instant(None) is None
    assert decode.web_address("https://jobs.example.org/a?b=1#c") == "https://jobs.example.org/a?b=1#c"
    for bad in ("2026-08-31T23:59:00", "Posted 3 Days Ago", 5, "9999-12-31T23:59:00-12:00"):
        with pytest.raises(SchemaDrift):
            decode.instant(bad)
    assert decode.calendar_day("2026-09-15") == date(2026, 9, 15)
