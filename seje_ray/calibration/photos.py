"""Photos of train recipes with the category of their recipe, in shuffled batches.

Letters: B photos.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from seje_ray.recipe1m.pixels import PixelSpec


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo and the category of its recipe."""

    jpeg: bytes
    category_id: int


@dataclass(frozen=True, slots=True)
class PhotoBatch:
    """Pixels that a network sees, and categories."""

    pixels: np.ndarray  # (B, 3, crop, crop) float32, normalised
    category_ids: np.ndarray  # (B,) int64


class PhotoBatches:
    """Photos of ``recipes/`` shards whose recipe has a category; background is left out.

    Args:
        shards: Parquet files of the train partition.
        category_of: Category id of a title; 0 is background.
        pixels: What the network expects.
        batch_size: Photos, >= 2.
        seed: Of order and crops.
        shuffle_size: Photos held in memory and shuffled together.
        num_threads: Threads that decode.
    """

    def __init__(
        self,
        shards: Sequence[Path],
        category_of: Callable[[str], int],
        *,
        pixels: PixelSpec,
        batch_size: int,
        seed: int,
        shuffle_size: int = 2048,
        num_threads: int = 2,
    ) -> None:
        self.pixels, self.batch_size, self.seed = pixels, batch_size, seed
        self._shards = list(shards)
        self._category_of = category_of
        self._shuffle_size = max(shuffle_size, batch_size)
        self._num_threads = num_threads

    @cached_property
    def num_photos(self) -> dict[int, int]:
        """Photos of each category that has some; no photo is read for it."""
        counts: Counter[int] = Counter()
        for path in self._shards:
            with pq.ParquetFile(path) as file:  # reads a field of a list without the others
                table = file.read(["title", "images.list.element.id"])
            for title, images in zip(*(c.to_pylist() for c in table.columns), strict=True):
                counts[self._category_of(title)] += len(images or ())
        return {id_: n for id_, n in sorted(counts.items()) if id_ != 0 and n > 0}

    def __len__(self) -> int:
        """Photos of one epoch."""
        return sum(self.num_photos.values())

    @property
    def num_batches(self) -> int:
        """Batches of ``epoch``; a single photo left at the end makes none of its own."""
        full, rest = divmod(len(self), self.batch_size)
        return full + (rest > 1 or len(self) == 1)

    def epoch(self, number: int) -> Iterator[PhotoBatch]:
        """Random crops of all photos in the order of epoch ``number``.

        A batch of one photo is left out where there are others: batch norm cannot use it.
        """
        generator = np.random.default_rng((self.seed, number))
        photos = self._shuffled(generator)
        batches = self._batches(photos, generator)
        for batch in self._decoded(batches):
            if len(batch.category_ids) > 1 or len(self) == 1:
                yield batch

    def in_order(self) -> Iterator[PhotoBatch]:
        """Centre crops of all photos in the order of the shards."""
        photos = (photo for path in self._shards for photo in self._read(path))
        return self._decoded(self._batches(photos, None))

    def _shuffled(self, generator: np.random.Generator) -> Iterator[Photo]:
        """Shards in random order; photos shuffled within a window."""
        window: list[Photo] = []
        for shard in generator.permutation(len(self._shards)):
            for photo in self._read(self._shards[shard]):
                window.append(photo)
                if len(window) == self._shuffle_size:
                    yield from (window[i] for i in generator.permutation(len(window)))
                    window = []
        yield from (window[i] for i in generator.permutation(len(window)))

    def _read(self, path: Path) -> Iterator[Photo]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=["title", "images"], batch_size=64):
                for row in batch.to_pylist():
                    category_id = self._category_of(row["title"])
                    if category_id != 0:
                        for image in row["images"] or ():
                            yield Photo(image["jpeg"], category_id)

    def _batches(
        self, photos: Iterator[Photo], generator: np.random.Generator | None
    ) -> Iterator[list[tuple[Photo, np.random.Generator | None]]]:
        """Photos with a generator of their own, so that threads cannot change a crop."""
        batch: list[tuple[Photo, np.random.Generator | None]] = []
        for photo in photos:
            own = None if generator is None else np.random.default_rng(generator.integers(2**63))
            batch.append((photo, own))
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _decoded(
        self, batches: Iterator[list[tuple[Photo, np.random.Generator | None]]]
    ) -> Iterator[PhotoBatch]:
        """Decode in threads, one batch ahead of the one in use."""
        waiting: deque[tuple[list[Future[np.ndarray]], np.ndarray]] = deque()
        with ThreadPoolExecutor(self._num_threads) as threads:
            for batch in batches:
                crops = [threads.submit(self.pixels.crop_of, p.jpeg, own) for p, own in batch]
                waiting.append((crops, np.asarray([p.category_id for p, _ in batch], np.int64)))
                if len(waiting) > 1:
                    yield self._gathered(*waiting.popleft())
            while waiting:
                yield self._gathered(*waiting.popleft())

    def _gathered(self, crops: list[Future[np.ndarray]], category_ids: np.ndarray) -> PhotoBatch:
        return PhotoBatch(self.pixels.normalise([crop.result() for crop in crops]), category_ids)
