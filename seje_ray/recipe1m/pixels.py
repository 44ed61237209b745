"""From photos to the pixels of a batch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from seje_ray.recipe1m.images import Interpolation, eval_crop, train_crop


@dataclass(frozen=True, slots=True)
class PixelSpec:
    """The part of a photo that a network sees, and its resolution."""

    resize: int  # pixels, shorter side
    crop: int  # pixels, side of the square
    interpolation: Interpolation = "bilinear"

    def crop_of(self, jpeg: bytes, generator: np.random.Generator | None) -> np.ndarray:
        """Square uint8 crop (crop, crop, 3): centred, or random and flipped by ``generator``."""
        if generator is None:
            return eval_crop(jpeg, **asdict(self))
        return train_crop(jpeg, **asdict(self), generator=generator)

    def stack(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """Crops as (B, 3, crop, crop) uint8, RGB.

        In memory the channels come last, which is how convolutions are fastest. They stay bytes
        until they reach the network's device, which quarters what a GPU is sent.
        """
        stacked = np.asarray(crops, np.uint8).reshape(len(crops), self.crop, self.crop, 3)
        return stacked.transpose(0, 3, 1, 2)
