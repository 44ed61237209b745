"""Estimate of a calibration's disk and time, from measurements of the check."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from seje_ray.artifact import write_table
from seje_ray.audit.findings import Cost
from seje_ray.audit.photos import Sample
from seje_ray.audit.texts import Texts
from seje_ray.recipe1m.records import Recipe
from seje_ray.schema import RECIPE_TEXTS, vector

ROWS = 64  # recipes with made-up vectors, written to see what they take


def cost_of(
    texts: Texts,
    sample: Sample,
    scratch: Path,
    *,
    photos_found: int,
    recipes_with_photos: int,
    word_dim: int,
    sentence_dim: int,
) -> Cost:
    """Estimate disk and time; networks are left out, since none runs here.

    Args:
        texts: The first pass.
        sample: The photos that were read.
        scratch: Folder where recipes and vectors are written to see what they take.
        photos_found: Photos that are there and would be taken.
        recipes_with_photos: Recipes with at least one of them.
        word_dim: E, numbers in a key term vector and in each image category vector.
        sentence_dim: Numbers in a sentence vector.
    """
    num_usable, num_recipes = len(sample.usable), sum(texts.recipes.values())
    share = num_usable / sample.read if sample.read else 0.0
    photos = round(photos_found * share)
    jpeg_bytes = photos * sample.jpeg_bytes / max(1, num_usable)
    text_bytes = stored_text_bytes(texts.samples.recipes(), scratch)
    sentences = texts.sentences / max(1, sum(texts.naming_photos.values()))
    vector_bytes = stored_vector_bytes(
        {"word": word_dim, "sentence": round(sentences) * sentence_dim}, scratch
    )
    vectors = recipes_with_photos * sum(vector_bytes.values()) + photos * vector_bytes["word"]
    rate = sample.read / sample.seconds if sample.read and sample.seconds else None
    return Cost(
        photos=photos,
        recipes_with_photos=recipes_with_photos,
        recipes_bytes=round(jpeg_bytes + num_recipes * text_bytes),
        calibrated_bytes=round(jpeg_bytes + recipes_with_photos * text_bytes + vectors),
        reading_seconds=texts.seconds,
        reading_rate=texts.records / texts.seconds if texts.seconds else 0.0,
        photo_seconds=photos_found / rate if rate else None,
        photo_rate=rate,
    )


def stored_text_bytes(recipes: Sequence[Recipe], scratch: Path) -> float:
    """Bytes that the text of one recipe takes in a shard, by writing these."""
    if not recipes:
        return 0.0
    table = pa.Table.from_pylist([asdict(recipe) for recipe in recipes], schema=RECIPE_TEXTS)
    return _written_bytes(table.drop_columns(["images"]), scratch) / len(recipes)


def stored_vector_bytes(sizes: dict[str, int], scratch: Path) -> dict[str, float]:
    """Bytes that so many random numbers per recipe take in a shard, by writing them.

    Random float32 numbers shrink by some 7 %; vectors that repeat, as those of a category do,
    take less.
    """
    generator = np.random.default_rng(0)
    taken = {}
    for name, size in sizes.items():
        numbers = pa.array(generator.standard_normal(ROWS * size, dtype=np.float32))
        column = pa.FixedSizeListArray.from_arrays(numbers, type=vector(size)) if size else None
        taken[name] = 0.0 if column is None else _column_bytes(column, scratch)
    return taken


def _column_bytes(column: pa.Array, scratch: Path) -> float:
    return _written_bytes(pa.table({"vector": column}), scratch) / ROWS


def _written_bytes(table: pa.Table, scratch: Path) -> int:
    path = scratch / "size.parquet"
    write_table(path, table)
    return path.stat().st_size
