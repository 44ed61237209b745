"""Parquet and Arrow tables, whose photos stay where they are until they are asked for."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from seje_ray import limits
from seje_ray.recipe1m.formats.column_values import (
    CELL_ERRORS,
    is_plain,
    plain_row,
    plain_rows,
    row_bytes,
    without_dictionaries,
)
from seje_ray.recipe1m.formats.reading import TEXT_FIELDS, Reading
from seje_ray.recipe1m.json_stream import Broken
from seje_ray.recipe1m.keys import FIELDS, keys_of_fields
from seje_ray.recipe1m.parquet_file import OpenedParquet, is_of, opened_parquet
from seje_ray.recipe1m.photo_cells import (
    PhotoType,
    bytes_in,
    path_in,
    photo_cells,
    photo_type,
    reached,
)
from seje_ray.recipe1m.records import DataError
from seje_ray.recipe1m.stored_photos import Kind, StoredPhoto, batches, in_column

ROWS_AT_ONCE = 32
ROWS_OF_DICTIONARIES = 512  # each batch has a copy of its column's
ROWS_LOOKED_AT = 256
BYTES_AT_ONCE = 32 << 20  # made Python's at once
_ERRORS = (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError)
ROWS_TRIED, PHOTOS_TRIED = 8, 64  # of a column of bytes, to see what they are
MAX_NAME_BYTES = 1024
_PHOTO_STARTS = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Columns of a table: those that may fill a field, and the others."""

    kind: Kind
    path: Path
    texts: tuple[str, ...]
    photos: tuple[str, ...]  # that may fill ``images``
    others: tuple[str, ...]  # of these the first few values alone are looked at
    photo_like: frozenset[str]  # of all columns those that seem to hold photos
    photo_types: Mapping[str, PhotoType]


def parquet_records(path: Path, reading: Reading) -> Iterator[Any | Broken]:
    """Rows of a Parquet file.

    Raises:
        DataError: If it is none, or no column is a recipe's text.
    """
    try:
        with opened_parquet(path) as file:
            schema = file.schema
            tried = {name: _first_cells(file, name) for name in _byte_columns(schema)}
            wanted = _wanted("parquet", path, schema, tried, reading)
            reading.say("Parquet")
            looked_at = _first_rows(file, wanted) if not reading.ids_only else iter(())
            columns = _leaves_read(file.leaves, wanted)
            row = 0
            for batch in file.batches(ROWS_OF_DICTIONARIES, columns):
                names = _there(wanted, batch)
                if row_bytes(batch.select(names)).sum() <= BYTES_AT_ONCE:
                    batch = without_dictionaries(batch, names, schema)
                yield from _rows(batch, wanted, row, looked_at)
                row += batch.num_rows
    except _ERRORS as error:
        raise DataError(f"{path}: expected a Parquet file, found none: {error}") from error


def arrow_records(path: Path, reading: Reading) -> Iterator[Any | Broken]:
    """Rows of an Arrow file or stream, as ``datasets`` saves it.

    Raises:
        DataError: If it is none, or no column is a recipe's text.
    """
    try:
        reading.say("Arrow")
        row = 0
        for batch in batches(str(path)):
            schema, first_rows = batch.schema, batch.slice(0, ROWS_TRIED)
            tried = {name: first_rows.column(name) for name in _byte_columns(schema)}
            wanted = _wanted("arrow", path, schema, tried, reading)
            for start in range(0, batch.num_rows, ROWS_AT_ONCE):
                part = batch.slice(start, ROWS_AT_ONCE)
                looked_at: Iterator[dict[str, Any]] = iter(())
                if not row and not reading.ids_only:
                    looked_at = _looked_at(part.select(_texts(wanted, schema)), wanted)
                yield from _rows(part, wanted, row, looked_at)
                row += part.num_rows
    except _ERRORS as error:
        raise DataError(f"{path}: expected an Arrow file, found none: {error}") from error


def _wanted(
    kind: Kind,
    path: Path,
    schema: pa.Schema,
    tried: Mapping[str, Iterable[Any]],
    reading: Reading,
) -> Wanted:
    keys = keys_of_fields(tuple(dict.fromkeys(schema.names)), reading.columns)
    if not set(keys) & set(TEXT_FIELDS):
        raise DataError(
            f"{path}: expected columns {', '.join(FIELDS)}, found "
            f"{', '.join(schema.names) or 'none'}; rename yours, or say e.g. --map "
            "ingredients=YOURS"
        )
    found = {key for several in keys.values() for key in several}
    names = _unique(schema)
    if doubtful := sorted(found - {*names}):
        raise DataError(
            f"{path}: expected each column once, found several called {', '.join(doubtful)}; "
            "rename all but one"
        )
    if reading.ids_only and "id" in keys:
        found = set(keys["id"])
    looks = {name: _looks(tried[name]) for name in tried}
    types = {name: photo_type(schema.field(name).type) for name in names}
    photos = {name: found for name, found in types.items() if found is not None}
    used = {name for name in {*keys.get("images", ())} & {*photos} if looks.get(name) != "texts"}
    return Wanted(
        kind,
        path,
        tuple(name for name in names if name in found - used),
        tuple(name for name in names if name in used & found and not reading.ids_only),
        tuple(name for name in names if name not in found),
        frozenset(name for name in photos if looks.get(name, "photos") == "photos"),
        photos,
    )


def _unique(schema: pa.Schema) -> list[str]:
    times = Counter(schema.names)
    return [name for name in schema.names if times[name] == 1]


def _byte_columns(schema: pa.Schema) -> list[str]:
    """Columns of bytes, which may be photos or texts."""
    types = {name: photo_type(schema.field(name).type) for name in _unique(schema)}
    return [name for name, found in types.items() if found is not None and not found.keys]


def _first_cells(file: OpenedParquet, name: str) -> list[Any]:
    columns = (batch.column(0) for batch in file.batches(ROWS_TRIED, [name]))
    return list(islice(chain.from_iterable(columns), ROWS_TRIED))


def _looks(cells: Iterable[Any]) -> Literal["photos", "texts", "others"]:
    """What bytes are: old tables store texts so, too."""
    photos = islice((photo for cell in cells for photo in photo_cells(cell)), PHOTOS_TRIED)
    buffers = map(bytes_in, photos)
    found = [bytes(buffer[:MAX_NAME_BYTES]) for buffer in buffers if buffer is not None and buffer]
    if not found or any(one.startswith(_PHOTO_STARTS) or one[4:8] == b"ftyp" for one in found):
        return "photos"
    try:
        return "texts" if all(one.decode().isprintable() for one in found) else "others"
    except UnicodeDecodeError:
        return "others"


def _leaves_read(leaves: list[str], wanted: Wanted) -> list[str]:
    """Leaves of a Parquet schema that are read with the texts: of photos all but their bytes."""
    found = [leaf for leaf in leaves if is_of(leaf, wanted.texts)]
    for name in wanted.photos:
        photo = wanted.photo_types[name]
        own = [leaf for leaf in leaves if is_of(leaf, [name])]
        beside = [leaf for leaf in own if photo.keys and not leaf.endswith(f".{photo.keys[-1]}")]
        found += beside or (own if photo.is_list else [])
    return found


def _texts(wanted: Wanted, schema: pa.Schema) -> list[str]:
    """Columns that fill no field, and whose values may be those of one."""
    columns = (schema.field(name) for name in wanted.others if name not in wanted.photo_like)
    return [one.name for one in columns if is_plain(one.type)]


def _first_rows(file: OpenedParquet, wanted: Wanted) -> Iterator[dict[str, Any]]:
    texts = _texts(wanted, file.schema)
    columns = [leaf for leaf in file.leaves if is_of(leaf, texts)]
    found = file.batches(ROWS_LOOKED_AT, columns) if wanted.others else iter(())
    rows = (row for batch in found for row in _looked_at(batch, wanted))
    return islice(rows, ROWS_LOOKED_AT)


def _looked_at(batch: pa.RecordBatch, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Some rows of columns that fill no field, to see what they may be."""
    photo = StoredPhoto("", "")
    unread = {name: photo if name in wanted.photo_like else None for name in wanted.others}
    sizes = row_bytes(batch)
    for row in range(batch.num_rows):
        if sizes[row] <= limits.MAX_RECORD_CHARS:
            try:
                (found,) = plain_rows(batch.slice(row, 1))
            except CELL_ERRORS:
                continue
            yield unread | found


def _rows(
    batch: pa.RecordBatch, wanted: Wanted, first: int, looked_at: Iterator[dict[str, Any]]
) -> Iterator[Any | Broken]:
    """Rows as objects; one that is too large, or no UTF-8, costs itself."""
    texts = batch.select(_there(wanted, batch))
    sizes = row_bytes(texts)
    unread = dict.fromkeys(wanted.others)
    for start, stop in _parts(sizes):
        for row, found in zip(range(start, stop), _objects(texts, start, stop, sizes), strict=True):
            if isinstance(found, dict):
                found |= {name: _photos(batch, name, row, first, wanted) for name in wanted.photos}
                found |= next(looked_at, unread)
            yield found


def _there(wanted: Wanted, batch: pa.RecordBatch) -> list[str]:
    return [name for name in wanted.texts if name in batch.schema.names]


def _parts(sizes: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of rows that hold few bytes together."""
    start, total = 0, 0
    for row, size in enumerate(sizes.tolist()):
        if row > start and total + size > BYTES_AT_ONCE:
            yield start, row
            start, total = row, 0
        total += size
    if start < len(sizes):
        yield start, len(sizes)


def _objects(
    texts: pa.RecordBatch, start: int, stop: int, sizes: np.ndarray
) -> Iterator[dict[str, Any] | Broken]:
    if sizes[start:stop].max() <= limits.MAX_RECORD_CHARS:
        try:
            yield from plain_rows(texts.slice(start, stop - start))
            return
        except CELL_ERRORS:
            pass
    for row in range(start, stop):
        if sizes[row] > limits.MAX_RECORD_CHARS:
            yield Broken("record_too_large", f"a row of {sizes[row]:,} bytes")
            continue
        try:
            yield plain_row(texts.slice(row, 1))
        except UnicodeDecodeError as error:
            yield Broken("invalid_unicode", str(error))


def _photos(
    batch: pa.RecordBatch, name: str, row: int, first: int, wanted: Wanted
) -> list[StoredPhoto]:
    """Photos of a cell, by where they are; a cell whose bytes alone are there is not read."""
    number = first + row
    if name not in batch.schema.names:
        cells: list[Any] = [None]
    else:
        cell = batch.column(name)[row]
        cells = photo_cells(cell) if cell.is_valid else []
    inside = wanted.photo_types[name].keys[:-1]
    return [
        StoredPhoto(
            path_in(reached(cell, inside)) or f"{name}-{number}-{index}",
            in_column(wanted.kind, wanted.path, name, number, index),
        )
        for index, cell in enumerate(cells)
        if cell is None or cell.is_valid
    ]
