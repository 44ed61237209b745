"""The section ``data`` of a run file: what is read and kept."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from seje_ray.config.rules import STRICT, require


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """What ``ingest`` reads and keeps."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    cookbook_recipes: int = 3000  # recipes of the embedded cookbook, where no --data is given
    removed: Literal["none", "public", "strict"] = "public"  # how remove1M.txt is applied
    recipes_per_shard: int = 256  # the unit that is committed and resumed
    shorter_side: int = 256  # pixels, of the stored JPEGs
    max_images: int = 5  # photos kept per recipe; the paper uses the first five

    def __post_init__(self) -> None:
        require(
            self,
            ("cookbook_recipes", self.cookbook_recipes >= 1, ">= 1"),
            ("recipes_per_shard", self.recipes_per_shard >= 1, ">= 1"),
            ("shorter_side", self.shorter_side >= 16, ">= 16"),
            ("max_images", self.max_images >= 1, ">= 1"),
        )
