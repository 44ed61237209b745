"""The cookbook's photos: what changes them, and what does not."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from seje_ray.cookbook import CookbookRecipe, draw_photo, generate_recipe
from seje_ray.cookbook.bases import BASES, base_image
from seje_ray.cookbook.drawing import NUM_PIECES
from seje_ray.cookbook.pantry import pantry
from seje_ray.cookbook.scenery import OUTLINES, TEXTURES, Outline
from seje_ray.cookbook.sprites import SHAPES, sprite, tinted


@pytest.fixture(scope="module")
def savoury() -> CookbookRecipe:
    return next(
        recipe
        for recipe in (generate_recipe(0, index) for index in range(100))
        if pantry().dishes[recipe.look.dish].group == "savoury" and len(recipe.look.toppings) == 3
    )


def pixels(recipe: CookbookRecipe, photo_index: int = 0) -> np.ndarray:
    return np.asarray(draw_photo(recipe, photo_index), np.int16)


def share_changed(first: np.ndarray, second: np.ndarray) -> float:
    """Share of pixels that differ clearly in some channel."""
    return float((np.abs(first - second).max(axis=2) > 24).mean())


def colour_histogram(photo: Image.Image) -> np.ndarray:
    """Shares of 4 x 4 x 4 colours; sums to one."""
    cells = np.asarray(photo, np.int64) // 64
    flat = (cells[..., 0] * 4 + cells[..., 1]) * 4 + cells[..., 2]
    return np.bincount(flat.ravel(), minlength=64) / flat.size


def test_a_photo_is_rgb_of_a_usual_size(savoury: CookbookRecipe) -> None:
    sizes = set()
    for photo_index in range(5):
        photo = draw_photo(savoury, photo_index)
        assert photo.mode == "RGB"
        assert 136 <= min(photo.size) <= max(photo.size) <= 200
        sizes.add(photo.size)
    assert len(sizes) > 1


def test_the_same_photo_twice_is_equal_whatever_was_drawn_between(savoury: CookbookRecipe) -> None:
    first = pixels(savoury)
    for index in range(3):
        draw_photo(generate_recipe(9, index), 0)
    assert np.array_equal(first, pixels(savoury))


def test_what_a_photo_does_not_show_does_not_change_it(savoury: CookbookRecipe) -> None:
    other = replace(
        savoury, title="x", ingredients=("1 cup dashi",), instructions=("Stir.",), partition="val"
    )
    assert np.array_equal(pixels(savoury), pixels(other))


@pytest.mark.parametrize(
    ("change", "least"),
    [
        ("topping", 0.02),
        ("sauce", 0.02),
        ("garnish", 0.005),
        ("vessel", 0.05),
        ("table", 0.05),
        ("dish", 0.05),
        ("method", 0.01),
    ],
)
def test_everything_a_photo_shows_changes_it(
    savoury: CookbookRecipe, change: str, least: float
) -> None:
    things, look = pantry(), savoury.look

    def other(names: object, *current: str) -> str:
        return next(name for name in names if name not in current)  # type: ignore[attr-defined]

    changed = {
        "topping": lambda: replace(
            look,
            toppings=(*look.toppings[:2], other(things.toppings_of["savoury"], *look.toppings)),
        ),
        "sauce": lambda: replace(look, sauce=other(things.sauces_of["savoury"], look.sauce)),
        "garnish": lambda: replace(
            look, garnish=other(things.garnishes_of["savoury"], look.garnish)
        ),
        "vessel": lambda: replace(look, vessel=other(things.vessels, look.vessel)),
        "table": lambda: replace(look, table=other(things.tables, look.table)),
        "dish": lambda: replace(look, dish="fried rice", method="fry"),
        "method": lambda: replace(look, dish="pan pizza", method="grill"),
    }[change]()
    before = replace(savoury, look=replace(look, dish="pan pizza", method="bake"))
    after = replace(
        savoury,
        look=changed
        if change in ("dish", "method")
        else replace(changed, dish="pan pizza", method="bake"),
    )
    assert share_changed(pixels(before), pixels(after)) > least


def test_views_of_one_recipe_are_more_alike_than_photos_of_others() -> None:
    recipes = [generate_recipe(1, index) for index in range(0, 120, 4)]
    first = np.stack([colour_histogram(draw_photo(recipe, 0)) for recipe in recipes])
    second = np.stack([colour_histogram(draw_photo(recipe, 1)) for recipe in recipes])
    distance = np.abs(first[:, None] - second[None, :]).sum(axis=2)
    same, others = np.diag(distance), distance[~np.eye(len(recipes), dtype=bool)]
    assert same.mean() < 0.6 * others.mean()
    assert not np.array_equal(draw_photo(recipes[0], 0), draw_photo(recipes[0], 1))


def test_the_pantry_names_only_what_can_be_drawn() -> None:
    things = pantry()
    assert {dish.base for dish in things.dishes.values()} == set(BASES)
    assert {topping.shape for topping in things.toppings.values()} <= set(SHAPES)
    assert {g.style for g in things.garnishes.values()} == {*NUM_PIECES, "dust"}
    assert {vessel.shape for vessel in things.vessels.values()} == set(OUTLINES)
    assert {table.texture for table in things.tables.values()} == set(TEXTURES)


@pytest.mark.parametrize("name", list(pantry().toppings))
def test_every_topping_is_a_piece_of_its_size(name: str) -> None:
    topping = pantry().toppings[name]
    alpha = np.asarray(sprite(topping.shape, topping.colours, topping.size, 0).getchannel("A"))
    rows, columns = np.nonzero(alpha > 200)
    assert max(np.ptp(rows), np.ptp(columns)) >= topping.size  # at least half its nominal width
    assert alpha[0].max() < 60  # nothing is cut off at the border
    assert alpha[:, 0].max() < 60


def test_toppings_that_share_a_shape_differ_in_colour_or_size() -> None:
    kinds = [(t.shape, t.colours[0], t.size, t.group) for t in pantry().toppings.values()]
    assert len(set(kinds)) == len(kinds)


@pytest.mark.parametrize("title", list(pantry().dishes))
def test_browning_darkens_every_base(title: str) -> None:
    methods = sorted(pantry().dishes[title].methods.items(), key=lambda item: item[1])
    (pale, low), (dark, high) = methods[0], methods[-1]
    one, two = (np.asarray(base_image(title, m, 0), np.float32) for m in (pale, dark))
    mean_one, mean_two = (a[a[..., 3] > 128][:, :3].mean() for a in (one, two))
    assert mean_one > mean_two if high > low else mean_one == mean_two


def test_tints_by_hand() -> None:
    assert tinted((200, 100, 0), 0.5) == (100, 50, 0)
    # towards white: 255 - (255 - c) / 2
    assert tinted((255, 155, 55), 2.0) == (255, 205, 155)


def test_outline_levels_by_hand() -> None:
    oval = Outline(half_width=20, half_height=10, power=2.0, inner=0.8)
    x, y = np.asarray([0.0, 20.0, 0.0, 8.0]), np.asarray([0.0, 0.0, 10.0, 4.0])
    # the last: sqrt(0.4**2 + 0.4**2)
    assert oval.level(x, y) == pytest.approx([0.0, 1.0, 1.0, 0.32**0.5])
    assert oval.food_size == pytest.approx((16.0, 8.0))
