"""A mark before each line of a job's stdout, whose log also holds everything else."""

import io
import sys
from typing import TextIO

MARK = "\x1e"  # ASCII record separator, which no terminal shows
MARKED = "SEJE_RAY_MARKS_STDOUT"  # environment variable of a job


class MarkedLines(io.TextIOBase):
    """Writes to ``stream`` with a mark before each line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_at_start = True

    def write(self, text: str) -> int:
        """Write, marking each line that begins here."""
        if not isinstance(text, str):  # click asks in this way whether bytes may be written
            raise TypeError(f"expected str, got {type(text).__name__}")
        for line in text.splitlines(keepends=True):
            self._stream.write((MARK if self._is_at_start else "") + line)
            self._is_at_start = line.endswith("\n")
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream."""
        return self._stream.encoding


def mark_stdout() -> None:
    """Mark every line that this process prints as a result."""
    sys.stdout = MarkedLines(sys.stdout)
