"""A user's own recipes: JSON lines or Parquet of {id, title, ingredients, instructions, images}."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seje_ray.config.data import OwnField, Separator
from seje_ray.recipe1m.cells import LINES, read_cells
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
from seje_ray.recipe1m.keys import FIELDS, id_alone, keys_of_fields, mapped
from seje_ray.recipe1m.notes import Notes
from seje_ray.recipe1m.photo_rows import PhotoRows, repeated_ids, texts_of
from seje_ray.recipe1m.records import DataError, Entity, ImageFile, Recipe, Reject

RULES = 2  # version of what the reader makes of keys and cells; before 2, plans did not name it


class OwnData:
    """A file of own recipes."""

    def __init__(
        self,
        path: Path,
        *,
        columns: Mapping[OwnField, str] | None = None,
        separator: Separator = "",
    ) -> None:
        self._path = path
        self._columns = {str(field): key for field, key in (columns or {}).items()}
        by_field = dict.fromkeys(LINES, separator) if isinstance(separator, str) else separator
        self._separators = {str(field): mark for field, mark in by_field.items()}
        self.notes = Notes(self._columns, self._separators)

    def files(self) -> list[Path]:
        """Files that decide the texts."""
        return [self._path]

    def describe(self) -> str:
        """Kind and location of the data set, for messages."""
        return f"own recipes in {self._path}"

    @property
    def rules(self) -> int:
        """Version of the rules by which it is read."""
        return RULES

    def read(self) -> Iterator[Recipe | Reject]:
        """Recipes in file order, and everything that cannot be used.

        Raises:
            DataError: If the file cannot be read at all.
        """
        self.notes = Notes(self._columns, self._separators)
        return read_own_data(self._path, self.notes)


def read_own_data(path: Path, notes: Notes | None = None) -> Iterator[Recipe | Reject]:
    """Recipes of a .jsonl or .parquet file, streamed; image paths are relative to the file.

    Args:
        path: The file.
        notes: Counts what is done with keys; its ``columns`` say which key is which field.

    Raises:
        DataError: If the file cannot be read at all.
    """
    notes = Notes() if notes is None else notes
    rows = _photo_rows(path, notes)
    seen: set[str] = set()
    for record in _records(path, notes.columns):
        recipe_id = ""
        try:
            if isinstance(record, Broken):
                raise FieldError(record.reason, record.detail)
            fields = _fields(record, notes)
            recipe_id = id_of(fields if "id" in fields else record)
            fields = _cells(fields, notes)
            same = rows.get(recipe_id)
            is_further_photo = same is not None and same.is_further_photo(fields)
            if recipe_id in seen:
                if is_further_photo:
                    notes.photo_rows += 1
                    continue
                raise FieldError("duplicate_id", "the first stays")
            seen.add(recipe_id)
            if same is not None and same.images:
                fields["images"] = same.images
            yield from _recipe(fields, recipe_id, path.parent)
        except FieldError as error:
            yield Reject(recipe_id, error.reason, str(error))


def _records(
    path: Path, columns: Mapping[str, str], *, ids_only: bool = False
) -> Iterator[Any | Broken]:
    """Raw records; ``ids_only`` if the rest is not looked at."""
    if path.suffix == ".parquet":
        return _parquet_rows(path, columns, ids_only=ids_only)
    return json_records(path)


def _photo_rows(path: Path, notes: Notes) -> dict[str, PhotoRows]:
    """By id, for ids of several records: reads the file once, and once more if there are any."""

    def objects(*, ids_only: bool) -> Iterator[dict[str, Any]]:
        records = _records(path, notes.columns, ids_only=ids_only)
        return (record for record in records if isinstance(record, dict))

    repeated = repeated_ids(id_alone(record, notes.columns) for record in objects(ids_only=True))
    found: dict[str, PhotoRows] = {}
    for record in objects(ids_only=False) if repeated else ():
        with contextlib.suppress(FieldError):  # rejected where it is read
            fields, _ = mapped(record, notes.columns)
            if (recipe_id := id_of(fields)) in repeated:
                cells, _ = read_cells(fields, notes.separators)
                rows = found.setdefault(recipe_id, PhotoRows(texts_of(cells)))
                if texts_of(cells) == rows.texts:
                    rows.add(cells)
    return found


def _fields(record: Any, notes: Notes) -> dict[str, Any]:
    """A record under our names, counted; nothing of what is no object."""
    if not isinstance(record, Mapping):
        return {}
    fields, said = mapped(record, notes.columns)
    notes.add(record, fields, said)
    return fields


def _cells(fields: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """The fields' cells made plain, counted."""
    cells, seen = read_cells(fields, notes.separators)
    notes.add_cells(cells, seen)
    return cells


def _parquet_rows(path: Path, columns: Mapping[str, str], *, ids_only: bool) -> Iterator[Any]:
    """Rows of the columns that may fill a field; of the others the first few values alone."""
    try:
        with pq.ParquetFile(path) as file:
            names = tuple(file.schema_arrow.names)
            keys = keys_of_fields(names, columns)
            if "id" not in keys:
                raise DataError(
                    f"{path}: expected columns {', '.join(FIELDS)}, found "
                    f"{', '.join(names) or 'none'}; rename yours, or say --map id=YOURS"
                )
            wanted = {key for found in keys.values() for key in found}
            unread = dict.fromkeys(name for name in names if name not in wanted and not ids_only)
            looked_at = _first_rows(file, list(unread))
            wanted = set(keys["id"]) if ids_only else wanted
            for batch in file.iter_batches(batch_size=256, columns=sorted(wanted)):
                for row in _rows(batch):
                    yield row if isinstance(row, Broken) else row | next(looked_at, unread)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: expected a Parquet file, found none: {error}") from error


def _first_rows(file: pq.ParquetFile, names: list[str]) -> Iterator[dict[str, Any]]:
    """Some rows of columns that fill no field, to see what they may be."""
    batch = next(file.iter_batches(batch_size=256, columns=names), None) if names else None
    if batch is None:
        return
    columns = {}
    for name in names:
        try:
            columns[name] = batch.column(name).to_pylist()
        except UnicodeDecodeError:
            columns[name] = [None] * batch.num_rows
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


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
    title = text_of(record.get("title") or "", "title")
    ingredients = lines_of(record.get("ingredients"), "ingredients")
    instructions = without_blanks(lines_of(record.get("instructions"), "instructions"))
    if not (title.strip() or without_blanks(ingredients) or instructions):
        raise FieldError("no_text", "neither title nor ingredients nor instructions")
    entities = record.get("entities")
    found = None if entities is None else tuple(map(_entity, list_of(entities, "entities")))
    if found is not None and len(found) != len(ingredients):
        counts = f"{len(found)} entities, {len(ingredients)} lines"
        yield Reject(recipe_id, "entities_mismatch", counts)
        found = None
    names = record.get("images") or []
    names = names if isinstance(names, list) else [names]
    images = []
    for name in names:
        try:
            images.append(_image(text_of(name, "images[]"), folder))
        except FieldError as error:  # it costs itself, not the recipe
            yield Reject(recipe_id, error.reason, str(error))
    yield Recipe(
        id=recipe_id,
        partition=partition_of(record.get("partition"), recipe_id),
        title=title,
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
