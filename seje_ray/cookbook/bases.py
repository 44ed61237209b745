"""Bases below sauce and toppings: rice, noodles, soup, cake, browned as the method has it."""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from seje_ray.cookbook.pantry import Colour, Dish, pantry
from seje_ray.cookbook.scenery import (
    as_image,
    grid,
    mixed,
    smooth_noise,
    texture_generator,
)
from seje_ray.cookbook.sprites import NUM_ANGLES, shaded, sprite, tinted, with_shadow

SIDE = 224  # pixels of a base's image
RADIUS = 92  # pixels from its middle that fit into a vessel
NUM_VARIANTS = 2  # textures per dish and method
CHARRED = 0.75  # browning from which dark stripes appear


@lru_cache(maxsize=128)
def base_image(dish_title: str, method: str, variant: int) -> Image.Image:
    """Return the base as RGBA (SIDE, SIDE); transparent where the vessel stays bare."""
    dish = pantry().dishes[dish_title]
    generator = texture_generator(dish.base, variant)
    image = BASES[dish.base](dish, generator)
    return _browned(image, dish.methods[method], generator)


def _browned(image: Image.Image, browning: float, generator: np.random.Generator) -> Image.Image:
    """Darken towards brown in patches; a charred base also gets the stripes of a grill."""
    if browning <= 0:
        return image
    pixels = np.array(image, np.float32)
    patches = smooth_noise(generator, SIDE, 14)
    share = np.clip(browning * (0.25 + 1.1 * patches), 0, 1)
    if browning >= CHARRED:
        x, y = grid(SIDE)
        stripes = np.clip(np.sin((x + y) / 8.5) * 3 - 1.9, 0, 1)
        share = np.clip(share + stripes * 0.75, 0, 1.25)
    toasted = np.asarray((0.62, 0.42, 0.26), np.float32)
    pixels[..., :3] *= 1 - share[..., None] * (1 - toasted)
    return as_image(pixels)


def _full(pixels: np.ndarray) -> Image.Image:
    """Return colours that fill the vessel to its walls."""
    return as_image(np.dstack([pixels, np.full((SIDE, SIDE), 255.0)]))


def _blank(colour: Colour = (0, 0, 0)) -> Image.Image:
    return Image.new("RGBA", (SIDE, SIDE), (*colour, 0))


def _liquid(dish: Dish, generator: np.random.Generator) -> np.ndarray:
    """Return a glossy surface, float32 (SIDE, SIDE, 3)."""
    hills = 0.6 * smooth_noise(generator, SIDE, 6) + 0.4 * smooth_noise(generator, SIDE, 18)
    pixels = mixed(dish.colours[0], dish.colours[1], hills)
    x, y = grid(SIDE)
    pixels *= (1.06 - 0.22 * (np.hypot(x, y) / 110) ** 4)[..., None]
    glare = np.clip(smooth_noise(generator, SIDE, 9) - 0.74, 0, 1) * 260
    return np.asarray(pixels + glare[..., None], np.float32)


def _soup(dish: Dish, generator: np.random.Generator) -> Image.Image:
    return _full(_liquid(dish, generator))


def _smoothie(dish: Dish, generator: np.random.Generator) -> Image.Image:
    pixels = _liquid(dish, generator)
    specks = generator.random((SIDE, SIDE)) < 0.012
    pixels[specks] *= 0.6
    return _full(pixels)


def _broth(dish: Dish, generator: np.random.Generator) -> Image.Image:
    image = _full(_liquid(dish, generator))
    noodles = _strands(dish.colours[1], generator, count=26, width=6, reach=70)
    return Image.alpha_composite(image, noodles)


def _curry(dish: Dish, generator: np.random.Generator) -> Image.Image:
    return _chunks(_full(_liquid(dish, generator)), tinted(dish.colours[1], 1.15), generator, 20)


def _stew(dish: Dish, generator: np.random.Generator) -> Image.Image:
    return _chunks(_full(_liquid(dish, generator)), dish.colours[1], generator, 34)


def _chunks(
    image: Image.Image, colour: Colour, generator: np.random.Generator, count: int
) -> Image.Image:
    """Lay lumps of one colour into a liquid."""
    for x, y in _spread(generator, count, RADIUS - 8):
        piece = sprite(
            "rough", (colour,), int(generator.integers(8, 14)), int(generator.integers(NUM_ANGLES))
        )
        image.alpha_composite(piece, _corner(piece, x, y))
    return image


def _spread(generator: np.random.Generator, count: int, radius: float) -> list[tuple[float, float]]:
    """Return random points of a disc around the middle of the image."""
    distance = radius * np.sqrt(generator.random(count))
    turn = generator.random(count) * 2 * math.pi
    middle = SIDE / 2
    return list(
        zip(
            (middle + distance * np.cos(turn)).tolist(),
            (middle + distance * np.sin(turn)).tolist(),
            strict=True,
        )
    )


def _corner(piece: Image.Image, x: float, y: float) -> tuple[int, int]:
    return round(x - piece.width / 2), round(y - piece.height / 2)


def _mound(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Cut a texture to a heap with an uneven edge, and light it as one."""
    x, y = grid(SIDE)
    turn = np.arctan2(y, x)
    first, second = generator.random(2) * 6
    edge = RADIUS * (0.93 + 0.035 * np.sin(3 * turn + first) + 0.03 * np.sin(7 * turn + second))
    alpha = np.clip(edge - np.hypot(x, y) + 0.5, 0, 1)
    pixels = np.array(image, np.float32)
    pixels[..., 3] *= alpha
    heap = shaded(as_image(pixels), depth=14, relief=1.0, gloss=0.0)
    return with_shadow(heap, offset=(3, 4), softness=3)


def _grainy(
    dish: Dish, generator: np.random.Generator, *, count: int, length: float, width: int
) -> Image.Image:
    """Return a heap of many small strokes."""
    image = Image.new("RGBA", (SIDE, SIDE), (*tinted(dish.colours[0], 0.72), 255))
    draw = ImageDraw.Draw(image)
    tints = [tinted(colour, factor) for colour in dish.colours for factor in (0.8, 0.93, 1.0, 1.25)]
    for x, y in _spread(generator, count, RADIUS + 4):
        turn = generator.random() * math.pi
        dx, dy = length * math.cos(turn), length * math.sin(turn)
        draw.line((x - dx, y - dy + 1, x + dx, y + dy + 1), (*tinted(dish.colours[0], 0.6), 255), 3)
        colour = tints[int(generator.integers(len(tints)))]
        draw.line((x - dx, y - dy, x + dx, y + dy), (*colour, 255), width)
    return _mound(image, generator)


def _rice(dish: Dish, generator: np.random.Generator) -> Image.Image:
    return _grainy(dish, generator, count=1500, length=3.6, width=3)


def _grains(dish: Dish, generator: np.random.Generator) -> Image.Image:
    return _grainy(dish, generator, count=2400, length=1.4, width=4)


def _leaves(dish: Dish, generator: np.random.Generator) -> Image.Image:
    image = _blank()
    greens = [(tinted(colour, f), tinted(colour, 0.8)) for colour in dish.colours for f in (0.8, 1)]
    for number, (x, y) in enumerate(_spread(generator, 80, RADIUS - 16)):
        piece = sprite(
            "leaf",
            greens[number % len(greens)],
            int(generator.integers(17, 27)),
            int(generator.integers(NUM_ANGLES)),
        )
        image.alpha_composite(piece, _corner(piece, x, y))
    return image


def _strands(
    colour: Colour, generator: np.random.Generator, *, count: int, width: int, reach: float
) -> Image.Image:
    """Return curled strands on a transparent ground."""
    image = _blank(colour)
    draw = ImageDraw.Draw(image)
    for x, y in _spread(generator, count, reach):
        half = generator.uniform(18, 58)
        start = generator.uniform(0, 360)
        box = (x - half, y - half * 0.75, x + half, y + half * 0.75)
        end = start + generator.uniform(110, 260)
        tint = float(generator.uniform(0.88, 1.15))
        draw.arc(box, start, end, (*tinted(colour, 0.62), 255), width + 2)
        inner = (box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1)
        draw.arc(inner, start, end, (*tinted(colour, tint), 255), width)
        middle = (box[0] + 2.5, box[1] + 2.5, box[2] - 2.5, box[3] - 2.5)
        draw.arc(middle, start, end, (*tinted(colour, tint * 1.3), 255), 1)
    return image.filter(ImageFilter.GaussianBlur(0.6))


def _noodles(dish: Dish, generator: np.random.Generator) -> Image.Image:
    ground = Image.new("RGBA", (SIDE, SIDE), (*tinted(dish.colours[0], 0.7), 255))
    strands = _strands(dish.colours[0], generator, count=190, width=6, reach=78)
    return _mound(Image.alpha_composite(ground, strands), generator)


def _round(radius: float, colour: Colour, *, depth: float, wobble: int = 0) -> Image.Image:
    """Return one shaded disc; ``wobble`` gives it that many flutes."""
    x, y = grid(SIDE)
    edge = radius * (1 + (0.03 * np.cos(wobble * np.arctan2(y, x)) if wobble else 0.0))
    alpha = np.clip(edge - np.hypot(x, y) + 0.5, 0, 1) * 255
    flat = as_image(
        np.dstack([np.broadcast_to(np.asarray(colour, np.float32), (SIDE, SIDE, 3)), alpha])
    )
    return shaded(flat, depth=depth, relief=1.1, gloss=0.1)


def _speckled(
    image: Image.Image, generator: np.random.Generator, *, cells: int, strength: float
) -> Image.Image:
    """Vary the lightness of an image in spots."""
    pixels = np.array(image, np.float32)
    spots = smooth_noise(generator, SIDE, cells) - 0.5
    pixels[..., :3] *= (1 + strength * spots)[..., None]
    return as_image(pixels)


def _pizza(dish: Dish, generator: np.random.Generator) -> Image.Image:
    crust, cheese = dish.colours
    image = _speckled(_round(91, crust, depth=9), generator, cells=20, strength=0.5)
    image.alpha_composite(_round(79, (196, 66, 34), depth=3))
    top = np.array(_round(77, cheese, depth=4), np.float32)
    melted = smooth_noise(generator, SIDE, 11) + 0.5 * smooth_noise(generator, SIDE, 30)
    top[..., 3] *= np.clip((melted - 0.42) * 6, 0, 1)
    image.alpha_composite(_speckled(as_image(top), generator, cells=16, strength=0.3))
    return with_shadow(image, offset=(3, 4), softness=3)


def _omelette(dish: Dish, generator: np.random.Generator) -> Image.Image:
    whole = _round(90, dish.colours[0], depth=10)
    draw = ImageDraw.Draw(whole)
    draw.line((30, 132, 194, 118), (*tinted(dish.colours[0], 0.72), 255), 4)
    draw.line((30, 128, 194, 114), (*dish.colours[1], 255), 4)
    spotted = _speckled(whole, generator, cells=24, strength=0.45)
    return with_shadow(spotted, offset=(3, 4), softness=3)


def _pieces(shape: Callable[[int], Image.Image], places: list[tuple[float, float]]) -> Image.Image:
    """Lay several pieces out; places are from the middle, in shares of ``RADIUS``."""
    image = _blank()
    for number, (x, y) in enumerate(places):
        piece = shape(number)
        image.alpha_composite(piece, _corner(piece, SIDE / 2 + x * RADIUS, SIDE / 2 + y * RADIUS))
    return image


def _wreath(count: int, distance: float) -> list[tuple[float, float]]:
    """Return one place in the middle and ``count`` around it."""
    turns = [2 * math.pi * step / count for step in range(count)]
    return [(0.0, 0.0), *((distance * math.cos(t), distance * math.sin(t)) for t in turns)]


def _dumplings(dish: Dish, generator: np.random.Generator) -> Image.Image:
    angles = generator.integers(NUM_ANGLES, size=8)
    return _pieces(
        lambda number: sprite("dumpling", dish.colours, 31, int(angles[number])), _wreath(7, 0.62)
    )


def _tacos(dish: Dish, generator: np.random.Generator) -> Image.Image:
    shell, light = dish.colours
    image = _blank()
    for number in range(3):
        disc = _speckled(_round(60, shell, depth=6), generator, cells=40, strength=0.5)
        draw = ImageDraw.Draw(disc)
        draw.chord((56, 56, 168, 168), 20, 200, (*tinted(light, 0.82), 255))
        draw.arc((54, 54, 170, 170), 20, 200, (*light, 255), 5)
        disc = with_shadow(disc, offset=(3, 4), softness=3)
        turn = 2 * math.pi * number / 3 + 0.5
        offset = round(34 * math.cos(turn)), round(34 * math.sin(turn))
        layer = _blank()
        layer.paste(disc, offset)
        image.alpha_composite(layer)
    return image


def _cake(dish: Dish, generator: np.random.Generator) -> Image.Image:
    image = _speckled(_round(89, dish.colours[0], depth=8), generator, cells=40, strength=0.5)
    for step in range(18):
        turn = 2 * math.pi * step / 18
        piece = sprite("dollop", (dish.colours[1],), 15, step % NUM_ANGLES)
        place = SIDE / 2 + 78 * math.cos(turn), SIDE / 2 + 78 * math.sin(turn)
        image.alpha_composite(piece, _corner(piece, *place))
    return with_shadow(image, offset=(4, 5), softness=4)


def _cheesecake(dish: Dish, generator: np.random.Generator) -> Image.Image:
    filling, crumbs = dish.colours
    image = _speckled(_round(90, crumbs, depth=6), generator, cells=60, strength=0.9)
    image.alpha_composite(_speckled(_round(77, filling, depth=6), generator, cells=9, strength=0.1))
    return with_shadow(image, offset=(4, 5), softness=4)


def _tart(dish: Dish, generator: np.random.Generator) -> Image.Image:
    filling, crust = dish.colours
    image = _speckled(_round(89, crust, depth=6, wobble=24), generator, cells=30, strength=0.3)
    image.alpha_composite(_round(76, tinted(crust, 0.72), depth=3))
    image.alpha_composite(
        _speckled(_round(74, filling, depth=5), generator, cells=8, strength=0.15)
    )
    return with_shadow(image, offset=(4, 5), softness=4)


def _muffins(dish: Dish, generator: np.random.Generator) -> Image.Image:
    def muffin(number: int) -> Image.Image:
        paper = _round(41, (222, 206, 186), depth=4, wobble=22)
        top = _speckled(
            _round(35, dish.colours[number % 2], depth=15), generator, cells=36, strength=0.4
        )
        paper.alpha_composite(top)
        return with_shadow(paper, offset=(3, 4), softness=3)

    return _pieces(muffin, [(-0.46, -0.46), (0.46, -0.46), (-0.46, 0.46), (0.46, 0.46)])


def _cookies(dish: Dish, generator: np.random.Generator) -> Image.Image:
    def cookie(number: int) -> Image.Image:
        disc = _round(31, dish.colours[number % 2], depth=5, wobble=9)
        return with_shadow(
            _speckled(disc, generator, cells=50, strength=0.35), offset=(3, 4), softness=2
        )

    return _pieces(cookie, _wreath(6, 0.64))


def _pancakes(dish: Dish, generator: np.random.Generator) -> Image.Image:
    image = _blank()
    for number, (x, y) in enumerate(((-7, 9), (8, 4), (-3, -1), (2, -6))):
        disc = _round(80, dish.colours[0], depth=5)
        disc.alpha_composite(_round(74, tinted(dish.colours[0], 0.82), depth=4))
        disc.alpha_composite(_round(70, dish.colours[number % 2], depth=8))
        disc = with_shadow(
            _speckled(disc, generator, cells=18, strength=0.3), offset=(3, 4), softness=2
        )
        layer = _blank()
        layer.paste(disc, (x, y))
        image.alpha_composite(layer)
    return image


def _waffles(dish: Dish, generator: np.random.Generator) -> Image.Image:
    image = _blank(dish.colours[0])
    ImageDraw.Draw(image).rounded_rectangle((36, 36, 188, 188), 16, (*dish.colours[1], 255))
    draw = ImageDraw.Draw(image)
    for row in range(5):
        for column in range(5):
            left, top = 44 + 28 * column, 44 + 28 * row
            draw.rounded_rectangle(
                (left, top, left + 22, top + 22), 4, (*tinted(dish.colours[0], 0.72), 255)
            )
            draw.rounded_rectangle(
                (left + 6, top + 6, left + 22, top + 22), 4, (*dish.colours[0], 255)
            )
    image = _speckled(image, generator, cells=20, strength=0.25)
    return with_shadow(shaded(image, depth=5, relief=1.0, gloss=0.1), offset=(4, 5), softness=3)


BASES: dict[str, Callable[[Dish, np.random.Generator], Image.Image]] = {
    "soup": _soup,
    "broth": _broth,
    "rice": _rice,
    "leaves": _leaves,
    "pizza": _pizza,
    "curry": _curry,
    "omelette": _omelette,
    "stew": _stew,
    "noodles": _noodles,
    "dumplings": _dumplings,
    "tacos": _tacos,
    "grains": _grains,
    "cake": _cake,
    "cheesecake": _cheesecake,
    "muffins": _muffins,
    "cookies": _cookies,
    "pancakes": _pancakes,
    "smoothie": _smoothie,
    "tart": _tart,
    "waffles": _waffles,
}
