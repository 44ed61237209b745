"""Where photos lie that are not where a table says: in another folder, or without their suffix."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seje_ray.recipe1m.stored_photos import beside, is_below

MAX_FOLDERS = 200
SUFFIXES = ("", ".jpg", ".jpeg", ".png", ".webp")
NUM_NAMES = 50  # looked for


@dataclass(frozen=True, slots=True)
class PhotoPlace:
    """How to get from a photo's name to its file."""

    folder: Path
    suffix: str

    def path_of(self, name: str) -> str:
        """Path of the file, in the place, or as one of the other suffixes has it there."""
        path = beside(self.folder, name)
        for suffix in (self.suffix, *SUFFIXES):
            if Path(path + suffix).is_file():
                return path + suffix
        return path + self.suffix

    def said(self, root: Path) -> str:
        """The place in words."""
        shown = self.folder.relative_to(root).as_posix()
        where = f"in {shown}/" if shown != "." else "beside the file"
        return f"photos are found {where}" + (f", as NAME{self.suffix}" if self.suffix else "")


def photo_place(root: Path, folder: Path, names: Iterable[str]) -> PhotoPlace | None:
    """The place where most of the names have a file; None if they have one as they are, or nowhere.

    Args:
        root: Of the data set; its folders are looked into.
        folder: That of the file which names the photos.
        names: Some of them.
    """
    names = list(names)[:NUM_NAMES]
    if not names or any(_is_there(folder, name, "") for name in names):
        return None
    found: Counter[PhotoPlace] = Counter()
    for place in _folders(root, folder):
        for suffix in SUFFIXES:
            hits = sum(_is_there(place, name, suffix) for name in names)
            if hits:
                found[PhotoPlace(place, suffix)] = hits
    return max(found, key=lambda place: found[place]) if found else None


def _is_there(folder: Path, name: str, suffix: str) -> bool:
    try:
        path = beside(folder, name) + suffix
        return is_below(path, os.path.abspath(folder)) and Path(path).is_file()
    except (OSError, ValueError):
        return False


def _folders(root: Path, folder: Path) -> Iterator[Path]:
    """The file's folder, the root, and folders of two levels below it."""
    yield folder
    if folder != root:
        yield root
    below = sorted(path for path in root.glob("*") if path.is_dir())[:MAX_FOLDERS]
    yield from below
    inner = (path for one in below for path in sorted(one.glob("*")) if path.is_dir())
    for _, path in zip(range(MAX_FOLDERS), inner, strict=False):
        yield path
