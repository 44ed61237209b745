"""What in a photo a similarity rests on, without gradients: parts are hidden, one after another.

Letters: G parts along a side, D joint dimensions.
"""

import io

import numpy as np
from PIL import Image

from seje_ray.features.encoder import Encoder

PARTS = 7  # G, along each side
REACH = 1.5  # of what is hidden around the middle of a part, in parts
OPACITY = 0.6  # of the hottest part
HOT = (255, 40, 0)
QUALITY = 92  # of JPEGs


def occluded_embeddings(encoder: Encoder, jpeg: bytes) -> np.ndarray:
    """Embeddings (G, G, D) of a photo of which one part each is hidden behind its mean colour.

    Similarity to anything minus the similarity of these is how much it rests on each part.

    Source: Zeiler and Fergus 2014 (arXiv:1311.2901), section 4.2; docs/method.md, rule 12.4.
    """
    found = encoder.embed_jpegs(hidden_photos(jpeg))
    return found.reshape(PARTS, PARTS, -1)


def hidden_photos(jpeg: bytes) -> list[bytes]:
    """The G * G photos of which one part each is hidden, row by row."""
    with Image.open(io.BytesIO(jpeg)) as opened:
        photo = opened.convert("RGB")
    return [_hidden(photo, row, column) for row in range(PARTS) for column in range(PARTS)]


def heat_picture(jpeg: bytes, heat: np.ndarray) -> bytes:
    """A JPEG of a photo in grey, red where ``heat`` (G, G) is high; below 0 it stays grey."""
    with Image.open(io.BytesIO(jpeg)) as opened:
        photo = opened.convert("L").convert("RGB")  # red food is no heat
    highest = max(float(heat.max()), 1e-9)
    scaled = np.clip(heat / highest, 0, 1) * OPACITY * 255
    mask = Image.fromarray(scaled.astype(np.uint8)).resize(photo.size, Image.Resampling.BICUBIC)
    return _as_jpeg(Image.composite(Image.new("RGB", photo.size, HOT), photo, mask))


def _hidden(photo: Image.Image, row: int, column: int) -> bytes:
    """The photo without what is around the middle of one part."""
    width, height = photo.width / PARTS, photo.height / PARTS
    middle = ((column + 0.5) * width, (row + 0.5) * height)
    reach = (width * REACH / 2, height * REACH / 2)
    box = (
        round(middle[0] - reach[0]),
        round(middle[1] - reach[1]),
        round(middle[0] + reach[0]),
        round(middle[1] + reach[1]),
    )
    colour = tuple(int(c) for c in np.asarray(photo).reshape(-1, 3).mean(axis=0))
    covered = photo.copy()
    covered.paste(colour, box)
    return _as_jpeg(covered)


def _as_jpeg(photo: Image.Image) -> bytes:
    stream = io.BytesIO()
    photo.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
