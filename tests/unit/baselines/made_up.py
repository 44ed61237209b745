"""Pairs whose photos and texts say the same, with noise."""

import numpy as np

from seje_ray.baselines.pairs import Pairs, unit

MEANINGS, FEATURES, DIM = 6, 10, 8


def related_pairs(num_pairs: int, seed: int, *, noise: float = 0.1) -> Pairs:
    """Both sides are linear in one meaning; the maps are the same for every seed."""
    fixed, drawn = np.random.default_rng(0), np.random.default_rng((1, seed))
    to_image = fixed.normal(size=(MEANINGS, FEATURES)) * np.geomspace(1, 30, FEATURES)
    to_text = fixed.normal(size=(MEANINGS, DIM))
    meaning = drawn.normal(size=(num_pairs, MEANINGS))
    images = meaning @ to_image + noise * drawn.normal(size=(num_pairs, FEATURES))
    texts = unit(meaning @ to_text + noise * drawn.normal(size=(num_pairs, DIM)))
    ids = tuple(f"{seed}-{number:03d}" for number in range(num_pairs))
    return Pairs(ids, images.astype(np.float32), texts)
