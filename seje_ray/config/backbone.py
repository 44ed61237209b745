"""An image network by name and the pixels it sees: part of ``model`` and of ``calibrate``."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from seje_ray.config.rules import STRICT, require

CATEGORIZER = "categorizer"  # as weights: those of the fitted image categorizer

View = Literal["crop", "whole"]  # of a photo


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneConfig:
    """An image network by name, and the pixels it sees."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    # torchvision/NAME, timm/NAME, NAME (torchvision first), or transformers/X, the image tower of a
    # CLIP or SigLIP in a local folder or on the hub
    name: str = "torchvision/resnet50"
    # null: random; "download"; a local file of weights (.safetensors, .pth, .bin); or
    # "categorizer", the fitted image categorizer's, for a model.backbone that is frozen and the
    # same network
    weights: str | None = None
    resize: int = 256  # pixels, shorter side of the decoded photo
    crop: int = 224  # pixels, side of the square that the network sees
    # of a photo: crop, its centre; whole, all of it, squashed into whole_size. Features of several
    # views lie side by side, which needs model.freeze_backbone: docs/method.md, rule 6.3
    views: tuple[View, ...] = ("crop",)
    # pixels, width and height of view whole; null: about 4:3, as many pixels as the crop. Unused by
    # a network that takes one square (most ViT, CLIP, SigLIP): it sees all of the photo in crop
    whole_size: tuple[int, int] | None = None
    flip: bool = False  # features are the mean of a photo's and its mirror image's
    # in [0.5, 2], features are the mean over a photo's pixels scaled by each; for a network that
    # takes any size. One trained on windows sees dishes larger than whole photos show them
    scales: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        require(
            self,
            ("crop", self.crop >= 8, ">= 8"),
            ("resize", self.resize >= self.crop, f">= crop ({self.crop})"),
            (
                "views",
                0 < len(self.views) == len(set(self.views)),
                "crop, whole or both, each once",
            ),
            (
                "whole_size",
                self.whole_size is None
                or ("whole" in self.views and min(self.whole_size) >= MIN_WHOLE),
                f"null, or width and height >= {MIN_WHOLE} where views has whole",
            ),
            (
                "scales",
                0 < len(self.scales) == len(set(self.scales))
                and all(0.5 <= scale <= 2 for scale in self.scales),
                "in [0.5, 2], each once",
            ),
        )

    def decisive(self) -> dict[str, Any]:
        """All settings as plain data; those that older versions lack only where they are used."""
        plain = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}
        return {key: v for key, v in plain.items() if NEWER.get(key, ...) != v}


MIN_WHOLE = 32  # pixels
NEWER: dict[str, Any] = {  # as before
    "views": ["crop"],
    "whole_size": None,
    "flip": False,
    "scales": [1.0],
}
