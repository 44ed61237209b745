"""From photos to the numbers a network sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seje_ray.recipe1m.images import eval_crop, train_crop


@dataclass(frozen=True, slots=True)
class PixelSpec:
    """The pixels that a backbone expects."""

    resize: int  # pixels, shorter side
    crop: int  # pixels, side of the square
    mean: tuple[float, float, float]  # of RGB in [0, 1]
    std: tuple[float, float, float]

    def crop_of(self, jpeg: bytes, generator: np.random.Generator | None) -> np.ndarray:
        """Square uint8 crop (crop, crop, 3): centred, or random and flipped by ``generator``."""
        if generator is None:
            return eval_crop(jpeg, resize=self.resize, crop=self.crop)
        return train_crop(jpeg, resize=self.resize, crop=self.crop, generator=generator)

    def normalise(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """Crops as (B, 3, crop, crop) float32, less the backbone's mean, over its deviation.

        In memory the channels come last, which is how convolutions are fastest.
        """
        mean = np.asarray(self.mean, np.float32) * 255
        std = np.asarray(self.std, np.float32) * 255
        stacked = np.asarray(crops, np.uint8).reshape(len(crops), self.crop, self.crop, 3)
        scaled = (stacked.astype(np.float32) - mean) / std
        return scaled.transpose(0, 3, 1, 2)
