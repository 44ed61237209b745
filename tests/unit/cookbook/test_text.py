"""The cookbook's recipes as text: shares, frequencies, near twins."""

import math
import re
from collections import Counter
from itertools import pairwise

import pytest

from seje_ray.cookbook import CookbookRecipe, generate_recipe
from seje_ray.cookbook.dice import Dice, zipf_cumulative
from seje_ray.cookbook.grammar import write_text
from seje_ray.cookbook.pantry import pantry
from seje_ray.cookbook.plan import plan_recipe, turn_of

NUM_RECIPES = 2000


@pytest.fixture(scope="module")
def recipes() -> list[CookbookRecipe]:
    return [generate_recipe(0, index) for index in range(NUM_RECIPES)]


def is_share(count: int, total: int, share: float) -> bool:
    """Whether a count is within four standard deviations of its binomial mean."""
    return abs(count - total * share) <= 4 * math.sqrt(total * share * (1 - share))


def differences(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    return sum(a != b for a, b in zip(first, second, strict=True))


def test_equal_keys_give_equal_recipes_and_other_keys_others() -> None:
    assert generate_recipe(3, 17) == generate_recipe(3, 17)
    assert generate_recipe(3, 17) != generate_recipe(4, 17)
    assert generate_recipe(3, 17).ingredients != generate_recipe(3, 18).ingredients


def test_ids_are_ten_hexadecimal_digits_and_unique(recipes: list[CookbookRecipe]) -> None:
    recipe_ids = [recipe.id for recipe in recipes]
    image_ids = [image_id for recipe in recipes for image_id in recipe.image_ids]
    for ids in (recipe_ids, image_ids):
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch("[0-9a-f]{10}", one) for one in ids)
    assert not set(recipe_ids) & {generate_recipe(1, index).id for index in range(200)}


def test_partitions_have_their_shares(recipes: list[CookbookRecipe]) -> None:
    counts = Counter(recipe.partition for recipe in recipes)
    assert is_share(counts["train"], NUM_RECIPES, 0.70)
    assert is_share(counts["val"], NUM_RECIPES, 0.15)
    assert is_share(counts["test"], NUM_RECIPES, 0.15)


def test_background_titles_photos_and_long_recipes_have_their_shares(
    recipes: list[CookbookRecipe],
) -> None:
    # Twins copy words and plan, so the variance is a little above the binomial one: own recipes.
    own = [recipe for recipe in recipes if recipe.index % 4 != 3]
    long = [r for r in own if max(len(r.ingredients), len(r.instructions)) >= 20]
    assert is_share(sum(not r.names_dish for r in own), len(own), 0.20)
    assert is_share(sum(not r.image_ids for r in recipes), NUM_RECIPES, 0.10)
    assert is_share(len(long), len(own), 0.02)


def test_photos_per_recipe_are_one_to_five_about_two(recipes: list[CookbookRecipe]) -> None:
    counts = [len(recipe.image_ids) for recipe in recipes if recipe.image_ids]
    assert set(counts) == {1, 2, 3, 4, 5}
    # mean 1*.42 + 2*.30 + 3*.15 + 4*.08 + 5*.05 = 2.04, deviation 1.17 / sqrt(1800) = 0.03
    assert 1.9 < sum(counts) / len(counts) < 2.2


def test_dishes_are_near_uniform(recipes: list[CookbookRecipe]) -> None:
    counts = Counter(recipe.look.dish for recipe in recipes)
    assert set(counts) == set(pantry().dishes)
    # 2,000 / 20 = 100 turns each; 300 near twins take another's turn: deviation sqrt(15 + 15)
    assert all(75 < count < 125 for count in counts.values())


def test_each_partition_holds_its_share_of_every_dish() -> None:
    # 20 rounds of 20 dishes deal 14, 3 and 3 turns of each dish to the three partitions
    turns = Counter(
        (turn_of(1, index), generate_recipe(1, index).partition) for index in range(400)
    )
    for dish in pantry().dishes:
        assert [turns[dish, part] for part in ("train", "val", "test")] == [14, 3, 3]


def test_a_title_names_its_dish_or_no_dish_at_all(recipes: list[CookbookRecipe]) -> None:
    for recipe in recipes:
        title = recipe.title.lower()
        named = {dish for dish in pantry().dishes if dish in title}
        assert named == ({recipe.look.dish} if recipe.names_dish else set())


def test_background_titles_share_no_frequent_bigram(recipes: list[CookbookRecipe]) -> None:
    bigrams: Counter[tuple[str, str]] = Counter()
    for recipe in recipes:
        if not recipe.names_dish:
            words = [w for w in re.findall("[a-z-]+", recipe.title.lower()) if len(w) > 1]
            content = [w for w in words if w not in {"for", "from", "with"}]
            bigrams.update(pairwise(content))
    rarest_dish = min(Counter(r.look.dish for r in recipes if r.names_dish).values())
    assert max(bigrams.values()) < rarest_dish / 5


def test_some_titles_name_a_topping(recipes: list[CookbookRecipe]) -> None:
    named = [r for r in recipes if any(t in r.title.lower() for t in r.look.toppings)]
    assert 0.03 < len(named) / NUM_RECIPES < 0.2


def test_usual_recipes_have_5_to_14_ingredients_and_3_to_12_instructions(
    recipes: list[CookbookRecipe],
) -> None:
    for recipe in recipes:
        num_ingredients, num_instructions = len(recipe.ingredients), len(recipe.instructions)
        assert 5 <= num_ingredients <= 14 or num_ingredients >= 20
        assert 3 <= num_instructions <= 12 or num_instructions >= 20


def test_entities_are_names_from_the_pantry_or_the_raw_line(recipes: list[CookbookRecipe]) -> None:
    num_lines = num_invalid = 0
    for recipe in recipes:
        assert len(recipe.entities) == len(recipe.ingredients)
        for line, entity in zip(recipe.ingredients, recipe.entities, strict=True):
            num_lines += 1
            num_invalid += not entity.valid
            if entity.valid:
                assert entity.text in pantry().ingredients
            else:
                assert entity.text == line
    assert is_share(num_invalid, num_lines, 0.04)


def test_an_ingredient_line_holds_its_entity_unless_mistyped(
    recipes: list[CookbookRecipe],
) -> None:
    pairs = [
        (line, entity.text)
        for recipe in recipes
        for line, entity in zip(recipe.ingredients, recipe.entities, strict=True)
        if entity.valid
    ]
    mistyped = sum(name not in line for line, name in pairs)
    assert 0.005 < mistyped / len(pairs) < 0.05  # a typo may also hit the unit or the note


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d \d/\d cups? ",  # mixed fraction
        r"^\d? ?[1-4]{2} cups? ",  # its slash is lost
        r"^\d?[½¼¾⅓] ",
        r"^\d \(\d+ ounce\) (can|tin|cans) .*, drained",
        r"\((optional|see Note|or more)\)$",
        r", (finely|roughly) chopped",
    ],
)
def test_lines_have_the_quirks_of_recipe1m(recipes: list[CookbookRecipe], pattern: str) -> None:
    lines = [line for recipe in recipes for line in recipe.ingredients]
    assert sum(re.search(pattern, line) is not None for line in lines) >= 10


def test_ingredients_are_hundreds_with_a_long_tail(recipes: list[CookbookRecipe]) -> None:
    assert len(pantry().ingredients) >= 300
    hidden = {s.name for shelf in pantry().staples.values() for s in shelf}
    counts = Counter(
        entity.text for r in recipes for entity in r.entities if entity.text in hidden
    ).most_common()
    top, middle = counts[0][1], counts[len(counts) // 2][1]
    assert top > 20 * middle
    assert sum(count for _, count in counts[:20]) > 0.4 * sum(count for _, count in counts)


def test_instructions_name_what_the_photo_shows(recipes: list[CookbookRecipe]) -> None:
    num_vessels = num_tables = 0
    for recipe in recipes:
        look, text = recipe.look, " ".join(recipe.instructions)
        for name in (look.sauce, look.garnish, *look.toppings):
            assert name in text
        assert look.method in text.lower()
        num_vessels += look.vessel in text
        num_tables += look.table in text
    assert 0.4 < num_vessels / NUM_RECIPES < 0.6  # twins share it: wider than binomial
    assert 0.4 < num_tables / NUM_RECIPES < 0.6


def test_near_twins_differ_in_one_topping_or_garnish_only(recipes: list[CookbookRecipe]) -> None:
    num_twins = 0
    for first, second in zip(recipes[2::4], recipes[3::4], strict=True):
        one, two = first.look, second.look
        if (one.dish, one.method, one.sauce, one.vessel, one.table) != (
            (two.dish, two.method, two.sauce, two.vessel, two.table)
        ):
            continue
        num_twins += 1
        swapped = len(set(one.toppings) - set(two.toppings)) + (one.garnish != two.garnish)
        assert swapped == 1
        assert differences(first.ingredients, second.ingredients) == 1
        assert 1 <= differences(first.instructions, second.instructions) <= 2
    assert is_share(num_twins, NUM_RECIPES // 4, 0.6)


def test_the_words_are_a_function_of_the_plan() -> None:
    plan = plan_recipe(5, 9)
    assert write_text(plan) == write_text(plan)


def test_dice_repeat_by_key_and_cover_their_range() -> None:
    rolls = [Dice((1, 2)).integer(1, 6) for _ in range(2)]
    assert rolls[0] == rolls[1]
    dice = Dice((1, 2))
    assert {dice.integer(1, 6) for _ in range(500)} == {1, 2, 3, 4, 5, 6}
    assert sorted(dice.some("abcd", 4)) == list("abcd")
    assert {dice.weighted("xyz", (0.0, 1.0, 1.0)) for _ in range(100)} == {"y"}
    assert not any(dice.chance(0.0) for _ in range(100))
    assert all(dice.chance(1.0) for _ in range(100))


def test_a_turned_page_forgets_how_much_was_drawn_before() -> None:
    few, many = Dice((7,)), Dice((7,))
    few.uniform()
    for _ in range(5):
        many.uniform()
    few.turn_page()
    many.turn_page()
    assert few.uniform() == many.uniform()


def test_zipf_weights_by_hand() -> None:
    # exponent 1: 1, 1 + 1/2, 1 + 1/2 + 1/3
    assert zipf_cumulative(3, exponent=1.0) == pytest.approx((1.0, 1.5, 11 / 6))
