"""A small Recipe1M folder with one fault of each kind, for tests that count them by hand."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

WORDS = ["fry and stir", "bake", "whisk", "fold"]


def picture(seed: int) -> Image.Image:
    """A soft picture that no other seed gives."""
    colours = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((120, 90), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def smaller(data: bytes) -> bytes:
    """A photo at two thirds of its size, encoded again."""
    with Image.open(io.BytesIO(data)) as image:
        return encoded(image.resize((80, 60)), quality=60)


def as_png(data: bytes) -> bytes:
    """The same pixels in another file."""
    with Image.open(io.BytesIO(data)) as image:
        return encoded(image.convert("RGB"), "PNG")


def recipe(id_: str, partition: str, **fields) -> dict:
    """A recipe that no other is equal to."""
    steps = [f"{word} {id_} slowly" for word in WORDS]
    known = {
        "id": id_,
        "title": f"Dish {id_}",
        "partition": partition,
        "ingredients": [{"text": f"1 cup {id_} flour"}, {"text": "salt"}],
        "instructions": [{"text": step} for step in steps],
    }
    return {**known, **fields}


def lines(number: int) -> list[dict]:
    return [{"text": f"line {n}"} for n in range(number)]


def photos() -> dict[str, bytes]:
    """File name -> bytes; ``a`` to ``h`` are of train, ``v`` of val, ``t`` to ``w`` of test."""
    found = {f"{name}0000.jpg": encoded(picture(n), quality=90) for n, name in enumerate("abcegv")}
    a, b, c, e, g = (found[f"{name}0000.jpg"] for name in "abceg")
    found |= {"t0000.jpg": a, "u0000.jpg": smaller(b), "w0000.jpg": as_png(c)}
    found |= {"f0000.jpg": smaller(e), "g0001.jpg": smaller(g)}
    long_one = encoded(picture(50).resize((900, 700)), quality=95)
    found |= {
        "h0001.jpg": long_one[: len(long_one) // 2],
        "h0002.jpg": b"<html>gone</html>",
        "h0003.jpg": encoded(Image.new("RGB", (400, 20), "red")),
        "h0004.jpg": encoded(Image.new("RGBA", (60, 60), (0, 0, 0, 0)), "PNG"),
    }
    return {name.replace("0000.jpg", "00000.jpg"): data for name, data in found.items()}


PARTITION_OF = {**dict.fromkeys("abcefgh", "train"), "v": "val", **dict.fromkeys("tuw", "test")}
NAMES = {
    **{id_: [f"{id_}00000.jpg"] for id_ in "abcefvtuw"},
    "g": ["g00000.jpg", "g0001.jpg"],
    "h": ["h0000.jpg", "h0001.jpg", "h0002.jpg", "h0003.jpg", "h0004.jpg", "h0005.jpg"],
}
"""``h0000`` is missing, ``h0005`` is the sixth and not taken."""


def write_faulty(folder: Path) -> Path:
    """Write the data set."""
    folder.mkdir(parents=True, exist_ok=True)
    recipes = [recipe(id_, partition) for id_, partition in PARTITION_OF.items()]
    by_id = {one["id"]: one for one in recipes}
    by_id["t"]["title"] = "DISH A!"
    by_id["t"]["ingredients"] = [{"text": "Salt"}, {"text": "2 cups a flour"}]
    by_id["u"]["instructions"] = by_id["b"]["instructions"]
    rejected = [
        5,
        {"title": "no id"},
        by_id["a"],
        recipe("x1", "train", title=3),
        recipe("x2", "dev"),
        {"id": "x3", "partition": "train"},
        recipe("x4", "train"),
        recipe("x" * 201, "train"),
        recipe("x5", "train", instructions=lines(20)),
        recipe("x6", "train", ingredients=lines(20)),
        recipe("x7", "train", ingredients=lines(1)),
    ]
    entities = [
        {"id": "a", "ingredients": [{"text": "a flour"}, {"text": "salt"}], "valid": [True, False]},
        {"id": "b", "ingredients": [{"text": "salt"}], "valid": [True]},
        {"id": "x7", "ingredients": [{"text": "line 0"}], "valid": [False]},
    ]
    images = [{"id": id_, "images": [{"id": n} for n in names]} for id_, names in NAMES.items()]
    for name, records in (
        ("layer1.json", [*recipes, *rejected]),
        ("layer2.json", images),
        ("det_ingrs.json", entities),
    ):
        (folder / name).write_text(json.dumps(records))
    (folder / "remove1M.txt").write_text("first\nx4\n")
    for name, data in photos().items():
        place = folder / "images" / PARTITION_OF[name[0]] / Path(*name[:4]) / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder
