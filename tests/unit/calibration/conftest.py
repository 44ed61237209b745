"""A handful of recipes that every test of calibration can count in its head."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from seje_ray.calibration.corpus import RecipeText
from seje_ray.recipe1m.records import Entity
from seje_ray.schema import RECIPES

MakeRecipe = Callable[..., RecipeText]


@pytest.fixture(scope="session")
def make_recipe() -> MakeRecipe:
    """A recipe by its title, entities and instructions; an entity in ``!`` was not understood."""

    def make(
        title: str, lines: list[str], instructions: list[str], *, tagged: bool = True
    ) -> RecipeText:
        entities = tuple(Entity(line.removeprefix("!"), not line.startswith("!")) for line in lines)
        return RecipeText(
            f"id of {title}",
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


@pytest.fixture(scope="session")
def photo_shards(tmp_path_factory) -> list[Path]:
    """Two shards: red photos of tomato soup, blue ones of plum cake, a background recipe."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    rows = []
    for number in range(12):
        title, colour = [("Tomato Soup", (200, 30, 30)), ("Plum Cake", (30, 30, 200))][number % 2]
        images = [
            {"id": f"{number}-{i}", "jpeg": noisy_jpeg(colour, generator)}
            for i in range(1 + number % 3)
        ]
        rows.append({"id": str(number), "title": title, "images": images})
    rows.append({"id": "12", "title": "Leftovers", "images": rows[0]["images"]})
    rows.append({"id": "13", "title": "Tomato Soup", "images": []})
    shared = {"partition": "train", "ingredients": [], "instructions": [], "entities": None}
    shards = [folder / f"train-{number:06d}.parquet" for number in range(2)]
    for number, shard in enumerate(shards):
        table = pa.Table.from_pylist([row | shared for row in rows[number::2]], schema=RECIPES)
        pq.write_table(table, shard)
    return shards


def noisy_jpeg(colour: tuple[int, int, int], generator: np.random.Generator) -> bytes:
    """A 24 x 20 photo of one colour and some noise."""
    pixels = np.asarray(colour) + generator.integers(-25, 25, size=(20, 24, 3))
    file = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()
