"""Calibrated shards small enough for a test, whose pairs can be learned."""

import io
import json
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from seje_ray.artifact import shard_name, write_table
from seje_ray.config import RunConfig, run_from_json
from seje_ray.features.checkpoint import Origin
from seje_ray.schema import calibrated as calibrated_schema

WORD_DIM, SENTENCE_DIM, FEATURE_DIM, TEXT_DIM, NUM_CATEGORIES = 4, 3, 5, 7, 3
NUM_TERMS, LEXICAL_DIM = 11, 4


def origin() -> Origin:
    """What a checkpoint of these shards remembers."""
    facts = {
        "word_dim": WORD_DIM,
        "sentence_dim": SENTENCE_DIM,
        "num_categories": NUM_CATEGORIES,
        "feature_dim": FEATURE_DIM,
        "text_dim": TEXT_DIM,
        "lexical": {"num_terms": NUM_TERMS, "dim": LEXICAL_DIM},
    }
    return Origin("calibrated", "vocabulary", facts)


def tiny_run(
    *,
    recipe_encoder: str = "lstm",
    dropout: float = 0.0,
    lexical: str = "none",
    head: str = "projection",
    **train: object,
) -> RunConfig:
    """A run on stored features that takes a moment."""
    settings = {"num_epochs": 3, "global_batch_size": 8, "learning_rate": 0.01} | train
    raw = {
        "calibrate": {
            "text_vectors": True,
            "text_model": "none that is read",
            "lexical": {"enabled": lexical != "none"},
        },
        "model": {
            "freeze_backbone": True,
            "embedding_dim": 6,
            "lstm_dim": 4,
            "dropout": dropout,
            "recipe_encoder": recipe_encoder,
            "lexical": lexical,
            "head": head,
            "head_hidden": 8,
            "recipe_transformer": {"dim": 8, "num_layers": 1, "num_heads": 2},
        },
        "train": settings,
    }
    return run_from_json(json.dumps(raw), "a test")


def write_shards(
    folder: Path, partition: str, sizes: list[int], seed: int = 0, *, has_partial: bool = False
) -> list[Path]:
    """Shards of ``sizes`` recipes with one to three photos and one to four sentences each.

    Their titles' and steps' text vectors say what the photo says; of ingredients there are up to
    three. ``has_partial``: with features of parts alone, numbers that tell recipe and part; the
    recipes of odd numbers have no title.
    """
    generator = np.random.default_rng((seed, len(partition)))
    paths = []
    for number, size in enumerate(sizes):
        rows = [_row(f"{partition}{number}-{row}", generator) for row in range(size)]
        if has_partial:
            rows = [row | _partial(row, n) for n, row in enumerate(rows)]
        schema = calibrated_schema(
            WORD_DIM, SENTENCE_DIM, FEATURE_DIM, TEXT_DIM, has_terms=True, has_partial=has_partial
        )
        path = folder / shard_name(partition, number)
        write_table(path, pa.Table.from_pylist(rows, schema=schema))
        paths.append(path)
    return paths


def _row(recipe_id: str, generator: np.random.Generator) -> dict:
    num_images = int(generator.integers(1, 4))
    meaning = generator.normal(size=FEATURE_DIM)

    def vectors(number: int, dim: int) -> list[list[float]]:
        return generator.normal(size=(number, dim)).tolist()

    row = {
        "id": recipe_id,
        "partition": "train",
        "title": f"title of {recipe_id}",
        "ingredients": ["x"],
        "instructions": ["y"],
        "entities": None,
        "images": [{"id": f"{recipe_id}/{n}", "jpeg": _jpeg(generator)} for n in range(num_images)],
        "key_terms": ["x"],
        "key_term_scores": [1.0],
        "num_missing_terms": 0,
        "num_rescued_lines": 0,
        "num_unknown_lines": 0,
        "key_term_vector": meaning[:WORD_DIM].tolist(),
        "category_id": int(generator.integers(NUM_CATEGORIES)),
        "category_source": "bigram",
        "sentence_vectors": vectors(int(generator.integers(1, 5)), SENTENCE_DIM),
        "num_missing_sentences": 0,
        "image_category_ids": [1] * num_images,
        "image_category_vectors": vectors(num_images, WORD_DIM),
        "image_features": [
            (meaning + 0.1 * generator.normal(size=FEATURE_DIM)).tolist() for _ in range(num_images)
        ],
    }
    # drawn apart, so that all else is as without them
    generator = np.random.default_rng(zlib.crc32(recipe_id.encode()))
    said = [*meaning.tolist(), *[0.0] * (TEXT_DIM - FEATURE_DIM)]
    ingredients = vectors(int(generator.integers(0, 4)), TEXT_DIM)
    num_terms = int(generator.integers(0, 6))
    return row | {
        "title_vectors": [said],
        "ingredient_vectors": ingredients,
        "step_vectors": [said] * len(row["sentence_vectors"]),
        "lexical_terms": generator.permutation(NUM_TERMS)[:num_terms].tolist(),
        "lexical_weights": (generator.random(num_terms) + 0.1).tolist(),
    }


def _partial(row: dict, number: int) -> dict:
    """Features of title, ingredients and steps alone; a part has at most the whole's terms."""
    terms, weights = row["lexical_terms"], row["lexical_weights"]
    return {
        "partial_is_there": [number % 2 == 0, True, True],
        "partial_key_term_vectors": [[number + part / 10] * WORD_DIM for part in range(3)],
        "partial_lexical_terms": [terms[:part] for part in range(3)],
        "partial_lexical_weights": [weights[:part] for part in range(3)],
    }


def _jpeg(generator: np.random.Generator) -> bytes:
    colour = tuple(int(c) for c in generator.integers(0, 255, 3))
    buffer = io.BytesIO()
    Image.new("RGB", (24, 20), colour).save(buffer, "JPEG")
    return buffer.getvalue()
