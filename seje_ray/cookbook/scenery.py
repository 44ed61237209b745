"""Tables and vessels: what stands still under the food. Drawn once per kind and kept."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from seje_ray.cookbook.pantry import Colour, Table, Vessel, pantry
from seje_ray.cookbook.sprites import LIGHT, tinted

CANVAS = 352  # pixels, side of a scene before the camera sees it
CENTRE = CANVAS / 2


@dataclass(frozen=True, slots=True)
class Outline:
    """A superellipse |x / half_width| ** p + |y / half_height| ** p = 1 around the centre."""

    half_width: float  # canvas pixels
    half_height: float
    power: float  # 2 is an ellipse, 6 nearly a square
    inner: float  # where the food begins, as a share of the outline

    def level(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return 0 in the middle, ``inner`` at the edge of the food, 1 at the outer rim."""
        power = self.power
        total = np.abs(x / self.half_width) ** power + np.abs(y / self.half_height) ** power
        return np.asarray(total ** (1 / power))

    @property
    def food_size(self) -> tuple[float, float]:
        """Half width and half height of the space for food, in canvas pixels."""
        return self.half_width * self.inner, self.half_height * self.inner


OUTLINES = {
    "plate": Outline(120, 120, 2.0, 0.77),
    "bowl": Outline(113, 113, 2.0, 0.86),
    "square": Outline(107, 107, 6.0, 0.84),
    "oval": Outline(128, 101, 2.3, 0.84),
    "pan": Outline(110, 110, 2.0, 0.88),
}


def smooth_noise(generator: np.random.Generator, side: int, cells: int) -> np.ndarray:
    """Return soft random hills, float32 (side, side) in [0, 1]; ``cells`` hills along a side."""
    coarse = (generator.random((cells, cells)) * 255).astype(np.uint8)
    fine = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(fine, np.float32) / 255


def texture_generator(name: str, variant: int = 0) -> np.random.Generator:
    """Return the generator of a texture, which no recipe's seed touches."""
    return np.random.default_rng((crc32(name.encode()), variant))


def mixed(first: Colour, second: Colour, share: np.ndarray) -> np.ndarray:
    """Return a float32 (..., 3) blend; share 0 is ``first``, 1 ``second``."""
    one, two = np.asarray(first, np.float32), np.asarray(second, np.float32)
    return np.asarray(one + (two - one) * share[..., None], np.float32)


def as_image(pixels: np.ndarray) -> Image.Image:
    """Return floats in [0, 255] as an image: L, RGB or RGBA by its channels."""
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@lru_cache(maxsize=32)
def table_image(name: str) -> Image.Image:
    """Return the table as RGB (CANVAS, CANVAS)."""
    table = pantry().tables[name]
    return as_image(TEXTURES[table.texture](table, texture_generator(name)))


def _wood(table: Table, generator: np.random.Generator) -> np.ndarray:
    rows = np.linspace(0, 1, CANVAS)[:, None]
    bend = smooth_noise(generator, CANVAS, 4)
    grain = 0.5 + 0.5 * np.sin(150 * rows + 9 * bend + 14 * smooth_noise(generator, CANVAS, 3))
    fibre = np.asarray(
        Image.fromarray((generator.random((CANVAS, 12)) * 255).astype(np.uint8)).resize(
            (CANVAS, CANVAS), Image.Resampling.BICUBIC
        ),
        np.float32,
    )
    pixels = mixed(table.colours[0], table.colours[1], 0.45 * grain + fibre / 255 * 0.35)
    pixels[np.arange(CANVAS) % 88 < 2] *= 0.55  # gaps between planks
    return pixels


def _marble(table: Table, generator: np.random.Generator) -> np.ndarray:
    warp = smooth_noise(generator, CANVAS, 5) + 0.4 * smooth_noise(generator, CANVAS, 16)
    columns = np.linspace(0, 1, CANVAS)[None, :]
    veins = np.abs(np.sin(7 * columns + 7 * warp)) ** 0.35
    return mixed(table.colours[1], table.colours[0], veins)


def _slate(table: Table, generator: np.random.Generator) -> np.ndarray:
    rough = smooth_noise(generator, CANVAS, 90) * 0.5 + smooth_noise(generator, CANVAS, 12) * 0.5
    return mixed(table.colours[0], table.colours[1], rough)


def _checks(table: Table, generator: np.random.Generator) -> np.ndarray:
    stripes = (np.arange(CANVAS) // 22 % 2).astype(np.float32)
    share = (stripes[:, None] + stripes[None, :]) / 2
    return np.asarray(mixed(table.colours[0], table.colours[1], share) * _weave(generator))


def _linen(table: Table, generator: np.random.Generator) -> np.ndarray:
    folds = smooth_noise(generator, CANVAS, 5)
    return np.asarray(mixed(table.colours[0], table.colours[1], folds) * _weave(generator))


def _weave(generator: np.random.Generator) -> np.ndarray:
    """Return a factor around 1 per pixel, (CANVAS, CANVAS, 1)."""
    threads = (np.arange(CANVAS) % 4 < 2).astype(np.float32)
    cloth = 0.95 + 0.05 * np.abs(threads[:, None] - threads[None, :])
    cloth = cloth + 0.06 * (generator.random((CANVAS, CANVAS)) - 0.5)
    return np.asarray(cloth[..., None])


TEXTURES: dict[str, Callable[[Table, np.random.Generator], np.ndarray]] = {
    "wood": _wood,
    "marble": _marble,
    "slate": _slate,
    "checks": _checks,
    "linen": _linen,
}


def grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of each pixel from the middle of a square, float32 (side, side)."""
    steps = np.arange(side, dtype=np.float32) - (side - 1) / 2
    return np.broadcast_to(steps[None, :], (side, side)), np.broadcast_to(
        steps[:, None], (side, side)
    )


@lru_cache(maxsize=32)
def vessel_image(name: str) -> Image.Image:
    """Return the empty vessel with its shadow as RGBA (CANVAS, CANVAS)."""
    vessel = pantry().vessels[name]
    outline = OUTLINES[vessel.shape]
    x, y = grid(CANVAS)
    level = outline.level(x, y)
    edge = min(outline.half_width, outline.half_height)
    alpha = np.clip((1 - level) * edge + 0.5, 0, 1)
    facing = (x * LIGHT[0] + y * LIGHT[1]) / np.maximum(np.hypot(x, y), 1)  # 1: to the light
    pixels = mixed(vessel.colour, tinted(vessel.colour, 0.82), np.clip(level - 0.3, 0, 1))
    pixels *= (1 + _relief(level, outline.inner, vessel.shape) * facing)[..., None]
    rim = np.exp(-(((level - 0.975) / 0.018) ** 2)) + 0.7 * np.exp(
        -(((level - outline.inner - 0.02) / 0.014) ** 2)
    )
    pixels += (rim * np.clip(0.35 + 0.65 * facing, 0, 1) * 75)[..., None]
    image = as_image(np.dstack([pixels, alpha * 255]))
    if vessel.shape == "pan":
        image = Image.alpha_composite(_handle(vessel), image)
    return _on_table(image)


def _relief(level: np.ndarray, inner: float, shape: str) -> np.ndarray:
    """Return how strongly each place turns to the light: rims slope out, walls slope in."""
    wall = np.exp(-(((level - inner) / 0.045) ** 2))
    rim = np.where(level > inner + 0.03, 0.16 if shape in ("plate", "square") else 0.3, 0.0)
    return np.asarray(rim - (0.25 if shape == "plate" else 0.5) * wall)


def _handle(vessel: Vessel) -> Image.Image:
    image = Image.new("RGBA", (CANVAS, CANVAS), (*vessel.colour, 0))
    draw = ImageDraw.Draw(image)
    dark, light = tinted(vessel.colour, 0.75), tinted(vessel.colour, 1.25)
    draw.rounded_rectangle((CENTRE + 90, CENTRE - 15, CANVAS + 20, CENTRE + 15), 9, (*dark, 255))
    draw.rounded_rectangle((CENTRE + 90, CENTRE - 12, CANVAS + 20, CENTRE - 4), 4, (*light, 255))
    return image


def _on_table(image: Image.Image) -> Image.Image:
    """Put a wide soft shadow under the vessel."""
    alpha = image.getchannel("A")
    shadow = Image.new("L", image.size, 0)
    shadow.paste(alpha, (7, 10))
    shadow = shadow.filter(ImageFilter.GaussianBlur(9)).point(lambda value: int(value * 0.6))
    under = Image.new("RGBA", image.size, (15, 10, 8, 0))
    under.putalpha(shadow)
    return Image.alpha_composite(under, image)
