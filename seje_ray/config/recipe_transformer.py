"""The section ``model.recipe_transformer`` of a run file."""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

from seje_ray.config.rules import STRICT, require


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeTransformerConfig:
    """Shape of recipe encoder ``transformer``, the same for title, ingredients and steps."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    dim: int = 256  # W, width of a transformer
    num_layers: int = 2
    num_heads: int = 4

    def __post_init__(self) -> None:
        require(
            self,
            (
                "dim",
                self.dim >= 2 and self.dim % 2 == 0 and self.dim % max(1, self.num_heads) == 0,
                f"a multiple of 2 and of num_heads ({self.num_heads})",
            ),
            ("num_layers", self.num_layers >= 1, ">= 1"),
            ("num_heads", self.num_heads >= 1, ">= 1"),
        )
