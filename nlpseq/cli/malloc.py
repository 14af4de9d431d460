"""Keep freed memory in the process, which makes training on a CPU faster.

On a CPU each step allocates what the last step has freed: activations, gradients, blocks of logits. In between glibc
returns the free end of its heap to the system, and every page of it costs a page fault when it is written again.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h

LARGEST_BLOCK = 2**25
"""Largest block from the heap, in bytes: glibc's own maximum. Some builds refuse more."""

NEVER = -1


def keep_freed_memory() -> None:
    """Let glibc keep its heap at the size that it has reached; do nothing without glibc.

    The setting is permanent and holds for the whole process. So commands set it, and the library never does.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    # Each setting alone ends glibc's adjustment of both, which would be worse than no setting.
    if mallopt is not None and mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK):
        mallopt(M_TRIM_THRESHOLD, NEVER)
