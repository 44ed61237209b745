"""A user's own recipes: JSON lines or Parquet of {id, title, ingredients, instructions, images}."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seje_ray.recipe1m.fields import (
    FieldError,
    id_of,
    lines_of,
    list_of,
    partition_of,
    text_of,
    without_blanks,
)
from seje_ray.recipe1m.json_stream import Broken, json_records
from seje_ray.recipe1m.records import DataError, Entity, ImageFile, Recipe, Reject

COLUMNS = ("id", "title", "ingredients", "instructions", "images", "partition", "entities")


class OwnData:
    """A file of own recipes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def files(self) -> list[Path]:
        """Files that decide the texts."""
        return [self._path]

    def describe(self) -> str:
        """Kind and location of the data set, for messages."""
        return f"own recipes in {self._path}"

    def read(self) -> Iterator[Recipe | Reject]:
        """Recipes in file order, and everything that cannot be used.

        Raises:
            DataError: If the file cannot be read at all.
        """
        return read_own_data(self._path)


def read_own_data(path: Path) -> Iterator[Recipe | Reject]:
    """Recipes of a .jsonl or .parquet file, streamed; image paths are relative to the file.

    Raises:
        DataError: If the file cannot be read at all.
    """
    records = _parquet_rows(path) if path.suffix == ".parquet" else json_records(path)
    seen: set[str] = set()
    for record in records:
        recipe_id = ""
        try:
            if isinstance(record, Broken):
                raise FieldError(record.reason, record.detail)
            recipe_id = id_of(record)
            if recipe_id in seen:
                raise FieldError("duplicate_id", "the first stays")
            seen.add(recipe_id)
            yield from _recipe(record, recipe_id, path.parent)
        except FieldError as error:
            yield Reject(recipe_id, error.reason, str(error))


def _parquet_rows(path: Path) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path) as file:
            columns = [name for name in COLUMNS if name in file.schema_arrow.names]
            if "id" not in columns:
                raise DataError(
                    f"{path}: expected columns {', '.join(COLUMNS)}, found "
                    f"{', '.join(file.schema_arrow.names) or 'none'}; rename yours"
                )
            for batch in file.iter_batches(batch_size=256, columns=columns):
                yield from _rows(batch)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: expected a Parquet file, found none: {error}") from error


def _rows(batch: pa.RecordBatch) -> Iterator[Any]:
    """Rows one by one where not all can be read at once."""
    try:
        yield from batch.to_pylist()
        return
    except UnicodeDecodeError:
        pass
    for number in range(batch.num_rows):
        try:
            yield from batch.slice(number, 1).to_pylist()
        except UnicodeDecodeError as error:
            yield Broken("invalid_unicode", str(error))


def _recipe(record: Any, recipe_id: str, folder: Path) -> Iterator[Recipe | Reject]:
    """Rejects of the recipe's unusable parts, then the recipe."""
    ingredients = lines_of(record.get("ingredients"), "ingredients")
    instructions = without_blanks(lines_of(record.get("instructions"), "instructions"))
    if not without_blanks(ingredients) and not instructions:
        raise FieldError("no_text", "neither ingredients nor instructions")
    entities = record.get("entities")
    found = None if entities is None else tuple(map(_entity, list_of(entities, "entities")))
    if found is not None and len(found) != len(ingredients):
        counts = f"{len(found)} entities, {len(ingredients)} lines"
        yield Reject(recipe_id, "entities_mismatch", counts)
        found = None
    names = record.get("images")
    names = [names] if isinstance(names, str) else list_of(names or [], "images")
    images = []
    for name in names:
        try:
            images.append(_image(text_of(name, "images[]"), folder))
        except FieldError as error:  # it costs itself, not the recipe
            yield Reject(recipe_id, error.reason, str(error))
    yield Recipe(
        id=recipe_id,
        partition=partition_of(record.get("partition"), recipe_id),
        title=text_of(record.get("title") or "", "title"),
        ingredients=ingredients,
        instructions=instructions,
        entities=found,
        images=tuple(images),
    )


def _image(name: str, folder: Path) -> ImageFile:
    path = name if os.sep == "\\" else name.replace("\\", "/")  # as Windows writes it
    return ImageFile(name, str((folder / path).absolute()))


def _entity(value: Any) -> Entity:
    if not isinstance(value, dict) or not isinstance(value.get("valid"), bool):
        raise FieldError("wrong_type", "entities[]: expected {text, valid}")
    return Entity(text_of(value.get("text"), "entities[].text"), value["valid"])
