"""Freed memory that stays with the process.

On a CPU each step allocates what the last one has freed: activations, gradients, blocks of logits. glibc hands the
free end of its heap back to the system in between, and every page of it costs a fault when it is written next.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h

LARGEST_BLOCK = 2**25
"""Bytes up to which blocks come from the heap: as far as glibc goes by itself. Some of its builds refuse more."""

NEVER = -1


def keep_freed_memory() -> None:
    """Tell glibc to keep its heap at the size that it grew to; where there is no glibc, do nothing.

    It holds for the whole process, and for good. So commands do it, whose process is their own, and the
    library never does.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    # Either setting ends glibc's own adjustment of both, so that one alone would be worse than none.
    if mallopt is not None and mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK):
        mallopt(M_TRIM_THRESHOLD, NEVER)
