"""Which listings a run has seen: a byte for each id, so that a million of them fit into a megabyte."""

from collections.abc import Iterable
from itertools import islice

_BITS = 13
_IDS = 1 << _BITS


class SeenIds:
    """A set of listing ids that only grows."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}

    def add(self, listing_id: int) -> bool:
        """Whether it is new."""
        block, at = divmod(listing_id, _IDS)
        found = self._blocks.get(block)
        if found is None:
            found = self._blocks[block] = bytearray(_IDS)
        if found[at]:
            return False
        found[at] = 1
        return True

    def __contains__(self, listing_id: int) -> bool:
        block, at = divmod(listing_id, _IDS)
        found = self._blocks.get(block)
        return found is not None and found[at] == 1

    def lacks(self, listing_ids: Iterable[int]) -> tuple[list[int], int]:
        """Those of these ids that are not in it, and how many ids they were."""
        missing, many, blocks, nothing, ids = list[int](), 0, self._blocks, bytes(_IDS), iter(listing_ids)
        while some := list(islice(ids, _IDS)):
            many += len(some)
            missing += [n for n in some if not blocks.get(n >> _BITS, nothing)[n & _IDS - 1]]
        return missing, many

    def update(self, listing_ids: Iterable[int]) -> None:
        for listing_id in listing_ids:
            self.add(listing_id)
