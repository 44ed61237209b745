"""A file of this machine that one process at a time makes, while others wait for it."""

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)  # of some disks that machines share


@contextmanager
def one_writer(path: Path) -> Iterator[Path]:
    """A file beside ``path``, to be written and renamed to it if that is still to be done.

    What is locked is this very file: one that a dead process left is locked by nobody, and is
    written anew by the next. Threads of a process wait for each other, too. On a disk without
    locks nobody waits, and each has a file of its own.
    """
    shared = path.with_name(f".{path.name}.tmp")
    while True:
        with shared.open("ab") as file:
            is_locked = _lock(file)
            if is_locked and not _is_at(file, shared):  # the one before has renamed or removed it
                continue
            own = shared if is_locked else _own_file(shared)
            try:
                yield own
            finally:
                if not is_locked or _is_at(file, shared):
                    own.unlink(missing_ok=True)
            return


def _lock(file: IO[bytes]) -> bool:
    """Wait until nobody else holds a file; False where its disk has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _own_file(shared: Path) -> Path:
    shared.unlink(missing_ok=True)
    return shared.with_name(f"{shared.name}.{os.getpid()}-{threading.get_ident()}")
