"""New recipes and photos, as they are given, in shards to be embedded."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from seje_ray.artifact import write_json, write_table
from seje_ray.config import load_run
from seje_ray.config.data import DataConfig, OwnField
from seje_ray.pipeline.stored_data import bring_data
from seje_ray.pipeline.vectors_file import NothingToEmbedError
from seje_ray.recipe1m.fields import without_blanks
from seje_ray.recipe1m.images import PHOTO_SUFFIXES
from seje_ray.recipe1m.records import Recipe, Reject
from seje_ray.recipe1m.source import DataSource, is_recipe1m, open_source
from seje_ray.schema import RECIPE_TEXTS, REJECTS
from seje_ray.workspace import Workspace

ROWS_PER_SHARD = 256  # recipes, or photos, that are committed and resumed together
MADE_OF = pa.schema([("id", pa.string()), ("recipe", pa.string()), ("location", pa.string())])


def new_source(
    path: Path, workspace: Workspace, columns: Mapping[OwnField, str], allow_outside: bool
) -> DataSource:
    """The recipes, read with the workspace's columns and separator if they are own ones."""
    data: DataConfig = load_run(workspace.calibrated_run).data
    path = bring_data(path)
    if is_recipe1m(path):
        return open_source(path, removed="none", columns=columns or None)
    return open_source(
        path,
        columns={**data.columns, **columns},
        separator=data.separator,
        allow_outside=allow_outside or data.allow_outside,
    )


def photo_files(path: Path) -> Iterator[Path]:
    """A photo, or the photos below a folder, in the order of their names; brought."""
    if not bring_data(path).exists():
        raise NothingToEmbedError(f"{path}: no such photo or folder of photos")
    if path.is_file():
        yield path
        return
    for folder, below, names in os.walk(path):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(PHOTO_SUFFIXES) and not name.startswith("."):
                yield Path(folder) / name


def spool(
    building: Path,
    source: DataSource | None,
    files: list[Path],
    root: Path | None,
    *,
    needs_ingredients: bool,
) -> None:
    """Write into ``building`` what is to be embedded, in shards; the list of them comes last.

    The ids of the photo ``files`` are their paths below ``root``.
    """
    rejected: list[Reject] = []
    photos: list[dict[str, Any]] = []
    names = []

    def usable() -> Iterator[dict[str, Any]]:
        for record in source.read() if source is not None else ():
            if isinstance(record, Reject):
                rejected.append(record)
            elif needs_ingredients and not _has_lines(record):
                rejected.append(Reject(record.id, "no_text", record.title))
            else:
                photos.extend(
                    {"id": image.id, "recipe": record.id, "location": image.location}
                    for image in record.images
                )
                yield asdict(record)

    for number, rows in enumerate(_batched(usable(), ROWS_PER_SHARD)):
        names.append(f"recipe-{number:06d}.parquet")
        table = pa.Table.from_pylist(rows, schema=RECIPE_TEXTS)
        write_table(building / "inputs" / names[-1], table)
    photos += [
        {"id": os.path.relpath(path, root), "recipe": None, "location": str(path.absolute())}
        for path in files
    ]
    for number, found in enumerate(_batched(iter(photos), ROWS_PER_SHARD)):
        names.append(f"photo-{number:06d}.parquet")
        table = pa.Table.from_pylist(found, schema=MADE_OF)
        write_table(building / "inputs" / names[-1], table)
    write_table(building / "rejects" / "texts.parquet", rejects_table(rejected))
    write_json(building / "inputs.json", names)


def _batched(rows: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, size)):
        yield batch


def _has_lines(recipe: Recipe) -> bool:
    return bool(without_blanks(recipe.ingredients) or recipe.instructions)


def rejects_table(rejected: Iterable[Reject]) -> pa.Table:
    """Rejects, as they are stored."""
    return pa.Table.from_pylist([asdict(reject) for reject in rejected], schema=REJECTS)
