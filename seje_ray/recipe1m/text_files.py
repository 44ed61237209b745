"""Text files of a user beside the recipes, read in whichever encoding they are."""

from collections.abc import Iterator
from pathlib import Path

from seje_ray import limits
from seje_ray.recipe1m.formats.encodings import TextStream
from seje_ray.recipe1m.records import DataError


def read_text(path: Path, *, max_chars: int = limits.MAX_TABLE_CHARS) -> str:
    """The text of a file in UTF-8, UTF-16 or Windows-1252, packed or not.

    A byte of another encoding becomes a lone surrogate, which no checked field takes.

    Raises:
        DataError: If it is no text: it holds NUL; or if it has more than ``max_chars``.
    """
    parts, size = [], 0
    for part in _parts(path):
        parts.append(part)
        size += len(part)
        if size > max_chars:
            raise DataError(f"{path}: expected at most {max_chars:,} characters, found more")
    return "".join(parts)


def text_lines(path: Path) -> Iterator[str]:
    """Its lines, streamed, without their ends; wrong bytes become a replacement character.

    Raises:
        DataError: If it is no text: it holds NUL, or a line far too long.
    """
    rest = ""
    for part in _parts(path):
        *lines, rest = (rest + part).split("\n")
        yield from map(_plain, lines)
        if len(rest) > limits.MAX_LINE_CHARS:
            raise DataError(
                f"{path}: expected lines of at most {limits.MAX_LINE_CHARS:,} characters, found a "
                "longer one"
            )
    if rest:
        yield _plain(rest)


def _parts(path: Path) -> Iterator[str]:
    with TextStream(path) as stream:
        for part in iter(stream.read, ""):
            if "\0" in part:
                raise DataError(f"{path}: expected text, found NUL, as in a binary file")
            yield part
        if stream.damage:
            raise DataError(f"{path}: {stream.damage}")


def _plain(line: str) -> str:
    line = line.rstrip("\r")
    if line.isascii():
        return line
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
