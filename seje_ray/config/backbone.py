"""An image network by name and the pixels it sees: part of ``model`` and of ``calibrate``."""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

from seje_ray.config.rules import STRICT, require

CATEGORIZER = "categorizer"  # as weights: those of the fitted image categorizer


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneConfig:
    """An image network by name, and the pixels it sees."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: str = "torchvision/resnet50"  # torchvision/NAME, timm/NAME, or NAME (torchvision first)
    # null: random; "download"; a local file of weights (.safetensors, .pth, .bin); or
    # "categorizer", the fitted image categorizer's, for a model.backbone that is frozen and the
    # same network
    weights: str | None = None
    resize: int = 256  # pixels, shorter side of the decoded photo
    crop: int = 224  # pixels, side of the square that the network sees

    def __post_init__(self) -> None:
        require(
            self,
            ("crop", self.crop >= 8, ">= 8"),
            ("resize", self.resize >= self.crop, f">= crop ({self.crop})"),
        )
