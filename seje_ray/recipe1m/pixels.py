"""From photos to the pixels of a batch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seje_ray.recipe1m.images import (
    Interpolation,
    eval_crop,
    squashed,
    squashed_window,
    train_crop,
)

STRIDE = 32  # pixels; of most networks, whose last maps have no cut cells at its multiples


@dataclass(frozen=True, slots=True)
class PixelSpec:
    """The part of a photo that a network sees, and its resolution."""

    resize: int  # pixels, shorter side
    crop: int  # pixels, side of the square
    interpolation: Interpolation = "bilinear"
    whole_size: tuple[int, int] | None = None  # pixels, width and height of the whole; None: a crop

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what the network sees, pixels."""
        return self.whole_size or (self.crop, self.crop)

    def crop_of(self, jpeg: bytes, generator: np.random.Generator | None) -> np.ndarray:
        """What the network sees, (height, width, 3) uint8.

        The centre or the whole of a photo; for training, a random window of it, flipped half of
        the time, both drawn from ``generator``.
        """
        if self.whole_size is not None:
            if generator is None:
                return squashed(jpeg, self.whole_size, self.interpolation)
            least = self.crop / self.resize
            return squashed_window(jpeg, self.whole_size, least, generator, self.interpolation)
        spec = {"resize": self.resize, "crop": self.crop}
        if generator is None:
            return eval_crop(jpeg, **spec, interpolation=self.interpolation)
        return train_crop(jpeg, **spec, interpolation=self.interpolation, generator=generator)

    def stack(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """Crops as (B, 3, height, width) uint8, RGB.

        In memory the channels come last, which is how convolutions are fastest. They stay bytes
        until they reach the network's device, which quarters what a GPU is sent.
        """
        width, height = self.size
        return channels_first(np.asarray(crops, np.uint8).reshape(len(crops), height, width, 3))

    def room(self, count: int) -> np.ndarray:
        """Where crops are put one by one, (count, height, width, 3) uint8, not set."""
        width, height = self.size
        return np.empty((count, height, width, 3), np.uint8)


def channels_first(crops: np.ndarray) -> np.ndarray:
    """Crops (B, height, width, 3) as (B, 3, height, width), without a copy."""
    return crops.transpose(0, 3, 1, 2)


def whole_size_of(crop: int) -> tuple[int, int]:
    """Width and height of a whole photo with about the pixels of a crop: 4:3, in whole strides.

    Source: docs/method.md, rule 6.3.
    """
    sides = (crop * math.sqrt(4 / 3), crop * math.sqrt(3 / 4))
    width, height = (max(STRIDE, STRIDE * round(side / STRIDE)) for side in sides)
    return width, height
