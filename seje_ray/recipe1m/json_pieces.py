"""The JSON value that a piece of text begins with, and how much of the piece that took."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

TAIL = 16  # characters at the end of a piece where an error may mean "cut", not "wrong"
_DECODER = json.JSONDecoder()
COLON = re.compile(r"\s*:?\s*")
# Each begins where its run of blanks does, and gives nothing of it back: a long one is read once.
NEXT_LINE = re.compile(r"(?<![\s,\ufeff])(?:(?![\n\r])[\s,\ufeff])*+[\n\r][\s,\ufeff]*+(?=\{)")
NEXT_OBJECT = re.compile(
    r"(?<![\s,\[])(?:(?![\n\r])[\s,\[])*+[\n\r][\s,\[]*+(?=\{)|(?<=\}),\s*+(?=\{)"
)
NEXT_MEMBER = re.compile(r'(?="(?:[^"\\]|\\.){0,200}"\s*:\s*\{)')


class Decoded(NamedTuple):
    """What a piece of text begins with."""

    value: Any
    seen: int  # characters
    problem: str = ""  # why it begins with no value
    may_be_cut: bool = False  # the piece ends too early, rather than being wrong


def decoded(piece: str) -> Decoded:
    """What a piece of text begins with."""
    try:
        value, end = _DECODER.raw_decode(piece)
    except json.JSONDecodeError as error:
        is_open = error.msg.startswith("Unterminated")
        may_be_cut = is_open or error.pos >= len(piece) - TAIL
        return Decoded(None, len(piece) if is_open else error.pos, str(error), may_be_cut)
    except (ValueError, RecursionError) as error:  # ValueError: a far too long number
        return Decoded(None, len(piece), str(error))
    is_number = isinstance(value, int | float)
    return Decoded(value, end, may_be_cut=is_number and end == len(piece))  # it may go on


class TextPiece(NamedTuple):
    """A piece of a file's text that does for many small values."""

    text: str = ""
    start: int = 0  # in the file

    def values(
        self, place: int, between: re.Pattern[str], longest: int
    ) -> Iterator[tuple[Any, int]]:
        """Objects from a place in the file on, and where each ends; none that is not whole.

        Args:
            place: Where one ended.
            between: What is passed over before each.
            longest: Characters of an object.
        """
        text, at = self.text, place - self.start
        skip, decode = between.match, _DECODER.raw_decode
        try:
            while 0 <= at < len(text) and (found := skip(text, at)):
                at = found.end()
                if not text.startswith("{", at):
                    return
                value, end = decode(text, at)
                if end - at > longest:
                    return
                at = end
                yield value, self.start + at
        except (ValueError, RecursionError):
            return

    def value(self, place: int) -> tuple[Any, int]:
        """The value at a place in the file, and its length: 0 where it is not whole, or broken."""
        at = place - self.start
        if not 0 <= at < len(self.text):
            return None, 0
        try:
            value, end = _DECODER.raw_decode(self.text, at)
        except (ValueError, RecursionError):
            return None, 0
        may_go_on = end == len(self.text) and isinstance(value, int | float)
        return value, 0 if may_go_on else end - at
