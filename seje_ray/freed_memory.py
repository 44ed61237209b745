"""Memory that was freed is kept for the next array of its size, where the C library is glibc.

By default glibc gives each large array back to the system, which fills the next one with zeros
page by page: on a CPU that takes longer than a small network's arithmetic (docs/results.md).
"""

import ctypes
import os

MOST = 2**31 - 1  # bytes: mallopt takes a C int
ENVIRONMENT = {  # of a process that is yet to start
    "MALLOC_ARENA_MAX": "1",  # else threads, as Ray Train's, have heaps of 64 MiB at the most
    "MALLOC_MMAP_MAX_": "0",  # arrays that the system is asked for one by one
    "MALLOC_TRIM_THRESHOLD_": str(MOST),
}
# Numbers of glibc's malloc.h, in the order of ENVIRONMENT.
M_ARENA_MAX, M_MMAP_MAX, M_TRIM_THRESHOLD = -8, -4, -1


def environment() -> dict[str, str]:
    """What processes that this one starts need; nothing where a user has settings of his own."""
    is_users = any(os.environ.get(name, value) != value for name, value in ENVIRONMENT.items())
    return {} if is_users else ENVIRONMENT


def keep_freed_memory() -> bool:
    """Keep it from now on in this process, threads included that are yet to start.

    Returns:
        Whether the C library can; another one is left as it is, as are a user's own settings.
    """
    if not environment():
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None:
        return False
    numbers = (M_ARENA_MAX, M_MMAP_MAX, M_TRIM_THRESHOLD)
    options = zip(numbers, ENVIRONMENT.values(), strict=True)
    taken = [mallopt(option, int(value)) == 1 for option, value in options]  # each, whatever fails
    return all(taken)
