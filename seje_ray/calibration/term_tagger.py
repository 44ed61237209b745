"""Where the entities of ingredient lines come from."""

from collections.abc import Sequence
from typing import Protocol

from seje_ray.calibration.corpus import RecipeText
from seje_ray.calibration.entities import Reexaminer, TaggedLines, tag_lines


class TermTagger(Protocol):
    """Gives the entity of each ingredient line."""

    def tag_all(self, recipes: Sequence[RecipeText]) -> list[TaggedLines]:
        """Each recipe's entities, and how many lines were rescued or stay unknown.

        They do not depend on the other recipes.
        """


class DetIngrsTagger:
    """Takes the entities of the source's det_ingrs and re-examines lines flagged invalid.

    Args:
        reexaminer: Knows the entities of the train partition.
    """

    def __init__(self, reexaminer: Reexaminer) -> None:
        self._reexaminer = reexaminer

    def tag_all(self, recipes: Sequence[RecipeText]) -> list[TaggedLines]:
        """See ``tag_lines``."""
        return [tag_lines(recipe, self._reexaminer) for recipe in recipes]
