"""Arrow columns of vectors, from and to NumPy."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from seje_ray.schema import vector


def vectors_array(rows: np.ndarray) -> pa.FixedSizeListArray:
    """Rows (n, dim) as a column of vectors."""
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, type=vector(rows.shape[1]))


def ragged_array(rows: np.ndarray, counts: Sequence[int]) -> pa.ListArray:
    """Rows (sum(counts), dim) as a column of lists of vectors."""
    return pa.ListArray.from_arrays(offsets_of(counts), vectors_array(rows))


def offsets_of(counts: Sequence[int]) -> pa.Array:
    """Starts of the lists of a column, and the end of the last one."""
    return pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())


def matrix(column: pa.ChunkedArray) -> np.ndarray:
    """A column of vectors as rows (n, dim)."""
    flat = column.combine_chunks().flatten().to_numpy()
    return np.asarray(flat).reshape(len(column), -1)


def vector_dim(schema: pa.Schema, column: str) -> int | None:
    """Dimensions of the vectors of a column of lists; None if there is no such column."""
    if column not in schema.names:
        return None
    dim: int = schema.field(column).type.value_type.list_size
    return dim


def with_columns(table: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    """The table and new columns."""
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table
