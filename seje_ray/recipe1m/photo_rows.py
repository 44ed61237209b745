"""Tables with a row per photo: rows of one id and the same texts are one recipe."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

TEXTS = ("title", "ingredients", "instructions")


@dataclass(slots=True)
class PhotoRows:
    """Rows of one id that say the same as its first row."""

    texts: bytes  # hash of what they say
    images: list[Any] = field(default_factory=list)  # of all of them, each once
    met: list[Any] = field(default_factory=list)  # of the rows that were read so far

    def add(self, cells: Mapping[str, Any]) -> None:
        """Gather the photos of a row."""
        self.images += [image for image in _images(cells) if image not in self.images]

    def is_further_photo(self, cells: Mapping[str, Any]) -> bool:
        """Whether a row is of this recipe, and not the same row once more."""
        if texts_of(cells) != self.texts:
            return False
        new = [image for image in _images(cells) if image not in self.met]
        self.met += new
        return bool(new)


def repeated_ids(ids: Iterable[str]) -> set[str]:
    """Ids that several records have; eight bytes of memory per record."""
    seen: set[bytes] = set()
    repeated: set[str] = set()
    for recipe_id in ids:
        digest = hashlib.blake2b(recipe_id.encode(), digest_size=8).digest()
        if digest in seen:
            repeated.add(recipe_id)
        seen.add(digest)
    return repeated


def texts_of(cells: Mapping[str, Any]) -> bytes:
    """Hash of all that rows of one recipe share."""
    return _hash(cells, (*TEXTS, "partition"))


def said_by(cells: Mapping[str, Any]) -> bytes:
    """Hash of the texts alone."""
    return _hash(cells, TEXTS)


def _hash(cells: Mapping[str, Any], names: tuple[str, ...]) -> bytes:
    text = repr(tuple(cells.get(name) for name in names)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()


def _images(cells: Mapping[str, Any]) -> list[Any]:
    images = cells.get("images")
    if images is None:
        return []
    return images if isinstance(images, list) else [images]
