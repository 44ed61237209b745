"""Retrieval by category: how often what is found first is of the query's category.

Letters: N pairs, D dimensions, C categories.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from seje_ray.calibration.categorizer_accuracy import Confusion
from seje_ray.retrieval.embeddings import Embeddings

NUM_NEAREST = 10
NUM_ROWS = 12  # categories of the table


@dataclass(frozen=True, slots=True)
class CategoryLine:
    """Photos of one category as queries; shares in [0, 1]."""

    name: str
    num_pairs: int
    recall_at_1: float
    recall_at_10: float
    share_same: float  # whose first recipe is of the category


def nearest_rows(
    queries: np.ndarray, gallery: np.ndarray, num: int = NUM_NEAREST, *, block_size: int = 1024
) -> np.ndarray:
    """Rows of the nearest ``num`` of the gallery for each query, (N, num), nearest first."""
    sides = torch.from_numpy(queries), torch.from_numpy(gallery)
    num = min(num, len(gallery))
    blocks = [
        (sides[0][start : start + block_size] @ sides[1].T).topk(num).indices
        for start in range(0, len(queries), block_size)
    ]
    return torch.cat(blocks).numpy()


def confusion_of(nearest: np.ndarray, category_ids: np.ndarray, num_categories: int) -> Confusion:
    """Query's category and category of the first result, counted.

    Args:
        nearest: Rows that were found, (N, k), nearest first.
        category_ids: Of the pairs, (N,), in [0, C).
        num_categories: C.
    """
    found = category_ids[nearest]  # (N, k)
    counts = np.zeros((num_categories, num_categories), np.int64)
    np.add.at(counts, (category_ids, found[:, 0]), 1)
    num_in_top_5 = int((found[:, :5] == category_ids[:, None]).any(axis=1).sum())
    return Confusion(counts, num_in_top_5)


def category_lines(
    nearest: np.ndarray, embeddings: Embeddings, names: Sequence[str]
) -> list[CategoryLine]:
    """The largest categories, background among them, with how well their photos are found."""
    ids = embeddings.category_ids
    own = nearest == np.arange(len(nearest))[:, None]  # (N, k)
    same = ids[nearest[:, 0]] == ids
    used, counts = np.unique(ids, return_counts=True)
    order = np.lexsort((used, -counts))[:NUM_ROWS]
    lines = []
    for category in used[order]:
        inside = ids == category
        first, ten = own[inside][:, 0].mean(), own[inside].any(axis=1).mean()
        lines.append(
            CategoryLine(
                names[category], int(inside.sum()), float(first), float(ten),
                float(same[inside].mean()),
            )
        )  # fmt: skip
    return lines
