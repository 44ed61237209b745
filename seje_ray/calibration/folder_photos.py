"""Photos of a labelled folder, such as Food-101, for an image categorizer."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, partial

import numpy as np

from seje_ray.calibration.photo_batches import Photo, ShuffledPhotos
from seje_ray.recipe1m.images import load_image
from seje_ray.recipe1m.labelled_photos import PhotoFile
from seje_ray.recipe1m.pixels import PixelSpec
from seje_ray.recipe1m.records import ImageFile


class FolderPhotos(ShuffledPhotos):
    """Photos of one split of a labelled folder.

    Each is read when its batch is made, and goes the way of a recipe's photo: turned upright and
    made a JPEG first, so that a categorizer sees the photos of recipes as it saw these.

    Args:
        files: Of one split; all of them are shuffled together.
        pixels: What the network expects.
        batch_size: Photos, >= 2.
        seed: Of order and crops.
        num_threads: Threads that read and decode.
    """

    def __init__(
        self,
        files: Sequence[PhotoFile],
        *,
        pixels: PixelSpec,
        batch_size: int,
        seed: int,
        num_threads: int = 2,
    ) -> None:
        super().__init__(pixels=pixels, batch_size=batch_size, seed=seed, num_threads=num_threads)
        self._files = list(files)

    @cached_property
    def num_photos(self) -> dict[int, int]:
        """Photos of each class that has some."""
        return dict(sorted(Counter(file.category_id for file in self._files).items()))

    def _listed(self) -> Iterator[Photo]:
        return map(self._photo, self._files)

    def _shuffled(self, generator: np.random.Generator) -> Iterator[Photo]:
        return (self._photo(self._files[i]) for i in generator.permutation(len(self._files)))

    def _photo(self, file: PhotoFile) -> Photo:
        image = ImageFile(file.path, file.path)
        read = partial(load_image, image, shorter_side=self.pixels.resize)
        return Photo(file.path, read, file.category_id)
