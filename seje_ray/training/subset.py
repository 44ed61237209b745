"""Parts of the train pairs: for a training or a baseline with fewer, and for a bank of them."""

from collections.abc import Sequence

import numpy as np

from seje_ray import random_streams
from seje_ray.random_streams import Stream

MAX_BANK = 10_000  # train pairs that embeddings are corrected for hubs by


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


def bank_rows(num_rows: int, max_pairs: int | None, seed: int) -> np.ndarray:
    """Row numbers, rising, of at most ``MAX_BANK`` pairs, evenly over those of ``nested_rows``.

    Source: docs/method.md, rule 10.17.
    """
    used = nested_rows(num_rows, max_pairs, seed)
    number = min(MAX_BANK, len(used))
    return used[np.linspace(0, len(used) - 1, number).round().astype(np.int64)]


def rows_by_shard(rows: np.ndarray | None, counts: Sequence[int]) -> list[np.ndarray]:
    """Row numbers of a partition, None for all, within each of its shards of ``counts`` rows."""
    rows = np.arange(sum(counts)) if rows is None else rows
    starts = np.cumsum([0, *counts])
    return [
        rows[(rows >= start) & (rows < start + count)] - start
        for start, count in zip(starts, counts, strict=False)
    ]
