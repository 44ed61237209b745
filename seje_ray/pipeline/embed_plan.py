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
        content.update(f"{path.absolute()}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return {
        "run": trained.folder.name,
        "checkpoint": file_hash(trained.best_checkpoint / "model.safetensors"),
        "recipes": {} if source is None else {str(p): file_hash(p) for p in source.files()},
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
    names_in: dict[str, bytes] = {}
    for record in source.read():
        for image in record.images if isinstance(record, Recipe) else ():
            content.update(image.location.encode("utf-8", "surrogateescape"))
            content.update(_state(file_of(image.location), names_in))
    if (problem := source.notes.problem()) is not None:
        raise DataError(f"{source.describe()}: {problem}")
    return {"named_photos": content.hexdigest(), "reading": source.notes.to_facts()}


def _state(path: str, names_in: dict[str, bytes]) -> bytes:
    """What says that a photo's file is the same; of a missing one the photos in its folder."""
    try:
        found = os.stat(path)
        return f"\0{found.st_size}\0{found.st_mtime_ns}\n".encode()
    except (OSError, ValueError):
        folder = os.path.dirname(path)
    if folder not in names_in:
        try:
            names = sorted(n for n in os.listdir(folder) if n.lower().endswith(PHOTO_SUFFIXES))
        except (OSError, ValueError):
            names = []
        names_in[folder] = hashlib.sha256(repr(names).encode()).digest()
    return names_in[folder]
