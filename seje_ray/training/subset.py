"""A part of the train pairs: what a training or a baseline would reach with fewer of them."""

import numpy as np

from seje_ray import random_streams
from seje_ray.random_streams import Stream


def nested_rows(num_rows: int, max_pairs: int | None, seed: int) -> np.ndarray:
    """Row numbers in [0, num_rows), rising; those of fewer pairs are among those of more.

    Args:
        num_rows: Rows of the partition, >= 0.
        max_pairs: How many of them are drawn; None, or as many as there are, takes all.
        seed: Of the draw.
    """
    if max_pairs is None or max_pairs >= num_rows:
        return np.arange(num_rows)
    order = random_streams.generator(Stream.TRAIN_SUBSET, seed).permutation(num_rows)
    return np.sort(order[:max_pairs])
