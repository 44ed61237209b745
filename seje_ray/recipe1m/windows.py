"""Parts of photos that networks see, drawn before a photo is read."""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

Interpolation = Literal["bilinear", "bicubic"]  # between pixels, where a photo is scaled
Box = tuple[float, float, float, float]  # left, top, right and bottom, pixels


class PhotoWindow(Protocol):
    """A part of any photo, read in one resampling."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that it is scaled to, pixels."""

    @property
    def least(self) -> tuple[int, int]:
        """Width and height of a photo that it is read from without a loss, pixels."""

    @property
    def is_flipped(self) -> bool:
        """Whether left and right are exchanged."""

    def box(self, width: int, height: int) -> Box:
        """Where it lies in a photo of this size."""


@dataclass(frozen=True, slots=True)
class SquareWindow:
    """A square of the central square of a photo whose shorter side is scaled.

    Source: docs/method.md, rule 6.3.
    """

    resize: int  # pixels, shorter side
    crop: int  # pixels, side of the square
    left: float  # pixels, within the central square
    top: float
    is_flipped: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that it is scaled to, pixels."""
        return self.crop, self.crop

    @property
    def least(self) -> tuple[int, int]:
        """Width and height of a photo that it is read from without a loss, pixels."""
        return self.resize, self.resize

    def box(self, width: int, height: int) -> Box:
        """Where it lies in a photo of this size."""
        scale = min(width, height) / self.resize  # photo pixels per scaled pixel
        x = (width - self.resize * scale) / 2 + self.left * scale
        y = (height - self.resize * scale) / 2 + self.top * scale
        return (
            max(0.0, x),
            max(0.0, y),
            min(width, x + self.crop * scale),
            min(height, y + self.crop * scale),
        )


@dataclass(frozen=True, slots=True)
class SquashedWindow:
    """A rectangle of a photo, squashed into a size.

    Source: docs/method.md, rule 6.3.
    """

    size: tuple[int, int]  # width and height, pixels
    shares: Box = (0.0, 0.0, 1.0, 1.0)  # of the photo's sides
    is_flipped: bool = False

    @property
    def least(self) -> tuple[int, int]:
        """Width and height of a photo that it is read from without a loss, pixels."""
        left, top, right, bottom = self.shares
        return math.ceil(self.size[0] / (right - left)), math.ceil(self.size[1] / (bottom - top))

    def box(self, width: int, height: int) -> Box:
        """Where it lies in a photo of this size."""
        left, top, right, bottom = self.shares
        return (
            left * width,
            top * height,
            min(float(width), right * width),
            min(float(height), bottom * height),
        )
