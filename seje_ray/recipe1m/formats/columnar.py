"""Parquet and Arrow tables, whose photos stay where they are until they are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seje_ray.recipe1m import json_stream
from seje_ray.recipe1m.formats.reading import TEXT_FIELDS, Reading
from seje_ray.recipe1m.json_stream import Broken
from seje_ray.recipe1m.keys import FIELDS, keys_of_fields
from seje_ray.recipe1m.records import DataError
from seje_ray.recipe1m.stored_photos import Kind, StoredPhoto, batches, in_column

ROWS_AT_ONCE = 32
ROWS_LOOKED_AT = 256
BYTES_AT_ONCE = 32 << 20  # made Python's at once
_ERRORS = (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError)
_BYTES = (pa.types.is_binary, pa.types.is_large_binary)
_TEXTS = (pa.StringArray, pa.LargeStringArray, pa.BinaryArray, pa.LargeBinaryArray)
_LISTS = (pa.types.is_list, pa.types.is_large_list)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Columns of a table: those that may fill a field, and the others."""

    kind: Kind
    path: Path
    texts: tuple[str, ...]
    photos: tuple[str, ...]  # that may fill ``images``
    others: tuple[str, ...]  # of these the first few values alone are looked at


def parquet_records(path: Path, reading: Reading) -> Iterator[Any | Broken]:
    """Rows of a Parquet file.

    Raises:
        DataError: If it is none, or no column is a recipe's text.
    """
    try:
        with pq.ParquetFile(path, memory_map=True) as plain:
            wanted = _wanted("parquet", path, plain.schema_arrow, reading)
            leaves = [plain.schema.column(number).path for number in range(len(plain.schema))]
        # Texts that repeat are kept once, however often they do: no small file fills the memory.
        # Inside lists Arrow cannot do so, and few rows are read at once.
        flat = [leaf for leaf in leaves if "." not in leaf]
        with pq.ParquetFile(path, memory_map=True, read_dictionary=flat) as file:
            reading.say("Parquet")
            looked_at = _first_rows(file, wanted, leaves) if not reading.ids_only else iter(())
            columns = [leaf for leaf in leaves if _is_read(leaf, wanted)]
            row = 0
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=columns, use_threads=False):
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
            schema = batch.schema
            wanted = _wanted("arrow", path, schema, reading)
            for start in range(0, batch.num_rows, ROWS_AT_ONCE):
                part = batch.slice(start, ROWS_AT_ONCE)
                looked_at: Iterator[dict[str, Any]] = iter(())
                if not row and not reading.ids_only:
                    looked_at = _looked_at(part.select(_texts(wanted, schema)), wanted, schema)
                yield from _rows(part, wanted, row, looked_at)
                row += part.num_rows
    except _ERRORS as error:
        raise DataError(f"{path}: expected an Arrow file, found none: {error}") from error


def _wanted(kind: Kind, path: Path, schema: pa.Schema, reading: Reading) -> Wanted:
    names = tuple(schema.names)
    keys = keys_of_fields(names, reading.columns)
    if not set(keys) & set(TEXT_FIELDS):
        raise DataError(
            f"{path}: expected columns {', '.join(FIELDS)}, found {', '.join(names) or 'none'}; "
            "rename yours, or say e.g. --map ingredients=YOURS"
        )
    found = {key for several in keys.values() for key in several}
    if reading.ids_only and "id" in keys:
        found = set(keys["id"])
    photos = {name for name in found if is_photo_type(schema, name)}
    return Wanted(
        kind,
        path,
        tuple(name for name in names if name in found - photos),
        tuple(name for name in names if name in photos and not reading.ids_only),
        tuple(name for name in names if name not in found),
    )


def is_photo_type(schema: pa.Schema, name: str) -> bool:
    """Whether a column holds photos as the hub does: bytes, {bytes, path}, or lists of them."""
    found = schema.field(name).type
    while any(is_list(found) for is_list in _LISTS):
        found = found.value_type
    if pa.types.is_struct(found):
        found = next((one.type for one in found if one.name == "bytes"), pa.null())
    return any(is_bytes(found) for is_bytes in _BYTES)


def _is_read(leaf: str, wanted: Wanted) -> bool:
    """Whether a leaf of a Parquet schema is read with the texts: of photos all but their bytes."""
    if any(leaf == name or leaf.startswith(f"{name}.") for name in wanted.texts):
        return True
    for name in wanted.photos:
        if leaf.startswith(f"{name}."):
            return not leaf.endswith(".bytes")
    return False


def _texts(wanted: Wanted, schema: pa.Schema) -> list[str]:
    """Columns that fill no field and hold no photos."""
    return [name for name in wanted.others if not is_photo_type(schema, name)]


def _first_rows(
    file: pq.ParquetFile, wanted: Wanted, leaves: list[str]
) -> Iterator[dict[str, Any]]:
    schema = file.schema_arrow
    texts = _texts(wanted, schema)
    columns = [leaf for leaf in leaves if any(leaf == n or leaf.startswith(f"{n}.") for n in texts)]
    batch = (
        next(file.iter_batches(ROWS_LOOKED_AT, columns=columns), None) if wanted.others else None
    )
    return iter(()) if batch is None else _looked_at(batch, wanted, schema)


def _looked_at(
    batch: pa.RecordBatch, wanted: Wanted, schema: pa.Schema
) -> Iterator[dict[str, Any]]:
    """Some rows of columns that fill no field, to see what they may be."""
    photo = StoredPhoto("", "")
    photos = {name: photo for name in wanted.others if is_photo_type(schema, name)}
    sizes = row_bytes(batch)
    for row in range(batch.num_rows):
        if sizes[row] <= json_stream.MAX_RECORD_CHARS:
            try:
                (found,) = batch.slice(row, 1).to_pylist()
            except UnicodeDecodeError:
                continue
            yield found | photos


def _rows(
    batch: pa.RecordBatch, wanted: Wanted, first: int, looked_at: Iterator[dict[str, Any]]
) -> Iterator[Any | Broken]:
    """Rows as objects; one that is too large, or no UTF-8, costs itself."""
    texts = batch.select([name for name in wanted.texts if name in batch.schema.names])
    sizes = row_bytes(texts)
    unread = dict.fromkeys(wanted.others)
    for start, stop in _parts(sizes):
        for row, found in zip(range(start, stop), _objects(texts, start, stop, sizes), strict=True):
            if isinstance(found, dict):
                found |= {name: _photos(batch, name, row, first, wanted) for name in wanted.photos}
                found |= next(looked_at, unread)
            yield found


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
    if sizes[start:stop].max() <= json_stream.MAX_RECORD_CHARS:
        try:
            yield from texts.slice(start, stop - start).to_pylist()
            return
        except UnicodeDecodeError:
            pass
    for row in range(start, stop):
        if sizes[row] > json_stream.MAX_RECORD_CHARS:
            yield Broken("record_too_large", f"a row of {sizes[row]:,} bytes")
            continue
        try:
            yield from texts.slice(row, 1).to_pylist()
        except UnicodeDecodeError as error:
            yield Broken("invalid_unicode", str(error))


def row_bytes(batch: pa.RecordBatch) -> np.ndarray:
    """Bytes of each row, as if no text were shared (n,)."""
    sizes = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        sizes += _cell_bytes(column)
    return sizes


def _cell_bytes(cells: Any) -> np.ndarray:
    if isinstance(cells, pa.ExtensionArray):
        cells = cells.storage
    sizes = np.zeros(len(cells), np.int64)
    if isinstance(cells, pa.DictionaryArray):
        values = np.append(_cell_bytes(cells.dictionary), 0)
        sizes += values[cells.indices.fill_null(len(values) - 1).to_numpy(zero_copy_only=False)]
    elif isinstance(cells, _TEXTS):
        sizes += pc.binary_length(cells).fill_null(0).to_numpy(zero_copy_only=False)
    elif isinstance(cells, pa.StructArray):
        for part in cells.flatten():
            sizes += _cell_bytes(part)
    elif isinstance(cells, pa.ListArray | pa.LargeListArray | pa.MapArray):
        offsets = cells.offsets.to_numpy(zero_copy_only=False)
        inner = cells.values.slice(offsets[0], offsets[-1] - offsets[0])
        totals = np.concatenate([[0], np.cumsum(_cell_bytes(inner) + 8)])
        sizes += np.diff(totals[offsets - offsets[0]])
    else:
        sizes += 8
    return sizes


def _photos(
    batch: pa.RecordBatch, name: str, row: int, first: int, wanted: Wanted
) -> list[StoredPhoto]:
    """Photos of a cell, by where they are; a cell whose bytes alone are there is not read."""
    number = first + row
    if name not in batch.schema.names:
        cells: list[Any] = [None]
    else:
        cell = batch.column(name)[row]
        if not cell.is_valid:
            return []
        cells = list(cell.values) if hasattr(cell, "values") and _is_list(cell) else [cell]
    return [
        StoredPhoto(
            _path_of(cell) or f"{name}-{number}-{index}",
            in_column(wanted.kind, wanted.path, name, number, index),
        )
        for index, cell in enumerate(cells)
        if cell is None or cell.is_valid
    ]


def _is_list(cell: Any) -> bool:
    return isinstance(cell, pa.ListScalar | pa.LargeListScalar)


def _path_of(cell: Any) -> str:
    """The name that a photo's cell gives."""
    if isinstance(cell, pa.StructScalar) and "path" in cell:
        name = cell["path"].as_py()
        return name if isinstance(name, str) else ""
    return ""
