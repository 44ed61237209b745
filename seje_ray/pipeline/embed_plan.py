"""All that decides a file of new vectors: the training, the recipes, and the photos."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seje_ray import __version__
from seje_ray.config.data import OwnField
from seje_ray.integrity import file_hash
from seje_ray.pipeline.runs import TrainedRun
from seje_ray.recipe1m.images import PHOTO_SUFFIXES
from seje_ray.recipe1m.records import DataError, Recipe
from seje_ray.recipe1m.source import DataSource
from seje_ray.recipe1m.stored_photos import file_of
from seje_ray.store.location import uri_of
from seje_ray.store.mirror import is_mirrored, objects_in
from seje_ray.store.objects import StoredObject


def embed_plan(
    trained: TrainedRun,
    source: DataSource | None,
    files: list[Path],
    columns: Mapping[OwnField, str],
) -> dict[str, Any]:
    """All that decides the file; part of it."""
    content = hashlib.sha256()
    for path in files:
        found = path.stat()
        content.update(
            f"{_shown(str(path.absolute()))}\0{found.st_size}\0{found.st_mtime_ns}\n".encode()
        )
    return {
        "run": trained.folder.name,
        "checkpoint": file_hash(trained.best_checkpoint / "model.safetensors"),
        "recipes": {} if source is None else {_shown(str(p)): file_hash(p) for p in source.files()},
        "columns": dict(columns),
        "photos": content.hexdigest() if files else None,
        **({} if source is None else _read_once(source)),
        "seje_ray": __version__,
    }


def _read_once(source: DataSource) -> dict[str, Any]:
    """What the recipes' photos are now, as a hash, and what was made of keys and cells.

    Raises:
        DataError: If the recipes are read in another way than is meant.
    """
    content = hashlib.sha256()
    folders = _Folders()
    for record in source.read():
        for image in record.images if isinstance(record, Recipe) else ():
            content.update(_shown(image.location).encode("utf-8", "surrogateescape"))
            content.update(folders.state_of(Path(file_of(image.location))))
    if (problem := source.notes.problem()) is not None:
        raise DataError(f"{source.describe()}: {problem}")
    return {"named_photos": content.hexdigest(), "reading": source.notes.to_facts()}


class _Folders:
    """The folders of photos, each of which is listed once."""

    def __init__(self) -> None:
        self._stored: dict[Path, dict[str, StoredObject]] = {}
        self._names: dict[Path, bytes] = {}

    def state_of(self, path: Path) -> bytes:
        """What says that a photo's file is the same; of a missing one the photos in its folder."""
        folder = path.parent
        if is_mirrored(path):
            if folder not in self._stored:
                self._stored[folder] = objects_in(folder)
            seen = self._stored[folder].get(path.name)
            known = None if seen is None else f"\0{seen.size}\0{seen.changed_ns}\n".encode()
            return known or self._names_in(folder)
        try:
            found = path.stat()
            return f"\0{found.st_size}\0{found.st_mtime_ns}\n".encode()
        except (OSError, ValueError):
            return self._names_in(folder)

    def _names_in(self, folder: Path) -> bytes:
        if folder not in self._names:
            try:
                known = list(self._stored.get(folder) or os.listdir(folder))
            except (OSError, ValueError):
                known = []
            names = sorted(name for name in known if name.lower().endswith(PHOTO_SUFFIXES))
            self._names[folder] = hashlib.sha256(repr(names).encode()).digest()
        return self._names[folder]


def _shown(path: str) -> str:
    """A path as it is on every machine."""
    return uri_of(Path(path)) or path
