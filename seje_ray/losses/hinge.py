"""Hinge triplet loss over a global batch, with three ways to mine. Letters: ``pairs``.

With ``h(n) = max(0, d(a, p) - d(a, n) + m)`` an anchor's loss is

- ``average``: the mean of h over the negatives that violate the margin, h > 0; 0 if none;
- ``hardest``: h of the nearest negative;
- ``semi_hard``: h of the nearest negative that is farther than the positive, which is 0 where
  that lies beyond the margin. An anchor whose negatives are all as near as its positive or
  nearer takes the farthest of them.

Source: ``hardest`` is the max of hinges of Faghri et al. 2018 (VSE++, arXiv:1707.05612),
``average`` their sum of hinges over the number of those that are not 0, ``semi_hard`` Schroff
et al. 2015 (FaceNet, arXiv:1503.03832), who leave the fallback open. Euclidean distance as in
SEJE, where VSE++ has the inner product and FaceNet the squared distance.
"""

from typing import Literal, assert_never, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.losses.distances import pairwise_distances
from seje_ray.losses.mining import (
    Negatives,
    excluded_candidates,
    hardest_negatives,
    mined_distances,
    same_category,
    semi_hard_negatives,
    set_weights,
)
from seje_ray.losses.pairs import GlobalPairs
from seje_ray.losses.pools import MiningPools
from seje_ray.losses.row_parts import mean_over_rows

Mining = Literal["average", "hardest", "semi_hard"]


def hinge_triplet(
    pairs: GlobalPairs,
    *,
    margin: float,
    negatives: Negatives,
    mining: Mining,
    category_share: float = 0.5,
    mining_pool: int | None = None,
) -> Tensor:
    """Hinge triplet loss of this worker's images and recipes against the global batch.

    Args:
        pairs: What is compared; an anchor's pair is its only positive.
        margin: m > 0, in Euclidean distance between unit vectors.
        negatives: "instance", "category" or "both", as in ``double_negative_triplet``.
        mining: "average", "hardest" or "semi_hard".
        category_share: Weight of the category negatives' loss in "both", in [0, 1].
        mining_pool: Most candidates of an anchor, >= 3; None for the global batch.

    Returns:
        Scalar tensor, >= 0, the mean over the 2B anchors; NaN if an embedding of this worker is.

    Raises:
        ValueError: If ``negatives`` or ``mining`` is unknown, or a number out of range.
    """
    if mining not in get_args(Mining):
        raise ValueError(f"mining must be average, hardest or semi_hard, got {mining!r}")
    weights = pairs.images.new_tensor(set_weights(negatives, category_share))[:, None]

    def of_rows(part: GlobalPairs) -> Tensor:
        pools = part.pools(mining_pool)
        sets = excluded_candidates(pools.excluded, same_category(part, pools), negatives)
        losses = [
            (_hinges(mining, anchors, candidates, pools, sets, margin) * weights).mean()
            for anchors, candidates in part.directions
        ]
        return torch.stack(losses).mean()

    return mean_over_rows(of_rows, pairs, mining_pool, twice=mining == "average")


def _hinges(
    mining: Mining,
    anchors: Tensor,
    candidates: Tensor,
    pools: MiningPools,
    sets: list[Tensor],
    margin: float,
) -> Tensor:
    """Loss of each anchor over each set, (sets, B)."""

    def semi_hard(distances: Tensor, excluded: Tensor) -> Tensor:
        return semi_hard_negatives(distances, pools.own(distances), excluded)

    match mining:
        case "average":
            return _average_hinges(anchors, candidates, pools, sets, margin)
        case "hardest":
            found = mined_distances(anchors, candidates, pools, sets, hardest_negatives)
        case "semi_hard":
            found = mined_distances(anchors, candidates, pools, sets, semi_hard)
        case _:
            assert_never(mining)
    positives, negatives = found
    return torch.stack([F.relu(positives - of_set + margin) for of_set in negatives])


def _average_hinges(
    anchors: Tensor, candidates: Tensor, pools: MiningPools, sets: list[Tensor], margin: float
) -> Tensor:
    """Loss of each anchor over each set, (sets, B)."""
    distances = pools.compare(pairwise_distances, anchors, candidates)  # (B, L)
    hinges = F.relu(pools.own(distances)[:, None] - distances + margin)
    losses = []
    for excluded in sets:
        kept = hinges.masked_fill(excluded, 0.0)
        losses.append(kept.sum(dim=1) / kept.count_nonzero(dim=1).clamp(min=1))
    return torch.stack(losses)
