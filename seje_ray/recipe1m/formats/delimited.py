"""CSV and TSV: delimiter and encoding are found out; a broken row costs itself."""

import contextlib
import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from seje_ray import limits
from seje_ray.recipe1m.formats.encodings import TextStream, encoding_of
from seje_ray.recipe1m.formats.packed import ByteStream
from seje_ray.recipe1m.formats.quoted_rows import BACKSLASHES, QuotedRows
from seje_ray.recipe1m.formats.reading import TEXT_FIELDS, Reading
from seje_ray.recipe1m.json_stream import Broken
from seje_ray.recipe1m.keys import FIELDS
from seje_ray.recipe1m.records import DataError

NUM_JUDGED = 50  # rows that show the delimiter
JUDGED_CHARS = 1 << 17
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
EMPTY = frozenset(("nan", "NaN", "NA", "N/A", "#N/A", "NULL", "null", "None"))


def delimited_records(path: Path, reading: Reading) -> Iterator[Any | Broken]:
    """Rows of a table as objects under the names of its first row.

    Raises:
        DataError: If no delimiter gives a header with a text of a recipe.
    """
    with TextStream(path) as stream:
        lines = _Lines(stream)
        delimiter, names = _header(path, lines, reading)
        reading.say(f"table with {DELIMITERS[delimiter]} between cells", *stream.said())
        rows = QuotedRows(lines, delimiter, path.name, len(names), lines.passed)
        yield from _objects(rows, names)
        if rows.has_backslashes:
            reading.say(BACKSLASHES)
        if stream.damage:
            yield Broken("truncated_file", stream.damage)


def text_fields_of(path: Path, reading: Reading) -> tuple[str, ...]:
    """The texts of a recipe that a table's first row names; none if it names none."""
    try:
        with ByteStream(path) as stream:
            encoding = encoding_of(stream.read(JUDGED_CHARS))
        with TextStream(path, encoding=encoding, chunk_bytes=JUDGED_CHARS) as text:
            _, names = _header(path, _Lines(text), reading)
    except DataError:
        return ()
    fields = reading.fields_of(tuple(names))
    return tuple(field for field in TEXT_FIELDS if field in fields)


def _objects(rows: QuotedRows, names: list[str]) -> Iterator[Any | Broken]:
    for row in rows:
        if isinstance(row, Broken):
            yield row
        elif any(row):
            yield _object(row, names, f"{rows.name}: line {rows.line_num:,}")


def _object(row: list[str], names: list[str], where: str) -> Any | Broken:
    if any(row[len(names) :]):
        return Broken("malformed_row", f"{where}: {len(row)} cells, the header has {len(names)}")
    if sum(map(len, row)) > limits.MAX_RECORD_CHARS:
        return Broken("record_too_large", where)
    if any("\0" in cell for cell in row):
        return Broken("invalid_unicode", f"{where}: a NUL, as text in another encoding has it")
    cells = [None if cell in EMPTY else cell for cell in row]
    return dict(zip(names, cells + [None] * (len(names) - len(cells)), strict=False))


class _Lines:
    """Lines of a text with their ends; the first ones can be looked at before."""

    def __init__(self, stream: TextStream) -> None:
        self._stream = stream
        self._text = ""
        self._at = 0
        self.passed = 0  # lines

    def ahead(self, size: int) -> str:
        """The next characters, which stay."""
        while len(self._text) - self._at < size and self._read():
            pass
        return self._text[self._at : self._at + size]

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        """The next line, or a part of one that is far too long."""
        line = self._line()
        self.passed += 1
        return line

    def _line(self) -> str:
        searched = self._at
        while True:
            end = self._end(searched)
            if end is None and len(self._text) - self._at > limits.MAX_RECORD_CHARS:
                end = len(self._text)
            if end is not None:
                line, self._at = self._text[self._at : end], end
                return line
            searched = max(self._at, len(self._text) - 1) - self._at
            if not self._read():
                break
            searched += self._at
        line, self._at = self._text[self._at :], len(self._text)
        if not line:
            raise StopIteration
        return line

    def _end(self, searched: int) -> int | None:
        """Behind the next line end; one at the end of the text may be half of one."""
        feed = self._text.find("\n", searched)
        back = self._text.find("\r", searched, feed if feed >= 0 else len(self._text))
        if back < 0:
            return feed + 1 if feed >= 0 else None
        if back + 1 == len(self._text):
            return None
        return back + 2 if self._text[back + 1] == "\n" else back + 1

    def _read(self) -> bool:
        new = self._stream.read()
        self._text, self._at = self._text[self._at :] + new, 0
        return bool(new)


def _header(path: Path, lines: _Lines, reading: Reading) -> tuple[str, list[str]]:
    """The delimiter and the names of the columns; moves past the header."""
    if lines.ahead(4).lower() == "sep=":  # a line of Excel's
        next(lines)
    text = lines.ahead(JUDGED_CHARS)
    if not text.strip():
        raise DataError(f"{path}: expected a table, found an empty file")
    found = {delimiter: _judged(text, delimiter, reading) for delimiter in DELIMITERS}
    delimiter = max(found, key=lambda one: found[one])
    if not found[delimiter][0]:
        shown = next(iter(text.strip().splitlines()))[:80]
        raise DataError(
            f"{path}: expected a table whose first line names columns such as {', '.join(FIELDS)}, "
            f"found {shown!r}; name yours so, or say --map ingredients=YOURS"
        )
    rows = csv.reader(lines, delimiter=delimiter)
    names = next(row for row in rows if any(row))
    return delimiter, _distinct([name.strip() for name in names])


def _judged(text: str, delimiter: str, reading: Reading) -> tuple[int, float, int]:
    """(known fields in the header, share of rows of its length, its columns): more is likelier."""
    rows: list[list[str]] = []
    csv.field_size_limit(limits.MAX_RECORD_CHARS)
    cells = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    with contextlib.suppress(csv.Error):  # a cell that is too large, told where it is read
        for row in islice((row for row in cells if any(row)), NUM_JUDGED + 1):
            rows.append(row)  # noqa: PERF402
    header, *others = rows or [[""]]
    fields = reading.fields_of(tuple(name.strip() for name in header))
    alike = sum(len(row) == len(header) for row in others)
    num_texts = len(fields & set(TEXT_FIELDS))
    return num_texts and len(fields), alike / max(len(others), 1), len(header)


def _distinct(names: list[str]) -> list[str]:
    """Names of columns; a second one of a name gets a number, as pandas gives it."""
    met: Counter[str] = Counter()
    found = []
    for name in names:
        found.append(f"{name}.{met[name]}" if met[name] else name)
        met[name] += 1
    return found
