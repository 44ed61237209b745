"""Triplet loss over a global batch with double negative sampling. Letters: ``pairs``."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.losses.mining import (
    Negatives,
    excluded_candidates,
    mined_distances,
    same_category,
    set_weights,
)
from seje_ray.losses.pairs import GlobalPairs
from seje_ray.losses.row_parts import mean_over_rows


def soft_margin_triplet(
    positive_distances: Tensor, negative_distances: Tensor, *, scale: float, margin: float
) -> Tensor:
    """Mean soft-margin triplet loss of given distances.

    ``mean_a log(1 + exp(gamma (d(a, p) - d(a, n) + m)))``

    Args:
        positive_distances: d(a, p) >= 0, any shape.
        negative_distances: d(a, n) >= 0, same shape.
        scale: gamma > 0. Large values approach the hinge ``scale * max(0, .)``.
        margin: m >= 0, in Euclidean distance.

    Returns:
        Scalar tensor, >= 0.

    Source: docs/method.md, rule 5.2; Hermans et al. 2017 (arXiv:1703.07737).
    """
    return F.softplus(scale * (positive_distances - negative_distances + margin)).mean()


def double_negative_triplet(
    pairs: GlobalPairs,
    *,
    scale: float,
    margin: float,
    negatives: Negatives,
    category_share: float = 0.5,
    mining_pool: int | None = None,
) -> Tensor:
    """Triplet loss of this worker's images and recipes against the global batch.

    An anchor's negatives are the nearest candidate that is not its pair (``instance``), the nearest
    one of another category (``category``), or both, with a weighted mean of the losses (``both``).
    Background is never the same category; an anchor whose candidates all share its category takes
    its instance negative.

    Args:
        pairs: What is compared; an anchor's pair is its only positive.
        scale: gamma > 0, sharpness of the soft margin.
        margin: m >= 0, in Euclidean distance between unit vectors.
        negatives: "instance", "category" or "both".
        category_share: Weight of the category negatives' loss in "both", in [0, 1].
        mining_pool: Most candidates of an anchor, >= 3; None for the global batch.

    Returns:
        Scalar tensor, the mean over the 2B anchors; NaN if an embedding of this worker is NaN.

    Raises:
        ValueError: If ``negatives`` is unknown, or a number out of range.

    Source: docs/method.md, rules 5.2 and 5.3.
    """

    def of_rows(part: GlobalPairs) -> Tensor:
        pools = part.pools(mining_pool)
        sets = excluded_candidates(pools.excluded, same_category(part, pools), negatives)
        losses = []
        for anchors, candidates in part.directions:
            positives, negatives_of_sets = mined_distances(anchors, candidates, pools, sets)
            losses += [
                soft_margin_triplet(positives, of_set, scale=scale, margin=margin)
                for of_set in negatives_of_sets
            ]
        costs = torch.stack(losses)  # of both directions, by set in each
        return (costs * costs.new_tensor(2 * set_weights(negatives, category_share))).mean()

    return mean_over_rows(of_rows, pairs, mining_pool)


@torch.no_grad()
def active_triplet_share(
    pairs: GlobalPairs,
    *,
    margin: float,
    measure: Callable[[Tensor], Tensor] | None = None,
    mining_pool: int | None = None,
) -> Tensor:
    """Share of anchors whose pair is not nearer than their hardest negative by ``margin``.

    That is ``d(a, p) - d(a, n) + margin >= 0``. Equality counts: in a collapsed model, where
    all distances are equal, every triplet is active.

    Args:
        pairs: What is compared; categories play no part.
        margin: m >= 0.
        measure: From Euclidean distances to those that ``margin`` is one of, in the same order;
            None if it is a Euclidean one.
        mining_pool: Most candidates of an anchor, >= 3; None for the global batch.

    Returns:
        Scalar tensor in [0, 1], without gradient; NaN if a distance is.
    """

    def of_rows(part: GlobalPairs) -> Tensor:
        pools = part.pools(mining_pool)
        gaps = []
        for anchors, candidates in part.directions:
            positives, (negatives,) = mined_distances(anchors, candidates, pools, [pools.excluded])
            if measure is not None:
                positives, negatives = measure(positives), measure(negatives)
            gaps.append(positives - negatives + margin)
        gap = torch.cat(gaps)  # (2B,)
        return torch.where(gap.isnan(), gap, (gap >= 0).to(gap)).mean()

    return mean_over_rows(of_rows, pairs, mining_pool)
