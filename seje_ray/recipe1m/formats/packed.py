"""Compressed files as streams of bytes, known by their first bytes, whatever they are called."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from seje_ray import limits
from seje_ray.recipe1m.records import DataError

PACKED_SUFFIXES = (".gz", ".zst", ".bz2", ".xz")
PIECE_BYTES = 1024  # unpacked at once: what is lost where a file is cut
_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError)


def _open_zstd(path: Path) -> Any:
    return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")


_KINDS: tuple[tuple[bytes, str, Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", "gzip", gzip.open),
    (b"\x28\xb5\x2f\xfd", "zstd", _open_zstd),
    (b"BZh", "bzip2", bz2.open),
    (b"\xfd7zXZ\x00", "xz", lzma.open),
)


class ByteStream:
    """Bytes of a file, unpacked where it is packed."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            DataError: If the file cannot be opened.
        """
        self.path = path
        self.packing = ""  # gzip, zstd, bzip2 or xz
        self.damage = ""  # why it ended before its end
        self._given = 0
        try:
            if not path.is_file():
                raise DataError(f"{path}: expected a regular file, found none")
            self._size = path.stat().st_size
            with path.open("rb") as file:
                head = file.read(8)
            found = next((kind for kind in _KINDS if head.startswith(kind[0])), None)
            self._stream: Any
            if found is None:
                self._stream = path.open("rb")
            else:
                self.packing, self._stream = found[1], found[2](path)
        except OSError as error:
            raise DataError(
                f"{path}: expected a readable file: {error.strerror or error}"
            ) from error

    def __enter__(self) -> "ByteStream":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, size: int) -> bytes:
        """``size`` bytes; fewer at the end, or where the file is damaged.

        Raises:
            DataError: If it grows as only a bomb does.
        """
        pieces: list[bytes] = []
        left = size
        while left > 0 and not self.damage:
            try:
                piece = self._piece(left)
            except _ERRORS as error:  # what came before is kept
                self.damage = f"{self.path.name}: {self.packing or 'file'} cut or damaged: {error}"
                break
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
        data = b"".join(pieces)
        self._given += len(data)
        if self._given > max(limits.MIN_GROWN_BYTES, limits.MAX_GROWTH * self._size):
            raise DataError(
                f"{self.path}: expected packed text, found {self.packing} that grows to more "
                f"than {limits.MAX_GROWTH} times its size; unpack it, and look whether it is whole"
            )
        return data

    def _piece(self, size: int) -> bytes:
        """Some of the next bytes; what was unpacked before damage comes before its error."""
        if isinstance(self._stream, pa.NativeFile):
            return bytes(self._stream.read(min(size, PIECE_BYTES)))
        return bytes(self._stream.read1(size))


def without_packing(name: str) -> str:
    """A file's name without the suffix of a packed file."""
    lower = name.lower()
    for suffix in PACKED_SUFFIXES:
        if lower.endswith(suffix):
            return name[: -len(suffix)]
    return name
