"""How much larger than its pages a Parquet column of texts may become, told by the pages alone.

In an encoding with a dictionary a value is the number of a text that stands in the file once. In
one by prefixes it says how much of the value before it repeats. Both make few bytes many.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from seje_ray import limits
from seje_ray.recipe1m.parquet_footer import ColumnSize, Thrift

# Of parquet.thrift: fields of a page's header, and of the headers in it.
KIND, UNPACKED, PACKED, DATA, DATA_V2 = 1, 2, 3, 5, 8
NUM_VALUES, ENCODING, ENCODING_V2 = 1, 2, 4
DICTIONARY_PAGE = 2  # kind
VALUES = {0: (DATA, ENCODING), 3: (DATA_V2, ENCODING_V2)}  # kinds, and where they tell it
BY_DICTIONARY, BY_PREFIX, PLAIN = (2, 8), 7, (0, 6)  # encodings
CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}  # that Arrow has, too
HEADER_BYTES = 1 << 14  # looked at, with the numbers of a page


@dataclass(frozen=True, slots=True)
class Repeats:
    """What a column's values repeat."""

    from_dictionary: int  # values
    longest: int  # text of the dictionary, bytes
    by_prefix: int  # values
    page_bytes: int  # of the largest page with such


def repeats_in(path: Path, column: ColumnSize) -> Repeats | None:
    """What the values of a column repeat; None where its pages do not tell."""
    try:
        with path.open("rb") as file:
            return _repeats(file, column)
    except (OSError, ValueError, KeyError, TypeError, MemoryError, pa.ArrowException):
        return None


def _repeats(file: BinaryIO, column: ColumnSize) -> Repeats | None:
    at, end, seen = column.start, column.start + column.packed_bytes, 0
    entries = b""
    found = {"dictionary": 0, "prefix": 0, "largest": 0}
    for _ in range(limits.MAX_PAGES_LOOKED_AT):
        if at >= end or seen >= column.num_values:
            named = found["dictionary"]
            longest = _longest(entries) if named * len(entries) > limits.MIN_GROWN_BYTES else 0
            return Repeats(named, longest or len(entries), found["prefix"], found["largest"])
        file.seek(at)
        thrift = Thrift(file.read(HEADER_BYTES))
        header = thrift.struct()
        at += thrift.place
        if header[PACKED] < 0:
            return None
        if header[KIND] == DICTIONARY_PAGE:
            entries = _unpacked(file, at, header, column)
        else:
            number = _count(header, found)
            if number is None:
                return None
            seen += number
        at += header[PACKED]
    return None


def _count(header: dict[int, Any], found: dict[str, int]) -> int | None:
    """Add a page of values to what was found; their number, None for encodings of no text."""
    if header[KIND] not in VALUES:  # an index
        return 0
    place, encoded = VALUES[header[KIND]]
    number, encoding = header[place][NUM_VALUES], header[place][encoded]
    if encoding in BY_DICTIONARY:
        found["dictionary"] += number
    elif encoding == BY_PREFIX:
        found["prefix"] += number
        found["largest"] = max(found["largest"], header[UNPACKED])
    elif encoding not in PLAIN:
        return None
    return int(number) if number >= 0 else None


def _unpacked(file: BinaryIO, at: int, header: dict[int, Any], column: ColumnSize) -> bytes:
    """The entries of a dictionary's page.

    Raises:
        ValueError: If they are larger than the column.
    """
    size = header[UNPACKED]
    if not 0 <= size <= column.unpacked_bytes:
        raise ValueError("a dictionary larger than its column")
    file.seek(at)
    packed = file.read(header[PACKED])
    if column.codec == 0:
        return packed
    return bytes(pa.Codec(CODECS[column.codec]).decompress(packed, size, asbytes=True))


def _longest(entries: bytes) -> int:
    """Bytes of the longest text: each stands behind its length.

    Raises:
        ValueError: If they do not end where the page does.
    """
    at = longest = 0
    while at < len(entries):
        size = int.from_bytes(entries[at : at + 4], "little")
        at += 4 + size
        longest = max(longest, size)
    if at != len(entries):
        raise ValueError("a dictionary that is cut")
    return longest
