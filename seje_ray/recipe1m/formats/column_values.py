"""Values of Arrow's columns as plain objects: how large they are, and what they become."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seje_ray.recipe1m.photo_cells import is_bytes, is_list_type

CELL_ERRORS = (ValueError, OverflowError, KeyError, pa.ArrowException)
"""Of values that Python has none for: wrong UTF-8, far years, time zones that are not known."""

_TEXTS = (pa.StringArray, pa.LargeStringArray, pa.BinaryArray, pa.LargeBinaryArray)


def is_plain(found: pa.DataType) -> bool:
    """Whether values are texts, numbers, or lists and structs of these."""
    if pa.types.is_dictionary(found) or is_list_type(found):
        return is_plain(found.value_type)
    if pa.types.is_nested(found):
        return all(is_plain(found.field(number).type) for number in range(found.num_fields))
    return not (pa.types.is_temporal(found) or pa.types.is_decimal(found) or is_bytes(found))


def plain(value: Any) -> Any:
    """A value as JSON has it: bytes are UTF-8, decimals are numbers, times as ISO 8601 writes them.

    Raises:
        UnicodeDecodeError: If bytes are no UTF-8.
    """
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, Decimal):
        is_whole = value.is_finite() and value == value.to_integral_value()
        return int(value) if is_whole else float(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(plain(one) for one in value)
    return value


def plain_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows of a batch as objects.

    Raises:
        CELL_ERRORS: If one of the values is none of Python's.
    """
    rows: list[dict[str, Any]] = batch.to_pylist()
    names = [one.name for one in batch.schema if not is_plain(one.type)]
    return [row | {name: plain(row[name]) for name in names} for row in rows] if names else rows


def plain_row(row: pa.RecordBatch) -> dict[str, Any]:
    """A batch of one row as an object; a cell that Python has no value for is empty.

    Raises:
        UnicodeDecodeError: If a text is no UTF-8.
    """
    found: dict[str, Any] = {}
    for name in row.schema.names:
        try:
            found |= plain_rows(row.select([name]))[0]
        except UnicodeDecodeError:
            raise
        except CELL_ERRORS:
            found[name] = None
    return found


def without_dictionaries(
    batch: pa.RecordBatch, names: Sequence[str], schema: pa.Schema
) -> pa.RecordBatch:
    """The batch with some columns as a schema has them: they become Python's sooner so."""
    for name in names:
        number = batch.schema.get_field_index(name)
        # Arrow casts no views, and breaks lists of nothing but nulls: Python reads both as well.
        with suppress(pa.ArrowNotImplementedError, pa.ArrowInvalid):
            plain = batch.column(number).cast(schema.field(name).type)
            plain.validate()
            batch = batch.set_column(number, name, plain)
    return batch


def row_bytes(batch: pa.RecordBatch) -> np.ndarray:
    """Bytes of each row, as if no text were shared (n,)."""
    sizes = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        sizes += _cell_bytes(column)
    return sizes


def _cell_bytes(cells: Any) -> np.ndarray:
    if isinstance(cells, pa.ExtensionArray):
        cells = cells.storage
    if isinstance(cells, pa.StringViewArray | pa.BinaryViewArray):
        cells = cells.cast(pa.large_binary())
    sizes = np.zeros(len(cells), np.int64)
    if isinstance(cells, pa.DictionaryArray):
        values = np.append(_cell_bytes(cells.dictionary), 0)
        rows = cells.indices.fill_null(len(values) - 1).to_numpy(zero_copy_only=False)
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(values):
            raise pa.ArrowInvalid("a damaged column: its dictionary has fewer entries")
        sizes += values[rows]
    elif isinstance(cells, _TEXTS):
        sizes += pc.binary_length(cells).fill_null(0).to_numpy(zero_copy_only=False)
    elif isinstance(cells, pa.StructArray):
        for part in cells.flatten():
            sizes += _cell_bytes(part)
    elif isinstance(cells, pa.FixedSizeListArray | pa.ListViewArray | pa.LargeListViewArray):
        lengths = pc.list_value_length(cells).fill_null(0).to_numpy(zero_copy_only=False)
        totals = np.concatenate([[0], np.cumsum(_cell_bytes(cells.flatten()) + 8)])
        ends = np.cumsum(lengths)
        sizes += totals[ends] - totals[ends - lengths]
    elif isinstance(cells, pa.ListArray | pa.LargeListArray | pa.MapArray):
        offsets = cells.offsets.to_numpy(zero_copy_only=False)
        inner = cells.values.slice(offsets[0], offsets[-1] - offsets[0])
        totals = np.concatenate([[0], np.cumsum(_cell_bytes(inner) + 8)])
        sizes += np.diff(totals[offsets - offsets[0]])
    else:
        sizes += 8
    return sizes
