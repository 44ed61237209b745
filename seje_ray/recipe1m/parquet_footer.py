"""What the footer of a Parquet file says of its columns' sizes, read without trust in it.

pyarrow gives these numbers, too, but ends the process where they are damaged: its C++ throws, and
nothing catches it. The format: Thrift's compact protocol, and ``parquet.thrift``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = b"PAR1"
MAX_DEPTH = 32  # of structs and lists; the format has some ten
# Fields of parquet.thrift.
ROW_GROUPS, COLUMNS, COLUMN_METADATA, PATH = 4, 1, 3, 3
CODEC, NUM_VALUES, UNPACKED_SIZE, PACKED_SIZE, DATA_PLACE, DICTIONARY_PLACE = 4, 5, 6, 7, 9, 11


@dataclass(frozen=True, slots=True)
class ColumnSize:
    """One column of one row group."""

    name: str  # with the names above it, by dots
    num_values: int
    packed_bytes: int
    unpacked_bytes: int
    codec: int  # its number in parquet.thrift
    start: int  # place of its first page in the file
    group: int


def column_sizes(path: Path) -> list[ColumnSize]:
    """Sizes that a file's footer names, of each column of each row group.

    Raises:
        ValueError: If the footer is damaged.
    """
    found = []
    for number, group in enumerate(_list(Thrift(footer_bytes(path)).struct(), ROW_GROUPS)):
        for column in _list(group, COLUMNS):
            of_it = column.get(COLUMN_METADATA)
            if not isinstance(of_it, dict):
                raise ValueError("a column without its metadata")
            names = [name.decode("utf-8", "replace") for name in _list(of_it, PATH, bytes)]
            fields = (NUM_VALUES, PACKED_SIZE, UNPACKED_SIZE, CODEC, DATA_PLACE)
            sizes = [of_it.get(field) for field in fields]
            if not all(isinstance(size, int) for size in sizes):
                raise ValueError("a column without its sizes")
            values, packed, unpacked, codec, start = map(int, sizes)  # type: ignore[arg-type]
            before = of_it.get(DICTIONARY_PLACE)
            if isinstance(before, int) and 0 < before < start:
                start = before
            name = ".".join(names)
            found.append(ColumnSize(name, values, packed, unpacked, codec, start, number))
    return found


def footer_bytes(path: Path) -> bytes:
    """The footer of a file, as it is.

    Raises:
        ValueError: If it has none.
    """
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - 8))
        tail = file.read(8)
        length = int.from_bytes(tail[:4], "little")
        if len(tail) < 8 or tail[4:] != MAGIC or length > end - 8:
            raise ValueError("no Parquet footer")
        file.seek(end - 8 - length)
        return file.read(length)


def _list(struct: dict[int, Any], field: int, kind: type = dict) -> Iterator[Any]:
    values = struct.get(field, [])
    if not isinstance(values, list) or not all(isinstance(value, kind) for value in values):
        raise ValueError(f"field {field} is no list of {kind.__name__}")
    return iter(values)


class Thrift:
    """A reader of Thrift's compact protocol, linear in the bytes that it is given."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def place(self) -> int:
        """Bytes that were read."""
        return self._at

    def struct(self, depth: int = MAX_DEPTH) -> dict[int, Any]:
        """The fields of a struct, by number.

        Raises:
            ValueError: If it is none.
        """
        fields: dict[int, Any] = {}
        number = 0
        while head := self._bytes(1)[0]:
            step, kind = head >> 4, head & 15
            number = number + step if step else self._integer()
            is_truth_value = kind in (1, 2)  # by the type alone
            fields[number] = kind == 1 if is_truth_value else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth == 0:
            raise ValueError("nested too deeply")
        match kind:
            case 1 | 2 | 3:  # truth values, which take a byte each in a list, and bytes
                return self._bytes(1)[0]
            case 4 | 5 | 6:  # integers of any width
                return self._integer()
            case 7:  # a double
                return self._bytes(8)
            case 8:  # a text
                return self._bytes(self._number())
            case 9 | 10:  # a list or a set
                head = self._bytes(1)[0]
                count = self._number() if head >> 4 == 15 else head >> 4
                return [self._value(head & 15, depth - 1) for _ in range(count)]
            case 11:
                return self._map(depth)
            case 12:
                return self.struct(depth - 1)
        raise ValueError(f"unknown type {kind}")

    def _map(self, depth: int) -> list[Any]:
        count = self._number()
        kinds = self._bytes(1)[0] if count else 0
        return [
            (self._value(kinds >> 4, depth - 1), self._value(kinds & 15, depth - 1))
            for _ in range(count)
        ]

    def _integer(self) -> int:
        number = self._number()
        return (number >> 1) ^ -(number & 1)

    def _number(self) -> int:
        number = 0
        for place in range(0, 70, 7):
            byte = self._bytes(1)[0]
            number |= (byte & 127) << place
            if byte < 128:
                return number
        raise ValueError("a number of more than 64 bits")

    def _bytes(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise ValueError("the footer ends too early")
        self._at += count
        return found
