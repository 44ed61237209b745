"""Random changes of a training photo beyond its crop and its flip.

Operations and their ranges are torchvision's; the draws are the caller's generator's, so that a
pair looks the same to any number of workers and threads.
"""

import math
from collections.abc import Callable, Mapping
from typing import assert_never

import numpy as np
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from seje_ray.config.train import Augmentation

Operation = Callable[[Tensor, float], Tensor]  # an image, a strength in [-1, 1]; 0 changes nothing

RAND_OPERATIONS = 2  # operations on one photo
RAND_STRENGTH = 9 / 30  # of each
SHEAR, SHIFT, TURN, ENHANCE, BITS = 0.3, 150 / 331, 30.0, 0.9, 4  # at strength 1, RandAugment
WIDE_SHEAR, WIDE_SHIFT, WIDE_TURN, WIDE_ENHANCE, WIDE_BITS = 0.99, 0.1, 135.0, 0.99, 6


def augmented(pixels: Tensor, kind: Augmentation, generator: np.random.Generator) -> Tensor:
    """A photo (3, height, width) uint8 with the random changes of ``kind``, on its own device.

    ``rand_augment``: two operations of one strength; ``trivial``: one of any strength.

    Source: docs/method.md, rule 6.7.
    """
    match kind:
        case "crop_flip":
            return pixels
        case "rand_augment":
            return _changed(pixels, NARROW, [RAND_STRENGTH] * RAND_OPERATIONS, generator)
        case "trivial":
            return _changed(pixels, WIDE, [generator.random()], generator)
    assert_never(kind)


def _changed(
    pixels: Tensor,
    operations: Mapping[str, Operation],
    strengths: list[float],
    generator: np.random.Generator,
) -> Tensor:
    names = list(operations)
    for strength in strengths:
        name = names[int(generator.integers(len(names)))]
        sign = 1 if generator.random() < 0.5 else -1
        pixels = operations[name](pixels, sign * strength)
    return pixels


def _operations(
    *, shear: float, shift: float, turn: float, enhance: float, bits: int
) -> dict[str, Operation]:
    """The 14 operations, by what strength 1 is: a slope, a share of the side, degrees, ..."""

    def sheared(image: Tensor, x: float, y: float) -> Tensor:
        angles = [math.degrees(math.atan(slope)) for slope in (x, y)]
        found: Tensor = F.affine(image, 0.0, [0, 0], 1.0, angles, center=[0, 0])
        return found

    def shifted(image: Tensor, x: float, y: float) -> Tensor:
        height, width = image.shape[-2:]
        moved = [round(x * width), round(y * height)]
        found: Tensor = F.affine(image, 0.0, moved, 1.0, [0.0, 0.0])
        return found

    return {
        "identity": lambda image, strength: image,
        "shear_x": lambda image, strength: sheared(image, strength * shear, 0.0),
        "shear_y": lambda image, strength: sheared(image, 0.0, strength * shear),
        "translate_x": lambda image, strength: shifted(image, strength * shift, 0.0),
        "translate_y": lambda image, strength: shifted(image, 0.0, strength * shift),
        "rotate": lambda image, strength: F.rotate(image, strength * turn),
        "brightness": lambda image, strength: F.adjust_brightness(image, 1 + strength * enhance),
        "color": lambda image, strength: F.adjust_saturation(image, 1 + strength * enhance),
        "contrast": lambda image, strength: F.adjust_contrast(image, 1 + strength * enhance),
        "sharpness": lambda image, strength: F.adjust_sharpness(image, 1 + strength * enhance),
        "posterize": lambda image, strength: F.posterize(image, 8 - round(abs(strength) * bits)),
        "solarize": lambda image, strength: F.solarize(image, 255 * (1 - abs(strength))),
        "auto_contrast": lambda image, strength: F.autocontrast(image),
        "equalize": lambda image, strength: F.equalize(image),
    }


NARROW = _operations(shear=SHEAR, shift=SHIFT, turn=TURN, enhance=ENHANCE, bits=BITS)
WIDE = _operations(
    shear=WIDE_SHEAR, shift=WIDE_SHIFT, turn=WIDE_TURN, enhance=WIDE_ENHANCE, bits=WIDE_BITS
)
