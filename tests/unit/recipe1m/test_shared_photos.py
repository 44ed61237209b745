"""Photos as phones, scanners, shops and scrapers leave them: upright in their colours, or told."""

import io

import numpy as np
from PIL import Image

from seje_ray.recipe1m.images import load_image
from seje_ray.recipe1m.records import ImageFile

GREY = {"bw.png", "float.tif", "grey12in16.tif", "grey16.png", "la.png"}
REFUSED = {
    "anim_empty_first.gif": "blank_image",
    "empty.jpg": "undecodable_image",
    "heic.heic": "undecodable_image",  # a header and nothing behind it
    "html.jpg": "undecodable_image",
    "missing_eoi.jpg": "truncated_image",
    "truncated.jpg": "truncated_image",
}


def test_forty_odd_files_are_read_right_or_refused(shared_case):
    """A red left half, a blue right one, a green square at the top left, 480 x 320 pixels."""
    refused = {}
    for path in sorted((shared_case("06") / "photos").iterdir()):
        found = load_image(ImageFile("a", str(path)), shorter_side=256)
        if not isinstance(found, bytes):
            refused[path.name] = found.reason
            continue
        image = Image.open(io.BytesIO(found))
        assert image.size == (384, 256), path.name
        pixels = np.asarray(image.convert("RGB")).astype(int)
        square, left, right = pixels[25, 32], pixels[128, 96], pixels[128, 288]
        if path.name in GREY:
            assert square[0] > left[0] > right[0], path.name
        else:
            expected = ([30, 200, 30], [200, 30, 30], [30, 30, 200])
            assert np.abs(np.array([square, left, right]) - expected).max() < 15, path.name
    assert refused == REFUSED
