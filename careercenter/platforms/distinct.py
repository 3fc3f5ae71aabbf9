"""How many different texts there were, in eight bytes for each text instead of the text itself."""

from array import array

_AT_ONCE = 50_000


class Distinct:
    """Counts the different ones among texts by their hashes of 64 bits; two of a million are alike by chance once in forty
    million reads."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, text: str) -> None:
        self._hashes.append(hash(text))

    def __len__(self) -> int:
        """Counted part by part, so that no large set is ever made."""
        parts = 1 + len(self._hashes) // _AT_ONCE
        return sum(len({h for h in self._hashes if h % parts == part}) for part in range(parts))
