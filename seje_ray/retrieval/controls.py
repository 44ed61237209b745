"""Controls that a result is compared with: chance, a category oracle, shuffled pairs."""

from collections.abc import Sequence

import numpy as np
import torch

from seje_ray.retrieval.metrics import RECALL_AT
from seje_ray.retrieval.protocol import (
    DIRECTIONS,
    RetrievalResult,
    draw_galleries,
    evaluate_retrieval,
    measure,
)
from seje_ray.retrieval.ranking import Ranks, Rows


def chance(gallery_size: int) -> RetrievalResult:
    """Average result of random embeddings: MedR (N + 1) / 2, Recall@K = K / N.

    Args:
        gallery_size: N >= 1.

    Raises:
        ValueError: If ``gallery_size < 1``.
    """
    if gallery_size < 1:
        raise ValueError(f"gallery_size must be >= 1, got {gallery_size}")
    values = {"median_rank": (gallery_size + 1) / 2}
    values |= {f"recall_at_{k}": min(1.0, k / gallery_size) for k in RECALL_AT}
    keyed = {f"{name}/{d}": (value,) for d in DIRECTIONS for name, value in values.items()}
    return RetrievalResult(gallery_size, 1, keyed)


def category_oracle(
    ids: Sequence[str],
    category_ids: Sequence[int] | np.ndarray,
    *,
    gallery_size: int,
    num_repeats: int,
    seed: int,
) -> RetrievalResult:
    """Result of a model that knows each pair's true category, and nothing else.

    A query ranks the gallery items of its category first, in random order: the true match ties
    with all of them. Background (0) is taken as one more category, so the oracle also knows that
    a pair has none. The galleries are those of ``evaluate_retrieval`` with the same arguments.

    Args:
        ids: N different ids.
        category_ids: Category of each id's pair, N numbers.
        gallery_size: As in ``evaluate_retrieval``.
        num_repeats: As in ``evaluate_retrieval``.
        seed: As in ``evaluate_retrieval``.

    Raises:
        ValueError: If the lengths differ.
    """
    categories = np.asarray(category_ids)
    if categories.shape != (len(ids),):
        raise ValueError(f"expected {len(ids)} category ids, got shape {categories.shape}")

    def ranks(rows: np.ndarray) -> dict[str, Ranks]:
        _, inverse, counts = np.unique(categories[rows], return_inverse=True, return_counts=True)
        tied = torch.from_numpy(counts[inverse] - 1)
        return dict.fromkeys(DIRECTIONS, Ranks(torch.zeros_like(tied), tied))

    galleries = draw_galleries(ids, gallery_size=gallery_size, num_repeats=num_repeats, seed=seed)
    return measure(galleries, ranks)


def shuffled_pairs(
    ids: Sequence[str],
    image_embeddings: Rows,
    recipe_embeddings: Rows,
    *,
    gallery_size: int,
    num_repeats: int,
    seed: int,
) -> RetrievalResult:
    """Result of the same embeddings if each recipe is given a random image.

    A sound evaluation puts it at chance. The permutation is uniform, fixed points included: its
    expected Recall@K is then K / N whatever the model; without them a perfect model would score
    below chance.

    Args:
        ids: N different ids.
        image_embeddings: Unit rows, shape (N, D).
        recipe_embeddings: Unit rows, shape (N, D).
        gallery_size: As in ``evaluate_retrieval``.
        num_repeats: As in ``evaluate_retrieval``.
        seed: Of the galleries and of the permutation, which depends on it and the ids only.
    """
    by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
    source = np.empty_like(by_id)
    source[by_id] = np.random.default_rng((seed, len(ids))).permutation(by_id)
    return evaluate_retrieval(
        ids,
        torch.as_tensor(image_embeddings)[torch.from_numpy(source)],
        recipe_embeddings,
        gallery_size=gallery_size,
        num_repeats=num_repeats,
        seed=seed,
    )
