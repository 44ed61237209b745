"""JSON records of a large file one by one; a broken record costs itself and nothing else."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seje_ray import limits
from seje_ray.recipe1m import json_pieces
from seje_ray.recipe1m.formats.encodings import CHUNK_BYTES, TextStream
from seje_ray.recipe1m.records import DataError

FIRST_PIECE = 1 << 14  # characters that are looked at first: most records have fewer
BETWEEN = re.compile(r"[\s,\ufeff]*")  # with the BOM of a file that was put behind another


@dataclass(frozen=True, slots=True)
class Broken:
    """A stretch of the file that is no record."""

    reason: str  # malformed_json, not_an_object, record_too_large or truncated_file
    detail: str


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object in an object, or an element of the list that it is."""

    key: str
    value: Any | Broken


def json_records(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Any | Broken]:
    """Elements of a JSON list, or of JSON lines, in file order; memory holds a few of them.

    After a record that is not JSON, reading continues at the next line of JSON lines; in a list, at
    the next object with an ``id``, which the objects inside a record do not have.

    Raises:
        DataError: If the file is empty, or starts like no JSON list and no JSON object.
    """
    with TextStream(path, chunk_bytes=chunk_bytes) as stream:
        window = Window(path, stream.read)
        yield from window.elements() if window.start() else window.lines()
        if stream.damage:
            yield Broken("truncated_file", stream.damage)


class Window:
    """The part of a file that is held as text, and how far it is read."""

    def __init__(
        self,
        path: Path,
        read: Callable[[], str],
        is_record: Callable[[Any], bool] = lambda value: isinstance(value, dict) and "id" in value,
    ) -> None:
        """Start before the file's first character.

        Args:
            path: The file, for messages.
            read: Gives its text by and by, "" at the end.
            is_record: Tells a record from the objects in it, to go on behind damage.
        """
        self._path, self._read_text, self._is_record = path, read, is_record
        self._text, self._at = "", 0
        self._piece = json_pieces.TextPiece()  # of the text
        self._is_list = False
        self._is_whole = False  # the file's end is in the text
        self._before = 0  # characters of the file before the text
        self._reached = 0  # characters of the file that the last attempt saw
        self._reread = 0  # characters that attempts saw in vain

    def start(self) -> bool:
        """Move past the opening bracket of a list; False if the file has JSON lines.

        Raises:
            DataError: If nothing is there, or something else than JSON.
        """
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

    def elements(self) -> Iterator[Any | Broken]:
        """What is in the list that has begun."""
        self._is_list = True
        while self.skip(BETWEEN):
            if self.is_at_the_end():
                return
            yield self.record()
            yield from self._small_ones()
        if not self._text.rstrip().endswith("]"):
            yield Broken("truncated_file", f"{self._path.name}: ends without the closing ]")

    def lines(self) -> Iterator[Any | Broken]:
        """Records up to the end of the file."""
        while self.skip(BETWEEN):
            yield self.record()
            yield from self._small_ones()

    def _small_ones(self) -> Iterator[Any]:
        """Values that are whole in the piece, up to the first that may not be a small record."""
        start, longest = self._before + self._at, limits.MAX_RECORD_CHARS
        for value, end in self._piece.values(start, BETWEEN, longest):
            self._at, self._reached = end - self._before, end
            yield value

    def members(
        self, *, streamed: bool, opened: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, "Any | Broken | Member"]]:
        """Keys and values of the object that has begun.

        Args:
            streamed: Whether a list's elements come one by one, each with the list's key.
            opened: Keys of objects whose members come one by one, each with the object's key.
        """
        while self.skip(BETWEEN):
            if self.character() == "}":
                self.step()
                return
            key = self._decoded()
            if not isinstance(key, str) or not self.skip(json_pieces.COLON):
                yield "", Broken("malformed_json", self._where("expected a key and a colon"))
                self._resume_member()
            elif streamed and self.character() == "[":
                self.step()
                yield from ((key, value) for value in self._inner_elements())
            elif key in opened and self.character() == "{":
                self.step()
                inner = self.members(streamed=streamed)
                yield from ((key, Member(name, value)) for name, value in inner)
            else:
                value = self._decoded(is_list_allowed=True)
                yield key, value
                if isinstance(value, Broken):
                    self._resume_member()
        yield "", Broken("truncated_file", f"{self._path.name}: ends without the closing }}")

    def _inner_elements(self) -> Iterator[Any | Broken]:
        """Elements of a list inside an object, past its end."""
        self._is_list = True
        while self.skip(BETWEEN):
            if self.character() == "]":
                self.step()
                return
            if self.character() == "[":
                value = self._decoded(is_list_allowed=True)
                if not isinstance(value, Broken):
                    yield value
                    continue
            yield self.record()

    def _resume_member(self) -> None:
        """Move to the next key of a record, or to the end of the file."""
        while self._search(json_pieces.NEXT_MEMBER):
            start = self._before + self._at
            self._decoded()
            self.skip(json_pieces.COLON)
            value = self._decoded() if self._at < len(self._text) else None
            self._at = start - self._before
            if self._is_record(value):
                return
            self._give_up()

    def character(self) -> str:
        """The one that comes next."""
        return self._text[self._at]

    def step(self) -> None:
        """Move past one character."""
        self._at += 1

    def peek(self) -> Any | Broken:
        """The value that starts here; stays before it."""
        start = self._before + self._at
        value = self._decoded()
        self._at = start - self._before
        return value

    def ahead(self) -> str:
        """What is read of the text that comes next."""
        return self._text[self._at :]

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
            self._give_up()
            self._resume()
        return value

    def _give_up(self) -> None:
        """Move past a character of what is no record, or past all that was seen of it.

        What is in it may be a record; but of a file only so much is looked at again.
        """
        allowed = limits.MIN_REREAD_CHARS + limits.MAX_REREAD * (self._before + self._at)
        seen = self._reached - self._before - self._at
        self._reread += seen + limits.ATTEMPT_CHARS
        step = 1 if self._reread <= allowed else max(seen, limits.SKIPPED_CHARS)
        self._at = min(self._at + step, len(self._text))

    def _decoded(self, *, is_list_allowed: bool = False) -> Any | Broken:
        """The value that starts here; move past it, or stay if it is broken."""
        if self._text[self._at] == "[" and not is_list_allowed:  # perhaps the rest of the file
            return Broken("not_an_object", self._where("found a list"))
        size = FIRST_PIECE
        value, length = self._piece.value(self._before + self._at)
        if 0 < length <= limits.MAX_RECORD_CHARS:
            self._at, self._reached = self._at + length, self._before + self._at + length
            return value
        while True:
            # An error counts the lines of all that it is given: a small piece, where it will do.
            piece = self._text[self._at : self._at + size]
            if size == FIRST_PIECE:
                self._piece = json_pieces.TextPiece(piece, self._before + self._at)
            found = json_pieces.decoded(piece)
            self._reached = self._before + self._at + found.seen
            if found.may_be_cut and len(piece) <= limits.MAX_RECORD_CHARS:
                if len(self._text) - self._at > size:
                    size = 4 * size
                    continue
                if self._read():
                    continue
            if found.problem:
                is_large = found.may_be_cut and len(piece) > limits.MAX_RECORD_CHARS
                reason = "record_too_large" if is_large else "malformed_json"
                return Broken(reason, self._where("record" if is_large else found.problem))
            if found.seen > limits.MAX_RECORD_CHARS:
                self._at += found.seen - 1  # its last bracket: nothing in it is taken for a record
                return Broken("record_too_large", self._where("record"))
            self._at += found.seen
            return found.value

    def _where(self, what: str) -> str:
        return f"{self._path.name}: character {self._before + self._at:,}: {what}"[:200]

    def _resume(self) -> None:
        """Move to the next start of a record, or to the end of the file."""
        pattern = json_pieces.NEXT_OBJECT if self._is_list else json_pieces.NEXT_LINE
        while self._search(pattern):
            if not self._is_list:
                return
            if self._is_record(self.peek()):
                return
            self._give_up()

    def _search(self, pattern: re.Pattern[str]) -> bool:
        """Move past the next match of ``pattern``; without one to the end, and False."""
        while True:
            match = pattern.search(self._text, self._at)
            if match is not None:
                self._at = match.end()
                return True
            self._at = max(self._at, len(self._text) - json_pieces.TAIL)
            if not self._read():
                self._at = len(self._text)
                return False

    def _read(self) -> bool:
        """Add a chunk to the text and drop what was read; False at the end of the file."""
        if self._is_whole:
            return False
        new = self._read_text()
        self._is_whole = not new
        self._before += self._at
        self._text, self._at = self._text[self._at :] + new, 0
        return not self._is_whole
