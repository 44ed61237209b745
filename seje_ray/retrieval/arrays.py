"""Named arrays of .npy, .npz, safetensors and Parquet: formats that run no code when read."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError, safe_open

from seje_ray import limits
from seje_ray.conversion import pickle_to_npy, tensor_to_npy
from seje_ray.errors import SejeError, first_line
from seje_ray.recipe1m.formats.column_values import row_bytes
from seje_ray.recipe1m.parquet_file import opened_parquet
from seje_ray.recipe1m.photo_cells import is_list_type

ROWS_AT_ONCE = 4096  # of a Parquet file
READ = ".parquet (or a folder of them), .npz, .npy, .safetensors"
UNREADABLE = (
    OSError, ValueError, KeyError, EOFError, TypeError, MemoryError, RuntimeError,
    zipfile.BadZipFile, zlib.error, SafetensorError, pa.ArrowException,
)  # fmt: skip


class EmbeddingsError(SejeError):
    """A file of embeddings cannot be measured; says why."""


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """A file and the arrays in it; the one of a .npy has no name."""

    path: Path
    names: tuple[str, ...]
    get: Callable[[str], np.ndarray]

    def read(self, name: str) -> np.ndarray:
        """The array of that name: numbers, or text as numpy's ``str``.

        Raises:
            EmbeddingsError: If it is cut short, or of Python objects, or a column has gaps.
        """
        try:
            array = self.get(name)
        except UNREADABLE as error:
            raise _unreadable(self.label(name), error) from error
        if array.dtype.hasobject:
            raise EmbeddingsError(
                f"{self.label(name)}: an array of Python objects, which only pickle can read; "
                "store it as numbers, or as text by numpy.array(values, dtype=str)"
            )
        return array

    def label(self, name: str) -> str:
        """How an error calls an array."""
        return f"{self.path}: {name}" if name else str(self.path)


def open_arrays(path: Path) -> ArrayFile:
    """The names of a file's arrays, which are read one by one.

    Raises:
        EmbeddingsError: If there is no such file, or of another kind, or it is broken.
    """
    if not path.exists():
        raise EmbeddingsError(f"{path}: no such file")
    kind = ".parquet" if path.is_dir() else path.suffix.lower()
    known = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors, ".parquet": _parquet}
    if kind not in known:
        raise EmbeddingsError(f"{path}: expected {READ}; {_advice(path)}")
    try:
        return known[kind](path)
    except UNREADABLE as error:
        raise _unreadable(str(path), error) from error


def _unreadable(what: str, error: BaseException) -> EmbeddingsError:
    if "This file contains pickled" in str(error):  # all that NumPy did not write
        return EmbeddingsError(
            f"{what}: neither NumPy wrote it nor is it read as a pickle, which may run code; "
            "write it by numpy.save or numpy.savez"
        )
    if "allow_pickle" in str(error):
        return EmbeddingsError(
            f"{what}: holds Python objects, which only pickle can read, and that may run code; "
            "store numbers, and ids as text by numpy.array(ids, dtype=str)"
        )
    return EmbeddingsError(f"{what}: cannot be read ({first_line(error)}); write it again")


def _advice(path: Path) -> str:
    target = f"{path.stem}.npy"
    match path.suffix.lower():
        case ".pkl" | ".pickle":
            convert = pickle_to_npy(str(path), target)
        case ".pt" | ".pth" | ".bin":
            convert = tensor_to_npy(str(path), target)
        case _:
            return f"found {path.suffix or 'no suffix'}"
    return f"a pickle may run code; if you trust it, convert it by: {convert}"


def _npy(path: Path) -> ArrayFile:
    return ArrayFile(path, ("",), lambda _: _loaded(path))


def _loaded(path: Path) -> np.ndarray:
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("several arrays, as .npz has them")
    return array


def _npz(path: Path) -> ArrayFile:
    def get(name: str) -> np.ndarray:
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[name])

    with np.load(path, allow_pickle=False) as arrays:
        return ArrayFile(path, tuple(arrays.files), get)


def _safetensors(path: Path) -> ArrayFile:
    def get(name: str) -> np.ndarray:
        with safe_open(path, framework="pt") as tensors:
            tensor: torch.Tensor = tensors.get_tensor(name)
        narrow = tensor.is_floating_point() and tensor.dtype != torch.float64
        return (tensor.float() if narrow else tensor).numpy()  # numpy has no bfloat16

    with safe_open(path, framework="pt") as tensors:
        return ArrayFile(path, tuple(tensors.keys()), get)


def _parquet(path: Path) -> ArrayFile:
    paths = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not paths:
        raise ValueError("a folder without .parquet files")

    def get(name: str) -> np.ndarray:
        cells = [one for path in paths for one in _cells(path, name)]
        kind = None if cells else pq.read_schema(paths[0]).field(name).type
        return _of_column(pa.chunked_array(cells, kind))

    return ArrayFile(path, tuple(pq.read_schema(paths[0]).names), get)


def _cells(path: Path, name: str) -> Iterator[pa.Array]:
    """A column in pieces, none of which a small file makes large.

    Raises:
        DataError: If the file is none, or would fill the memory.
        ValueError: If a text is no id.
    """
    with opened_parquet(path) as file:
        for batch in file.batches(ROWS_AT_ONCE, [name]):
            cells = batch.column(0)
            if not is_list_type(cells.type):
                longest = int(row_bytes(batch).max(initial=0))
                if longest > limits.MAX_CELL_BYTES:
                    raise ValueError(f"a text of {longest:,} bytes")
                if pa.types.is_dictionary(cells.type):
                    cells = cells.cast(cells.type.value_type)
            yield cells


def _of_column(column: pa.ChunkedArray) -> np.ndarray:
    if column.null_count:
        raise ValueError(f"{column.null_count} of {len(column)} rows are null")
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.array(column.to_pylist(), dtype=str)
    if not (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ):
        return np.asarray(column.to_numpy())
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) > 1:
        raise ValueError(f"rows of {min(lengths)} to {max(lengths)} numbers")
    values = pc.list_flatten(column)
    if values.null_count:
        raise ValueError(f"{values.null_count} numbers are null")
    return np.asarray(values.to_numpy()).reshape(len(column), lengths[0] if lengths else 0)
