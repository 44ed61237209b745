"""Text files of a user beside the recipes, read in whichever encoding they are."""

from collections.abc import Iterator
from pathlib import Path

from seje_ray.recipe1m.formats.encodings import TextStream
from seje_ray.recipe1m.records import DataError


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, UTF-16 or Windows-1252, packed or not.

    A byte of another encoding becomes a lone surrogate, which no checked field takes.

    Raises:
        DataError: If it is no text: it holds NUL.
    """
    return "".join(_parts(path))


def text_lines(path: Path) -> Iterator[str]:
    """Its lines, streamed, without their ends; wrong bytes become a replacement character.

    Raises:
        DataError: If it is no text: it holds NUL.
    """
    rest = ""
    for part in _parts(path):
        *lines, rest = (rest + part).split("\n")
        yield from map(_plain, lines)
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
