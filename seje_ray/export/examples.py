"""Pairs of a workspace, on which an exported folder is compared with this package."""

from typing import Any, NamedTuple

import numpy as np

from seje_ray.artifact import Artifact, read_shard
from seje_ray.calibration.corpus import RecipeText, recipe_text
from seje_ray.features.encoder import Encoder

NUM_PAIRS = 8
PARTITIONS = ("val", "test", "train")  # of the first that has pairs


class Examples(NamedTuple):
    """Pairs, and what this package makes of them. Letters: n pairs, D joint dimensions."""

    partition: str
    photos: list[bytes]
    recipes: list[RecipeText]
    image_embeddings: np.ndarray  # (n, D)
    recipe_embeddings: np.ndarray  # (n, D)


def examples_of(encoder: Encoder, calibrated: Artifact) -> Examples:
    """The first pairs of a partition, embedded from their files and texts."""
    partition = next(one for one in PARTITIONS if calibrated.num_rows(one))
    columns = ["id", "partition", "title", "ingredients", "instructions", "entities", "images"]
    table = read_shard(calibrated.paths(partition)[0], columns)
    rows = table.slice(0, NUM_PAIRS).to_pylist()
    photos = [row["images"][0]["jpeg"] for row in rows]
    recipes = [recipe_text(row) for row in rows]
    return Examples(
        partition, photos, recipes, encoder.embed_photos(photos), encoder.embed_recipes(recipes)
    )


def as_plain(recipe: RecipeText) -> dict[str, Any]:
    """A recipe as the exported loader takes it."""
    plain: dict[str, Any] = {
        "title": recipe.title,
        "ingredients": list(recipe.ingredients),
        "instructions": list(recipe.instructions),
    }
    if recipe.entities is not None:
        plain["entities"] = [(entity.text, entity.valid) for entity in recipe.entities]
    return plain
