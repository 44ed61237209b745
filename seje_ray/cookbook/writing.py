"""The cookbook on disk, in exactly Recipe1M's layout."""

import json
import mmap
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from seje_ray.console.report import Report
from seje_ray.cookbook.drawing import draw_photo
from seje_ray.cookbook.plan import LONG_LENGTH
from seje_ray.cookbook.recipe import CookbookRecipe, generate_recipe
from seje_ray.cookbook.workers import in_order
from seje_ray.recipe1m.records import DataError

LAYER2_ORDER = 20  # purpose of the generator, beside those of the recipes
JPEG_QUALITY = 88
BATCH_WITH_IMAGES, BATCH_WITHOUT_IMAGES = 16, 500  # recipes per task, about a second of work


@dataclass(frozen=True, slots=True, kw_only=True)
class CookbookSummary:
    """Contents of a cookbook."""

    num_recipes: int
    num_train: int
    num_val: int
    num_test: int
    num_background: int  # titles that name no dish
    num_without_photo: int
    num_too_long: int  # 20 or more ingredients or instructions: the protocol's filter drops them
    num_photos: int

    def __str__(self) -> str:
        """Return one line for the terminal."""
        return (
            f"{self.num_recipes:,} recipes ({self.num_train:,} train, {self.num_val:,} val, "
            f"{self.num_test:,} test) with {self.num_photos:,} photos; "
            f"{self.num_without_photo:,} have none, {self.num_too_long:,} are too long, "
            f"{self.num_background:,} name no dish"
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Consecutive recipes as JSON, and their counts."""

    layer1: list[bytes]
    det_ingrs: list[bytes]
    layer2: list[bytes]  # only of recipes with photos
    counts: Counter[str]


def write_cookbook(
    out_dir: Path,
    *,
    num_recipes: int,
    seed: int,
    with_images: bool = True,
    num_processes: int = 1,
    progress: Report | None = None,
) -> CookbookSummary:
    """Write a cookbook and return what it holds.

    The files are layer1.json, det_ingrs.json (layer1's order), layer2.json (an order of its own,
    only recipes with photos) and ``images/<partition>/a/b/c/d/<id>.jpg``. Equal arguments give
    equal bytes whatever ``num_processes`` is, and a larger ``num_recipes`` begins with the same
    recipes. Each file is written beside its place and renamed, layer1.json last.

    Args:
        out_dir: Folder to write to; made where it is missing.
        num_recipes: Recipes, at least 1.
        seed: Of everything, at least 0.
        with_images: False: no photos are drawn and layer2.json is an empty list.
        num_processes: Worker processes; 1 stays in this one.
        progress: Called with (recipes written, recipes in all) after each batch.

    Raises:
        ValueError: A number is out of its range.
        DataError: The folder holds a finished data set already; nothing is overwritten.
    """
    if num_recipes < 1 or seed < 0 or num_processes < 1:
        raise ValueError(
            "num_recipes and num_processes must be >= 1 and seed >= 0, "
            f"got {num_recipes}, {num_processes} and {seed}"
        )
    if (out_dir / "layer1.json").exists():
        raise DataError(
            f"{out_dir}: holds a layer1.json already, which is never overwritten; "
            "choose another folder or delete this one"
        )
    out_dir.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    layer1, det_ingrs, layer2, spool = (
        out_dir / f"{name}.partial"
        for name in ("layer1.json", "det_ingrs.json", "layer2.json", "spool")
    )
    ends = array("q", [0])  # of each layer2 entry in the spool
    with (
        open(layer1, "wb") as records,
        open(det_ingrs, "wb") as detected,
        open(spool, "wb") as heap,
    ):
        first = True
        for batch in _batches(out_dir, num_recipes, seed, with_images, num_processes):
            _append(records, batch.layer1, first=first)
            _append(detected, batch.det_ingrs, first=first)
            for entry in batch.layer2:
                heap.write(entry)
                ends.append(ends[-1] + len(entry))
            first = False
            counts += batch.counts
            if progress is not None:
                progress(counts["recipes"], num_recipes)
        records.write(b"\n]\n")
        detected.write(b"\n]\n")
    _write_shuffled(spool, ends, layer2, np.random.default_rng((seed, LAYER2_ORDER)))
    spool.unlink()
    for path in (det_ingrs, layer2, layer1):
        os.replace(path, path.with_suffix(""))
    return _summary(counts)


def _summary(counts: Counter[str]) -> CookbookSummary:
    return CookbookSummary(
        num_recipes=counts["recipes"],
        num_train=counts["train"],
        num_val=counts["val"],
        num_test=counts["test"],
        num_background=counts["background"],
        num_without_photo=counts["without_photo"],
        num_too_long=counts["too_long"],
        num_photos=counts["photos"],
    )


def _append(file: BinaryIO, records: Iterable[bytes], *, first: bool) -> None:
    """Add records to an open JSON list, one per line."""
    file.write((b"[\n" if first else b",\n") + b",\n".join(records))


def _write_shuffled(
    spool: Path, ends: "array[int]", out_path: Path, generator: np.random.Generator
) -> None:
    """Write the spool's entries as one JSON list in random order; memory holds offsets only."""
    order = generator.permutation(len(ends) - 1)
    with ExitStack() as stack, open(out_path, "wb") as out:
        out.write(b"[")
        if len(order):
            file = stack.enter_context(open(spool, "rb"))
            entries = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            for place, number in enumerate(order.tolist()):
                out.write(b",\n" if place else b"\n")
                out.write(entries[ends[number] : ends[number + 1]])
        out.write(b"\n]\n")


def _batches(
    out_dir: Path, num_recipes: int, seed: int, with_images: bool, num_processes: int
) -> Iterator[_Batch]:
    """Give the batches in order, from this process or from several, a few ahead of the writer."""
    size = BATCH_WITH_IMAGES if with_images else BATCH_WITHOUT_IMAGES
    image_dir = out_dir / "images" if with_images else None
    ranges = ((start, min(start + size, num_recipes)) for start in range(0, num_recipes, size))
    return in_order(partial(_make_batch, image_dir, seed), ranges, num_processes)


def _make_batch(image_dir: Path | None, seed: int, indices: tuple[int, int]) -> _Batch:
    """Make recipes from one index to another; draw their photos where they have a folder."""
    batch = _Batch([], [], [], Counter())
    for index in range(*indices):
        recipe = generate_recipe(seed, index)
        batch.layer1.append(_json(_layer1_record(recipe)))
        batch.det_ingrs.append(_json(_det_ingrs_record(recipe)))
        batch.counts.update(_facts(recipe))
        if image_dir is not None and recipe.image_ids:
            batch.layer2.append(_json(_layer2_record(recipe)))
            batch.counts["photos"] += len(recipe.image_ids)
            _write_photos(recipe, image_dir)
        else:
            batch.counts["without_photo"] += 1
    return batch


def _facts(recipe: CookbookRecipe) -> list[str]:
    facts = ["recipes", recipe.partition]
    if not recipe.names_dish:
        facts.append("background")
    if max(len(recipe.ingredients), len(recipe.instructions)) >= LONG_LENGTH:
        facts.append("too_long")
    return facts


def _json(record: object) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode()


def _layer1_record(recipe: CookbookRecipe) -> dict[str, object]:
    return {
        "ingredients": [{"text": line} for line in recipe.ingredients],
        "url": recipe.url,
        "partition": recipe.partition,
        "title": recipe.title,
        "id": recipe.id,
        "instructions": [{"text": step} for step in recipe.instructions],
    }


def _det_ingrs_record(recipe: CookbookRecipe) -> dict[str, object]:
    return {
        "valid": [entity.valid for entity in recipe.entities],
        "id": recipe.id,
        "ingredients": [{"text": entity.text} for entity in recipe.entities],
    }


def _layer2_record(recipe: CookbookRecipe) -> dict[str, object]:
    return {
        "id": recipe.id,
        "images": [
            {"id": f"{image_id}.jpg", "url": f"https://cookbook.example.org/photos/{image_id}.jpg"}
            for image_id in recipe.image_ids
        ],
    }


def _write_photos(recipe: CookbookRecipe, image_dir: Path) -> None:
    for photo_index, image_id in enumerate(recipe.image_ids):
        folder = image_dir.joinpath(recipe.partition, *image_id[:4])
        folder.mkdir(parents=True, exist_ok=True)
        write_photo(folder / f"{image_id}.jpg", draw_photo(recipe, photo_index))


def write_photo(path: Path, photo: Image.Image) -> None:
    """Write a JPEG beside its place and rename it."""
    unfinished = path.with_suffix(".partial")
    photo.save(unfinished, "JPEG", quality=JPEG_QUALITY)
    os.replace(unfinished, path)
