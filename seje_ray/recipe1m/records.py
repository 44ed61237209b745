"""Output of every reader of recipes: a ``Recipe``, or a ``Reject`` with its reason."""

from dataclasses import dataclass

from seje_ray.errors import SejeError

PARTITIONS = ("train", "val", "test")


class DataError(SejeError):
    """A data set cannot be read at all; says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A detector's finding in one ingredient line."""

    text: str  # the ingredient's name if valid, otherwise the raw line
    valid: bool


@dataclass(frozen=True, slots=True)
class ImageFile:
    """Location of one photo."""

    id: str
    location: str  # absolute path, or where it is in a file (stored_photos)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One recipe as its source has it, photos not yet read."""

    id: str
    partition: str  # train, val or test
    title: str
    ingredients: tuple[str, ...]
    instructions: tuple[str, ...]
    entities: tuple[Entity, ...] | None  # one per ingredient line; None if there are none
    images: tuple[ImageFile, ...]


@dataclass(frozen=True, slots=True)
class Reject:
    """A record or photo that cannot be used."""

    id: str  # "" where not even that can be read
    reason: str  # a snake_case word, counted
    detail: str
