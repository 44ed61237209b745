"""Agreement of a user's sentence vectors with the recipes, in words."""

from collections.abc import Mapping


def given_sentence_facts(given: Mapping[str, int], counts: Mapping[str, int]) -> str:
    """Vectors that are missing over all recipes with photos, and signs of misaligned steps.

    Args:
        given: Vectors of the file, and how they fit train recipes (``sentence_encoder.given``).
        counts: Of the calibrated recipes.
    """
    text = (
        f"{counts['missing_sentences']:,} of {counts['sentences']:,} instructions have none among "
        f"the {given['num_vectors']:,} of the file and got zeros; "
        f"{counts['recipes_without_sentences']:,} recipes have none at all"
    )
    if given["num_longer"]:
        text += (
            f"; the file continues after the last instruction of {given['num_longer']:,} of "
            f"{given['num_recipes']:,} train recipes, so its steps may be other ones"
        )
    return text
