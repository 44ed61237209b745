"""Findings of an audit: plain data, the same for the table, JSON and the page."""

from dataclasses import asdict, dataclass
from typing import Any

from seje_ray.recipe1m.records import Recipe


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a Recipe1M folder that is not there."""

    name: str
    cost: str


@dataclass(frozen=True, slots=True)
class PartitionCounts:
    """Recipes and photos of one partition, after the filter."""

    partition: str
    recipes: int
    recipes_naming_photos: int
    recipes_with_photos: int  # at least one of the photos taken is there
    photos_named: int
    photos_taken: int  # the first max_images of each recipe
    photos_found: int  # of those taken


@dataclass(frozen=True, slots=True)
class Rejected:
    """One reason, how often, an example, and what to do."""

    reason: str
    number: int
    kind: str  # record, filter, or photo
    id: str  # of the first example, "" if it has none
    detail: str
    advice: str


@dataclass(frozen=True, slots=True)
class BadPhoto:
    """A photo that is there and cannot be used."""

    recipe_id: str
    location: str
    reason: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """Lengths of one kind, over all recipes that were read."""

    name: str
    minimum: int
    median: float
    p90: int  # the smallest length that 90 % do not exceed
    maximum: int
    bins: tuple[tuple[int, int, int], ...]  # (from, to, recipes), both ends included


@dataclass(frozen=True, slots=True)
class NamedItem:
    """One recipe or photo of an example."""

    recipe_id: str
    title: str
    partition: str
    location: str = ""  # of the photo


@dataclass(frozen=True, slots=True)
class Match:
    """Two recipes or photos that are the same or look alike."""

    first: NamedItem
    second: NamedItem
    distance: int  # bits; 0 where they are the same


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pairs of one kind between two partitions, or within one."""

    first: str
    second: str  # equal to ``first`` for pairs within
    pairs: int  # of different recipes
    concerned: int | None  # items of ``second`` with a partner in ``first``; None within


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Recipes or photos that are the same, or look alike, by one measure."""

    measure: str
    compared: int  # recipes or photos
    overlaps: tuple[Overlap, ...]  # across partitions first
    same_recipe: int  # pairs of photos within one recipe
    matches: tuple[Match, ...]  # a few

    @property
    def across(self) -> int:
        """Pairs that leak from one partition to another."""
        return sum(found.pairs for found in self.overlaps if found.first != found.second)


@dataclass(frozen=True, slots=True)
class PhotoReading:
    """Result of reading a sample of the photos."""

    available: int  # photos that are there
    read: int
    usable: int
    seconds: float
    num_threads: int
    mean_jpeg_bytes: float  # as ingest stores them; 0 where none is usable


@dataclass(frozen=True, slots=True)
class Cost:
    """Estimate of a calibration's bytes and seconds, as far as measured here."""

    photos: int  # expected to be usable
    recipes_with_photos: int
    recipes_bytes: int  # of recipes/
    calibrated_bytes: int  # of calibrated/, without pooled image features
    reading_seconds: float  # the texts, measured
    reading_rate: float  # records per second
    photo_seconds: float | None  # all photos at the sample's rate; None if none was read
    photo_rate: float | None  # photos per second


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything an audit reports."""

    source: str
    shorter_side: int  # pixels
    max_images: int
    records: int  # all that the reader gave, rejects included
    recipes_read: int  # before the filter
    partitions: tuple[PartitionCounts, ...]
    pieces: tuple[Piece, ...]
    rejected: tuple[Rejected, ...]
    bad_photos: tuple[BadPhoto, ...]
    lengths: tuple[Distribution, ...]
    entity_lines: int
    valid_entity_lines: int
    recipes_without_entities: int
    reading: PhotoReading
    duplicate_recipes: tuple[Duplicates, ...]
    duplicate_photos: tuple[Duplicates, ...]
    cost: Cost
    blocked: str | None  # why calibrate would refuse the data set
    later: tuple[str, ...]  # what a later command would refuse, a line each
    said: tuple[str, ...]  # what the reader did with keys and texts, a line each
    drawn: tuple[Recipe, ...]  # a few recipes to look at

    @property
    def usable(self) -> int:
        """Recipes that the filter keeps."""
        return sum(counts.recipes for counts in self.partitions)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without the recipes that are only to look at."""
        found = asdict(self)
        del found["drawn"]
        return found
