"""A recipe's photos: one scene, seen by a camera from up to five sides."""

import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from seje_ray.cookbook.bases import NUM_VARIANTS, RADIUS, SIDE, base_image
from seje_ray.cookbook.pantry import Colour, Garnish, Sauce, Topping, pantry
from seje_ray.cookbook.plan import Look
from seje_ray.cookbook.recipe import CookbookRecipe
from seje_ray.cookbook.scenery import (
    CENTRE,
    OUTLINES,
    Outline,
    as_image,
    grid,
    smooth_noise,
    table_image,
    vessel_image,
)
from seje_ray.cookbook.sprites import NUM_ANGLES, shaded, sprite

SCENE, VIEW = 10, 11  # purposes of the generators, beside those of plan.py and recipe.py

SIZES = ((160, 160), (168, 148), (148, 168), (164, 152), (140, 160))  # (width, height)
VIEW_SIDE = (212.0, 244.0)  # canvas pixels that the shorter side of a photo shows
MAX_TURN = 20.0  # degrees
MAX_SHIFT = 9.0  # canvas pixels
MIN_SQUASH = 0.84  # height of a circle seen from the flattest camera
REACH = 0.86  # share of the food that toppings keep to
NUM_TRIES = 12  # places tried before pieces may overlap

NUM_PIECES = {  # garnish style -> pieces, their radius in canvas pixels, and their shape
    "bits": (64, 4, "bit"),
    "seeds": (80, 3, "seed"),
    "threads": (44, 8, "thread"),
    "rings": (11, 8, "ring"),
    "leaves": (8, 15, "leaf"),
    "wedges": (3, 24, "wedge"),
    "dollops": (3, 23, "dollop"),
    "petals": (7, 12, "flower"),
    "sprinkles": (80, 5, "sprinkle"),
}


def draw_photo(recipe: CookbookRecipe, photo_index: int) -> Image.Image:
    """Return photo ``photo_index`` (0 to 4) as RGB, its shorter side at least 140 pixels.

    It depends on the recipe's seed, index and look, and on nothing else.
    """
    generator = np.random.default_rng((recipe.seed, recipe.index, VIEW, photo_index))
    scene = _scene(recipe.seed, recipe.index, recipe.look)
    return _exposed(_seen(scene, generator), generator)


@lru_cache(maxsize=2)
def _scene(seed: int, index: int, look: Look) -> Image.Image:
    """Return the laid table from above, RGB (CANVAS, CANVAS)."""
    things = pantry()
    generator = np.random.default_rng((seed, index, SCENE))
    outline = OUTLINES[things.vessels[look.vessel].shape]
    scene = table_image(look.table).rotate(90 * int(generator.integers(4)))
    vessel = vessel_image(look.vessel)
    scene.paste(vessel, mask=vessel)
    base, food_mask = _base(look, outline, int(generator.integers(NUM_VARIANTS)))
    corner = round(CENTRE - SIDE / 2), round(CENTRE - SIDE / 2)
    scene.paste(base, corner, base)
    sauce, sauce_mask = _sauce(things.sauces[look.sauce], food_mask, generator)
    scene.paste(sauce, corner, sauce_mask)
    _lay_toppings(scene, [things.toppings[name] for name in look.toppings], outline, generator)
    _lay_garnish(scene, things.garnishes[look.garnish], outline, generator)
    return scene


@lru_cache(maxsize=16)
def _food_space(outline: Outline) -> Image.Image:
    """Return where the vessel has room for food, L (SIDE, SIDE)."""
    x, y = grid(SIDE)
    inside = (outline.inner - outline.level(x, y)) * min(outline.half_width, outline.half_height)
    return as_image(np.clip(inside + 0.5, 0, 1) * 255)


def _base(look: Look, outline: Outline, variant: int) -> tuple[Image.Image, Image.Image]:
    """Return the base, fitted to the vessel, and where it is, RGBA and L (SIDE, SIDE)."""
    half_width, half_height = outline.food_size
    size = round(SIDE * half_width / RADIUS), round(SIDE * half_height / RADIUS)
    base = base_image(look.dish, look.method, variant).resize(size, Image.Resampling.BILINEAR)
    fitted = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    fitted.paste(base, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    mask = ImageChops.multiply(fitted.getchannel("A"), _food_space(outline))
    fitted.putalpha(mask)
    return fitted, mask


def _sauce(
    sauce: Sauce, food_mask: Image.Image, generator: np.random.Generator
) -> tuple[Image.Image, Image.Image]:
    """Return a pool or a zigzag of sauce that stays on the food, RGBA and L (SIDE, SIDE)."""
    half = SIDE // 2  # drawn small: its edges are soft anyway
    mask = Image.new("L", (half, half), 0)
    draw = ImageDraw.Draw(mask)
    if generator.random() < 0.5:
        for _ in range(7):
            x, y = half / 2 + generator.normal(0, 15, 2)
            rx, ry = generator.uniform(9, 18, 2)
            draw.ellipse((x - rx, y - ry, x + rx, y + ry), 255)
    else:
        phase, slant = generator.uniform(0, 6), generator.uniform(-0.4, 0.4)
        steps = np.linspace(-1, 1, 60)
        x = half / 2 + 40 * steps
        y = half / 2 + 27 * np.sin(11 * steps + phase) + 30 * slant * steps
        draw.line(list(zip(x.tolist(), y.tolist(), strict=True)), 255, 8, "curve")
    mask = mask.filter(ImageFilter.GaussianBlur(1.5)).point(_sharper)
    small_food = food_mask.resize((half, half), Image.Resampling.BILINEAR)
    flat = Image.new("RGBA", (half, half), (*sauce.colour, 0))
    flat.putalpha(ImageChops.multiply(mask, small_food))
    lit = shaded(flat, depth=3.0, relief=0.8, gloss=0.9).resize((SIDE, SIDE))
    return lit, lit.getchannel("A")


def _sharper(value: int) -> int:
    return max(0, min(255, (value - 96) * 4))


def _lay_toppings(
    scene: Image.Image,
    toppings: list[Topping],
    outline: Outline,
    generator: np.random.Generator,
) -> None:
    """Put five to twelve pieces of each topping on the food, mixed or each in its own part."""
    in_sectors = generator.random() < 0.5
    start = generator.random()
    pieces = [
        (topping, sector)
        for sector, topping in enumerate(toppings)
        for _ in range(_num_pieces(topping, len(toppings)))
    ]
    taken: list[tuple[float, float, float]] = []
    for number in generator.permutation(len(pieces)).tolist():
        topping, sector = pieces[number]
        turn = (start + sector / len(toppings), 1 / len(toppings)) if in_sectors else (0.0, 1.0)
        x, y = _free_place(outline, turn, topping.size, taken, generator)
        taken.append((x, y, topping.size))
        size = topping.size + int(generator.integers(-1, 2))
        angle = int(generator.integers(NUM_ANGLES))
        _lay(scene, sprite(topping.shape, topping.colours, size, angle), x, y)


def _num_pieces(topping: Topping, num_toppings: int) -> int:
    """Return how many pieces cover about the same area whatever their size."""
    share = 5200 / num_toppings
    return max(5, min(12, round(2.2 * share / (math.pi * topping.size**2) + 1)))


def _free_place(
    outline: Outline,
    turn: tuple[float, float],
    size: float,
    taken: list[tuple[float, float, float]],
    generator: np.random.Generator,
) -> tuple[float, float]:
    """Return the least crowded of some random places in a sector (its start and width)."""
    half_width, half_height = outline.food_size
    best, best_room = (0.0, 0.0), -math.inf
    draws = generator.random((NUM_TRIES, 2)).tolist()
    for first, second in draws:
        distance = REACH * math.sqrt(first)
        angle = 2 * math.pi * (turn[0] + turn[1] * second)
        x = (half_width - 0.6 * size) * distance * math.cos(angle)
        y = (half_height - 0.6 * size) * distance * math.sin(angle)
        room = min((math.hypot(x - a, y - b) - r for a, b, r in taken), default=math.inf)
        if room > best_room:
            best, best_room = (x, y), room
        if room > 0.9 * size:
            break
    return best


def _lay_garnish(
    scene: Image.Image, garnish: Garnish, outline: Outline, generator: np.random.Generator
) -> None:
    half_width, half_height = outline.food_size
    if garnish.style == "dust":
        _dust(scene, garnish.colours[0], outline, generator)
        return
    count, radius, shape = NUM_PIECES[garnish.style]
    spread = 0.8 if count < 20 else 0.62
    distances = spread * np.sqrt(generator.random(count))
    turns = generator.random(count) * 2 * math.pi
    xs, ys = half_width * distances * np.cos(turns), half_height * distances * np.sin(turns)
    angles = generator.integers(NUM_ANGLES, size=count).tolist()
    for number, (x, y) in enumerate(zip(xs.tolist(), ys.tolist(), strict=True)):
        colours = garnish.colours
        if count >= 20:  # each small piece has one of the colours
            colours = (garnish.colours[number % len(garnish.colours)],)
        _lay(scene, sprite(shape, colours, radius, angles[number]), x, y)


def _dust(
    scene: Image.Image, colour: Colour, outline: Outline, generator: np.random.Generator
) -> None:
    """Sieve fine powder over the middle."""
    x, y = grid(SIDE)
    near = np.clip(1.05 - outline.level(x, y) / outline.inner, 0, 1)
    grains = generator.random((SIDE, SIDE), dtype=np.float32)
    clouds = smooth_noise(generator, SIDE, 6)
    cover = near * (0.35 + 0.9 * clouds)  # more in some places
    alpha = np.clip((grains + cover - 0.85) * 3.0, 0, 1) * np.clip(near * 5, 0, 1) * 215
    mask = as_image(alpha).filter(ImageFilter.GaussianBlur(0.7))
    corner = round(CENTRE - SIDE / 2)
    scene.paste(Image.new("RGB", (SIDE, SIDE), colour), (corner, corner), mask)


def _lay(scene: Image.Image, piece: Image.Image, x: float, y: float) -> None:
    """Put a piece on the scene, (x, y) from its middle."""
    corner = round(CENTRE + x - piece.width / 2), round(CENTRE + y - piece.height / 2)
    scene.paste(piece, corner, piece)


def _seen(scene: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Return what the camera sees: turned, nearer or farther, flatter, off the middle."""
    width, height = SIZES[int(generator.integers(len(SIZES)))]
    step = generator.uniform(*VIEW_SIDE) / min(width, height)  # canvas pixels per photo pixel
    turn = math.radians(generator.uniform(-MAX_TURN, MAX_TURN))
    squash = generator.uniform(MIN_SQUASH, 1.0)
    shift_x, shift_y = generator.uniform(-MAX_SHIFT, MAX_SHIFT, 2).tolist()
    a, b = step * math.cos(turn), -step * math.sin(turn) / squash
    d, e = step * math.sin(turn), step * math.cos(turn) / squash
    c = CENTRE + shift_x - a * width / 2 - b * height / 2
    f = CENTRE + shift_y - d * width / 2 - e * height / 2
    return scene.transform(
        (width, height),
        Image.Transform.AFFINE,
        (a, b, c, d, e, f),
        Image.Resampling.BICUBIC,
        fillcolor=scene.getpixel((2, 2)),
    )


def _exposed(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Add light from one side, a colour cast, blur and noise."""
    blur = generator.uniform(0.0, 0.8)
    if blur > 0.3:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    width, height = image.size
    slope_x, slope_y = generator.uniform(-0.14, 0.14, 2).astype(np.float32)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    light = np.float32(generator.uniform(0.88, 1.12)) + slope_x * across + slope_y * down
    light -= 0.07 * (across**2 + down**2)
    warmth = generator.uniform(-0.05, 0.05)
    cast = np.asarray((1 + warmth, 1.0, 1 - warmth), np.float32)
    noise = generator.standard_normal((height, width), dtype=np.float32)
    noise *= np.float32(generator.uniform(1.5, 5.0))
    pixels = np.asarray(image, np.float32) * (light[..., None] * cast) + noise[..., None]
    return as_image(pixels)
