"""Title, ingredient lines and steps of recipes as vectors of a text model.

Letters: N lines of all recipes, H dimensions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seje_ray.calibration.sentence_encoder import SentenceEncoder

COLUMNS = ("title_vectors", "ingredient_vectors", "step_vectors")  # in the order of the parts


class RecipeParts(NamedTuple):
    """Lines of one recipe by part; a part may be empty."""

    title: Sequence[str]  # one, or none
    ingredients: Sequence[str]
    steps: Sequence[str]

    @classmethod
    def of(
        cls, title: str, ingredients: Sequence[str], instructions: Sequence[str], *, max_steps: int
    ) -> "RecipeParts":
        """Parts of a recipe; blank lines are left out, and so are steps after ``max_steps``."""
        first = instructions[:max_steps]
        return cls(*([line for line in part if line.strip()] for part in
                     ([title], ingredients, first)))  # fmt: skip


class PartVectors(NamedTuple):
    """Vectors of one part of several recipes, one recipe after the other."""

    vectors: np.ndarray  # (N, H) float32
    counts: list[int]  # lines of each recipe, N together


def part_vectors(encoder: SentenceEncoder, recipes: Sequence[RecipeParts]) -> list[PartVectors]:
    """Vectors of each part, in the order of ``COLUMNS``; equal lines are encoded once."""
    lines = list(dict.fromkeys(line for recipe in recipes for part in recipe for line in part))
    rows = {line: row for row, line in enumerate(lines)}
    encoded = encoder.encode(lines)
    found = []
    for part in range(len(COLUMNS)):
        own = [rows[line] for recipe in recipes for line in recipe[part]]
        counts = [len(recipe[part]) for recipe in recipes]
        found.append(PartVectors(encoded[np.array(own, np.int64)], counts))
    return found
