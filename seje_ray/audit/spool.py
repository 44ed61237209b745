"""Names of many recipes or photos on disk, found again by their number."""

import json
from array import array
from pathlib import Path
from types import TracebackType
from typing import Any


class Spool:
    """A temporary file of JSON rows; eight bytes of memory each."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._starts = array("Q", [0])

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._starts) - 1

    def append(self, *row: object) -> None:
        """Add a row; all are added before the first is read."""
        line = json.dumps(row).encode("ascii")  # also what no UTF-8 file could hold
        self._file.write(line)
        self._starts.append(self._starts[-1] + len(line))

    def row(self, number: int) -> list[Any]:
        """The row that was added as ``number``, from 0."""
        start, end = self._starts[number], self._starts[number + 1]
        self._file.seek(start)
        found: list[Any] = json.loads(self._file.read(end - start))
        return found
