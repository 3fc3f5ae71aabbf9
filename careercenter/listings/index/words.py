"""What a word is: the same for what is indexed and for what is asked, on both databases.

A word is a run of letters and digits, with the plus and number signs that end it ("C++", "C#"), in lower case and
without diacritics. Whoever asks may quote a phrase, put a minus before what must not occur, and stop in the middle of
the last word. There is no wrong question: what cannot be understood is passed over.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

LONGEST_WORD = 60
LONGEST_QUESTION = 500
MAX_WORDS = 12
BEGINNING = 3
"""From how many letters on the last word may be the beginning of a longer one."""
_WORD = re.compile(r"[^\W_]+[+#]*")
_PART = re.compile(r'(-?)"([^"]*)"?|(-?)([^\s"]+)')
_PLAIN = "".join(chr(c).lower() if chr(c).isalnum() else " " for c in range(128))
"""What each ASCII character is within words; most texts have no others, and no plus or number sign."""
_UNDIVIDED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})

Phrase = tuple[str, ...]


class Asked(NamedTuple):
    """`wanted` phrases must all occur, `unwanted` ones must not. `unfinished`: the last word wanted may go on."""

    wanted: tuple[Phrase, ...] = ()
    unwanted: tuple[Phrase, ...] = ()
    unfinished: bool = False


def fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    spelled = unicodedata.normalize("NFKD", text).casefold().translate(_UNDIVIDED)
    return "".join(c for c in spelled if not unicodedata.combining(c))


def words(text: str) -> list[str]:
    """The words of a text in their order."""
    plain = text.isascii() and "+" not in text and "#" not in text
    found = text.translate(_PLAIN).split() if plain else _WORD.findall(fold(text))
    return [word[:LONGEST_WORD] for word in found]


@lru_cache(maxsize=4096)
def value(text: str) -> str:
    """A text as the value of a facet: its words in one. Empty where it has none."""
    return "_".join(words(text))[:120]


def parse(question: str) -> Asked:
    """Read what was typed. At most `MAX_WORDS` words count."""
    wanted: list[Phrase] = []
    unwanted: list[Phrase] = []
    left, unfinished = MAX_WORDS, False
    for quoted_minus, quoted, minus, plain in _PART.findall(question[:LONGEST_QUESTION]):
        phrase = tuple(words(quoted or plain))[:left]
        left -= len(phrase)
        if not phrase:
            continue
        refused = bool(quoted_minus or minus)
        (unwanted if refused else wanted).append(phrase)
        unfinished = not refused and bool(plain) and len(phrase[-1]) >= BEGINNING
    return Asked(tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(unwanted)), unfinished)
