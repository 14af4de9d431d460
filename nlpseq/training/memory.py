"""Freed memory that stays with the process, on a CPU.

Each step allocates what the last one has freed: logits, activations, gradients. glibc hands the end of its heap
back to the system in between, and every page of it costs a fault when it is written next.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
LARGEST_BLOCK = (
    2**25
)  # from the heap, and not from the system: the most that glibc goes up to by itself
MOST_KEPT = 2**30  # at the end of the heap; by itself at most 64 MB


def keep_freed_memory() -> None:
    """Tell glibc to keep what is freed, up to a gigabyte, for the whole process; elsewhere nothing is changed."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
        mallopt(M_TRIM_THRESHOLD, MOST_KEPT)
