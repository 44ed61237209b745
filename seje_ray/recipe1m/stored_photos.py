"""Photos as files, and as parts of files: a column of Parquet or Arrow, a member of a tar."""

import os
import stat
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal
from urllib.parse import quote, unquote

import numpy as np
import pyarrow as pa

from seje_ray import limits
from seje_ray.recipe1m.parquet_file import as_dictionaries, batches_of
from seje_ray.recipe1m.photo_cells import bytes_in, path_in, photo_cells, photo_type, reached

ROWS_AT_ONCE = 8  # of a column of photos
BATCHES_KEPT = 4  # threads ask for rows a little out of order
COLUMNS_KEPT = 4  # open at once
_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)  # for a pipe's other end
Kind = Literal["parquet", "arrow"]


class PhotoTooLargeError(OSError):
    """A photo takes more than ``limits.MAX_PHOTO_BYTES``."""


class NoPhotoError(FileNotFoundError):
    """A cell holds no photo, and names no file that is there."""


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A photo that a reader found inside a file; what a record itself says is never one."""

    id: str
    location: str


def in_tar(path: Path, offset: int, size: int) -> str:
    """Location of a member of a tar file, in bytes."""
    return f"tar:{offset}:{size}:{path.absolute()}"


def in_column(kind: Kind, path: Path, column: str, row: int, index: int) -> str:
    """Location of a photo in a column: that of a row, or one of its list."""
    return f"{kind}:{row}:{index}:{quote(column, safe='')}:{path.absolute()}"


def file_of(location: str) -> str:
    """Path of the file in which a photo is."""
    kind, _, rest = location.partition(":")
    if kind == "tar":
        return rest.split(":", 2)[2]
    return rest.split(":", 3)[3] if kind in ("parquet", "arrow") else location


def photo_bytes(location: str) -> bytes:
    """A photo's bytes as they are stored.

    Raises:
        PhotoTooLargeError: If there are more than ``limits.MAX_PHOTO_BYTES``.
        OSError: If it is not there or cannot be read.
        ValueError: If the name cannot be that of a file.
    """
    kind, _, rest = location.partition(":")
    if kind == "tar":
        offset, size, path = rest.split(":", 2)
        return _part_of(path, int(offset), int(size))
    if kind in ("parquet", "arrow"):
        row, index, column, path = rest.split(":", 3)
        return _cell(kind, path, unquote(column), int(row), int(index))
    return _part_of(location, 0, None)


def _part_of(path: str, offset: int, size: int | None) -> bytes:
    with regular_file(path) as file:
        size = os.fstat(file.fileno()).st_size - offset if size is None else size
        if size > limits.MAX_PHOTO_BYTES:
            raise PhotoTooLargeError(0, f"over {limits.MAX_PHOTO_BYTES} bytes")
        file.seek(offset)
        return file.read(max(0, size))


def regular_file(path: str) -> BinaryIO:
    """A file opened to be read; never a pipe or a device, which may have no end.

    Raises:
        OSError: If it is none, or cannot be read.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # opening alone may do something to a device
        raise OSError(0, "no regular file")
    file = open(os.open(path, os.O_RDONLY | _NO_WAIT), "rb")  # noqa: SIM115  # the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # another one since
        file.close()
        raise OSError(0, "no regular file")
    return file


def _cell(kind: str, path: str, column: str, row: int, index: int) -> bytes:
    try:
        value = _column(kind, path, column).at(row)
    except pa.ArrowException as error:
        raise OSError(0, str(error)) from error
    cells = photo_cells(value)
    value = cells[index] if index < len(cells) else None
    found = None if value is None else photo_type(value.type)
    keys = () if found is None else found.keys
    buffer = bytes_in(reached(value, keys))
    if buffer is None and (name := path_in(reached(value, keys[:-1]))):
        found_path, folder = beside(Path(path).parent, name), os.path.dirname(path)
        if not is_below(os.path.realpath(found_path), os.path.realpath(folder)):
            raise NoPhotoError(2, f"{name} is not below {folder}")
        return _part_of(found_path, 0, None)
    if buffer is None:
        raise NoPhotoError(2, "no photo in this cell")
    if buffer.size > limits.MAX_PHOTO_BYTES:
        raise PhotoTooLargeError(0, f"over {limits.MAX_PHOTO_BYTES} bytes")
    return bytes(buffer)


def beside(folder: Path, name: str) -> str:
    """Path of the file that a file in ``folder`` names, wherever that is."""
    name = name if os.sep == "\\" else name.replace("\\", "/")  # as Windows writes it
    return os.path.abspath(os.path.join(folder, name))


def is_below(path: str, folder: str) -> bool:
    """Whether an absolute path lies in a folder, by their names alone."""
    return path.startswith(folder.rstrip(os.sep) + os.sep)


class _Column:
    """Cells of one column, read forward; rows are asked for nearly in order."""

    def __init__(self, kind: str, path: str, column: str) -> None:
        self._kind, self._path, self._column_name = kind, path, column
        self._batches: deque[tuple[int, pa.Array]] = deque(maxlen=BATCHES_KEPT)
        self._next_row = 0
        self._group = -1
        self._rows: Iterator[pa.RecordBatch] = iter(())
        self._lock = threading.Lock()
        if kind == "parquet":
            self._file, _ = as_dictionaries(path)
            groups = range(self._file.num_row_groups)
            counts = [self._file.metadata.row_group(group).num_rows for group in groups]
            self._starts = np.cumsum([0, *counts])

    def at(self, row: int) -> Any:
        """The cell of a row, as Arrow's scalar."""
        with self._lock:
            for start, cells in self._batches:
                if start <= row < start + len(cells):
                    return cells[row - start]
            self._move_before(row)
            while True:
                batch = next(self._rows, None)
                if batch is None:
                    raise NoPhotoError(2, f"no row {row}")
                start, self._next_row = self._next_row, self._next_row + batch.num_rows
                if row < self._next_row:
                    self._batches.append((start, batch.column(0)))
                    return batch.column(0)[row - start]

    def _move_before(self, row: int) -> None:
        """Begin again where the row is behind, or in another row group."""
        if self._kind == "arrow":
            if row < self._next_row or self._group < 0:
                self._group, self._next_row = 0, 0
                self._rows = (batch.select([self._column_name]) for batch in batches(self._path))
            return
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        if group != self._group or row < self._next_row:
            self._group, self._next_row = group, int(self._starts[group])
            groups = [group] if group < self._file.num_row_groups else []
            self._rows = batches_of(self._file, ROWS_AT_ONCE, [self._column_name], groups)


def batches(path: str) -> Iterator[pa.RecordBatch]:
    """Batches of an Arrow file or stream, one at a time.

    Raises:
        pa.ArrowInvalid: If one is damaged: Arrow itself would read outside of it.
    """
    source = pa.memory_map(path)
    try:
        reader = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        yield from map(_checked, pa.ipc.open_stream(source))
        return
    for number in range(reader.num_record_batches):
        yield _checked(reader.get_batch(number))


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch; a text that is no UTF-8 costs its row, later."""
    for column in batch.columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
    return batch


_open: OrderedDict[tuple[str, str, str], _Column] = OrderedDict()
_open_lock = threading.Lock()


def _column(kind: str, path: str, column: str) -> _Column:
    """The column, opened once for the photos that are read one after the other."""
    with _open_lock:
        key = (kind, path, column)
        found = _open.pop(key, None) or _Column(kind, path, column)
        _open[key] = found
        while len(_open) > COLUMNS_KEPT:
            _open.popitem(last=False)
        return found
