"""Parquet files of others: a text that repeats is kept once, and no column grows without end."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from seje_ray import limits
from seje_ray.recipe1m.parquet_footer import MAGIC, ColumnSize, column_sizes, footer_bytes
from seje_ray.recipe1m.parquet_pages import Repeats, repeats_in
from seje_ray.recipe1m.photo_cells import is_list_type
from seje_ray.recipe1m.records import DataError

BYTES_BY_PREFIX = 32 << 20  # of pages by prefixes, read at once


class OpenedParquet:
    """A Parquet file of others, whose texts fill no more memory than it has reason to."""

    def __init__(self, path: Path, file: pq.ParquetFile, sizes: list[ColumnSize]) -> None:
        """Read ``file`` plainly where its pages show that this is safe; ``sizes`` are its own."""
        self.file, self._path = file, path
        self.schema, self.num_rows = file.schema_arrow, file.metadata.num_rows
        self.leaves = [file.schema.column(number).path for number in range(len(file.schema))]
        self._texts = _texts(file.schema)
        self._sizes = sizes
        self._closed_at_the_end = ExitStack()

    def __enter__(self) -> "OpenedParquet":
        return self

    def __exit__(self, *_: object) -> None:
        self._closed_at_the_end.close()

    def batches(self, num_rows: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Batches of all row groups: none spans two.

        Args:
            num_rows: At most, of a batch.
            columns: Leaves of its schema, or columns.

        Raises:
            DataError: If a list may grow as only a bomb does, whichever way it is read.
        """
        for group in range(self.file.num_row_groups):
            sizes = [
                one
                for one in self._sizes
                if one.group == group and one.name in self._texts and is_of(one.name, columns)
            ]
            found = [repeats_in(self._path, one) for one in sizes]
            known = [one for one in found if one is not None]
            grown = sum(one.from_dictionary * one.longest for one in known)
            rows = num_rows
            is_plain = len(known) == len(found) and grown <= limits.MIN_GROWN_BYTES
            for size, one in zip(sizes, found, strict=True):
                if one is not None and one.by_prefix:
                    self._require_small_lists(size.name, one)
                    rows = min(rows, max(1, BYTES_BY_PREFIX // max(1, one.page_bytes)))
            file = self.file if is_plain else self._with_dictionaries
            yield from batches_of(file, rows, columns, [group])

    @cached_property
    def _with_dictionaries(self) -> pq.ParquetFile:
        file = pq.ParquetFile(
            self._path,
            memory_map=True,
            read_dictionary=sorted(self._texts),
            metadata=self.file.metadata,
        )
        return self._closed_at_the_end.enter_context(file)

    def _require_small_lists(self, name: str, found: Repeats) -> None:
        """A row of a list may hold all values, each as long as a page."""
        column = self.file.schema.column(self.leaves.index(name))
        grown = found.by_prefix * found.page_bytes
        if column.max_repetition_level and grown > limits.MIN_GROWN_BYTES:
            raise DataError(
                f"{self._path}: expected lists of texts in a plain encoding, or by a dictionary, "
                f"found {name} by prefixes (DELTA_BYTE_ARRAY), of which few bytes make many; write "
                "it again, e.g. by pandas' read_parquet(OLD).to_parquet(NEW)"
            )


@contextmanager
def opened_parquet(path: Path) -> Iterator[OpenedParquet]:
    """A Parquet file of others.

    Raises:
        DataError: If a column grows as only a bomb does, or the footer is damaged.
    """
    with ExitStack() as stack:
        file = stack.enter_context(pq.ParquetFile(path, memory_map=True))
        sizes = sizes_without_bomb(path)
        if any(map(_has_dictionary, file.schema_arrow.types)):
            metadata = _without_arrows_schema(path)
            plain = stack.enter_context(pq.ParquetFile(path, memory_map=True, metadata=metadata))
            if _are_alike(file.schema_arrow, plain.schema_arrow):
                file = plain
        yield stack.enter_context(OpenedParquet(path, file, sizes))


def _without_arrows_schema(path: Path) -> pq.FileMetaData:
    """The footer as other programs read it: Arrow's own columns may be dictionaries, which grow."""
    footer = footer_bytes(path).replace(b"ARROW:schema", b"ARROW:unread")
    whole = MAGIC + footer + len(footer).to_bytes(4, "little") + MAGIC
    return pq.read_metadata(pa.BufferReader(whole))


def _has_dictionary(found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        return True
    fields = (found.field(number).type for number in range(found.num_fields))
    return any(map(_has_dictionary, fields))


def _are_alike(one: pa.Schema, other: pa.Schema) -> bool:
    """Whether two schemas differ in dictionaries, and in kinds of lists and texts alone."""
    is_same = one.names == other.names
    return is_same and all(map(_is_alike, one.types, other.types))


def _is_alike(one: pa.DataType, other: pa.DataType) -> bool:
    if pa.types.is_dictionary(one):
        return _is_alike(one.value_type, other)
    if is_list_type(one) and is_list_type(other):
        return _is_alike(one.value_type, other.value_type)
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        return _are_alike(pa.schema(list(one)), pa.schema(list(other)))
    is_text = pa.types.is_large_string(one) and pa.types.is_string(other)
    return is_text or bool(one.equals(other))


def is_of(leaf: str, columns: Iterable[str]) -> bool:
    """Whether a leaf of a Parquet schema is one of these, or of these columns."""
    return any(leaf == one or leaf.startswith(f"{one}.") for one in columns)


def _texts(schema: pq.ParquetSchema) -> set[str]:
    leaves = (schema.column(number) for number in range(len(schema)))
    return {leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"}


def as_dictionaries(path: str | Path) -> tuple[pq.ParquetFile, pa.Schema]:
    """The file, to be closed by the caller, whose texts are read as dictionaries; its schema."""
    with pq.ParquetFile(path, memory_map=True) as file:
        schema, metadata, texts = file.schema_arrow, file.metadata, _texts(file.schema)
    read = pq.ParquetFile(path, memory_map=True, read_dictionary=sorted(texts), metadata=metadata)
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


def sizes_without_bomb(path: Path) -> list[ColumnSize]:
    """Sizes of a file's columns, none of which grows as only a bomb does.

    Raises:
        DataError: Naming the column that does, or if the footer is damaged.
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
    return sizes
