"""Photos: from any file to a small JPEG, and from JPEG bytes to the crops that networks see."""

import io
import math
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from seje_ray import limits
from seje_ray.recipe1m.photo_formats import DECODER_ERRORS, is_heic, opened, reads_heic, stored
from seje_ray.recipe1m.records import ImageFile, Reject
from seje_ray.recipe1m.stored_photos import PhotoTooLargeError, photo_bytes

# names of photo files end like this; what a file is, its bytes say
PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".heic", ".heif", ".avif"),
)
JPEG_QUALITY = 90
WHITE = (255, 255, 255)  # behind transparent parts
Interpolation = Literal["bilinear", "bicubic"]  # between pixels, where a photo is scaled
RESAMPLING: dict[Interpolation, Image.Resampling] = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def load_image(file: ImageFile, *, shorter_side: int) -> bytes | Reject:
    """Read a photo and give it as an upright RGB JPEG, or the reason why it cannot be used.

    Args:
        file: Where it lies.
        shorter_side: Pixels; a larger photo is made smaller, a smaller one stays as it is.
    """
    path = file.location
    try:
        data = photo_bytes(path)
    except FileNotFoundError:
        return Reject(file.id, "missing_file", path)
    except PhotoTooLargeError as error:
        return Reject(file.id, "file_too_large", f"{path}: {error.strerror}")
    except OSError as error:
        return Reject(file.id, "unreadable_file", f"{path}: {error.strerror}")
    except ValueError as error:  # a NUL in its name
        return Reject(file.id, "unreadable_file", f"{path!r}: {error}")
    result = to_jpeg(data, shorter_side=shorter_side)
    if isinstance(result, bytes):
        return result
    reason, detail = result
    return Reject(file.id, reason, f"{path}: {detail}")


def to_jpeg(data: bytes, *, shorter_side: int) -> bytes | tuple[str, str]:
    """Any image file's bytes as an upright RGB JPEG, or (reason, detail)."""
    try:
        with opened(data) as image:
            problem = _absurd(image.size)
            if problem is not None:
                return "absurd_dimensions", problem
            upright = _upright_rgb(image, shorter_side)
            if upright is None:
                return "blank_image", "transparent all over"
            return _encoded(upright, shorter_side)
    except UnidentifiedImageError:
        if is_heic(data) and not reads_heic():
            return "undecodable_image", "a HEIC photo: pip install 'seje-ray[heic]' to read it"
        return "undecodable_image", "no known image format" if data else "an empty file"
    except OSError as error:
        reason = "truncated_image" if "truncated" in str(error) else "undecodable_image"
        return reason, str(error)
    except DECODER_ERRORS as error:
        return "undecodable_image", f"{type(error).__name__}: {error}"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return "absurd_dimensions", str(error)


def _absurd(size: tuple[int, int]) -> str | None:
    short, long = sorted(size)
    is_thin = short < limits.MIN_SIDE or long > limits.MAX_ASPECT * short
    if is_thin or short * long > limits.MAX_PIXELS:
        return f"{size[0]} x {size[1]} pixels"
    return None


def _upright_rgb(image: Image.Image, shorter_side: int) -> Image.Image | None:
    """The picture on white, turned as its EXIF says; None if nothing of it can be seen."""
    image.draft("RGB", (shorter_side, shorter_side))  # JPEG: decode no finer than needed
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16") or upright.mode in ("I", "F"):
        return _scaled_to_8_bits(upright).convert("RGB")
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        if layer.getchannel("A").getextrema() == (0, 0):
            return None
        ground = Image.new("RGBA", layer.size, (*WHITE, 255))
        return Image.alpha_composite(ground, layer).convert("RGB")
    return upright.convert("RGB")


def _scaled_to_8_bits(image: Image.Image) -> Image.Image:
    """16-bit and float greys; Pillow's own conversion clips them to white."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    top = max(float(values.max()), 1e-12)
    full = next((limit for limit in (1.0, 255.0, 65535.0) if top <= limit), top)
    return Image.fromarray((values.clip(0, full) * (255 / full)).round().astype(np.uint8))


def _encoded(image: Image.Image, shorter_side: int) -> bytes:
    factor = shorter_side / min(image.size)
    if factor < 1:
        width, height = (max(1, round(side * factor)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def decode(jpeg: bytes) -> Image.Image:
    """A stored JPEG as an RGB image."""
    with stored(jpeg) as image:
        return image.convert("RGB")


def eval_crop(
    jpeg: bytes, *, resize: int, crop: int, interpolation: Interpolation = "bilinear"
) -> np.ndarray:
    """Centre crop (crop, crop, 3) uint8 after scaling the shorter side to ``resize`` pixels.

    Source: docs/method.md, rule 6.3.
    """
    offset = (resize - crop) / 2
    return _crop(jpeg, resize, crop, offset, offset, interpolation)


def train_crop(
    jpeg: bytes,
    *,
    resize: int,
    crop: int,
    generator: np.random.Generator,
    interpolation: Interpolation = "bilinear",
) -> np.ndarray:
    """Random crop (crop, crop, 3) uint8 of the central square, flipped half of the time.

    The shorter side is scaled to ``resize`` pixels first.

    Source: docs/method.md, rule 6.3.
    """
    left, top = (int(n) for n in generator.integers(0, resize - crop + 1, size=2))
    is_flipped = bool(generator.random() < 0.5)
    return _crop(jpeg, resize, crop, left, top, interpolation, is_flipped=is_flipped)


def squashed(
    jpeg: bytes, size: tuple[int, int], interpolation: Interpolation = "bilinear"
) -> np.ndarray:
    """The whole photo in ``size``, width and height: (height, width, 3) uint8.

    Source: docs/method.md, rule 6.3.
    """
    return _window(jpeg, size, (0.0, 0.0, 1.0, 1.0), interpolation)


def squashed_window(
    jpeg: bytes,
    size: tuple[int, int],
    least: float,
    generator: np.random.Generator,
    interpolation: Interpolation = "bilinear",
) -> np.ndarray:
    """A random window of the photo in ``size``, flipped half of the time.

    Its width and its height are each a share of the photo's, in [least, 1].

    Source: docs/method.md, rule 6.3.
    """
    x_share, y_share = generator.uniform(least, 1, size=2)
    x, y = generator.random(2) * (1 - x_share, 1 - y_share)
    box = (x, y, x + x_share, y + y_share)
    return _window(jpeg, size, box, interpolation, is_flipped=bool(generator.random() < 0.5))


def _window(
    jpeg: bytes,
    size: tuple[int, int],
    box: tuple[float, float, float, float],
    interpolation: Interpolation,
    *,
    is_flipped: bool = False,
) -> np.ndarray:
    """A box of the photo, in shares of its sides, read in one resampling."""
    with stored(jpeg) as image:
        x_share, y_share = box[2] - box[0], box[3] - box[1]
        image.draft("RGB", (math.ceil(size[0] / x_share), math.ceil(size[1] / y_share)))
        width, height = image.size
        pixels = (
            box[0] * width,
            box[1] * height,
            min(float(width), box[2] * width),
            min(float(height), box[3] * height),
        )
        window = _rgb(image).resize(size, RESAMPLING[interpolation], box=pixels)
    return _pixels(window, is_flipped)


def _crop(
    jpeg: bytes,
    resize: int,
    crop: int,
    left: float,
    top: float,
    interpolation: Interpolation,
    *,
    is_flipped: bool = False,
) -> np.ndarray:
    """A window of the central ``resize`` square, read from the photo in one resampling."""
    with stored(jpeg) as image:
        image.draft("RGB", (resize, resize))
        width, height = image.size
        scale = min(width, height) / resize  # photo pixels per scaled pixel
        x = (width - resize * scale) / 2 + left * scale
        y = (height - resize * scale) / 2 + top * scale
        box = (
            max(0.0, x),
            max(0.0, y),
            min(width, x + crop * scale),
            min(height, y + crop * scale),
        )
        window = _rgb(image).resize((crop, crop), RESAMPLING[interpolation], box=box)
    return _pixels(window, is_flipped)


def _rgb(image: Image.Image) -> Image.Image:
    """In RGB; Pillow copies what is so already."""
    return image if image.mode == "RGB" else image.convert("RGB")


def _pixels(image: Image.Image, is_flipped: bool) -> np.ndarray:
    """As an array; flipped by Pillow: to copy a flipped array takes a tenth of decoding one."""
    if is_flipped:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(image)
