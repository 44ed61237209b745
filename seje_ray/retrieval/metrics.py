"""MedR and Recall@K of ranks. Shapes: N queries."""

import torch

from seje_ray.retrieval.ranking import Ranks

RECALL_AT = (1, 5, 10)  # K of docs/method.md, rule 6.5


def median_rank(ranks: Ranks) -> float:
    """MedR: the median of 1-based mid-ranks, the mean of the middle two where N is even.

    1 is perfect; ``(gallery size + 1) / 2`` is chance, and what a constant embedding gets.

    Raises:
        ValueError: If there is no query.
    """
    return float(torch.quantile(_not_empty(ranks).mid_ranks, 0.5))


def recall_at_k(ranks: Ranks, k: int) -> float:
    """Recall@K: expected share, in [0, 1], of queries whose true match is among the first ``k``.

    The expectation is over the order of ties: of a match that ties with t others behind b better
    items, a share of (k - b) / (t + 1) of the orders puts it in. Without ties this is the plain
    count; a constant embedding gets exactly k / gallery size.

    Args:
        ranks: Of N queries.
        k: >= 1.

    Raises:
        ValueError: If there is no query, or ``k < 1``.
    """
    if k < 1:
        raise ValueError(f"k must be >= 1, got {k}")
    ranks = _not_empty(ranks)
    share = (k - ranks.num_better).double() / (ranks.num_tied + 1)
    return float(share.clamp(0, 1).mean())


def metrics_of(ranks: Ranks) -> dict[str, float]:
    """MedR and Recall@{1, 5, 10} under the names of the metric keys."""
    recalls = {f"recall_at_{k}": recall_at_k(ranks, k) for k in RECALL_AT}
    return {"median_rank": median_rank(ranks), **recalls}


def _not_empty(ranks: Ranks) -> Ranks:
    if len(ranks.num_better) == 0:
        raise ValueError("there is no query to take a metric of")
    return ranks
