"""The section ``data`` of a run file: what is read and kept."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from seje_ray.config.rules import STRICT, require

OwnField = Literal[
    "id", "title", "ingredients", "instructions", "images", "partition", "entities"
]  # of own recipes
Separator = str | Mapping[Literal["ingredients", "instructions"], str]

LATER = (
    "columns",
    "separator",
    "allow_outside",
)  # settings that older plans do not have; nothing by default


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Recipes and photos: which are read, and how they are stored."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    cookbook_recipes: int = 3000  # size of the embedded cookbook; unused with --data
    # how remove1M.txt is read: docs/method.md, rule 6.4
    removed: Literal["none", "public", "strict"] = "public"
    recipes_per_shard: int = 256  # a shard is what is committed and resumed as a whole
    shorter_side: int = 256  # pixels, of the stored photos
    max_images: int = 5  # photos kept per recipe; the paper uses five
    # own recipes: the key that holds a field, e.g. {title: name}; "" if none does; near names such
    # as ``directions`` for ``instructions`` are found without it
    columns: Mapping[OwnField, str] = field(default_factory=dict)
    # own recipes: what stands between the lines of one text, in both fields ("|"), or by field
    # ({ingredients: ", ", instructions: ". "}); "" where lists or line breaks say it
    separator: Separator = ""
    # own recipes: whether they may name photos outside their folder, also by links that leave it
    allow_outside: bool = False

    def __post_init__(self) -> None:
        require(
            self,
            ("cookbook_recipes", self.cookbook_recipes >= 1, ">= 1"),
            ("recipes_per_shard", self.recipes_per_shard >= 1, ">= 1"),
            ("shorter_side", self.shorter_side >= 16, ">= 16"),
            ("max_images", self.max_images >= 1, ">= 1"),
        )

    def deciding(self) -> dict[str, Any]:
        """Settings that decide what ``recipes/`` holds; later ones only where they are used."""
        settings = {**asdict(self), "cookbook_recipes": None}
        return {k: v for k, v in settings.items() if k not in LATER or v}
