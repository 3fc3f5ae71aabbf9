"""Mail addresses and telephone numbers in a recorded answer give way to made-up ones, whatever the answer's format."""

import re
import sys

from phonenumbers import Leniency, PhoneNumberMatch, PhoneNumberMatcher

HOME = "US"
"""Numbers without a country's own are read as they are written there."""
_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_GAP = re.compile(r"(?<=[\d)])(?:\\u00a0|&nbsp;|&#160;)(?=\d)")
_NAMED = re.compile(r"(?:phone|mobile|\b(?:tel|cell|fax|call))[^,<{\d]{0,24}$", re.IGNORECASE)


def made_up(body: bytes) -> bytes:
    """The answer with addresses and numbers that are nobody's; a number keeps its length and signs, so that JSON stays JSON."""
    text = _GAP.sub(" ", _MAIL.sub("someone@example.edu", body.decode("utf-8", "surrogateescape")))
    parts, end = [], 0
    for found in PhoneNumberMatcher(text, HOME, leniency=Leniency.VALID, max_tries=sys.maxsize):
        if _is_number(found, text):
            parts += [text[end : found.start], _like(found.raw_string)]
            end = found.end
    return "".join([*parts, text[end:]]).encode("utf-8", "surrogateescape")


def _is_number(found: PhoneNumberMatch, text: str) -> bool:
    """A bare row of digits is a post's id far more often than a telephone: it counts only behind a word such as "phone"."""
    return not found.raw_string.isdigit() or _NAMED.search(text, max(0, found.start - 40), found.start) is not None


def _like(number: str) -> str:
    digits = iter("5550100".rjust(sum(map(str.isdigit, number)), "5"))  # 555-0100 is nobody's
    return "".join(next(digits) if sign.isdigit() else sign for sign in number)
