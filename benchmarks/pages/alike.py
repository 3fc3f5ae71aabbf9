"""Whether two pages show the same: neither is to be compared with one that shows less."""

import re
from html import unescape

_TAG = re.compile(r"<[^>]*>")
_UNITS = "(?:minute|hour|day|week|month)s?"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_WHEN = re.compile(rf"\b(?:{_MONTHS}|today|tomorrow|yesterday|{_UNITS} ago|\d+ {_UNITS})\b")


def words(page: bytes) -> list[str]:
    """The texts of a page's own part, in their order. Dates are left out: the two say them differently."""
    own = page.decode().partition("<main")[2].partition("</main>")[0]
    texts = (" ".join(unescape(text).split()) for text in _TAG.split("<" + own))
    return [text for text in texts if text and not _WHEN.search(text)]


def must_show_the_same(name: str, ours: bytes, theirs: bytes) -> None:
    """Raises AssertionError with the first difference."""
    for here, there in zip([*words(ours), ""], [*words(theirs), ""], strict=False):
        assert here == there, f"{name}: we show {here!r} where Django shows {there!r}"
