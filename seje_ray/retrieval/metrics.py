"""MedR, Recall@K and mean reciprocal rank. Shapes: N queries.

Of a match that ties with t others behind b better items, each is the expectation over the order of
the ties, so that a constant embedding gets exactly what chance gets.
"""

import torch
from torch import Tensor

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

    A share of (k - b) / (t + 1) of the orders of ties puts it in. Without ties this is the plain
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


def mean_reciprocal_rank(ranks: Ranks) -> float:
    """MRR: mean of 1 / rank, in (0, 1]; of a tied match that of 1 / (b + 1) to 1 / (b + t + 1).

    1 is perfect; chance, and a constant embedding, is the mean of 1 / 1 ... 1 / gallery size.

    Raises:
        ValueError: If there is no query.
    """
    ranks = _not_empty(ranks)
    last = ranks.num_better + ranks.num_tied + 1
    sums = _harmonic_numbers(int(last.max())).to(last.device)
    return float(((sums[last] - sums[ranks.num_better]) / (ranks.num_tied + 1)).mean())


def _harmonic_numbers(size: int) -> Tensor:
    """0, 1, 1 + 1/2, ... up to 1 + ... + 1/size, (size + 1,) float64."""
    terms = 1 / torch.arange(1, size + 1, dtype=torch.float64)
    return torch.cat([terms.new_zeros(1), terms.cumsum(0)])


def metrics_of(ranks: Ranks) -> dict[str, float]:
    """All metrics of one direction under the names of the metric keys."""
    recalls = {f"recall_at_{k}": recall_at_k(ranks, k) for k in RECALL_AT}
    return {
        "median_rank": median_rank(ranks),
        **recalls,
        "mean_reciprocal_rank": mean_reciprocal_rank(ranks),
    }


def _not_empty(ranks: Ranks) -> Ranks:
    if len(ranks.num_better) == 0:
        raise ValueError("there is no query to take a metric of")
    return ranks
