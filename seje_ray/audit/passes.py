"""Findings of an audit's two passes, combined."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from seje_ray.audit.advice import ADVICE
from seje_ray.audit.findings import (
    BadPhoto,
    Duplicates,
    Match,
    NamedItem,
    PartitionCounts,
    PhotoReading,
    Rejected,
)
from seje_ray.audit.near import MAX_DISTANCE
from seje_ray.audit.overlaps import Items, OverlapFindings, equal_items, similar_items
from seje_ray.audit.photos import Found, Sample, any_usable
from seje_ray.audit.spool import Spool
from seje_ray.audit.texts import Texts
from seje_ray.plain_text import printable
from seje_ray.recipe1m.photo_names import OTHER_NAME, where_missing_are
from seje_ray.recipe1m.protocol_filter import needed
from seje_ray.recipe1m.records import PARTITIONS

NUM_MATCHES = 4  # examples per measure and pair of partitions
TITLE_MEASURE = "same title and ingredients"
INSTRUCTION_MEASURE = "same instructions"
FILE_MEASURE = "same file"
PIXEL_MEASURE = "same pixels"
LOOK_MEASURE = f"look alike (at most {MAX_DISTANCE} of 64 bits)"


@dataclass(slots=True)
class Passes:
    """Both passes. Letters: R usable recipes, N photos taken of them, n photos usable."""

    texts: Texts
    names: Spool  # (R,) id, title
    photos: Spool  # (N,) recipe's number, id, location
    found: Found
    sample: Sample

    @property
    def is_there(self) -> np.ndarray:
        """Which photos have a file, (N,)."""
        return self.found.is_there

    def missing_photos(self) -> str:
        """Where photos are that were not found, where that is known."""
        looked_for = [(self.photos.row(n)[1], place) for n, place in self.found.missing]
        return where_missing_are(looked_for)

    def _partitions_of(self, photos: np.ndarray) -> np.ndarray:
        """Position in PARTITIONS of photos by their number."""
        recipes = np.asarray(self.texts.photo_recipes, np.int64)[photos]
        found: np.ndarray = np.asarray(self.texts.partitions, np.int64)[recipes]
        return found

    def recipes_with_photos(self) -> dict[str, int]:
        """Recipes with at least one photo that is there, by partition."""
        recipes = np.unique(np.asarray(self.texts.photo_recipes, np.int64)[self.is_there])
        partitions = np.asarray(self.texts.partitions, np.int64)[recipes]
        return _by_partition(partitions)

    def partitions(self) -> tuple[PartitionCounts, ...]:
        """Counts of each partition."""
        taken = self._partitions_of(np.arange(len(self.photos)))
        all_taken, found = _by_partition(taken), _by_partition(taken[self.is_there])
        with_photos = self.recipes_with_photos()
        return tuple(
            PartitionCounts(
                partition=name,
                recipes=self.texts.recipes[name],
                recipes_naming_photos=self.texts.naming_photos[name],
                recipes_with_photos=with_photos[name],
                photos_named=self.texts.photos_named[name],
                photos_taken=all_taken[name],
                photos_found=found[name],
            )
            for name in PARTITIONS
        )

    def rejected(self) -> tuple[Rejected, ...]:
        """Every reason: records, the filter, photos; the most frequent first in each."""
        found = [
            _rejected(reason, number, kind, *self.texts.examples[reason])
            for (kind, reason), number in self.texts.rejected.items()
        ]
        counts = Counter(self.sample.rejected)
        examples = {}
        for photo, reason, detail in reversed(self.sample.bad):
            examples[reason] = (photo, detail)
        if self.found.missing:
            counts["missing_file"] += int((~self.is_there).sum())
            examples["missing_file"] = self.found.missing[0]
        if self.found.like is not None:
            counts[OTHER_NAME] = self.found.num_like
            examples[OTHER_NAME] = self.found.like
        for reason, number in counts.items():
            photo, detail = examples[reason]
            found.append(_rejected(reason, number, "photo", self._named(photo).recipe_id, detail))
        kinds = ("record", "filter", "photo")
        return tuple(sorted(found, key=lambda r: (kinds.index(r.kind), -r.number, r.reason)))

    def bad_photos(self) -> tuple[BadPhoto, ...]:
        """Photos that are there and cannot be used, a few of each reason."""
        return tuple(
            BadPhoto(self._named(photo).recipe_id, self._named(photo).location, reason)
            for photo, reason, _ in self.sample.bad
        )

    def reading(self, num_threads: int) -> PhotoReading:
        """Result of reading the sample."""
        num_usable = len(self.sample.usable)
        return PhotoReading(
            available=int(self.is_there.sum()),
            read=self.sample.read,
            usable=num_usable,
            seconds=self.sample.seconds,
            num_threads=num_threads,
            mean_jpeg_bytes=self.sample.jpeg_bytes / max(1, num_usable),
        )

    def duplicate_recipes(self) -> tuple[Duplicates, ...]:
        """Usable recipes that are the same."""
        found = []
        for measure, keys in (
            (TITLE_MEASURE, self.texts.titles),
            (INSTRUCTION_MEASURE, self.texts.instructions),
        ):
            hashes = np.asarray(keys, np.uint64)
            recipes = np.flatnonzero(hashes)
            partitions = np.asarray(self.texts.partitions, np.int64)[recipes]
            same = equal_items(
                Items(partitions, recipes), hashes[recipes], num_examples=NUM_MATCHES
            )
            matches = tuple(
                Match(self._recipe(int(recipes[i])), self._recipe(int(recipes[j])), apart)
                for apart, i, j in same.examples
            )
            found.append(_duplicates(measure, len(recipes), same, matches))
        return tuple(found)

    def duplicate_photos(self) -> tuple[Duplicates, ...]:
        """Photos of the sample that are the same or look alike."""
        usable = self.sample.usable
        photos = usable["photo"]
        recipes = np.asarray(self.texts.photo_recipes, np.int64)[photos]
        items = Items(self._partitions_of(photos), recipes)
        rows, columns = usable["rows"].copy(), usable["columns"].copy()
        results = {
            FILE_MEASURE: equal_items(items, usable["file"], num_examples=NUM_MATCHES),
            PIXEL_MEASURE: equal_items(items, usable["pixels"], num_examples=NUM_MATCHES),
            LOOK_MEASURE: similar_items(
                items, rows, columns, MAX_DISTANCE, num_examples=NUM_MATCHES
            ),
        }
        return tuple(
            _duplicates(
                measure,
                len(usable),
                found,
                tuple(
                    Match(self._named(int(photos[i])), self._named(int(photos[j])), apart)
                    for apart, i, j in found.examples
                ),
            )
            for measure, found in results.items()
        )

    def blocked(
        self,
        source: str,
        read: np.ndarray,
        *,
        shorter_side: int,
        num_threads: int,
        needs_ingredients: bool = True,
    ) -> str | None:
        """Why calibrate would refuse the data set, or None.

        Args:
            source: What and where it is.
            read: Numbers of the photos in the sample.
            shorter_side: Pixels that ingest stores.
            num_threads: Threads that read photos.
            needs_ingredients: Of the filter.
        """
        texts = self.texts
        reasons = {reason: number for (_, reason), number in sorted(texts.rejected.items())}
        if not sum(texts.recipes.values()):
            return (
                f"{source}: expected recipes, found none of {texts.records:,} records that can be "
                f"used ({reasons or 'nothing was rejected'}); "
                f"{needed(has_ingredients=needs_ingredients)}"
            )
        train = PARTITIONS.index("train")
        if (self._partitions_of(self.sample.usable["photo"]) == train).any():
            return None
        is_train = self._partitions_of(np.arange(len(self.photos))) == train
        unread = np.setdiff1d(np.flatnonzero(self.is_there & is_train), read)
        if any_usable(self.photos, unread, shorter_side=shorter_side, num_threads=num_threads):
            return None
        return (
            f"{source}: expected train recipes with photos, found {texts.recipes['train']:,} train "
            f"recipes that name {texts.photos_named['train']:,} photos, of which "
            f"{int((self.is_there & is_train).sum()):,} are there and none can be used; "
            + self._how_to_have_photos()
        )

    def _how_to_have_photos(self) -> str:
        """The one thing to do where no train recipe has a photo."""
        if not self.texts.photos_named["train"]:
            if any(reason == "outside_folder" for _, reason in self.texts.rejected):
                return f"those outside its folder are not read: {ADVICE['outside_folder']}"
            return (
                "name them under the key images (another key: --map images=KEY), or in the "
                "layer2.json of a Recipe1M folder"
            )
        if missing := self.missing_photos():
            return missing
        reasons = ", ".join(sorted({found.reason for found in self.bad_photos()}))
        return f"replace those that are {reasons}" if reasons else "put them where the recipes say"

    def _recipe(self, number: int, location: str = "") -> NamedItem:
        id_, title = self.names.row(number)
        partition = PARTITIONS[self.texts.partitions[number]]
        return NamedItem(printable(id_), printable(title), partition, location)

    def _named(self, photo: int) -> NamedItem:
        number, _, location = self.photos.row(photo)
        return self._recipe(number, location)


def _by_partition(partitions: np.ndarray) -> dict[str, int]:
    counts = np.bincount(partitions, minlength=len(PARTITIONS))
    return {name: int(count) for name, count in zip(PARTITIONS, counts, strict=True)}


def _rejected(reason: str, number: int, kind: str, id_: str, detail: str) -> Rejected:
    advice = ADVICE.get(reason, "see docs/data.md")
    return Rejected(reason, number, kind, printable(id_), printable(detail), advice)


def _duplicates(
    measure: str, compared: int, found: OverlapFindings, matches: tuple[Match, ...]
) -> Duplicates:
    return Duplicates(measure, compared, found.overlaps, found.same_recipe, matches)
