"""Small pieces of food with soft light and shadow: toppings and garnishes, drawn once and kept.

Every sprite is a pure function of its arguments; the caches only save time.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from seje_ray.cookbook.pantry import Colour

Canvas = ImageDraw.ImageDraw
Colours = tuple[Colour, ...]

SUPERSAMPLING = 3  # sprites are drawn this much larger, then reduced
NUM_ANGLES = 12  # turned copies of each sprite
LIGHT = (-0.6, -0.8)  # direction the light comes from, image coordinates
SHADOW = (2, 3)  # offset of a shadow in canvas pixels
MARGIN = 9  # canvas pixels around a sprite, for its shadow


def tinted(colour: Colour, factor: float) -> Colour:
    """Return the colour darker (factor < 1) or lighter (> 1, towards white)."""
    if factor <= 1:
        return tuple(int(part * factor) for part in colour)  # type: ignore[return-value]
    return tuple(int(255 - (255 - part) / factor) for part in colour)  # type: ignore[return-value]


def shaded(image: Image.Image, *, depth: float, relief: float, gloss: float) -> Image.Image:
    """Light an RGBA shape as if it swelled towards the viewer.

    Args:
        image: The flat shape.
        depth: Pixels over which its edge curves.
        relief: Strength of light and dark sides, about 1.
        gloss: Strength of the highlight in [0, 1].
    """
    alpha = image.getchannel("A")
    height = np.asarray(alpha.filter(ImageFilter.GaussianBlur(depth)), np.float32) / 255
    slope_y, slope_x = np.gradient(height)
    lit = np.asarray((slope_x * LIGHT[0] + slope_y * LIGHT[1]) * -depth * 1.6 * relief)
    pixels = np.array(image, np.float32)
    pixels[..., :3] *= np.clip(1.0 + lit, 0.45, 1.3)[..., None]
    pixels[..., :3] += (255 * gloss) * (np.clip(lit - 0.16, 0, 0.4)[..., None] ** 1.2)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def with_shadow(image: Image.Image, *, offset: tuple[int, int], softness: float) -> Image.Image:
    """Put a soft dark copy of the shape under it, in its own transparent margin."""
    alpha = image.getchannel("A")
    cast = ImageChops.offset(alpha, *offset).filter(ImageFilter.GaussianBlur(softness))
    shadow = Image.new("RGBA", image.size, (20, 12, 8, 0))
    shadow.putalpha(cast.point(lambda value: int(value * 0.55)))
    return Image.alpha_composite(shadow, image)


@lru_cache(maxsize=4096)
def sprite(shape: str, colours: Colours, radius: int, angle: int) -> Image.Image:
    """Return one piece as RGBA, about ``2 * radius`` wide plus a margin for its shadow.

    Args:
        shape: A key of ``SHAPES``.
        colours: The shape's colours, the main one first.
        radius: In canvas pixels.
        angle: Turn in steps of 360 / ``NUM_ANGLES`` degrees.
    """
    scale = SUPERSAMPLING
    side = 2 * (radius + MARGIN)
    draw_shape, relief, gloss = SHAPES[shape]
    large = Image.new("RGBA", (side * scale, side * scale), (*colours[0], 0))
    centre = side * scale / 2
    draw_shape(ImageDraw.Draw(large), centre, float(radius * scale), colours)
    if angle:
        large = large.rotate(angle * 360 / NUM_ANGLES, Image.Resampling.BICUBIC)
    large = shaded(large, depth=max(radius * scale * 0.22, 2.0), relief=relief, gloss=gloss)
    small = large.reduce(scale)
    return with_shadow(small, offset=SHADOW, softness=1.6)


def disc(
    draw: Canvas, x: float, y: float, rx: float, ry: float, colour: Colour, alpha: int = 255
) -> None:
    """Fill an ellipse around (x, y)."""
    draw.ellipse((x - rx, y - ry, x + rx, y + ry), (*colour, alpha))


def around(centre: float, radius: float, turn: float) -> tuple[float, float]:
    """Return the point at ``turn`` (in full turns) on a circle."""
    angle = 2 * math.pi * turn
    return centre + radius * math.cos(angle), centre + radius * math.sin(angle)


def _ball(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    disc(draw, c, c, r, r, colours[0])
    if len(colours) > 1:  # the stem end
        for step in range(5):
            x, y = around(c, 0.2 * r, step / 5)
            disc(draw, x, y, 0.15 * r, 0.15 * r, colours[1])


def _ring(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    width = round(0.42 * r)
    draw.ellipse((c - r, c - r, c + r, c + r), outline=(*colours[0], 255), width=width)
    edge = (*tinted(colours[0], 1.5), 255)
    draw.ellipse((c - r, c - r, c + r, c + r), outline=edge, width=max(round(0.08 * r), 1))


def _slice(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    rim, flesh = colours
    disc(draw, c, c, r, r, rim)
    disc(draw, c, c, 0.82 * r, 0.82 * r, flesh)
    for step in range(8):
        x, y = around(c, 0.42 * r, step / 8)
        disc(draw, x, y, 0.09 * r, 0.09 * r, tinted(flesh, 0.84))
    disc(draw, c, c, 0.2 * r, 0.2 * r, tinted(flesh, 0.92))


def _egg(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    disc(draw, c, c, r, 0.78 * r, colours[0])
    disc(draw, c + 0.1 * r, c, 0.5 * r, 0.46 * r, tinted(colours[1], 0.9))
    disc(draw, c + 0.1 * r, c, 0.44 * r, 0.4 * r, colours[1])


def _shrimp(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    for step in range(11):
        turn = 0.05 + 0.062 * step
        x, y = around(c, 0.6 * r, turn)
        size = (0.2 + 0.022 * step) * r
        disc(draw, x, y, size, size, colours[step % 2])
    x, y = around(c, 0.62 * r, 0.0)
    disc(draw, x, y, 0.3 * r, 0.12 * r, tinted(colours[0], 0.8))


def _mushroom(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    cap, gill = colours
    stem = (c - 0.28 * r, c - 0.1 * r, c + 0.28 * r, c + r)
    draw.rounded_rectangle(stem, 0.2 * r, (*tinted(cap, 1.6), 255))
    box = (c - r, c - 0.9 * r, c + r, c + 0.8 * r)
    draw.pieslice(box, 180, 360, (*cap, 255))
    inner = (c - 0.75 * r, c - 0.55 * r, c + 0.75 * r, c + 0.45 * r)
    draw.pieslice(inner, 180, 360, (*gill, 255))
    middle = (c - 0.55 * r, c - 0.42 * r, c + 0.55 * r, c + 0.32 * r)
    draw.pieslice(middle, 180, 360, (*tinted(cap, 1.5), 255))


def _kernels(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    for number in range(9):
        distance = 0.0 if number == 0 else (0.42 if number < 4 else 0.72) * r
        x, y = around(c, distance, number * 0.382)
        disc(draw, x, y, 0.29 * r, 0.27 * r, tinted(colours[0], 0.72))
        disc(draw, x, y, 0.24 * r, 0.22 * r, tinted(colours[0], 1.0 + 0.12 * (number % 3)))


def _floret(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    head, stem = colours
    draw.rounded_rectangle(
        (c - 0.2 * r, c, c + 0.2 * r, c + 0.95 * r), 0.12 * r, (*tinted(stem, 1.1), 255)
    )
    for number in range(14):
        distance = (0.15 if number < 4 else 0.52) * r
        x, y = around(c, distance, number * 0.382)
        tint = (0.75, 1.0, 1.2)[number % 3]
        disc(draw, x, y - 0.2 * r, 0.27 * r, 0.27 * r, tinted(head, tint))


def _crescent(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    flesh, skin = colours
    box = (c - r, c - 0.55 * r, c + r, c + 1.2 * r)
    draw.pieslice(box, 180, 360, (*skin, 255))
    inside = (c - 0.86 * r, c - 0.4 * r, c + 0.86 * r, c + 1.1 * r)
    draw.pieslice(inside, 180, 360, (*flesh, 255))
    cut = (c - 0.5 * r, c + 0.02 * r, c + 0.5 * r, c + 0.9 * r)
    draw.pieslice(cut, 180, 360, (*flesh, 0))


def _cube(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    side = 0.8 * r
    draw.rounded_rectangle(
        (c - side, c - side, c + side, c + side), 0.2 * r, (*tinted(colours[0], 0.8), 255)
    )
    draw.rounded_rectangle(
        (c - side, c - side, c + 0.6 * side, c + 0.6 * side), 0.16 * r, (*colours[0], 255)
    )


def _strip(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    box = (c - 0.62 * r, c - 0.95 * r, c + 1.3 * r, c + 0.95 * r)
    draw.arc(box, 110, 250, (*colours[0], 255), round(0.3 * r))
    draw.arc(box, 115, 245, (*tinted(colours[0], 1.35), 255), round(0.1 * r))


def _bacon(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    meat, fat = colours
    for lane, colour in enumerate((meat, fat, meat, fat, tinted(meat, 0.8))):
        points = [
            (c + 0.95 * x * r, c + (0.15 * lane - 0.3) * r + 0.12 * r * math.sin(5 * x))
            for x in (-1 + step / 10 for step in range(21))
        ]
        draw.line(points, (*colour, 255), round(0.17 * r), "curve")


def _rough(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    disc(draw, c, c, 0.82 * r, 0.78 * r, colours[0])
    for number in range(17):
        x, y = around(c, (0.35 + 0.4 * ((number * 7) % 5) / 5) * r, number * 0.382)
        tint = (0.72, 1.0, 1.25)[number % 3]
        disc(draw, x, y, 0.22 * r, 0.2 * r, tinted(colours[0], tint))


def _fish(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    flesh, line = colours
    draw.rounded_rectangle((c - r, c - 0.6 * r, c + r, c + 0.6 * r), 0.35 * r, (*flesh, 255))
    for step in range(-2, 3):
        x = c + 0.38 * step * r
        box = (x - 0.35 * r, c - 0.62 * r, x + 0.2 * r, c + 0.62 * r)
        draw.arc(box, -65, 65, (*line, 255), max(round(0.09 * r), 1))


def _flecked(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    disc(draw, c, c, r, r, tinted(colours[0], 0.8))
    disc(draw, c, c, 0.9 * r, 0.9 * r, colours[0])
    for number in range(12):
        x, y = around(c, (0.2 + 0.55 * ((number * 5) % 7) / 7) * r, number * 0.382)
        disc(draw, x, y, 0.1 * r, 0.1 * r, colours[1])


def _strawberry(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    skin, core = colours
    points = []
    for step in range(40):
        turn = 2 * math.pi * step / 40
        width = math.sin(turn) * (0.82 - 0.22 * math.cos(turn + math.pi))
        points.append((c + r * width, c - r * 0.95 * math.cos(turn)))
    draw.polygon(points, (*skin, 255))
    small = [(c + 0.5 * (x - c), c + 0.55 * (y - c)) for x, y in points]
    draw.polygon(small, (*core, 255))
    for number in range(10):
        x, y = around(c, 0.66 * r, number / 10)
        disc(draw, x, y, 0.05 * r, 0.08 * r, (250, 220, 120))
    for x in (-0.4, 0.0, 0.4):
        disc(draw, c + x * r, c + 0.9 * r, 0.16 * r, 0.2 * r, (74, 148, 56))


def _berry(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    disc(draw, c, c, 0.8 * r, 0.8 * r, tinted(colours[0], 0.6))
    for number in range(18):
        distance = 0.0 if number == 0 else (0.4 if number < 7 else 0.76) * r
        x, y = around(c, distance, number / 6 if number < 7 else number / 11)
        disc(draw, x, y, 0.22 * r, 0.22 * r, colours[0])
        disc(draw, x - 0.06 * r, y - 0.07 * r, 0.09 * r, 0.09 * r, tinted(colours[0], 1.7))


def _kiwi(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    flesh, core = colours
    disc(draw, c, c, r, r, (112, 84, 44))
    disc(draw, c, c, 0.92 * r, 0.92 * r, flesh)
    disc(draw, c, c, 0.6 * r, 0.6 * r, tinted(flesh, 1.25))
    for number in range(14):
        x, y = around(c, 0.48 * r, number / 14)
        disc(draw, x, y, 0.07 * r, 0.07 * r, (25, 25, 15))
    disc(draw, c, c, 0.28 * r, 0.28 * r, core)


def _citrus(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    flesh, pale = colours
    disc(draw, c, c, r, r, flesh)
    disc(draw, c, c, 0.86 * r, 0.86 * r, tinted(pale, 1.8))
    box = (c - 0.78 * r, c - 0.78 * r, c + 0.78 * r, c + 0.78 * r)
    for segment in range(8):
        draw.pieslice(box, segment * 45 + 4, segment * 45 + 41, (*tinted(flesh, 1.12), 255))


def _wedge(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    rind = (c - r, c - 1.4 * r, c + r, c + 0.6 * r)
    draw.pieslice(rind, 20, 160, (*tinted(colours[1], 0.9), 255))
    flesh = (c - 0.9 * r, c - 1.35 * r, c + 0.9 * r, c + 0.45 * r)
    draw.pieslice(flesh, 22, 158, (*colours[0], 255))
    for angle in (55, 90, 125):
        x, y = around(c, 0.5 * r, angle / 360)
        draw.line((c, c - 0.4 * r, x, y), (*tinted(colours[0], 0.82), 255), max(round(r / 14), 1))


def _fig(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    skin, flesh = colours
    disc(draw, c, c, r, 0.86 * r, skin)
    disc(draw, c, c, 0.84 * r, 0.7 * r, (246, 226, 196))
    disc(draw, c, c, 0.68 * r, 0.54 * r, flesh)
    for number in range(16):
        x, y = around(c, (0.2 + 0.25 * (number % 2)) * r, number * 0.382)
        disc(draw, x, y, 0.06 * r, 0.06 * r, (250, 214, 140))


def _almond(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    points = [
        (
            c + r * 0.55 * math.sin(turn) * (1 - 0.4 * math.cos(turn)),
            c - r * math.cos(turn),
        )
        for turn in (2 * math.pi * step / 32 for step in range(32))
    ]
    draw.polygon(points, (*colours[0], 255))
    for x in (-0.2, 0.0, 0.2):
        start, end = (c + x * 0.6 * r, c - 0.7 * r), (c + x * r, c + 0.75 * r)
        draw.line((*start, *end), (*tinted(colours[0], 0.8), 255), max(round(r / 16), 1))


def _leaf(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    points = [
        (c + r * 0.55 * math.sin(turn) * (1.1 + 0.3 * math.cos(turn)), c - r * math.cos(turn))
        for turn in (2 * math.pi * step / 32 for step in range(32))
    ]
    draw.polygon(points, (*colours[0], 255))
    vein = (*tinted(colours[-1], 1.35), 255)
    draw.line((c, c - 0.85 * r, c, c + 0.95 * r), vein, max(round(r / 12), 1))
    for y in (-0.4, -0.05, 0.3):
        for side in (-0.38, 0.38):
            line = (c, c + (y + 0.2) * r, c + side * r, c + (y - 0.08) * r)
            draw.line(line, vein, max(round(r / 18), 1))


def _bit(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    corners = ((-1.0, -0.2), (-0.2, -0.9), (0.9, -0.5), (0.7, 0.6), (-0.1, 0.4), (-0.6, 0.9))
    draw.polygon([(c + x * r, c + y * r) for x, y in corners], (*colours[0], 255))


def _seed(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    disc(draw, c, c, r, 0.6 * r, colours[0])


def _thread(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    box = (c - r, c - 0.5 * r, c + r, c + 0.9 * r)
    draw.arc(box, 190, 350, (*colours[0], 255), max(round(0.36 * r), 2))


def _sprinkle(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    draw.rounded_rectangle((c - r, c - 0.38 * r, c + r, c + 0.38 * r), 0.36 * r, (*colours[0], 255))


def _dollop(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    for step in range(8):
        x, y = around(c, 0.62 * r, step / 8)
        disc(draw, x, y, 0.36 * r, 0.36 * r, tinted(colours[0], (0.9, 1.0)[step % 2]))
    for step in range(5):
        x, y = around(c, 0.3 * r, step / 5 + 0.1)
        disc(draw, x, y, 0.32 * r, 0.32 * r, tinted(colours[0], (0.93, 1.0)[step % 2]))
    disc(draw, c, c, 0.26 * r, 0.26 * r, colours[0])


def _flower(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    for step in range(5):
        x, y = around(c, 0.58 * r, step / 5)
        disc(draw, x, y, 0.42 * r, 0.42 * r, tinted(colours[0], (1.0, 1.25)[step % 2]))
    disc(draw, c, c, 0.27 * r, 0.27 * r, colours[1])


def _dumpling(draw: Canvas, c: float, r: float, colours: Colours) -> None:
    box = (c - r, c - 0.75 * r, c + r, c + 0.95 * r)
    draw.chord(box, 172, 368, (*colours[0], 255))
    for step in range(9):
        x, y = c + (step - 4) * 0.23 * r, c + 0.12 * r
        disc(draw, x, y, 0.16 * r, 0.2 * r, tinted(colours[-1], (0.92, 1.0)[step % 2]))


SHAPES: dict[str, tuple[Callable[[Canvas, float, float, Colours], None], float, float]] = {
    # name: (its drawing, relief, gloss)
    "ball": (_ball, 1.3, 1.0),
    "ring": (_ring, 0.9, 0.7),
    "slice": (_slice, 0.6, 0.3),
    "egg": (_egg, 0.6, 0.4),
    "shrimp": (_shrimp, 1.0, 0.5),
    "mushroom": (_mushroom, 0.7, 0.2),
    "kernels": (_kernels, 1.0, 0.7),
    "floret": (_floret, 1.1, 0.2),
    "crescent": (_crescent, 0.8, 0.4),
    "cube": (_cube, 0.7, 0.3),
    "strip": (_strip, 0.9, 0.8),
    "bacon": (_bacon, 0.8, 0.5),
    "rough": (_rough, 1.2, 0.3),
    "fish": (_fish, 0.8, 0.4),
    "flecked": (_flecked, 0.6, 0.4),
    "strawberry": (_strawberry, 0.9, 0.5),
    "berry": (_berry, 1.2, 0.6),
    "kiwi": (_kiwi, 0.5, 0.3),
    "citrus": (_citrus, 0.5, 0.4),
    "wedge": (_wedge, 0.7, 0.4),
    "fig": (_fig, 0.7, 0.3),
    "almond": (_almond, 1.1, 0.4),
    "leaf": (_leaf, 0.8, 0.3),
    "bit": (_bit, 0.7, 0.2),
    "seed": (_seed, 0.8, 0.4),
    "thread": (_thread, 0.6, 0.2),
    "sprinkle": (_sprinkle, 0.8, 0.5),
    "dollop": (_dollop, 0.9, 0.2),
    "flower": (_flower, 0.7, 0.2),
    "dumpling": (_dumpling, 1.1, 0.4),
}
