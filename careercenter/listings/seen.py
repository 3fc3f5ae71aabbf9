"""Which listings a run has seen: a byte for each id, so that a million of them fit into a megabyte."""

from collections.abc import Iterable

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
        missing, many, blocks, nothing = [], 0, self._blocks, bytes(_IDS)
        for many, listing_id in enumerate(listing_ids, 1):  # noqa: B007 - counted for the answer
            if not blocks.get(listing_id >> _BITS, nothing)[listing_id & _IDS - 1]:
                missing.append(listing_id)
        return missing, many

    def update(self, listing_ids: Iterable[int]) -> None:
        for listing_id in listing_ids:
            self.add(listing_id)
