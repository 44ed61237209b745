"""Texts and thumbnails of an index: rows of Parquet files, looked up by their number."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

GROUP = 16  # rows of a Parquet row group: what is read for one
OPEN_FILES = 128  # at most, of thousands


class Entries:
    """N rows of several Parquet files of one schema, one file after the other.

    Several threads may ask at once.
    """

    def __init__(self, paths: Sequence[Path], counts: Sequence[int] | None = None) -> None:
        """Take the files, of ``counts[i]`` rows each; None to look that up."""
        self._paths = list(paths)
        found = counts or [pq.read_metadata(path).num_rows for path in self._paths]
        self._ends = list(accumulate(found))
        self._lock = Lock()  # a Parquet file has one reader at a time
        self._file = lru_cache(OPEN_FILES)(pq.ParquetFile)
        self._column = cache(self._read_column)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def row(self, number: int, columns: Sequence[str] | None = None) -> dict[str, Any]:
        """One row, all of its columns or some."""
        if not 0 <= number < len(self):
            raise IndexError(f"row {number} of {len(self)}")
        part = bisect_right(self._ends, number)
        offset = number - (self._ends[part - 1] if part else 0)
        with self._lock:
            file = self._file(self._paths[part])
            size = file.metadata.row_group(0).num_rows  # of every group, but the last one
            table = file.read_row_group(
                offset // size, columns=None if columns is None else [*columns], use_threads=False
            )
        found: dict[str, Any] = table.slice(offset % size, 1).to_pylist()[0]
        return found

    def column(self, name: str) -> pa.ChunkedArray:
        """One column of all rows; kept, once it was read."""
        with self._lock:
            return self._column(name)

    def _read_column(self, name: str) -> pa.ChunkedArray:
        tables = [self._file(path).read(columns=[name]) for path in self._paths]
        return pa.concat_tables(tables)[name] if tables else pa.chunked_array([[]], pa.string())

    def find(self, id_: str) -> int | None:
        """The number of the first row with an id; None if there is none."""
        number = pc.index(self.column("id"), id_).as_py()
        return None if number < 0 else int(number)
