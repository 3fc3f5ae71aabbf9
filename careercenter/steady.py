"""What a process does once all is loaded, before it works through many records.

Memory that a batch has used is kept for the next one: an allocator that gives it back to the system after each page, and takes
it again for the next, spends as much on that as on reading the page.
"""

import contextlib
import ctypes
import gc
import sys

SWITCH_SECONDS = 0.0005
COLLECT_AFTER = (20_000, 5, 5)  # new objects; collections of those, and of those again, before older ones are looked at
KEPT_FREE, MAPPED_ALONE = 16 << 20, 4 << 20  # bytes at the end of the heap; a block of that size is given back at once
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # their names in <malloc.h>


def settle() -> None:
    """The collector need not go through what is loaded again and again, nor through each few rows, which make no cycles; threads
    that wait for others need not wait long for the one that works, and freed memory is kept."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    sys.setswitchinterval(SWITCH_SECONDS)
    with contextlib.suppress(AttributeError):  # another C library than glibc decides for itself
        told = ctypes.CDLL(None).mallopt
        told(_TRIM_THRESHOLD, KEPT_FREE)
        told(_MMAP_THRESHOLD, MAPPED_ALONE)
