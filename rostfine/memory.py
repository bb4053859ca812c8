"""What the C library does with memory that tensors no longer need."""

import ctypes
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_MAX: Final = -4
MOST: Final = 2**31 - 1


def keep_freed_memory() -> None:
    """Keep freed memory for the next tensor, for as long as this process lives; glibc only.

    A forward pass makes and frees gigabytes, tensor by tensor. Given back to the kernel they come
    again as pages that it has to clear first, which is up to a quarter of the time of a large
    batch. It is for processes that compute and end; others may want their memory back.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, MOST)
