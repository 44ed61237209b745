"""From photos to the pixels of a batch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seje_ray.recipe1m.images import seen_through
from seje_ray.recipe1m.windows import Interpolation, PhotoWindow, SquareWindow, SquashedWindow

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

    def window(self, generator: np.random.Generator | None) -> PhotoWindow:
        """The part of a photo that the network sees.

        The centre or the whole of it; for training, a random window: of the central square, or
        with a width and a height that are each a share of the photo's, in [crop / resize, 1].
        Half of them are flipped. All is drawn from ``generator``.

        Source: docs/method.md, rule 6.3.
        """
        if self.whole_size is not None:
            if generator is None:
                return SquashedWindow(self.whole_size)
            x_share, y_share = generator.uniform(self.crop / self.resize, 1, size=2)
            x, y = generator.random(2) * (1 - x_share, 1 - y_share)
            shares = (x, y, x + x_share, y + y_share)
            return SquashedWindow(self.whole_size, shares, bool(generator.random() < 0.5))
        if generator is None:
            offset = (self.resize - self.crop) / 2
            return SquareWindow(self.resize, self.crop, offset, offset)
        left, top = (int(n) for n in generator.integers(0, self.resize - self.crop + 1, size=2))
        is_flipped = bool(generator.random() < 0.5)
        return SquareWindow(self.resize, self.crop, left, top, is_flipped)

    def crop_of(self, jpeg: bytes, generator: np.random.Generator | None) -> np.ndarray:
        """What the network sees of a stored JPEG, (height, width, 3) uint8; see ``window``."""
        return seen_through(jpeg, self.window(generator), self.interpolation)

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
