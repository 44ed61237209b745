"""Photos: from any file to a small JPEG, and from JPEG bytes to the crops that networks see."""

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from seje_ray import limits
from seje_ray.recipe1m.photo_formats import DECODER_ERRORS, is_heic, opened, reads_heic, stored
from seje_ray.recipe1m.records import ImageFile, Reject
from seje_ray.recipe1m.stored_photos import PhotoTooLargeError, photo_bytes
from seje_ray.recipe1m.windows import Interpolation, PhotoWindow

# names of photo files end like this; what a file is, its bytes say
PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".heic", ".heif", ".avif"),
)
JPEG_QUALITY = 90
WHITE = (255, 255, 255)  # behind transparent parts
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


def seen_through(jpeg: bytes, window: PhotoWindow, interpolation: Interpolation) -> np.ndarray:
    """What a window shows of a stored JPEG, (height, width, 3) uint8, read in one resampling."""
    with stored(jpeg) as image:
        image.draft("RGB", window.least)
        box = window.box(*image.size)
        seen = _rgb(image).resize(window.size, RESAMPLING[interpolation], box=box)
    if window.is_flipped:  # by Pillow: to copy a flipped array takes a tenth of decoding one
        seen = seen.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(seen)


def _rgb(image: Image.Image) -> Image.Image:
    """In RGB; Pillow copies what is so already."""
    return image if image.mode == "RGB" else image.convert("RGB")
