"""A macro drawn once with holes where its texts go, and filled for every row.

The rows of a list are the same markup around a few texts; drawing the markup anew costs a page most of its time. A
stencil holds no record: only the markup, which belongs to the program as a compiled template does.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import current_app
from jinja2 import Environment
from markupsafe import Markup, escape

_HOLE = "\ue000{}\ue001"  # private characters: no text of ours has them where a stencil is cut
_CUT = re.compile("\ue000(\\d+)\ue001")
_SAFE = (Markup, int, float)
_SPECIAL = re.compile("[&<>\"']").search


def stencil(template: str, macro: str, holes: tuple[str, ...], **fixed: Any) -> Callable[..., Markup]:
    """How to fill a macro whose arguments `holes` are texts and whose others are `fixed`.

    The macro may only print its texts, as often as it likes: what it asks or counts has to be fixed. The function that
    comes back takes the texts in the order of `holes`; each is escaped unless it is Markup, as in a template.
    """
    return _cut(current_app.jinja_env, template, macro, holes, **fixed)


@lru_cache(maxsize=256)
def _cut(environment: Environment, template: str, macro: str, holes: tuple[str, ...], **fixed: Any) -> Callable[..., Markup]:
    module: Any = environment.get_template(template).module
    marks = {name: Markup(_HOLE.format(n)) for n, name in enumerate(holes)}  # noqa: S704 - our own sign
    drawn = getattr(module, macro)(**marks, **fixed)
    pattern = _CUT.sub(r"{\1}", str(drawn).replace("{", "{{").replace("}", "}}"))

    def fill(*texts: Any) -> Markup:
        return Markup(pattern.format(*map(escaped, texts)))  # noqa: S704 - every text is escaped

    return fill


def escaped(text: Any) -> Any:
    """A text or a number as it stands in a page; Markup stays as it is. Most texts hold none of the five characters that
    mean something there, and need no Markup made of them: that takes longer than looking."""
    kind = type(text)
    return text if kind in _SAFE or (kind is str and not _SPECIAL(text)) else escape(text)
