"""Files and folders that appear under their name as a whole, or not at all, here and in a store.

Also where the power fails: what is in them is on the disk before they get their name, and the name
is on the disk before anybody is told of it.
"""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from seje_ray.lock import Lease
from seje_ray.store.mirror import is_mirrored, put

NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)  # of folders, on some disks


@contextmanager
def committing(path: Path, lease: Lease | None = None) -> Iterator[Path]:
    """A file beside ``path`` that takes its place once it is written.

    The lease is asked last. Whoever took it over since has removed or taken over the folder of
    that file, if it makes something else: a commit that was late then finds no file to rename.

    Raises:
        LockLostError: If another command has taken the lease over.
        OSError: What the system said, with the name of ``path`` where it names none.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    if is_mirrored(path):  # another machine may have made its folder
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        sync(temporary)
        if lease is not None:
            lease.require()
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    sync(path.parent)
    put(path)


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A new file, for libraries that turn the system's errors into others, or pass them over.

    Raises:
        OSError: What the system said, whatever the library made of it, with the file's name.
    """
    with path.open("wb", buffering=0) as opened:
        file = _Written(opened)
        try:
            yield cast(IO[bytes], file)
        except Exception:
            if file.error is None:
                raise
        if file.error is not None:
            file.error.filename = str(path)
            raise file.error


class _Written:
    """As much of a file as numpy, torch and FAISS write into."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write all of it, or raise what the system says."""
        left = memoryview(data).cast("B")
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            self.error = error
            raise
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


def place(folder: Path, target: Path) -> Path:
    """Rename a folder to ``target``, which is not there; ``sync_tree`` comes before."""
    placed = folder.rename(target)
    sync(target.parent)
    return placed


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(opened)


def sync_tree(folder: Path) -> None:
    """``sync`` all files and folders within a folder, and itself."""
    for at, _, names in os.walk(folder):
        for name in names:
            sync(Path(at) / name)
        sync(Path(at))


def read_json(path: Path) -> Any:
    """What a JSON file holds; None if it is not there, empty, or cut short."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def read_json_lines(path: Path) -> list[Any]:
    """The objects of a file of JSON lines, up to the first line that is cut short."""
    found: list[Any] = []
    with suppress(OSError, ValueError, RecursionError):
        found.extend(map(json.loads, path.read_text(encoding="utf-8").splitlines()))
    return found
