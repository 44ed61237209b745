"""A handful of recipes that every test of calibration can count in its head."""

from collections.abc import Callable

import pytest

from seje_ray.calibration.corpus import RecipeText
from seje_ray.recipe1m.records import Entity

MakeRecipe = Callable[..., RecipeText]


@pytest.fixture(scope="session")
def make_recipe() -> MakeRecipe:
    """A recipe by its title, entities and instructions; an entity in ``!`` was not understood."""

    def make(
        title: str, lines: list[str], instructions: list[str], *, tagged: bool = True
    ) -> RecipeText:
        entities = tuple(Entity(line.removeprefix("!"), not line.startswith("!")) for line in lines)
        return RecipeText(
            f"{abs(hash((title, *lines))):010x}"[:10],
            title,
            tuple(line.removeprefix("!") for line in lines),
            tuple(instructions),
            entities if tagged else None,
        )

    return make


@pytest.fixture(scope="session")
def corpus(make_recipe) -> list[RecipeText]:
    """Forty recipes: twenty of each of two dishes with different words."""
    recipes = []
    for number in range(20):
        recipes += [
            make_recipe(
                f"Fried Rice no {number}",
                ["long grain rice", "soy sauce", "eggs", "!2 spring onions, sliced"],
                ["Boil the long grain rice.", "Fry rice and eggs.", "Add soy sauce and serve."],
            ),
            make_recipe(
                f"Chocolate Cake no {number}",
                ["flour", "sugar", "cocoa", "spring onions" if number == 0 else "butter"],
                ["Mix flour, sugar and cocoa.", "Bake the cake.", "Cool and serve."],
            ),
        ]
    return recipes
