"""Hinge triplet loss over a global batch, with three ways to mine.

Letters: B pairs of this worker, M pairs of the global batch, D dimensions, L candidates of an
anchor.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.losses.distances import pairwise_distances, row_distances
from seje_ray.losses.mining import (
    Negatives,
    excluded_candidates,
    hardest_negatives,
    same_category,
    semi_hard_negatives,
    set_weights,
)
from seje_ray.losses.pools import MiningPools

Mining = Literal["average", "hardest", "semi_hard"]


def hinge_triplet(
    images: Tensor,
    recipes: Tensor,
    image_candidates: Tensor,
    recipe_candidates: Tensor,
    categories: Tensor,
    candidate_categories: Tensor,
    *,
    first_candidate: int,
    margin: float,
    negatives: Negatives,
    mining: Mining,
    category_share: float = 0.5,
    mining_pool: int | None = None,
) -> Tensor:
    r"""Hinge triplet loss of this worker's images and recipes against the global batch.

    Each of the 2B rows is an anchor, its pair the only positive, its negatives cross-modal. With
    :math:`h(n) = \max(0, d(a, p) - d(a, n) + m)` an anchor's loss is

    - ``average``: the mean of h over the negatives that violate the margin, h > 0; 0 if none;
    - ``hardest``: h of the nearest negative;
    - ``semi_hard``: h of the nearest negative that is farther than the positive, which is 0 where
      that lies beyond the margin. An anchor whose negatives are all as near as its positive or
      nearer takes the farthest of them.

    Args:
        images: Unit rows of this worker, shape (B, D).
        recipes: Unit rows of this worker, shape (B, D); row i is the pair of image i.
        image_candidates: Unit rows of the global batch, shape (M, D).
        recipe_candidates: Unit rows of the global batch, shape (M, D).
        categories: Category ids of this worker's pairs, shape (B,), 0 is background.
        candidate_categories: Category ids of the global batch, shape (M,).
        first_candidate: Candidates ``first_candidate`` .. ``+ B`` are this worker's rows.
        margin: m > 0, in Euclidean distance between unit vectors.
        negatives: "instance", "category" or "both", as in ``double_negative_triplet``.
        mining: "average", "hardest" or "semi_hard".
        category_share: Weight of the category negatives' loss in "both", in [0, 1].
        mining_pool: Most candidates of an anchor, see ``pools``; None for the global batch.

    Returns:
        Scalar tensor, >= 0, the mean over the 2B anchors; NaN if an embedding of this worker is.

    Raises:
        ValueError: If shapes do not fit, ``M < 2``, ``negatives`` or ``mining`` is unknown, or the
            share is out of range.

    Source: ``hardest`` is the max of hinges of Faghri et al. 2018 (VSE++, arXiv:1707.05612),
    ``average`` their sum of hinges over the number of those that are not 0, ``semi_hard`` Schroff
    et al. 2015 (FaceNet, arXiv:1503.03832), who leave the fallback open. Euclidean distance as in
    SEJE, where VSE++ has the inner product and FaceNet the squared distance.
    """
    if mining not in ("average", "hardest", "semi_hard"):
        raise ValueError(f"mining must be average, hardest or semi_hard, got {mining!r}")
    pools = MiningPools.of(
        images,
        recipes,
        image_candidates,
        recipe_candidates,
        first_candidate=first_candidate,
        mining_pool=mining_pool,
    )
    is_same = same_category(pools, categories, candidate_categories)
    sets = excluded_candidates(pools.excluded, is_same, negatives)
    weights = images.new_tensor(set_weights(negatives, category_share))[:, None]
    losses = []
    for anchors, candidates in ((images, recipe_candidates), (recipes, image_candidates)):
        if mining == "average":
            costs = _average_hinges(anchors, candidates, pools, sets, margin)
        else:
            is_semi_hard = mining == "semi_hard"
            costs = _mined_hinges(anchors, candidates, pools, sets, margin, is_semi_hard)
        losses.append((costs * weights).mean())
    return torch.stack(losses).mean()


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


def _mined_hinges(
    anchors: Tensor,
    candidates: Tensor,
    pools: MiningPools,
    sets: list[Tensor],
    margin: float,
    is_semi_hard: bool,
) -> Tensor:
    """Loss of each anchor over each set, (sets, B)."""
    with torch.no_grad():
        distances = pools.compare(pairwise_distances, anchors, candidates)  # (B, L)
    positives = row_distances(anchors, pools.own_rows(candidates))
    losses = []
    for excluded in sets:
        if is_semi_hard:
            columns = semi_hard_negatives(distances, pools.own(distances), excluded)
        else:
            columns = hardest_negatives(distances, excluded)
        negatives = row_distances(anchors, candidates[pools.rows(columns)])
        losses.append(F.relu(positives - negatives + margin))
    return torch.stack(losses)
