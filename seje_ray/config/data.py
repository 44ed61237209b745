"""The section ``data`` of a run file: what is read and kept."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from seje_ray.config.rules import STRICT, require


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Which recipes and photos are read, and how they are stored."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    cookbook_recipes: int = 3000  # size of the embedded cookbook; unused with --data
    # how remove1M.txt is read: docs/method.md, rule 6.4
    removed: Literal["none", "public", "strict"] = "public"
    recipes_per_shard: int = 256  # a shard is what is committed and resumed as a whole
    shorter_side: int = 256  # pixels, of the stored photos
    max_images: int = 5  # photos kept per recipe; the paper uses five

    def __post_init__(self) -> None:
        require(
            self,
            ("cookbook_recipes", self.cookbook_recipes >= 1, ">= 1"),
            ("recipes_per_shard", self.recipes_per_shard >= 1, ">= 1"),
            ("shorter_side", self.shorter_side >= 16, ">= 16"),
            ("max_images", self.max_images >= 1, ">= 1"),
        )
