"""Files and folders that appear under their name as a whole, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seje_ray.lock import Lease


@contextmanager
def committing(path: Path, lease: Lease | None = None) -> Iterator[Path]:
    """A file beside ``path`` that takes its place once it is written.

    The lease is asked last. Whoever took it over since has removed or taken over the folder of
    that file, if it makes something else: a commit that was late then finds no file to rename.

    Raises:
        LockLostError: If another command has taken the lease over.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        if lease is not None:
            lease.require()
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
