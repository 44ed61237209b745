"""A user's file of sentence vectors: checked row by row, and stored to be found by recipe."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seje_ray import limits
from seje_ray.calibration.sentence_encoder.given import INDEX, VECTORS, step_keys
from seje_ray.console.report import Report
from seje_ray.durable import written
from seje_ray.errors import SejeError
from seje_ray.recipe1m.formats.column_values import row_bytes
from seje_ray.recipe1m.parquet_file import opened_parquet

COLUMNS = ["id", "step", "vector"]
ROWS_PER_BATCH = 2048  # that are in memory at once


class SentenceVectorFileError(SejeError):
    """A file holds no sentence vectors that can be used."""


@dataclass(frozen=True, slots=True)
class ImportedSentences:
    """Vectors in a scratch folder, where ``given.GivenSentences`` can open them."""

    folder: Path

    def save(self, folder: Path) -> None:
        """Move them into an existing folder of the same file system."""
        for name in (INDEX, VECTORS):
            os.replace(self.folder / name, folder / name)


def import_sentence_vectors(
    path: Path, folder: Path, progress: Report | None = None
) -> ImportedSentences:
    """Copy the vectors of a Parquet file once, in its order, and write an index.

    Memory holds a batch of vectors and 40 bytes for each of the file.

    Args:
        path: File with columns ``id`` (text or whole number), ``step`` (whole number from 0) and
            ``vector`` (list of floats, all of one length); a row per instruction, in any order.
        folder: Scratch folder.
        progress: Called with (done, total, text); a unit is a vector.

    Raises:
        SentenceVectorFileError: If it is no such file, a value is missing, a number is not
            finite, or a step has two vectors.
    """
    if not path.is_file():
        raise SentenceVectorFileError(
            f"{path}: no such Parquet file; name one in calibrate.sentence_encoder.file, or take "
            "another calibrate.sentence_encoder.backend"
        )
    folder.mkdir(parents=True, exist_ok=True)
    keys = _copied(path, folder / VECTORS, progress)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    repeated = order[1:][keys[1:] == keys[:-1]]
    if len(repeated):
        raise SentenceVectorFileError(
            f"{path}: expected one vector of each step, found {len(repeated):,} rows of steps "
            f"that are there before, e.g. {_named(path, int(repeated.min()))}"
        )
    with written(folder / INDEX) as file:
        np.save(file, np.stack([keys, order.astype(np.uint64)]))
    return ImportedSentences(folder)


def first_id(path: Path) -> str:
    """Recipe id of a file's first vector."""
    with pq.ParquetFile(path) as file:
        return str(next(file.iter_batches(1, columns=["id"]))["id"][0])


def _check_columns(path: Path, schema: pa.Schema) -> None:
    """Names and types."""
    expected = {
        "id": ("text", _is_id),
        "step": ("whole numbers", pa.types.is_integer),
        "vector": ("lists of floats", _is_vector),
    }
    missing = [name for name in expected if name not in schema.names]
    if missing:
        raise SentenceVectorFileError(
            f"{path}: expected columns {', '.join(COLUMNS)}, found "
            f"{', '.join(schema.names) or 'none'}; rename yours"
        )
    wrong = [
        f"{name} of {text}, found {schema.field(name).type}"
        for name, (text, is_right) in expected.items()
        if not is_right(schema.field(name).type)
    ]
    if wrong:
        raise SentenceVectorFileError(f"{path}: expected {'; '.join(wrong)}")


def _is_id(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)
    )


def _is_vector(kind: pa.DataType) -> bool:
    is_list = (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )
    return bool(is_list and pa.types.is_floating(kind.value_type))


def _copied(path: Path, target: Path, progress: Report | None) -> np.ndarray:
    """Write the vectors as one matrix; give the key of each row."""
    keys = np.empty(0, np.uint64)
    smallest = done = 0
    with target.open("wb") as out:
        for num_rows, ids, steps, rows in _batches(path):
            if not done:
                keys, smallest = np.empty(num_rows, np.uint64), int(steps[0])
                shape = (num_rows, rows.shape[1])
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(out, header)
            out.write(rows.data)
            keys[done : done + len(ids)] = step_keys(ids, steps)
            smallest = min(smallest, int(steps.min()))
            done += len(ids)
            if progress is not None:
                progress(done, num_rows, "")
    if not done:
        raise SentenceVectorFileError(f"{path}: expected a row per instruction, found none")
    if smallest != 0:
        raise SentenceVectorFileError(
            f"{path}: expected steps counted from 0, the smallest is {smallest}"
        )
    return keys


def _batches(path: Path) -> Iterator[tuple[int, list[str], np.ndarray, np.ndarray]]:
    """Number of rows of the file, and a batch of recipe ids, steps (n,) and vectors (n, dim)."""
    done = dim = 0
    try:
        with opened_parquet(path) as file:
            _check_columns(path, file.schema)
            for batch in file.batches(ROWS_PER_BATCH, COLUMNS):
                if batch.num_rows:
                    ids, steps = _places(path, batch, done)
                    rows = _rows(path, batch, dim, ids, steps)
                    done, dim = done + len(ids), rows.shape[1]
                    yield file.num_rows, ids, steps, rows
    except (OSError, ValueError) as error:  # Arrow's and Unicode's errors are ValueErrors
        raise SentenceVectorFileError(
            f"{path}: expected a Parquet file of {', '.join(COLUMNS)} in UTF-8, found something "
            f"else: {error}"
        ) from error


def _places(path: Path, batch: pa.RecordBatch, first_row: int) -> tuple[list[str], np.ndarray]:
    """Recipe ids and steps of a batch."""
    longest = int(row_bytes(batch.select(["id"])).max())
    if longest > limits.MAX_CELL_BYTES:
        raise SentenceVectorFileError(f"{path}: expected ids, found a text of {longest:,} bytes")
    ids = batch["id"].cast(pa.string())
    for name, column in (("id", ids), ("step", batch["step"]), ("vector", batch["vector"])):
        if column.null_count:
            row = first_row + int(pc.index(column.is_null(), True).as_py())
            raise SentenceVectorFileError(f"{path}: row {row:,} (from 0) has no {name}")
    return ids.to_pylist(), batch["step"].cast(pa.int64()).to_numpy()


def _rows(
    path: Path, batch: pa.RecordBatch, dim: int, ids: list[str], steps: np.ndarray
) -> np.ndarray:
    """Vectors (n, dim) float32 of a batch; ``dim`` 0 takes the length of the first one."""
    column = batch["vector"]
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    dim = dim or int(lengths[0])
    is_wrong = (lengths != dim) | (lengths == 0)
    if is_wrong.any():
        row = int(is_wrong.argmax())
        raise SentenceVectorFileError(
            f"{path}: expected vectors of one length >= 1, found {dim} numbers first and "
            f"{lengths[row]} in step {steps[row]} of {ids[row]!r}"
        )
    flat = column.flatten()
    with np.errstate(over="ignore"):  # a float64 beyond float32 is caught below
        rows: np.ndarray = flat.to_numpy(zero_copy_only=False).astype("<f4", copy=False)
    rows = rows.reshape(-1, dim)
    is_wrong = ~np.isfinite(rows).all(axis=1)  # a missing number is NaN here
    if is_wrong.any():
        row = int(is_wrong.argmax())
        raise SentenceVectorFileError(
            f"{path}: expected finite float32 numbers, found others in step {steps[row]} of "
            f"{ids[row]!r}"
        )
    return rows


def _named(path: Path, row: int) -> str:
    """Step and recipe of a row, for a message."""
    for ids, steps in _id_batches(path):
        if row < len(ids):
            return f"step {steps[row]} of {ids[row].as_py()!r}"
        row -= len(ids)
    raise ValueError(f"row {row} is beyond the end of {path}")


def _id_batches(path: Path) -> Iterator[tuple[pa.Array, pa.Array]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=COLUMNS[:2]):
            yield batch["id"], batch["step"]
