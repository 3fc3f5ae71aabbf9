"""Which listings a run has seen: a bit for each id, so that a million of them fit into some hundred kilobytes."""

from collections.abc import Iterable

_BITS = 1 << 13


class SeenIds:
    """A set of listing ids that only grows."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}

    def add(self, listing_id: int) -> bool:
        """Whether it is new."""
        block, bit = divmod(listing_id, _BITS)
        found = self._blocks.get(block)
        if found is None:
            found = self._blocks[block] = bytearray(_BITS // 8)
        at, mask = bit >> 3, 1 << (bit & 7)
        if found[at] & mask:
            return False
        found[at] |= mask
        return True

    def __contains__(self, listing_id: int) -> bool:
        block, bit = divmod(listing_id, _BITS)
        found = self._blocks.get(block)
        return found is not None and bool(found[bit >> 3] & 1 << (bit & 7))

    def update(self, listing_ids: Iterable[int]) -> None:
        for listing_id in listing_ids:
            self.add(listing_id)

    def intersection(self, listing_ids: Iterable[int]) -> set[int]:
        return {listing_id for listing_id in listing_ids if listing_id in self}
