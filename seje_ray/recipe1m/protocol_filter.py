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
    NO_TEXT = "no_text"


NEEDED = "a recipe needs 1 to 19 ingredients and fewer than 20 instructions"
NEEDED_OF_TEXTS = "a recipe needs a title or instructions, and fewer than 20 of them"


def needed(*, has_ingredients: bool) -> str:
    """What the filter asks for, and what else there is, for errors."""
    if not has_ingredients:
        return NEEDED_OF_TEXTS
    return f"{NEEDED}; calibrate.tagger=none takes photos with a title or caption alone"


def protocol_rejection(
    recipe: Recipe, *, needs_ingredients: bool = True
) -> ProtocolRejection | None:
    """Reason to leave ``recipe`` out, or None to keep it.

    Kept are recipes with fewer than 20 instructions and 1 to 19 detected ingredients: valid
    entities, or ingredient lines where the source has no entities. Recipes without photos are
    kept here, since text features are fitted on them.

    Args:
        recipe: As it was read.
        needs_ingredients: False where titles, captions or instructions alone will do.

    Source: docs/method.md, rule 6.4.
    """
    has_lines = bool(without_blanks(recipe.ingredients) or recipe.instructions)
    if not has_lines and (needs_ingredients or not recipe.title.strip()):
        return ProtocolRejection.NO_TEXT
    num_ingredients = len(without_blanks(recipe.ingredients))
    if recipe.entities is not None:
        num_ingredients = sum(entity.valid for entity in recipe.entities)
    if len(recipe.instructions) >= MAX_LINES:
        return ProtocolRejection.TOO_MANY_INSTRUCTIONS
    if num_ingredients >= MAX_LINES:
        return ProtocolRejection.TOO_MANY_INGREDIENTS
    if num_ingredients == 0 and needs_ingredients:
        return ProtocolRejection.NO_INGREDIENT
    return None
