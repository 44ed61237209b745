"""One recipe of the cookbook, from its seed and index alone."""

from dataclasses import dataclass
from functools import lru_cache

from seje_ray.cookbook.dice import Dice
from seje_ray.cookbook.grammar import write_text
from seje_ray.cookbook.pantry import pantry
from seje_ray.cookbook.plan import Look, plan_recipe, turn_of
from seje_ray.recipe1m.records import Entity

FACTS, PARTITIONING = 4, 5  # purposes of the dice, beside those of plan.py

PARTITION_DECK = ("train",) * 14 + ("val",) * 3 + ("test",) * 3  # of twenty recipes of a dish
NO_PHOTO_SHARE = 0.1
NUM_PHOTOS_SHARES = (0.42, 0.72, 0.87, 0.95, 1.0)  # running sums of one to five photos: mean 2.04

ID_BITS = 40  # ten hexadecimal digits
RECIPE_IDS, PHOTO_IDS = 0x9E3779B97F, 0xC2B2AE3D27  # odd, so that no two indices share an id


@dataclass(frozen=True, slots=True, kw_only=True)
class CookbookRecipe:
    """A recipe in Recipe1M's fields, and what its photos show."""

    seed: int
    index: int
    id: str  # ten hexadecimal digits
    partition: str  # train, val or test
    title: str
    names_dish: bool  # False: a background title
    url: str
    ingredients: tuple[str, ...]
    entities: tuple[Entity, ...]  # one per ingredient line
    instructions: tuple[str, ...]
    image_ids: tuple[str, ...]  # none to five, without ".jpg"
    look: Look


def generate_recipe(seed: int, index: int) -> CookbookRecipe:
    """Return recipe ``index`` of the cookbook of ``seed``; both are non-negative."""
    plan = plan_recipe(seed, index)
    text = write_text(plan)
    dice = Dice((seed, index, FACTS))
    num_photos = 0
    if not dice.chance(NO_PHOTO_SHARE):
        num_photos = dice.weighted(range(1, 6), NUM_PHOTOS_SHARES)
    recipe_id = _hex_id(seed, index, RECIPE_IDS)
    return CookbookRecipe(
        seed=seed,
        index=index,
        id=recipe_id,
        partition=_partition(seed, index),
        title=text.title,
        names_dish=text.names_dish,
        url=f"https://cookbook.example.org/recipes/{recipe_id}",
        ingredients=text.ingredients,
        entities=text.entities,
        instructions=text.instructions,
        image_ids=tuple(_hex_id(seed, 5 * index + i, PHOTO_IDS) for i in range(num_photos)),
        look=plan.look,
    )


def _partition(seed: int, index: int) -> str:
    """Return the recipe's partition, dealt so that each holds its share of every dish."""
    dishes = tuple(pantry().dishes)
    deck, card = divmod(index // len(dishes), len(PARTITION_DECK))
    return _dealt(seed, dishes.index(turn_of(seed, index)), deck)[card]


@lru_cache(maxsize=256)
def _dealt(seed: int, dish_number: int, deck: int) -> tuple[str, ...]:
    dice = Dice((seed, dish_number, deck, PARTITIONING))
    return tuple(dice.some(PARTITION_DECK, len(PARTITION_DECK)))


def _hex_id(seed: int, index: int, factor: int) -> str:
    """Return ten digits that differ for any two indices below 2**40 (each step is invertible)."""
    mask = (1 << ID_BITS) - 1
    number = (index + (seed + 1) * 0xD1B54A32D1) * factor & mask
    number ^= number >> 19
    number = number * factor & mask
    number ^= number >> 21
    return f"{number:010x}"
