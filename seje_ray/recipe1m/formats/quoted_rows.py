"""Rows of a table whose quotes may be wrong: a bad one costs its line, and none behind it."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from seje_ray import limits
from seje_ray.recipe1m.json_stream import Broken

_ESCAPED = re.compile(r'\\(["\\])')
BACKSLASHES = "a backslash before quotes inside cells"


@dataclass(slots=True)
class QuotedRows:
    """Rows of a table, read strictly; what is written in another way is read where that is sure.

    A cell in quotes that is never closed would take all lines up to the next quote. It shows
    itself by what stands behind that quote; then only the line where it began is left out.
    """

    lines: Iterator[str]
    delimiter: str
    name: str  # of the file
    num_cells: int | None = None  # of a whole row; None while it is not known
    line_num: int = 0  # of the line where the last row began, counted from 1
    has_backslashes: bool = False  # some row had ``\\"`` for a quote inside a cell
    _back: deque[str] = field(default_factory=deque)  # lines that are read again
    _is_lost: bool = False  # until a whole row begins

    def __iter__(self) -> Iterator[list[str] | Broken]:
        """Rows, blank ones too, and what is none."""
        while (line := self._next()) is not None:
            self.line_num += 1
            plain = '"' not in line
            row = self._row([line], strict=False) if plain else self._quoted(line)
            if isinstance(row, list) and self._is_lost:
                if len(row) != self.num_cells:
                    continue  # the rest of a row that is told already
                self._is_lost = False
            yield row

    def _quoted(self, line: str) -> list[str] | Broken:
        """The row that begins with a line with quotes in it."""
        began = self.line_num
        where = f"{self.name}: line {began:,}"
        taken = [line]
        try:
            row = self._strict(taken)
        except csv.Error as error:
            row = None
            said = str(error)
        if row is not None and len(row) == (self.num_cells or len(row)):
            return row
        again = self._with_backslashes(taken)
        if again is not None:
            return again
        if row is not None:
            return row
        self._give_back(taken[1:])
        self.line_num = began
        if (row := self._literal(line)) is not None:
            return row
        if "field limit" in said:
            return Broken("record_too_large", f"{where}: {said}")
        self._is_lost = self.num_cells is not None
        return Broken("malformed_row", f"{where}: quotes that do not pair")

    def _strict(self, taken: list[str]) -> list[str]:
        """The row of the first of these lines and, in quotes, of further ones, added to them."""

        def lines() -> Iterator[str]:
            yield self._unescaped(taken[0])
            while (line := self._next()) is not None:
                taken.append(line)
                self.line_num += 1
                yield self._unescaped(line)

        return self._first(csv.reader(lines(), delimiter=self.delimiter, strict=True))

    def _with_backslashes(self, taken: list[str]) -> list[str] | None:
        r"""The row with ``\"`` read as a quote inside a cell, if only so it is whole."""
        if self.has_backslashes or not any('\\"' in line for line in taken):
            return None
        began = self.line_num - len(taken) + 1
        self._give_back(taken[1:])
        self.line_num, self.has_backslashes = began, True
        again = [taken[0]]
        try:
            row = self._strict(again)
        except csv.Error:
            row = []
        if row and len(row) == (self.num_cells or len(row)):
            return row
        self._give_back(again[1:])
        self.line_num, self.has_backslashes = began, False
        for _ in taken[1:]:
            self._next()
        self.line_num = began + len(taken) - 1
        return None

    def _literal(self, line: str) -> list[str] | None:
        """The cells of a line whose quotes are text, where the number of cells says so.

        In a table with commas a cell that begins with a quote has to hold a second one.
        """
        row = line.rstrip("\r\n").split(self.delimiter)
        begun = [cell for cell in row if cell.startswith('"') and cell.count('"') % 2]
        if len(row) != self.num_cells or (begun and self.delimiter != "\t"):
            return None
        return row

    def _row(self, lines: list[str], *, strict: bool) -> list[str] | Broken:
        try:
            return self._first(csv.reader(lines, delimiter=self.delimiter, strict=strict))
        except csv.Error as error:
            return Broken("record_too_large", f"{self.name}: line {self.line_num:,}: {error}")

    def _first(self, rows: Iterator[list[str]]) -> list[str]:
        csv.field_size_limit(limits.MAX_RECORD_CHARS)
        return next(rows, [])

    def _unescaped(self, line: str) -> str:
        if not self.has_backslashes or "\\" not in line:
            return line
        return _ESCAPED.sub(lambda found: '""' if found[1] == '"' else "\\", line)

    def _next(self) -> str | None:
        return self._back.popleft() if self._back else next(self.lines, None)

    def _give_back(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))
