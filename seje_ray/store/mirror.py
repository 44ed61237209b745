"""Files and folders of a mirror, brought from the store and put there; plain paths are left alone.

The store is the truth. What a command reads is brought first, what it commits is put there at
once, a folder's manifest last. A file here is that of the store where size and time are the
store's; where a manifest notes its sha256, that is compared whenever it is brought.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from seje_ray.errors import StoreError
from seje_ray.store.location import place_of
from seje_ray.store.notes import LAST, MANIFEST, noted_hash
from seje_ray.store.objects import Objects, StoredObject, in_threads, objects_of
from seje_ray.store.one_writer import one_writer

LOG = ".jsonl"  # files that grow while they are here
ALWAYS_BROUGHT = 64 * 1024  # bytes of JSON: a change within a second may keep its size


def is_mirrored(path: Path) -> bool:
    """Whether a path stands for an object of a store."""
    return place_of(path) is not None


def fetch(path: Path) -> Path:
    """A file as the store has it now; it is gone here where the store has none."""
    place = place_of(path)
    if place is None:
        return path
    objects = objects_of(place.uri)
    seen = objects.seen(place.key)
    if seen is None:
        path.unlink(missing_ok=True)
    else:
        _bring(objects, place.key, path, seen)
    return path


def fetch_noted(path: Path) -> Path:
    """A file that the manifest beside it notes, brought after that one and compared with it.

    Raises:
        StoreError: If the store has none, or it is not what the manifest notes.
    """
    if place_of(path) is None:
        return path
    manifest = path.with_name(MANIFEST)
    if not manifest.is_file():
        fetch(manifest)
    try:
        fetch(path)
        is_there = path.is_file()
    except FileNotFoundError:  # gone since it was seen
        is_there = False
    if not is_there:
        raise StoreError(f"{path} is missing; run the command again that makes it")
    return path


def fetch_once(path: Path) -> Path:
    """A file that never changes: brought where it is not here."""
    return path if place_of(path) is None or path.is_file() else fetch(path)


def pull(folder: Path, *, keeps_own: bool = False) -> Path:
    """A folder as the store has it now.

    Args:
        folder: With all below it.
        keeps_own: Leave files that are only here, while another process may write them.
    """
    place = place_of(folder)
    if place is None:
        return folder
    objects = objects_of(place.uri)
    listed = objects.listed(place.key)
    start = len(place.key) + 1 if place.key else 0
    paths = {folder / key[start:]: key for key in listed}
    if not keeps_own:
        for path in _files(folder):
            if path not in paths:
                path.unlink(missing_ok=True)
        if not paths:
            shutil.rmtree(folder, ignore_errors=True)
        _remove_empty_folders(folder)

    def bring(path: Path) -> None:
        _bring(objects, paths[path], path, listed[paths[path]])

    firsts = [path for path in paths if path.name in LAST]  # they note hashes
    in_threads(bring, firsts)
    in_threads(bring, [path for path in paths if path.name not in LAST])
    return folder


def is_object(path: Path) -> bool:
    """Whether a path stands for an object that is there, and not for a folder of some."""
    place = place_of(path)
    return place is not None and objects_of(place.uri).seen(place.key) is not None


def objects_in(folder: Path) -> dict[str, StoredObject]:
    """The objects right in a mirrored folder, by their names."""
    place = place_of(folder)
    if place is None:
        return {}
    listed = objects_of(place.uri).listed(place.key, is_deep=False)
    return {key.rpartition("/")[2]: seen for key, seen in listed.items()}


def put(path: Path) -> None:
    """Make the store's object as this file is; hidden files and folders stay here."""
    place = place_of(path)
    if place is not None and not any(name.startswith(".") for name in place.key.split("/")):
        _take_time(path, objects_of(place.uri).write_from(place.key, path))


def push(folder: Path, *last: str) -> None:
    """Put all files of a folder that the store has not, those that finish it last.

    Args:
        folder: With all below it.
        last: Names that also finish it.
    """
    place = place_of(folder)
    if place is None:
        return
    listed = objects_of(place.uri).listed(place.key)
    start = f"{place.key}/" if place.key else ""
    new = [
        path
        for path in _files(folder)
        if not _is_current(path, listed.get(start + path.relative_to(folder).as_posix()))
    ]
    in_threads(put, [path for path in new if path.name not in (*LAST, *last)])
    in_threads(put, [path for path in new if path.name in (*LAST, *last)])


def drop(path: Path) -> None:
    """Delete from the store what a path stands for: an object, or a folder, its manifest first."""
    place = place_of(path)
    if place is None:
        return
    objects = objects_of(place.uri)
    keys = list(objects.listed(place.key)) or [place.key]
    objects.drop([key for key in keys if key.rpartition("/")[2] in LAST])
    objects.drop([key for key in keys if key.rpartition("/")[2] not in LAST])


def remove(path: Path) -> None:
    """Delete a file or folder, here and in its store, if it is there."""
    drop(path)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=place_of(path) is not None)
    else:
        path.unlink(missing_ok=True)


def publish(building: Path, folder: Path, *, without: str) -> None:
    """Give the store, in the place of ``folder``, what has been made in ``building``.

    Objects first, the manifest last: until then whoever reads sees an artifact that is not
    finished. Interrupted, it is repeated from ``building``, whose objects go at the very end.

    Args:
        building: A folder that holds a manifest.
        folder: What it becomes.
        without: A file's name that stays behind.
    """
    source, target = place_of(building), place_of(folder)
    if source is None or target is None:
        return
    push(building)
    objects = objects_of(source.uri)
    objects.drop([f"{target.key}/{MANIFEST}"])
    start = len(source.key) + 1
    names = {key[start:] for key in objects.listed(source.key)} - {without}
    objects.copy(names - {MANIFEST}, source.key, target.key)
    stale = set(objects.listed(target.key)) - {f"{target.key}/{n}" for n in names}
    objects.drop(stale)
    objects.copy([MANIFEST], source.key, target.key)
    drop(building)


def copy_within(folder: Path, target: Path, names: Iterable[str]) -> None:
    """Copy objects from one mirrored folder to another, by the store alone, the manifest last."""
    source, goal = place_of(folder), place_of(target)
    if source is None or goal is None:
        return
    objects, names = objects_of(source.uri), set(names)
    objects.copy(names - {MANIFEST}, source.key, goal.key)
    objects.copy(names & {MANIFEST}, source.key, goal.key)


def adopt(folder: Path) -> None:
    """Note that the files of a folder, which this process has just published, are the store's."""
    place = place_of(folder)
    if place is None:
        return
    for key, seen in objects_of(place.uri).listed(place.key).items():
        path = folder / key[len(place.key) + 1 :]
        if path.is_file() and path.stat().st_size == seen.size:
            _take_time(path, seen)


def sizes_of(folder: Path) -> dict[str, int] | None:
    """Bytes of each object below a mirrored folder, by its name there; None for a plain folder."""
    place = place_of(folder)
    if place is None:
        return None
    start = len(place.key) + 1 if place.key else 0
    listed = objects_of(place.uri).listed(place.key)
    return {key[start:]: seen.size for key, seen in listed.items()}


def matching(folder: Path, pattern: str) -> list[Path]:
    """Paths below a folder by a pattern as of ``glob``; of a mirrored one what its store has."""
    stored = sizes_of(folder)
    if stored is None:
        return sorted(folder.glob(pattern))
    depth = pattern.count("/")
    names = (name for name in stored if name.count("/") == depth and fnmatch(name, pattern))
    return sorted(folder / name for name in names)


def _bring(objects: Objects, key: str, path: Path, seen: StoredObject) -> None:
    """Read an object into its file, which appears as a whole; nothing where it is current.

    Processes of this machine that want the same file wait for the first of them.
    """
    brings_always = path.suffix == ".json" and seen.size <= ALWAYS_BROUGHT
    if _is_current(path, seen) and not brings_always:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with one_writer(path) as temporary:
        if _is_current(path, seen) and not brings_always:  # brought meanwhile
            return
        objects.read_into(key, temporary, seen.size)
        _require_noted(path, temporary)
        _take_time(temporary, seen)
        os.replace(temporary, path)


def _require_noted(path: Path, brought: Path) -> None:
    """Refuse bytes that are not those which the folder's manifest, where it is here, notes."""
    noted = noted_hash(path)
    if noted is None:
        return
    with brought.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != noted:  # by a manifest of before, perhaps
        for name in LAST:
            fetch(path.with_name(name))
        noted = noted_hash(path)
    if noted not in (None, found):
        raise StoreError(
            f"{path} has changed since it was made: expected sha256 {noted[:12]}, found "
            f"{found[:12]}; run the command again that makes it"
        )


def _is_current(path: Path, seen: StoredObject | None) -> bool:
    try:
        here = path.stat()
    except OSError:
        return False
    return seen is not None and (here.st_size, here.st_mtime_ns) == (seen.size, seen.changed_ns)


def _take_time(path: Path, seen: StoredObject) -> None:
    os.utime(path, ns=(seen.changed_ns, seen.changed_ns))


def _remove_empty_folders(folder: Path) -> None:
    """A folder of objects that the store has no more is no sign of them."""
    for at, folders, _ in os.walk(folder, topdown=False):
        for name in folders:
            if not name.startswith("."):
                with suppress(OSError):  # not empty
                    (Path(at) / name).rmdir()


def _files(folder: Path) -> list[Path]:
    """Files that belong to a folder: neither hidden ones, half written, nor logs."""
    found = []
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(at) / n for n in names if not n.startswith(".") and not n.endswith(LOG)]
    return found
