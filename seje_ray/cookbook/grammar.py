"""From a plan to words: title, ingredient lines with their entities, instructions."""

from dataclasses import dataclass

from seje_ray.cookbook.dice import Dice
from seje_ray.cookbook.pantry import Dish, Staple, pantry
from seje_ray.cookbook.plan import Look, RecipePlan
from seje_ray.recipe1m.records import Entity

BACKGROUND_SHARE = 0.2  # titles that name no dish
INVALID_SHARE = 0.04  # ingredient lines that the detector did not understand
TYPO_SHARE = 0.05  # ingredient lines with a typing error
VESSEL_SHARE = 0.5  # recipes that say what they are served in, and where
TERSE_SHARE = 0.15  # recipes told in few, long steps

NOTES = {  # measure -> preparation notes, where the ingredient has none of its own
    "cup": ("divided", "sifted", "at room temperature", "plus more as needed", "packed"),
    "spoon": ("divided", "or more to taste", "heaped", "plus extra", "freshly bought"),
    "gram": ("cut into pieces", "softened", "at room temperature", "chilled", "trimmed"),
    "count": ("finely chopped", "beaten", "diced", "peeled", "roughly chopped", "minced"),
    "can": ("drained", "with juice", "undrained", "shaken"),
    "bunch": ("washed", "roughly torn", "dried well"),
    "pinch": ("to taste", "or to taste", "freshly ground"),
    "clove": ("minced", "crushed", "peeled", "finely chopped"),
}
ASIDES = ("(optional)", "(see Note)", "(or more)", "(about 2 handfuls)", "(I used a bit less)")
FILLERS = (
    "Season to taste.",
    "Let stand for 5 minutes.",
    "Stir well.",
    "Taste and adjust the seasoning.",
    "Keep warm.",
    "Set aside.",
    "Drain well.",
    "Mix until smooth.",
    "Do not rush this step.",
    "Cover and leave to rest.",
    "Wipe down the work surface.",
    "Check after a few minutes.",
    "Allow to cool slightly.",
    "Repeat if needed.",
)
FINALES = (
    "Enjoy!",
    "Serve at once.",
    "Makes 4 servings.",
    "Leftovers keep for two days in the fridge.",
    "Good for a crowd.",
)
PREHEATED = ("bake", "roast")


@dataclass(frozen=True, slots=True)
class Text:
    """All words of a recipe."""

    title: str
    names_dish: bool  # False: a background title
    ingredients: tuple[str, ...]
    entities: tuple[Entity, ...]  # one per ingredient line
    instructions: tuple[str, ...]


def write_text(plan: RecipePlan) -> Text:
    """Return the words of a plan; two plans that differ in one topping differ in its name only."""
    dice = Dice(plan.words)
    names_dish = not dice.chance(BACKGROUND_SHARE)
    title = _dish_title(plan, dice) if names_dish else _background_title(plan, dice)
    ingredients, entities = [], []
    for staple in staples_of(plan):
        dice.turn_page()
        is_valid = not dice.chance(INVALID_SHARE)
        line = ingredient_line(staple, dice)
        ingredients.append(line)
        entities.append(Entity(staple.name if is_valid else line, is_valid))
    dice.turn_page()
    instructions = _instructions(plan, dice)
    return Text(title, names_dish, tuple(ingredients), tuple(entities), instructions)


def staples_of(plan: RecipePlan) -> list[Staple]:
    """Return what the ingredient list holds, in its order."""
    things, look = pantry(), plan.look
    return [
        *things.dishes[look.dish].basics,
        *plan.hidden,
        things.sauces[look.sauce].staple,
        *(things.toppings[name].staple for name in look.toppings),
        things.garnishes[look.garnish].staple,
    ]


def ingredient_line(staple: Staple, dice: Dice) -> str:
    """Return one line as people type it, e.g. ``1 (14 ounce) can chickpeas, drained``."""
    line = f"{_amount(staple.measure, dice)} {staple.name}"
    if dice.chance(0.4):
        line += f", {dice.choice(staple.notes or NOTES[staple.measure])}"
    if dice.chance(0.1):
        line += f" {dice.choice(ASIDES)}"
    return _mistyped(line, dice) if dice.chance(TYPO_SHARE) else line


def _amount(measure: str, dice: Dice) -> str:
    """Return quantity and unit."""
    match measure:
        case "cup":
            return f"{_quantity(dice)} {dice.choice(('cup', 'cups', 'c.', 'cups'))}"
        case "spoon":
            units = ("tablespoons", "tablespoon", "tbsp", "tbsp.", "teaspoon", "teaspoons", "tsp")
            return f"{_quantity(dice)} {dice.choice(units)}"
        case "gram":
            if dice.chance(0.5):
                return f"{25 * dice.integer(2, 20)} {dice.choice(('g', 'grams', 'gr'))}"
            if dice.chance(0.5):
                return f"{dice.integer(2, 16)} {dice.choice(('ounces', 'oz', 'oz.'))}"
            return f"{_quantity(dice)} {dice.choice(('lb', 'pound', 'pounds'))}"
        case "can":
            ounces = dice.choice((8, 14, 15, 16, 28))
            return f"{dice.integer(1, 2)} ({ounces} ounce) {dice.choice(('can', 'tin', 'cans'))}"
        case "bunch":
            return dice.choice(("1 handful", "1 bunch", "1 small bunch", "4 sprigs", "a few"))
        case "pinch":
            return dice.choice(("pinch of", "1 pinch", "a dash of", "14 teaspoon", "¼ tsp", "some"))
        case "clove":
            return f"{dice.integer(1, 6)} {dice.choice(('cloves', 'clove', 'fat cloves'))}"
        case _:
            size = dice.choice(("", "", "", " small", " large", " medium"))
            return f"{dice.integer(1, 8)}{size}"


def _quantity(dice: Dice) -> str:
    """Return a number; half of them broken, some of these without their slash, as in Recipe1M."""
    whole = dice.integer(1, 4)
    if dice.chance(0.5):
        return str(whole)
    top, bottom, vulgar = dice.choice(((1, 2, "½"), (1, 4, "¼"), (3, 4, "¾"), (1, 3, "⅓")))
    prefix = f"{whole} " if dice.chance(0.4) else ""
    form = dice.uniform()
    if form < 0.6:
        return f"{prefix}{top}/{bottom}"
    if form < 0.8:
        return f"{prefix.strip()}{vulgar}"
    return f"{prefix}{top}{bottom}"


def _mistyped(line: str, dice: Dice) -> str:
    """Swap two letters of the line, or lose one."""
    letters = [i for i in range(1, len(line) - 1) if line[i].isalpha() and line[i + 1].isalpha()]
    if not letters:
        return line
    i = dice.choice(letters)
    if dice.chance(0.5):
        return line[:i] + line[i + 1] + line[i] + line[i + 2 :]
    return line[:i] + line[i + 1 :]


def _dish_title(plan: RecipePlan, dice: Dice) -> str:
    dish = plan.look.dish.title()
    style = dice.uniform()
    if style < 0.30:
        return f"{_word('adjectives', dice)} {dish}"
    if style < 0.45:
        return dish
    if style < 0.60:
        return f"{plan.cuisine} {dish}"
    if style < 0.75:
        return f"{_word('owners', dice)}'s {dish}"
    if style < 0.87:
        return f"{dish} with {dice.choice(plan.look.toppings).title()}"
    return f"{dish} for {_word('occasions', dice)}"


def _background_title(plan: RecipePlan, dice: Dice) -> str:
    """Return a title from pools so wide that none of its bigrams becomes frequent."""
    style = dice.uniform()
    noun, occasion = _word("nouns", dice), _word("occasions", dice)
    if style < 0.3:
        return f"{_word('owners', dice)}'s {occasion} {noun}"
    if style < 0.5:
        return f"{noun} from {_word('places', dice)}"
    if style < 0.7:
        return f"{_word('adjectives', dice)} {noun} for {occasion}"
    if style < 0.85:
        return f"{plan.cuisine} {noun} for {_word('owners', dice)}"
    simple = [staple.name for staple in plan.hidden if " " not in staple.name]
    with_what = dice.choice(simple) if simple else "love"
    return f"A {_word('adjectives', dice).lower()} {_word('meals', dice)} with {with_what}"


def _word(kind: str, dice: Dice) -> str:
    return dice.choice(pantry().words[kind])


def _instructions(plan: RecipePlan, dice: Dice) -> tuple[str, ...]:
    look = plan.look
    dish = pantry().dishes[look.dish]
    steps = [
        *_opening(plan, dish, dice),
        _cooking(look, dish, dice),
        _saucing(look, dish, dice),
        _topping(look, dish, dice),
        _garnishing(look, dice),
        *_serving(look, dice),
    ]
    if dice.chance(TERSE_SHARE):
        steps = [" ".join(steps[:2]), " ".join(steps[2:4]), " ".join(steps[4:])]
    elif dice.chance(0.3):
        steps.append(dice.choice(FINALES))
    num_fillers = max(plan.min_instructions - len(steps), dice.choice((0, 0, 1, 1, 2)))
    for _ in range(num_fillers):
        steps.insert(dice.integer(1, len(steps) - 1), dice.choice(FILLERS))
    return tuple(steps)


def _opening(plan: RecipePlan, dish: Dish, dice: Dice) -> list[str]:
    method = plan.look.method
    hidden = _listed([staple.name for staple in plan.hidden[:3]])
    basics = _listed([staple.name for staple in dish.basics])
    opening = []
    if method in PREHEATED:
        opening.append(f"Preheat the oven to {dice.choice((160, 180, 190, 200, 220))} degrees C.")
    elif dice.chance(0.5):
        opening.append(dice.choice(("Get everything ready.", "Wash your hands first.")))
    opening.append(
        dice.choice(
            (
                f"Combine the {basics} with the {hidden}.",
                f"Put the {basics} in a mixing bowl and add the {hidden}.",
                f"Prepare the {basics}; stir in the {hidden}.",
            )
        )
    )
    return opening


def _cooking(look: Look, dish: Dish, dice: Dice) -> str:
    """Name the method, and the colour that it gives."""
    browning = dish.methods[look.method]
    if browning >= 0.7:
        end = dice.choice(("until dark brown and crisp", "until deeply browned and charred"))
    elif browning >= 0.25:
        end = dice.choice(("until golden", "until lightly browned"))
    else:
        end = dice.choice(("without letting it colour", "until just done, still pale"))
    return f"{look.method.capitalize()} {dish.cooked} for {dice.integer(3, 45)} minutes {end}."


def _saucing(look: Look, dish: Dish, dice: Dice) -> str:
    return dice.choice(
        (
            f"Pour the {look.sauce} over {dish.cooked}.",
            f"Spoon the {look.sauce} on top.",
            f"Drizzle {dish.cooked} with the {look.sauce}.",
            f"Warm the {look.sauce} and pour it over.",
        )
    )


def _topping(look: Look, dish: Dish, dice: Dice) -> str:
    toppings = _listed(look.toppings)
    return dice.choice(
        (
            f"Arrange the {toppings} on top.",
            f"Top with {toppings}.",
            f"Add the {toppings} to {dish.cooked}.",
            f"Lay the {toppings} over {dish.cooked}.",
        )
    )


def _garnishing(look: Look, dice: Dice) -> str:
    return dice.choice(
        (
            f"Garnish with {look.garnish}.",
            f"Finish with the {look.garnish}.",
            f"Scatter the {look.garnish} over it.",
        )
    )


def _serving(look: Look, dice: Dice) -> list[str]:
    """Say what it is served in and where, each in about half of the recipes."""
    with_vessel, with_table = dice.chance(VESSEL_SHARE), dice.chance(VESSEL_SHARE)
    if with_vessel and with_table:
        return [f"Serve in a {look.vessel} on a {look.table}."]
    if with_vessel:
        return [f"Serve in a {look.vessel}."]
    if with_table:
        return [f"Bring to the table on a {look.table}."]
    return []


def _listed(names: list[str] | tuple[str, ...]) -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
