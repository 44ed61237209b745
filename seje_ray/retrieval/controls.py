"""Controls that a result is compared with: chance, a category oracle, shuffled pairs."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from seje_ray.retrieval.metrics import RECALL_AT
from seje_ray.retrieval.protocol import (
    DIRECTIONS,
    RECALL_SUM,
    RetrievalResult,
    measure,
    recall_sum,
    result_of,
    rows_of,
)
from seje_ray.retrieval.ranking import BothRanks, Ranks, Rows, partnered_ranks

SHUFFLE = 1  # tells its random stream from that which draws a gallery


def chance(gallery_size: int) -> RetrievalResult:
    """Average result of random embeddings, in closed form.

    MedR (N + 1) / 2, Recall@K = K / N, MRR the mean of 1 / 1 ... 1 / N.

    Args:
        gallery_size: N >= 1.

    Raises:
        ValueError: If ``gallery_size < 1``.
    """
    if gallery_size < 1:
        raise ValueError(f"gallery_size must be >= 1, got {gallery_size}")
    values = {"median_rank": (gallery_size + 1) / 2}
    values |= {f"recall_at_{k}": min(1.0, k / gallery_size) for k in RECALL_AT}
    values["mean_reciprocal_rank"] = float(np.mean(1 / np.arange(1, gallery_size + 1)))
    keyed = {f"{name}/{d}": value for d in DIRECTIONS for name, value in values.items()}
    keyed[RECALL_SUM] = recall_sum(keyed)
    return RetrievalResult(gallery_size, 1, {key: (value,) for key, value in keyed.items()})


def category_oracle(
    category_ids: Sequence[int] | np.ndarray, galleries: Sequence[np.ndarray]
) -> RetrievalResult:
    """Result of a model that knows each pair's true category, and nothing else.

    A query ranks the gallery items of its category first, in random order: the true match ties
    with all of them. Background (0) is taken as one more category, so the oracle also knows that
    a pair has none.

    Args:
        category_ids: Category of each row's pair, N numbers.
        galleries: Row numbers of each, at least one.
    """
    categories = np.asarray(category_ids)

    def ranks(rows: torch.Tensor) -> BothRanks:
        chosen = categories[rows.numpy()]
        _, inverse, counts = np.unique(chosen, return_inverse=True, return_counts=True)
        tied = torch.from_numpy(counts[inverse] - 1)
        both = Ranks(torch.zeros_like(tied), tied)
        return BothRanks(both, both)

    return measure(galleries, ranks)


def model_and_shuffled(
    ids: Sequence[str],
    image_embeddings: Rows,
    recipe_embeddings: Rows,
    galleries: Sequence[np.ndarray],
    seed: int,
    report: Callable[[int], object] = lambda number: None,
) -> tuple[RetrievalResult, RetrievalResult]:
    """Result of embeddings, and of the same if each recipe is given a random image of its gallery.

    A sound evaluation puts the shuffled ones at chance. The permutation is uniform, fixed points
    included: their expected Recall@K is then K / N whatever the model; without them a perfect model
    would score below chance.

    Args:
        ids: N different ids.
        image_embeddings: Unit rows, shape (N, D).
        recipe_embeddings: Unit rows, shape (N, D).
        galleries: Row numbers of each in the order of their ids, at least one.
        seed: Of the permutations, which depend on it and a gallery's number and size only.
        report: Called with the pairs of each gallery that has been ranked.

    Raises:
        RetrievalError: If an embedding is not finite.
        ValueError: If shapes do not fit.
    """
    images, recipes = rows_of(ids, image_embeddings, recipe_embeddings)
    found = []
    for number, gallery in enumerate(galleries):
        rows = torch.from_numpy(gallery)
        shuffled = np.random.default_rng((seed, number, SHUFFLE)).permutation(len(rows))
        partners = [torch.arange(len(rows)), torch.from_numpy(shuffled)]
        found.append(partnered_ranks(images[rows], recipes[rows], partners))
        report(len(rows))
    own, others = zip(*found, strict=True)
    return result_of(own), result_of(others)
