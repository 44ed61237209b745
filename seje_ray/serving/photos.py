"""Photos of strangers: what they are is told by their bytes, and their size before decoding."""

from PIL import Image, UnidentifiedImageError

from seje_ray.recipe1m.images import to_jpeg
from seje_ray.recipe1m.photo_formats import DECODER_ERRORS, is_heic, opened, reads_heic
from seje_ray.serving.failures import ApiError

FORMATS = ("jpeg", "png", "webp", "gif", "bmp", "tiff", "avif")
HINT = "give a photo, e.g. a JPEG or PNG file"


def formats() -> list[str]:
    """Media types of the photos that are read."""
    return [f"image/{name}" for name in (*FORMATS, *(["heic"] if reads_heic() else []))]


def prepared_upload(data: bytes, *, shorter_side: int, max_pixels: int) -> bytes:
    """A stranger's photo as the small JPEG that the encoder takes.

    Args:
        data: Bytes of a file of any format that is read.
        shorter_side: Pixels of the JPEG.
        max_pixels: Of the photo; looked at before anything is decoded.

    Raises:
        ApiError: If it is no photo, a broken one, or too large.
    """
    if not data:
        raise _bad("the photo is empty")
    width, height = _size(data)
    if width * height > max_pixels:
        raise _too_large(f"it has {width:,} x {height:,} pixels", max_pixels)
    made = to_jpeg(data, shorter_side=shorter_side)
    if isinstance(made, bytes):
        return made
    reason, detail = made
    if reason == "absurd_dimensions":
        raise _bad(f"the photo has {detail}: too small, or too long and narrow")
    raise _bad(f"the photo cannot be read: {reason.replace('_', ' ')} ({detail})")


def _size(data: bytes) -> tuple[int, int]:
    """Width and height, as the file's first bytes say."""
    try:
        with opened(data) as image:
            return image.size
    except UnidentifiedImageError as error:
        how = "HEIC is not read here" if is_heic(data) else "no image format that is read here"
        raise ApiError(415, "not_a_photo", f"the photo: {how}", HINT) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large("it has far more pixels", None) from error
    except (OSError, *DECODER_ERRORS) as error:
        raise _bad("the photo cannot be read: it is broken or cut off") from error


def _too_large(what: str, most: int | None) -> ApiError:
    bound = "than are decoded" if most is None else f"and {most:,} are decoded at most"
    return ApiError(413, "too_large", f"the photo: {what} {bound}", "make it smaller")


def _bad(message: str) -> ApiError:
    return ApiError(422, "bad_photo", message, HINT)
