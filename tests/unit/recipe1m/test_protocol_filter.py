"""The field's filter at its edges."""

from dataclasses import replace

import pytest

from seje_ray.recipe1m.protocol_filter import protocol_rejection
from seje_ray.recipe1m.records import Entity, Recipe


def recipe(num_ingredients, num_instructions, entities=None):
    lines, steps = ("x",) * num_ingredients, ("y",) * num_instructions
    return Recipe("a", "train", "t", lines, steps, entities, ())


@pytest.mark.parametrize(
    ("num_ingredients", "num_instructions", "expected"),
    [
        (1, 0, None),
        (19, 19, None),
        (20, 5, "too_many_ingredients"),
        (5, 20, "too_many_instructions"),
        (0, 5, "no_ingredient"),
    ],
)
def test_fewer_than_twenty_of_each_and_one_ingredient(num_ingredients, num_instructions, expected):
    """The bounds are exclusive above and inclusive below."""
    assert protocol_rejection(recipe(num_ingredients, num_instructions)) == expected


@pytest.mark.parametrize(
    ("title", "num_ingredients", "num_instructions", "by_the_field", "of_texts"),
    [
        ("t", 0, 0, "no_text", None),
        (" ", 0, 0, "no_text", "no_text"),
        (" ", 0, 1, "no_ingredient", None),
        ("t", 20, 0, "too_many_ingredients", "too_many_ingredients"),
        ("", 0, 20, "too_many_instructions", "too_many_instructions"),
    ],
)
def test_texts_alone_need_no_ingredient(
    title, num_ingredients, num_instructions, by_the_field, of_texts
):
    """A title or one instruction is enough; the bounds above stay."""
    one = replace(recipe(num_ingredients, num_instructions), title=title)
    assert protocol_rejection(one) == by_the_field
    assert protocol_rejection(one, needs_ingredients=False) == of_texts


def test_only_detected_ingredients_count():
    """25 lines of which 3 were understood stay; 5 of which none was do not."""
    some = tuple(Entity("x", n < 3) for n in range(25))
    none = tuple(Entity("x", False) for _ in range(5))
    assert protocol_rejection(recipe(25, 3, some)) is None
    assert protocol_rejection(recipe(5, 3, none)) == "no_ingredient"


def test_blank_lines_are_no_ingredients():
    """Where there are no entities, lines that say something count."""
    blank = Recipe("a", "train", "t", ("x", " ", "") + ("\t",) * 20, ("y",), None, ())
    assert protocol_rejection(blank) is None
