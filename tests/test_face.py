"""The face: macros, style page, page linter, vendored parts, and a look in a real browser."""

import re
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from careercenter.web import charts, face
from tests.face_sample import make_app, serving
from tests.page_linter import lint

WEB = Path(face.__file__).parent
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
GOOD = (
    '<!doctype html><html lang="en"><head><title>T</title><meta name="viewport" content="width=device-width"></head>'
    "<body><main><h1>One</h1>{}</main></body></html>"
)


@pytest.fixture(scope="module")
def style_page() -> str:
    return make_app().test_client().get("/about/style").text


def test_style_page_has_nothing_to_complain_about(style_page: str) -> None:
    page = style_page.replace("<title>", "<title>Error: ")  # it shows a refused form among the rest
    assert lint(page, url="/about/style") == []


def test_linter_accepts_a_plain_page() -> None:
    assert lint(GOOD.format("<h2>Two</h2><p>Words</p>"), url="/") == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<h1>Again</h1>", "2 h1"),
        ("<h3>Deep</h3>", "jumps from h1 to h3"),
        ('<p id="a"></p><p id="a"></p>', "id “a” 2 times"),
        ('<p aria-describedby="gone">x</p>', "names “gone”"),
        ('<label for="gone">x</label>', "for “gone”"),
        ('<input name="x">', "no label"),
        ('<label for="x"></label><input id="x" name="x">', "no label"),
        ('<fieldset><label><input type="radio" name="r">A</label></fieldset>', "no legend"),
        ('<label><input type="radio" name="r">A</label><label><input type="radio" name="r">B</label>', "outside a fieldset"),
        ('<button type="button"><svg aria-hidden="true"></svg></button>', "button has no name"),
        ("<button>Go</button>", "no type"),
        ("<details><summary></summary></details>", "summary has no name"),
        ('<img src="/a.png">', "no alt"),
        ("<svg></svg>", "neither named nor hidden"),
        ('<p style="color:red">x</p>', "inline style"),
        ('<p onclick="x()">x</p>', "inline handler onclick"),
        ('<p hx-on:click="x()">x</p>', "inline handler hx-on:click"),
        ('<a href="javascript:x()">Words that say</a>', "javascript: address"),
        ("<script>x()</script>", "inline script"),
        ("<style>p{}</style>", "<style>"),
        ('<form method="post" action="/x"></form>', "without csrf_token"),
        ('<form action="/x"><input type="hidden" name="csrf_token" value="1"></form>', "into the address"),
        ('<a href="/x">Click here</a>', "says only"),
        ('<a href="/x"></a>', "no words"),
        ("<a>Words</a>", "leads nowhere"),
        ('<table><tr><th scope="col">x</th></tr></table>', "no caption"),
        ("<table><caption>c</caption><tr><th>x</th></tr></table>", "no scope"),
        ("<table><caption>c</caption><tr><td>x</td></tr></table>", "no header cells"),
        ('<script src="https://cdn.example/x.js"></script>', "loads from elsewhere"),
        ("<p>{{ name }}</p>", "shows “{{”"),
        ("<dl><dt>GPA</dt><dd>None</dd></dl>", "shows “None”"),
        ('<nav aria-label="A"></nav><nav aria-label="A"></nav>', "2 <nav>"),
        ('<p aria-invalid="true">x</p>', "title does not start"),
        ("<progress value='1' max='2'></progress>", "progress bar has no name"),
    ],
)
def test_linter_sees_one_fault(body: str, complaint: str) -> None:
    assert any(complaint in found for found in lint(GOOD.format(body), url="/x")), lint(GOOD.format(body), url="/x")


@pytest.mark.parametrize(
    ("html", "complaint"),
    [
        (GOOD.replace("<!doctype html>", ""), "doctype"),
        (GOOD.replace(' lang="en"', ""), "lang"),
        (GOOD.replace("<title>T</title>", ""), "title"),
        (GOOD.replace("main>", "div>"), "<main>"),
        (GOOD.replace('name="viewport"', 'name="v"'), "viewport"),
    ],
)
def test_linter_sees_a_faulty_document(html: str, complaint: str) -> None:
    assert any(complaint in found for found in lint(html, url="/x"))


def test_fragments_are_excused_from_document_rules_only() -> None:
    assert lint("<p>Words</p>", url="/x", fragment=True) == []
    assert lint('<p style="a">Words</p>', url="/x", fragment=True)


def test_every_icon_named_anywhere_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([\w-]+)"', (WEB / "static/vendor/icons.svg").read_text()))
    named = set()
    for file in (WEB / "templates").rglob("*.html"):
        named |= set(re.findall(r'icon\("([\w-]+)"|symbol="([\w-]+)"', file.read_text()))
    wanted = {name for pair in named for name in pair if name}
    assert len(wanted) > 10
    assert wanted - sprite == set()


def test_vendored_files_are_the_ones_that_were_fetched() -> None:
    listed = re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (WEB / "static/vendor/VENDORED.md").read_text(), re.M)
    assert len(listed) == 7
    for name, digest in listed:
        assert sha256((WEB / "static/vendor" / name).read_bytes()).hexdigest() == digest, name


def test_assets_carry_their_content_in_the_address() -> None:
    assert re.fullmatch(r"/static/app\.css\?v=[0-9a-f]{8}", face.asset("app.css"))


def test_signs_escape_their_words_and_know_only_four_meanings() -> None:
    for sign in (face.chip("good", "<b>"), face.mark("<b>"), face.icon("bell", "<b>"), face.count(3, "<b>")):
        assert "<b>" not in sign
        assert "&lt;b&gt;" in sign
    with pytest.raises(KeyError):
        face.chip("urgent", "x")


def test_every_static_file_is_below_its_weight() -> None:
    for name, most in {"app.css": 40_000, "parts.css": 40_000, "app.js": 10_000, "vendor/icons.svg": 50_000}.items():
        assert (WEB / "static" / name).stat().st_size < most, name


def test_bars_start_at_zero_and_keep_their_proportions() -> None:
    one, two, none = charts.bars([("a", 50), ("b", Decimal("25.0")), ("c", 0)])
    assert one.width == charts.LONGEST
    assert two.width == one.width / 2
    assert none.width == 0
    assert charts.bars([]) == []


def test_stacked_pieces_join_without_gaps_and_leave_out_nothing() -> None:
    (row,) = charts.stacks([("a", [10, 0, 30])])
    assert [piece.series for piece in row.pieces] == [0, 2]
    assert row.pieces[1].x == row.pieces[0].width
    assert row.end == charts.LONGEST
    assert row.total == 40


@pytest.mark.parametrize(("highest", "top"), [(0, 1), (0.3, 0.5), (1, 1), (61, 100), (240, 250), (902, 1000), (1001, 2000)])
def test_line_has_a_round_ceiling(highest: float, top: float) -> None:
    assert charts.ceiling(highest) == top


def test_line_with_one_point_or_none_is_drawn() -> None:
    assert charts.line([("a", 3)]).points[0].x == charts.LEFT
    assert charts.line([]).points == []
    assert charts.spark([]) == []


@pytest.mark.parametrize(("value", "text"), [(1204, "1,204"), (Decimal("12.50"), "12.5"), (0, "0"), (100, "100")])
def test_numbers_are_said_as_people_write_them(value: charts.Number, text: str) -> None:
    assert charts.say(value) == text


def test_hostile_words_stay_words() -> None:
    app = make_app()
    hostile = '"><script>alert(1)</script>'
    page = app.jinja_env.from_string(
        '{% from "_macros/forms.html" import field, select, scale, error_summary %}'
        '{% from "_macros/page.html" import header, findings, dl %}'
        '{% from "_macros/charts.html" import bar, sparkline %}'
        "{{ header(w, lead=w) }}{{ field(w, 'n', w, help=w, error=w, title=w) }}{{ select(w, 's', [(w, w)], w) }}"
        "{{ scale(w, 'q', [(1, w), (2, w)]) }}{{ error_summary({'n': w}) }}{{ dl([(w, w)]) }}"
        "{{ findings([{'result': 'fail', 'severity': 'block', 'rule': w, 'numbers': w, 'reason': w, 'source': w}]) }}"
        "{{ bar('b', w, w, [(w, 3)]) }}{{ sparkline([1, 2], w) }}"
    ).render(w=hostile)
    assert BeautifulSoup(page, "html.parser").find("script") is None
    assert hostile not in page
    assert "&amp;lt;" not in page, "escaped twice"


@pytest.fixture
def browser(chromium: object) -> object:
    return chromium


def faults(browser, address: str, width: int) -> list[str]:
    """What axe, the console and the width of the page say against it."""
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": width, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": AXE_TAGS}}).response
    said += [f"{v['id']}: {v['nodes'][0]['target']} {v['nodes'][0]['failureSummary']}" for v in found["violations"]]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        said.append("scrolls sideways")
    page.close()
    return said


@pytest.mark.parametrize("width", [1440, 768, 320])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_style_page_in_a_browser(browser, width: int, theme: str) -> None:
    with serving() as url:
        assert faults(browser, f"{url}/about/style?theme={theme}", width) == []


@pytest.mark.parametrize("campus", ["ffde00", "b31b1b", "9ecbff"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_any_campus_colour_stays_readable(browser, campus: str, theme: str) -> None:
    with serving() as url:
        assert faults(browser, f"{url}/about/style?theme={theme}&campus={campus}", 1280) == []


def test_keys_walk_the_queue_and_the_theme_is_remembered(browser) -> None:
    with serving() as url:
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
        page.goto(f"{url}/about/style")
        page.keyboard.press("j")
        page.keyboard.press("j")
        assert page.evaluate("document.activeElement.textContent") == "Marcus Adeyemi-Lindqvist"
        page.click("[data-theme-toggle]")
        assert page.get_attribute("html", "data-bs-theme") == "dark"
        assert {"theme": "dark"}.items() <= {c["name"]: c["value"] for c in page.context.cookies()}.items()
        page.close()


def test_page_works_without_scripts(browser) -> None:
    with serving() as url:
        context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
        page = context.new_page()
        page.goto(f"{url}/about/style")
        page.get_by_text("More", exact=True).click()
        assert page.locator(".tabs-more").get_by_text("Workbooks").is_visible()
        assert not page.locator("[data-theme-toggle]").is_visible()
        context.close()
