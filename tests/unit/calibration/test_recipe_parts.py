"""Lines of a recipe's parts, and their vectors."""

import numpy as np

from seje_ray.calibration.recipe_parts import RecipeParts, part_vectors


class Lengths:
    """A text model whose vector of a line is its length; keeps what it was asked."""

    dim = 1

    def __init__(self):
        self.seen = []

    def encode(self, sentences):
        self.seen.append(list(sentences))
        return np.array([[len(s)] for s in sentences], np.float32).reshape(-1, 1)


def test_blank_lines_and_late_steps_are_left_out():
    parts = RecipeParts.of(" ", ["salt", ""], ["a", "\t", "b", "c"], max_steps=3)

    assert parts == ([], ["salt"], ["a", "b"])


def test_vectors_come_by_part_and_recipe():
    """Two recipes: titles of 4 and no letters, ingredients of 4 and 1, 2; steps of 3; none."""
    recipes = [
        RecipeParts(["soup"], ["salt"], ["mix"]),
        RecipeParts([], ["x", "yy"], []),
    ]

    title, ingredients, steps = part_vectors(Lengths(), recipes)

    assert (title.vectors.tolist(), title.counts) == ([[4]], [1, 0])
    assert (ingredients.vectors.tolist(), ingredients.counts) == ([[4], [1], [2]], [1, 2])
    assert (steps.vectors.tolist(), steps.counts) == ([[3]], [1, 0])


def test_equal_lines_are_encoded_once():
    model = Lengths()

    part_vectors(model, [RecipeParts(["a"], ["salt", "a"], []), RecipeParts(["salt"], [], ["a"])])

    assert model.seen == [["a", "salt"]]


def test_no_recipe_and_empty_recipes_have_no_vectors():
    for recipes in ([], [RecipeParts([], [], [])] * 2):
        for part in part_vectors(Lengths(), recipes):
            assert part.vectors.shape == (0, 1)
            assert part.counts == [0] * len(recipes)
