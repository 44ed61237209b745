"""Parquet files of others: a text that repeats is kept once, and no column grows without end."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from seje_ray import limits
from seje_ray.recipe1m.parquet_footer import column_sizes
from seje_ray.recipe1m.records import DataError


@contextmanager
def opened_parquet(path: Path) -> Iterator[tuple[pq.ParquetFile, pa.Schema]]:
    """A Parquet file, read by ``batches_of``, and its schema without dictionaries.

    Raises:
        DataError: If a column grows as only a bomb does.
    """
    file, schema = as_dictionaries(path)
    with file:
        require_no_bomb(path)
        yield file, schema


def as_dictionaries(path: str | Path) -> tuple[pq.ParquetFile, pa.Schema]:
    """The file, to be closed by the caller, whose texts are read as dictionaries; its schema."""
    with pq.ParquetFile(path, memory_map=True) as file:
        schema, metadata, columns = file.schema_arrow, file.metadata, file.schema
    leaves = [columns.column(number) for number in range(len(columns))]
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    read = pq.ParquetFile(path, memory_map=True, read_dictionary=texts, metadata=metadata)
    return read, schema


def batches_of(
    file: pq.ParquetFile, num_rows: int, columns: list[str], groups: Iterable[int] | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches of a Parquet file's row groups, all of them or some: none spans two.

    Args:
        file: With dictionaries, which Arrow cannot put together inside lists.
        num_rows: At most, of a batch.
        columns: Leaves of its schema, or columns.
        groups: Numbers of row groups.
    """
    for group in range(file.num_row_groups) if groups is None else groups:
        yield from file.iter_batches(
            num_rows, row_groups=[group], columns=columns, use_threads=False
        )


def require_no_bomb(path: Path) -> None:
    """Refuse a file with a column that grows as only a bomb does: packed, or by what repeats.

    Raises:
        DataError: Naming the column, or if the footer is damaged.
    """
    try:
        sizes = column_sizes(path)
    except ValueError as error:
        raise DataError(
            f"{path}: expected a Parquet file, found a damaged footer ({error}); write it again"
        ) from error
    for column in sizes:
        grown = max(column.unpacked_bytes, 8 * column.num_values)
        if grown > max(limits.MIN_GROWN_BYTES, limits.MAX_GROWTH * column.packed_bytes):
            raise DataError(
                f"{path}: expected texts and photos, found a column ({column.name}) of "
                f"{column.packed_bytes:,} bytes that grows to {grown:,}; look whether the file is "
                "whole"
            )
