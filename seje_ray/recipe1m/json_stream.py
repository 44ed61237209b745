"""JSON records of a large file one by one; a broken record costs itself and nothing else."""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seje_ray.recipe1m.records import DataError

CHUNK_BYTES = 1 << 20
MAX_RECORD_CHARS = 8 << 20
TAIL = 16  # characters at the end of what is read where an error may mean "cut", not "wrong"

_BETWEEN = re.compile(r"[\s,]*")
_NEXT_LINE = re.compile(r"\n[\s,]*(?=\{)")
_NEXT_OBJECT = re.compile(r"\n[\s,\[]*(?=\{)|(?<=\}),\s*(?=\{)")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Broken:
    """A stretch of the file that is no record."""

    reason: str  # malformed_json, not_an_object, record_too_large or truncated_file
    detail: str


def json_records(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Any | Broken]:
    """Elements of a JSON list, or of JSON lines, in file order; memory holds a few of them.

    After a record that is not JSON, reading continues at the next line of JSON lines; in a list, at
    the next object with an ``id``, which the objects inside a record do not have.

    Raises:
        DataError: If the file is empty, or starts like no JSON list and no JSON object.
    """
    with path.open("rb") as file:
        window = _Window(path, file, chunk_bytes)
        is_list = window.start()
        while window.skip(_BETWEEN):
            if is_list and window.is_at_the_end():
                return
            yield window.record()
        if is_list and not window.ends_with("]"):
            yield Broken("truncated_file", f"{path.name}: ends without the closing ]")


class _Window:
    """The part of a file that is held as text, and how far it is read."""

    def __init__(self, path: Path, file: Any, chunk_bytes: int) -> None:
        self._path, self._file, self._chunk_bytes = path, file, chunk_bytes
        # A byte that is not UTF-8 becomes a lone surrogate, which the readers reject by record.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
        self._text, self._at = "", 0
        self._is_list = False
        self._is_whole = False  # the file's end is in the text
        self._before = 0  # characters of the file before the text

    def start(self) -> bool:
        """Move past the opening bracket of a list; False if the file has JSON lines."""
        self._read()
        if self._text.startswith("\ufeff"):
            self._at = 1
        if not self.skip(re.compile(r"\s*")):
            raise DataError(f"{self._path}: expected JSON records, found an empty file")
        first = self._text[self._at]
        if first not in "[{":
            raise DataError(
                f"{self._path}: expected a JSON list or JSON lines, found a file that starts with "
                f"{self._text[self._at : self._at + 12]!r}; is it compressed or another format?"
            )
        self._is_list = first == "["
        self._at += self._is_list
        return self._is_list

    def ends_with(self, character: str) -> bool:
        """Whether it is the last of the text, at the end of the file."""
        return self._text.rstrip().endswith(character)

    def skip(self, pattern: re.Pattern[str]) -> bool:
        """Move past ``pattern``; False at the end of the file."""
        while True:
            match = pattern.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return True
            if not self._read():
                return False

    def is_at_the_end(self) -> bool:
        """Whether this is the closing bracket; one with text behind it is damage."""
        while self._text[self._at] == "]":
            behind = self._text[self._at + 1 :]
            if behind.strip():
                return False
            if not self._read():
                return True
        return False

    def record(self) -> Any | Broken:
        """The record that starts here."""
        value = self._decoded()
        if isinstance(value, Broken):
            self._at += 1
            self._resume()
        return value

    def _decoded(self) -> Any | Broken:
        """The value that starts here; move past it, or stay if it is broken."""
        if self._text[self._at] == "[":  # read as one value, it could be the rest of the file
            return Broken("not_an_object", self._where("found a list"))
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, self._at)
                return value
            except (ValueError, RecursionError) as error:  # ValueError: also a far too long number
                # The error holds the whole text: nothing of it may outlive this block.
                problem, may_be_cut = str(error), self._may_be_cut(error)
            if may_be_cut and len(self._text) - self._at > MAX_RECORD_CHARS:
                return Broken("record_too_large", self._where("record"))
            if may_be_cut and self._read():
                continue
            return Broken("malformed_json", self._where(problem))

    def _may_be_cut(self, error: Exception) -> bool:
        """Whether the text ends too early, rather than being wrong."""
        if not isinstance(error, json.JSONDecodeError):
            return False
        return error.msg.startswith("Unterminated") or error.pos >= len(self._text) - TAIL

    def _where(self, what: str) -> str:
        return f"{self._path.name}: character {self._before + self._at:,}: {what}"[:200]

    def _resume(self) -> None:
        """Move to the next start of a record, or to the end of the file."""
        pattern = _NEXT_OBJECT if self._is_list else _NEXT_LINE
        while self._search(pattern):
            if not self._is_list:
                return
            start = self._before + self._at
            value = self._decoded()
            self._at = start - self._before
            if isinstance(value, dict) and "id" in value:
                return

    def _search(self, pattern: re.Pattern[str]) -> bool:
        """Move past the next match of ``pattern``; without one to the end, and False."""
        while True:
            match = pattern.search(self._text, self._at)
            if match is not None:
                self._at = match.end()
                return True
            self._at = max(self._at, len(self._text) - TAIL)
            if not self._read():
                self._at = len(self._text)
                return False

    def _read(self) -> bool:
        """Add a chunk to the text and drop what was read; False at the end of the file."""
        if self._is_whole:
            return False
        data = self._file.read(self._chunk_bytes)
        self._is_whole = not data
        kept = self._text[self._at :]
        self._before += self._at
        self._text, self._at = kept + self._decoder.decode(data, final=self._is_whole), 0
        return not self._is_whole or len(self._text) > len(kept)
