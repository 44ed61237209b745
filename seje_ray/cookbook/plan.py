"""The plan of a recipe, before it is written or drawn."""

from dataclasses import dataclass, replace
from functools import cache, lru_cache

from seje_ray.cookbook.dice import Dice, zipf_cumulative
from seje_ray.cookbook.pantry import Staple, pantry

PLAN, PLAN_TWIN, WORDS, DISHES = (
    0,
    1,
    2,
    3,
)  # purposes of the dice, so that no two share their numbers

TWIN_EVERY = 4  # every fourth recipe may be the near twin of the one before it ...
TWIN_SHARE = 0.6  # ... and is one this often
LONG_SHARE = 0.02  # recipes that the protocol's filter drops
LONG_LENGTH = 20  # ingredients or instructions from which it does
CUISINE_SHARE = 0.3  # staples of a savoury dish that come from the cuisine's own shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that a photo of the recipe shows, as names in the pantry."""

    dish: str
    method: str
    sauce: str
    toppings: tuple[str, ...]
    garnish: str
    vessel: str
    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipePlan:
    """A recipe as its grammar needs it."""

    look: Look
    cuisine: str
    hidden: tuple[Staple, ...]  # ingredients that no photo shows
    min_instructions: int  # more are padded in
    words: tuple[int, ...]  # key of the dice that choose the words


def plan_recipe(seed: int, index: int) -> RecipePlan:
    """Return the plan of recipe ``index``: its own, or a near twin of the recipe before it."""
    dice = Dice((seed, index, PLAN_TWIN))
    if index % TWIN_EVERY == TWIN_EVERY - 1 and dice.chance(TWIN_SHARE):
        twin = _own_plan(seed, index - 1)
        return replace(twin, look=_swapped(twin.look, dice))
    return _own_plan(seed, index)


def turn_of(seed: int, index: int) -> str:
    """Return the dish whose turn it is: each comes once in a round, in an order of its own.

    So every dish has nearly the same number of recipes, however few there are.
    """
    lap, place = divmod(index, len(pantry().dishes))
    return _dish_order(seed, lap)[place]


@lru_cache(maxsize=64)
def _dish_order(seed: int, lap: int) -> tuple[str, ...]:
    dishes = tuple(pantry().dishes)
    return tuple(Dice((seed, lap, DISHES)).some(dishes, len(dishes)))


def _own_plan(seed: int, index: int) -> RecipePlan:
    things = pantry()
    dice = Dice((seed, index, PLAN))
    dish = things.dishes[turn_of(seed, index)]
    look = Look(
        dish=dish.title,
        method=dice.choice(tuple(dish.methods)),
        sauce=dice.choice(things.sauces_of[dish.group]),
        toppings=tuple(dice.some(things.toppings_of[dish.group], dice.integer(2, 3))),
        garnish=dice.choice(things.garnishes_of[dish.group]),
        vessel=dice.choice(tuple(things.vessels)),
        table=dice.choice(tuple(things.tables)),
    )
    cuisine = dice.choice(tuple(things.cuisines))
    num_hidden, min_instructions = dice.integer(1, 5), 0
    if dice.chance(LONG_SHARE):
        if dice.chance(0.5):
            num_hidden = LONG_LENGTH - 5 + dice.integer(0, 4)
        else:
            min_instructions = LONG_LENGTH + dice.integer(0, 4)
    return RecipePlan(
        look=look,
        cuisine=cuisine,
        hidden=_hidden(dice, dish.group, cuisine, num_hidden),
        min_instructions=min_instructions,
        words=(seed, index, WORDS),
    )


def _hidden(dice: Dice, group: str, cuisine: str, count: int) -> tuple[Staple, ...]:
    """Draw ``count`` different staples, the common ones far more often than the rare ones."""
    shelf, own = pantry().staples[group], pantry().cuisines[cuisine]
    chosen: dict[str, Staple] = {}
    while len(chosen) < count:
        if group == "savoury" and dice.chance(CUISINE_SHARE):
            staple = dice.weighted(own, _zipf(len(own)))
        else:
            staple = dice.weighted(shelf, _zipf(len(shelf)))
        chosen.setdefault(staple.name, staple)
    return tuple(chosen.values())


def _swapped(look: Look, dice: Dice) -> Look:
    """Return the look with another garnish or with one other topping."""
    things = pantry()
    group = things.dishes[look.dish].group
    if dice.chance(0.5):
        others = [name for name in things.garnishes_of[group] if name != look.garnish]
        return replace(look, garnish=dice.choice(others))
    others = [name for name in things.toppings_of[group] if name not in look.toppings]
    return replace(look, toppings=(*look.toppings[:-1], dice.choice(others)))


@cache
def _zipf(count: int) -> tuple[float, ...]:
    return zipf_cumulative(count)
