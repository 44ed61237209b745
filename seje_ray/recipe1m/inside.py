"""Which files a data set may name as its photos: those in its folder, wherever links lead."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from seje_ray.recipe1m.stored_photos import NoPhotoError, beside, is_below


@dataclass(slots=True)
class Inside:
    """One reading of a data set: a photo is below ``root``, also when its links are followed."""

    root: Path
    allow_outside: bool = False
    _root: str = field(init=False)
    _folders: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._root = os.path.realpath(self.root)

    def path_of(self, folder: Path, name: str) -> str:
        """Path of the photo that a file in ``folder`` names.

        Raises:
            NoPhotoError: If it is outside.
        """
        return self.required(beside(folder, name), name)

    def required(self, path: str, name: str) -> str:
        """``path`` itself, of a photo called ``name``.

        Raises:
            NoPhotoError: If it is outside.
        """
        if self.allow_outside:
            return path
        head, tail = os.path.split(path)
        if head not in self._folders:
            self._folders[head] = _looked_into(head)
        folder, links = self._folders[head]
        found = os.path.realpath(path) if tail in links else os.path.join(folder, tail)
        if not is_below(found, self._root):
            way = "" if found == path else f" leads to {found}, and"
            raise NoPhotoError(2, f"{name}{way} is not below {self._root}")
        return path


def _looked_into(folder: str) -> tuple[str, frozenset[str]]:
    """Where a folder really is, and the links in it: one look for all of its photos."""
    try:
        real = os.path.realpath(folder)
    except ValueError:  # a NUL in its name
        return folder, frozenset()
    try:
        with os.scandir(folder) as entries:
            return real, frozenset(entry.name for entry in entries if entry.is_symlink())
    except OSError:
        return real, frozenset()
