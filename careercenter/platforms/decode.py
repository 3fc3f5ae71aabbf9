"""Turns bytes from strangers into values that both databases and every page can hold.

Python's `json` takes NaN, keeps the last of two equal keys, passes lone surrogates and dies of deep nesting;
SQLite and PostgreSQL each refuse other strings. So everything passes here first. Failures are `SchemaDrift`
with a plain sentence.
"""

import codecs
import html
import json
import math
import re
import unicodedata
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

import msgspec
import nh3

from careercenter.platforms.contract import SchemaDrift

MAX_DEPTH = 32
MAX_INT = 2**53
MAX_TEXT = 200_000
MAX_LINE = 500
MAX_MARKS = 8  # combining marks in a row; the longest in living scripts is shorter

TAGS = frozenset(
    {"p", "br", "hr", "ul", "ol", "li", "strong", "b", "em", "i", "u", "h2", "h3", "h4", "blockquote", "code", "pre", "a"}
    | {"table", "thead", "tbody", "tr", "th", "td"}
)
# The tags below vanish with all that is inside them; other unknown tags vanish and leave their text.
DROPPED = frozenset(
    {"script", "style", "template", "iframe", "object", "embed", "svg", "math", "form", "noscript", "head", "title"}
)
SCHEMES = frozenset({"http", "https", "mailto"})

_CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 and C1, but not tab and line ends
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"  # invisible, direction
    "\U000e0000-\U000e007f\ud800-\udfff]"  # tags, lone surrogates
)
_MARK = "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
_MARKS = re.compile(f"({_MARK}{{{MAX_MARKS}}}){_MARK}+")
_SUSPECT = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)|\x00")  # an escape that may be half of a pair, or NUL
_SURROGATE = re.compile("[\ud800-\udfff]")
_BRACKETS = re.compile(r'[\[{\]}]|"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)  # and whole strings, to be passed over
_BOM = b"\xef\xbb\xbf"
_RELATIVE = re.compile(r' href="(?!https?://|mailto:)[^"]*"', re.IGNORECASE)
_LINES = re.compile(r"\n{3,}")
_WEB = re.compile(r"(?i:https?)://[^/?#@ <>\"'\\`]+(?:[/?#][^ <>\"'\\`]*)?")
_TAG = re.compile(r"<[a-z/](?:\"[^\"]*\"|[^\">])*>")
_BLOCK_END = re.compile(r"</(?:p|ul|ol|h[234]|table|tr|blockquote|pre)>|<[bh]r>")
_KEYBOARD = bytes(range(0x20, 0x7F)) + b"\n"
_HEADING_1 = re.compile(r"<(/?)h[156]\b[^>]*>", re.IGNORECASE)
_CLEANER = nh3.Cleaner(
    tags=set(TAGS), clean_content_tags=set(DROPPED), attributes={"a": {"href"}}, url_schemes=set(SCHEMES),
    link_rel="noopener noreferrer nofollow", strip_comments=True,
)


def _shape(levels: int) -> Any:
    """JSON of at most so many levels, with whole numbers up to 2^53. What msgspec keeps of it doubles with each level."""
    plain = str | Annotated[int, msgspec.Meta(ge=-MAX_INT, le=MAX_INT)] | float | bool | None
    inner: Any = plain
    for _ in range(levels):
        inner = plain | dict[str, inner] | list[inner]  # type: ignore[valid-type]
    return inner


_QUICK = msgspec.json.Decoder(_shape(7))  # a record has six levels at most, as far as we have seen
_HIDDEN = re.compile(rb"\\u00(?:22|00)")


def load_json(body: bytes, path: str = "$") -> Any:
    """Strictly one JSON value in UTF-8 (a leading BOM is dropped). `path` names the place in errors.

    Refuses UTF-16/32, NaN and Infinity, equal keys in one object, more than 32 levels, integers beyond 2^53,
    lone surrogates and NUL in strings, and anything after the value.
    """
    # msgspec refuses all of that but two things: of equal keys it keeps the last, and an escaped NUL passes. So the value is
    # written back, and the quotation marks are counted: two to each string and key, and each that stands in one as \" or \u0022.
    # A lost key leaves too few of them, and so does a NUL, which is counted in the text and has no mark that answers to it.
    try:
        value = _QUICK.decode(body)
    except ValueError:
        return _load_strictly(body, path)
    marks = body.count(b'"') + (len(_HIDDEN.findall(body)) if b"\\" in body else 0)
    return value if marks == msgspec.json.encode(value).count(b'"') else _load_strictly(body, path)


def _load_strictly(body: bytes, path: str) -> Any:
    """`load_json` for what is not quickly seen to be good; here alone is said what is wrong."""
    text = _utf8(body, path)
    if not text or text.isspace():
        raise SchemaDrift("The platform sent an empty answer.", path)
    if text.lstrip()[:1] == "<":
        raise SchemaDrift(
            "The platform sent a web page (perhaps a login page) where data was expected.", path
        )
    _check_depth(text, path)
    try:
        value = _decoder(path).decode(text)
    except json.JSONDecodeError as error:
        raise SchemaDrift(
            f"The data is not well formed or cut off (at character {error.pos:,}).", path
        ) from None
    except RecursionError:
        raise SchemaDrift(f"The data is nested more than {MAX_DEPTH} levels deep.", path) from None
    if ("\\u" in text or "\x00" in text) and _SUSPECT.search(text):
        _check_strings(value, path)
    return value


@lru_cache(maxsize=64)
def _decoder(path: str) -> json.JSONDecoder:
    """The strict decoder whose refusals name this place."""
    return json.JSONDecoder(
        parse_constant=lambda name: _drift(f"The data holds {name}, which is not a number.", path),
        parse_int=partial(_integer, path),
        parse_float=partial(_float, path),
        object_pairs_hook=partial(_object, path),
    )


def split_rows(body: bytes, name: str) -> tuple[list[bytes], dict[str, Any]]:
    """`cut_rows` for the list `name` of an object."""
    rows, rest = cut_rows(body, name)
    if not isinstance(rest, dict):
        raise SchemaDrift(f'An object with the list "{name}" was expected.')
    return rows, rest


def cut_rows(body: bytes, place: str) -> tuple[list[bytes], Any]:
    """Cut the list at `place` ("jobs", "result.items", "" for the whole answer) into its rows without decoding them, so that
    one bad row spoils only itself.

    Returns the rows as JSON bytes and the rest of the answer, strictly decoded (there the list is empty). Raises SchemaDrift
    when the answer holds no such list.
    """
    if not body.isascii():
        _utf8(body, "$")  # UTF-16 is known by its first bytes
    body = body.removeprefix(codecs.BOM_UTF8).strip()
    names = place.split(".") if place else []
    inner = body
    try:
        for name in names:
            found = msgspec.json.decode(inner, type=dict[str, msgspec.Raw]).get(name)
            if found is None:
                load_json(body)
                raise SchemaDrift(f'The answer has no list "{place}".', f"$.{place}")
            inner = bytes(found)
        cut = [bytes(row) for row in msgspec.json.decode(inner, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, RecursionError):
        value = load_json(body)  # says what is wrong, when the strict loader sees it too
        if names and not isinstance(value, dict):
            raise SchemaDrift(f'An object with the list "{place}" was expected.') from None
        raise SchemaDrift(f'"{place}" is not a list.' if place else "A list was expected.", f"$.{place}" if place else "$") from None
    return cut, load_json(body.replace(inner, b"[]", 1)) if names else []


def clean_text(value: Any, limit: int = MAX_LINE, path: str = "$") -> str:
    """One line: NFC, no control or direction characters, single spaces, at most `limit` characters.

    None gives "".
    """
    if isinstance(value, str) and len(value) <= limit and value.isascii() and value.isprintable():
        return " ".join(value.split())
    return " ".join(clean_block(value, limit * 4, path).split())[:limit].rstrip()


def clean_block(value: Any, limit: int = MAX_TEXT, path: str = "$") -> str:
    """Like `clean_text`, but keeps line breaks (at most one empty line in a row)."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise SchemaDrift(f"Text was expected, but {type(value).__name__} came.", path)
    text = value[: limit * 2]
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not (plain := text.isascii() and not text.encode().translate(None, _KEYBOARD)):
        text = _CONTROLS.sub("", text)
        if not text.isascii():
            text = _MARKS.sub(r"\1", unicodedata.normalize("NFC", text))
    if plain and "  " not in text:
        lines = [line.strip(" ") for line in text.split("\n")]
    else:
        lines = [" ".join(line.split()) for line in text.split("\n")]
    text = "\n".join(lines)
    return (_LINES.sub("\n\n", text) if "" in lines and "\n\n\n" in text else text).strip()[:limit].rstrip()


def clean_html(value: Any, limit: int = MAX_TEXT, path: str = "$") -> str:
    """Safe HTML of our short list of tags: no images, styles, scripts or forms; links open without referrer.

    Headings of level 1, 5 and 6 become level 3 and 4, so that a description fits below a page's own headings.
    """
    text = clean_block(value, limit, path)
    text = _HEADING_1.sub(lambda m: f"<{m[1]}h{3 if m[0].strip('</')[1] == '1' else 4}>", text)
    return _without_relative_links(_CLEANER.clean(text)).strip()


def html_to_text(safe_html: str) -> str:
    """Plain text of HTML that `clean_html` made: blocks become lines, list items begin with a dash."""
    text = safe_html.replace("\n", " ").replace("<li>", "\n- ")
    return clean_block(html.unescape(_TAG.sub("", _BLOCK_END.sub("\n", text))))


def web_address(value: Any) -> str | None:
    """The address when it is a plain http(s) one, else None."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    if len(text) > 2000 or not _WEB.fullmatch(text):
        return None
    if text.isascii() and text.isprintable():
        return text if "[" not in text or _comes_apart(text) else None
    return text if text.split() == [text] and not _CONTROLS.search(text) and _comes_apart(text) else None


def _comes_apart(address: str) -> bool:
    """Whether a host stands in it that can be one: brackets, and letters that become others, may not."""
    try:
        return bool(urlsplit(address).hostname)
    except ValueError:
        return False


def instant(value: Any, path: str = "$") -> datetime | None:
    """An ISO 8601 instant with offset, as aware UTC. None stays None; without an offset it is refused."""
    if value is None or value == "":
        return None
    try:
        found = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise SchemaDrift(f"{str(value)[:40]!r} is not a date and time.", path) from None
    if found.tzinfo is None:
        raise SchemaDrift(f"{value!r} does not say which time zone it is in.", path)
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise SchemaDrift(f"{value!r} is outside the calendar.", path) from None


def calendar_day(value: Any, path: str = "$") -> date | None:
    """A day written as 2026-09-15. None and "" stay None."""
    if value is None or value == "":
        return None
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        raise SchemaDrift(f"{str(value)[:40]!r} is not a day.", path) from None


def _utf8(body: bytes, path: str) -> str:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in body[:4]:
        raise SchemaDrift("The data is in UTF-16 or UTF-32; UTF-8 was expected.", path)
    try:
        return body.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        raise SchemaDrift(f"The data is not valid UTF-8 (at byte {error.start:,}).", path) from None


def _check_depth(text: str, path: str) -> None:
    """Counts brackets before parsing: a parser that has already gone 10,000 deep is too late.

    Strings are skipped.
    """
    if max(text.count("["), text.count("{")) <= MAX_DEPTH // 2:
        return
    depth = 0
    for found in _BRACKETS.finditer(text):
        first = found[0][0]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise SchemaDrift(f"The data is nested more than {MAX_DEPTH} levels deep.", path)
        elif first in "]}":
            depth -= 1


def _integer(path: str, digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > MAX_INT:
        raise SchemaDrift("The data holds a whole number beyond 2^53.", path)
    return int(digits)


def _float(path: str, digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise SchemaDrift("The data holds a number too large to keep.", path)
    return value


def _object(path: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise SchemaDrift(f'The name "{clean_text(twice, 40)}" occurs twice in one object.', path)
    return found


def _check_strings(value: Any, path: str) -> None:
    if isinstance(value, str):
        if "\x00" in value or _SURROGATE.search(value):
            raise SchemaDrift(
                "The data holds characters that no text may hold (NUL or half of a pair).", path
            )
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_strings(name, path)
            _check_strings(item, f"{path}.{name}" if name.isidentifier() else path)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check_strings(item, f"{path}[{number}]")


def _without_relative_links(cleaned: str) -> str:
    """nh3 lets `//host` and relative links through; here they lose their address and keep their text."""
    return _RELATIVE.sub("", cleaned) if '"' in cleaned else cleaned


def _drift(sentence: str, path: str) -> NoReturn:
    raise SchemaDrift(sentence, path)
