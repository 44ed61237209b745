"""Photos of train recipes, with the category of their recipe."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from seje_ray.calibration.photo_batches import Photo, ShuffledPhotos
from seje_ray.recipe1m.pixels import PixelSpec


class PhotoBatches(ShuffledPhotos):
    """Photos of ``recipes/`` shards whose recipe has a category; background is left out.

    Args:
        shards: Parquet files of the train partition.
        category_of: Category id of a recipe by its title and id; 0 is background.
        pixels: What the network expects.
        batch_size: Photos, >= 2.
        seed: Of order and crops.
        shuffle_size: Photos held in memory and shuffled together.
        num_threads: Threads that decode.
    """

    def __init__(
        self,
        shards: Sequence[Path],
        category_of: Callable[[str, str], int],
        *,
        pixels: PixelSpec,
        batch_size: int,
        seed: int,
        shuffle_size: int = 2048,
        num_threads: int = 2,
    ) -> None:
        super().__init__(pixels=pixels, batch_size=batch_size, seed=seed, num_threads=num_threads)
        self._shards = list(shards)
        self._category_of = category_of
        self._shuffle_size = max(shuffle_size, batch_size)

    @cached_property
    def num_photos(self) -> dict[int, int]:
        """Photos of each category that has some; no photo is read for it."""
        counts: Counter[int] = Counter()
        for path in self._shards:
            with pq.ParquetFile(path) as file:  # reads a field of a list without the others
                table = file.read(["title", "id", "images.list.element.id"])
            columns = (table[name].to_pylist() for name in ("title", "id", "images"))
            for title, id_, images in zip(*columns, strict=True):
                counts[self._category_of(title, id_)] += len(images or ())
        return {id_: n for id_, n in sorted(counts.items()) if id_ != 0 and n > 0}

    def _listed(self) -> Iterator[Photo]:
        """Photos in the order of the shards."""
        return (photo for path in self._shards for photo in self._read(path))

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
            for batch in file.iter_batches(columns=["title", "id", "images"], batch_size=64):
                for row in batch.to_pylist():
                    category_id = self._category_of(row["title"], row["id"])
                    if category_id != 0:
                        for image in row["images"] or ():
                            yield Photo(image["id"], partial(bytes, image["jpeg"]), category_id)
