"""What templates need besides their context: addresses of static files, signs, and the arithmetic of charts.

`install(app)` puts them into the Jinja environment. The signs (icon, chip, mark, count) stand in every row of every
table, so they are functions and not macros: a chip takes five microseconds instead of sixteen. Templates import
them from `_macros/status.html` like everything else.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import current_app, request
from jinja2 import Environment, Template
from jinja2.runtime import Context, new_context
from markupsafe import Markup, escape

from careercenter.web import charts
from careercenter.web.stencils import stencil

STATIC = Path(__file__).parent / "static"
MARK = Markup('<span class="mark">')
END = Markup("</span>")
# The four meanings: icon, and the word that stands beside it when the page gives none.
MEANINGS = {
    "needs": ("arrow-right-circle-fill", "Needs you"),
    "waiting": ("hourglass-split", "Waiting"),
    "good": ("check-circle-fill", "Good"),
    "stopped": ("slash-circle-fill", "Stopped"),
}


@cache
def asset(name: str) -> str:
    """The address of a file below `static/`, with eight digits of its SHA-256 so that it can be kept forever.

    Fonts go without: app.css names them by their plain address, and a second address would fetch them twice.
    """
    if name.endswith(".woff2"):
        return f"/static/{name}"
    digest = sha256((STATIC / name).read_bytes()).hexdigest()[:8]
    return f"/static/{name}?v={digest}"


@cache
def _plain_icon(name: str) -> Markup:
    return Markup('<svg class="i" aria-hidden="true"><use href="{}#{}"/></svg>').format(asset("vendor/icons.svg"), name)


def icon(name: str, label: str | None = None) -> Markup:
    """An icon of tools/icons.txt; with a label only where no word stands beside it."""
    if not label:
        return _plain_icon(name)
    svg = Markup('<svg class="i" role="img" aria-label="{}"><use href="{}#{}"/></svg>')
    return svg.format(label, asset("vendor/icons.svg"), name)


@cache
def _chip_start(meaning: str) -> Markup:
    return Markup('<span class="chip chip-{}">{}').format(meaning, _plain_icon(MEANINGS[meaning][0]))


def chip(meaning: str, text: str | None = None) -> Markup:
    """A status: one of the four meanings with its icon and the words for it."""
    return Markup(f"{_chip_start(meaning)}{escape(text or MEANINGS[meaning][1])}</span>")  # noqa: S704 - each part is escaped


def mark(text: str, symbol: str | None = None) -> Markup:
    """A plain fact in a box, without a meaning of its own."""
    return MARK + (_plain_icon(symbol) if symbol else "") + text + END


def count(n: int, what: str = "waiting") -> Markup:
    """A number beside a word of the navigation; `what` says to screen readers what is counted."""
    return Markup('<span class="count">{}<span class="visually-hidden"> {}</span></span>').format(n, what)


def stacks(id: str, rows: Sequence[tuple[str, Sequence[charts.Number]]], unit: str = "") -> Markup:  # noqa: A002 - as in markup
    """The bars of a stacked chart: dozens of numbers, so it is a function and not a macro. See _macros/charts.html."""
    found = []
    for row in charts.stacks(rows):
        base, line = row.y + 20, row.y + 36
        found.append(f'<text class="c-label" x="0" y="{row.y + 15}">{escape(charts.cut(row.label))}</text>')
        for p in row.pieces:
            box = f'x="{p.x}%" y="{base}" width="{p.width}%" height="22"/>'
            found.append(f'<rect class="c-s{p.series}" {box}')
            if p.series:
                found.append(f'<rect fill="url(#{id}-p{p.series})" {box}')
            if p.fits:
                words = charts.say(p.value)
                found.append(f'<text class="c-in c-in{p.series}" x="{p.middle}%" y="{line}" text-anchor="middle">{words}</text>')
        total = escape(f"{charts.say(row.total)} {unit}".rstrip())
        found.append(f'<text class="c-value" x="{row.end}%" dx="8" y="{line}">{total}</text>\n')
    return Markup("".join(found))  # noqa: S704 - numbers, and what is escaped


def frame(shell: Any, token: str) -> tuple[Markup, Markup, Markup]:
    """What stands around a page's own content: the rest of its head, all above it, and all below it."""
    head, top, foot = _frame(current_app.jinja_env, shell)
    return head, top(shell.person_name, token, shell.until), foot


@lru_cache(maxsize=256)
def _frame(_environment: Environment, shell: Any) -> tuple[Markup, Callable[..., Markup], Markup]:
    drawn = "_macros/shell.html"
    top = stencil(drawn, "top", ("name", "token", "until"), shell=shell)
    return stencil(drawn, "head", (), shell=shell)(), top, stencil(drawn, "foot", (), shell=shell)()


class _Template(Template):
    """Importing our macros costs nothing: they are always imported without the page's context, so there is no need to
    compare its names with theirs, as Jinja does for each import."""

    def _get_default_module(self, ctx: Any = None) -> Any:
        return super()._get_default_module()

    def new_context(self, vars: Any = None, shared: bool = False, locals: Any = None) -> Context:  # noqa: A002 - Jinja's names
        """No template of ours has globals of its own: the environment's are copied at once, and not name by name."""
        return new_context(self.environment, self.name, self.blocks, vars, shared, self.environment.globals, locals)


def install(app: Any) -> None:
    """Gives a Flask application's templates `asset`, `charts`, the signs and the frame."""
    app.jinja_env.template_class = _Template

    build = app.jinja_env.globals["url_for"]

    @lru_cache(maxsize=256)
    def plain(endpoint: str, root: str) -> str:
        return build(endpoint)  # type: ignore[no-any-return]

    def address(endpoint: str, **values: Any) -> str:
        """As Flask's `url_for`; the address of a page without values is worked out once, and pages name a dozen."""
        return build(endpoint, **values) if values or endpoint.startswith(".") else plain(endpoint, request.script_root)

    app.jinja_env.globals.update(
        url_for=address,
        asset=asset, charts=charts, face_meanings=MEANINGS,
        face_icon=icon, face_chip=chip, face_mark=mark, face_count=count, face_stacks=stacks, face_frame=frame,
    )  # fmt: skip
