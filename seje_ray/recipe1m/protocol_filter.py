"""The field's filter: recipes that its protocol keeps, by their text."""

from enum import StrEnum

from seje_ray.recipe1m.fields import without_blanks
from seje_ray.recipe1m.records import Recipe

MAX_LINES = 20  # instructions, and detected ingredients, must be fewer


class ProtocolRejection(StrEnum):
    """Reason for which the protocol leaves a recipe out."""

    TOO_MANY_INSTRUCTIONS = "too_many_instructions"
    TOO_MANY_INGREDIENTS = "too_many_ingredients"
    NO_INGREDIENT = "no_ingredient"


def protocol_rejection(recipe: Recipe) -> ProtocolRejection | None:
    """Reason to leave ``recipe`` out, or None to keep it.

    Kept are recipes with fewer than 20 instructions and 1 to 19 detected ingredients: valid
    entities, or ingredient lines where the source has no entities. Recipes without photos are
    kept here, since text features are fitted on them.

    Source: docs/method.md, rule 6.4.
    """
    num_ingredients = len(without_blanks(recipe.ingredients))
    if recipe.entities is not None:
        num_ingredients = sum(entity.valid for entity in recipe.entities)
    if len(recipe.instructions) >= MAX_LINES:
        return ProtocolRejection.TOO_MANY_INSTRUCTIONS
    if num_ingredients >= MAX_LINES:
        return ProtocolRejection.TOO_MANY_INGREDIENTS
    return ProtocolRejection.NO_INGREDIENT if num_ingredients == 0 else None
