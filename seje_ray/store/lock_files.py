"""The files by which a lock is held, on a disk or in a store.

On a disk the file system lets one process alone make a file of a number. A store has no such step
that all of them offer, and needs none: each candidate makes an object of its own name and then
lists. Since a list shows all that was written before it, of two candidates at least one sees the
other, and whoever sees another one that it has not known to be dead withdraws.
"""

import os
from contextlib import suppress
from pathlib import Path

from seje_ray.errors import StoreError
from seje_ray.store.location import Place, place_of
from seje_ray.store.objects import Objects, objects_of
from seje_ray.store.patience import TRIES

SUFFIX = ".lock"


def lock_files(folder: Path) -> list[Path]:
    """All files of a lock, by their numbers."""
    place = place_of(folder)
    if place is not None:
        names = [key.rpartition("/")[2] for key in objects_of(place.uri).listed(place.key)]
        return sorted(folder / name for name in names if name.endswith(SUFFIX))
    try:
        return sorted(folder.glob(f"*{SUFFIX}"))
    except FileNotFoundError:
        return []


def number_of(file: Path) -> int:
    """The place of a lock's file in their order: who comes later has seen those before."""
    return int(file.stem.partition("-")[0])


def make_lock_file(folder: Path, number: int, token: str, text: str) -> Path | None:
    """Make a file of a lock; None if somebody else was faster."""
    place = place_of(folder)
    if place is not None:
        file = folder / f"{number:06d}-{token[:12]}{SUFFIX}"
        objects_of(place.uri).write(f"{place.key}/{file.name}", text.encode())
        return file
    file = folder / f"{number:06d}{SUFFIX}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        made = file.open("xb")
    except (FileExistsError, FileNotFoundError):  # made, or its folder removed, by another one
        return None
    try:
        with made:
            made.write(text.encode())
            made.flush()
            os.fsync(made.fileno())
    except OSError as error:
        file.unlink(missing_ok=True)  # nobody could tell that its owner is dead
        error.filename = str(file)
        raise
    return file


def read_lock_file(file: Path, tries: int = TRIES) -> str:
    """What a file of a lock holds.

    Args:
        file: Of the lock.
        tries: Of a store, in all.

    Raises:
        OSError: If it is not there, or cannot be read.
    """
    place = place_of(file)
    if place is None:
        return file.read_text(encoding="utf-8")
    found = objects_of(place.uri).read(place.key, tries)
    if found is None:
        raise FileNotFoundError(str(file))
    return found.decode()


def sign_of_life(file: Path) -> int | None:
    """A number that changes with every beat; None without a file."""
    place = place_of(file)
    if place is not None:
        seen = objects_of(place.uri).seen(place.key)
        return None if seen is None else seen.changed_ns
    try:
        with file.open("rb") as opened:  # on NFS, opening asks the server
            return os.fstat(opened.fileno()).st_mtime_ns
    except OSError:
        return None


def beat(file: Path) -> None:
    """Give a sign of life; nothing where the file is gone, or its place does not answer."""
    place = place_of(file)
    if place is None:
        with suppress(OSError):
            os.utime(file)
        return
    with suppress(OSError, StoreError):
        _beat_object(objects_of(place.uri), place)


def _beat_object(objects: Objects, place: Place) -> None:
    text = objects.read(place.key, tries=1)
    if text is not None:
        objects.write(place.key, text, tries=1)


def is_outrun(file: Path) -> bool:
    """Whether somebody who took this file's owner for dead has made a file of its own.

    On a disk the file is gone then, which is seen without this. In a store a late beat of the
    owner may have brought it back.
    """
    if place_of(file) is None:
        return False
    return any(number_of(other) > number_of(file) for other in lock_files(file.parent))


def remove_lock_file(file: Path) -> None:
    """Remove a file of a lock, if it is there."""
    place = place_of(file)
    if place is None:
        file.unlink(missing_ok=True)
    else:
        objects_of(place.uri).drop([place.key])
