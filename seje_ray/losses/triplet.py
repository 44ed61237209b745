"""Triplet loss over a global batch with double negative sampling.

Letters: B pairs of this worker, M pairs of the global batch, D dimensions.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.losses.distances import pairwise_distances, row_distances
from seje_ray.losses.mining import (
    Negatives,
    excluded_candidates,
    hardest_negatives,
    same_category,
    set_weights,
)
from seje_ray.losses.pools import MiningPools


def soft_margin_triplet(
    positive_distances: Tensor, negative_distances: Tensor, *, scale: float, margin: float
) -> Tensor:
    r"""Mean soft-margin triplet loss of given distances.

    .. math:: \operatorname{mean}_a \log(1 + e^{\gamma (d(a, p) - d(a, n) + m)})

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
    images: Tensor,
    recipes: Tensor,
    image_candidates: Tensor,
    recipe_candidates: Tensor,
    categories: Tensor,
    candidate_categories: Tensor,
    *,
    first_candidate: int,
    scale: float,
    margin: float,
    negatives: Negatives,
    category_share: float = 0.5,
    mining_pool: int | None = None,
) -> Tensor:
    """Triplet loss of this worker's images and recipes against the global batch.

    Each of the 2B rows is an anchor, its pair the only positive. Its negatives are cross-modal:
    the nearest candidate that is not its pair (``instance``), the nearest one of another category
    (``category``), or a weighted mean of both losses (``both``). Background (category 0) is never
    the same category; an anchor whose candidates all share its category takes its instance
    negative.

    Args:
        images: Unit rows of this worker, shape (B, D).
        recipes: Unit rows of this worker, shape (B, D); row i is the pair of image i.
        image_candidates: Unit rows of the global batch, shape (M, D).
        recipe_candidates: Unit rows of the global batch, shape (M, D).
        categories: Category ids of this worker's pairs, shape (B,), 0 is background.
        candidate_categories: Category ids of the global batch, shape (M,).
        first_candidate: Candidates ``first_candidate`` .. ``+ B`` are this worker's rows.
        scale: gamma > 0, sharpness of the soft margin.
        margin: m >= 0, in Euclidean distance between unit vectors.
        negatives: Which negatives: "instance", "category" or "both".
        category_share: Weight of the category negatives' loss in "both", in [0, 1].
        mining_pool: Most candidates of an anchor, see ``pools``; None for the global batch.

    Returns:
        Scalar tensor, the mean over the 2B anchors; NaN if an embedding of this worker is NaN.

    Raises:
        ValueError: If shapes do not fit, ``M < 2``, ``negatives`` is unknown or the share is out of
            range.

    Source: docs/method.md, rules 5.2 and 5.3.
    """
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
    losses = []
    for anchors, candidates in ((images, recipe_candidates), (recipes, image_candidates)):
        with torch.no_grad():
            distances = pools.compare(pairwise_distances, anchors, candidates)  # (B, L)
        positives = row_distances(anchors, pools.own_rows(candidates))
        for excluded in sets:
            rows = pools.rows(hardest_negatives(distances, excluded))
            losses.append(
                soft_margin_triplet(
                    positives, row_distances(anchors, candidates[rows]), scale=scale, margin=margin
                )
            )
    costs = torch.stack(losses)  # of both directions, by set in each
    return (costs * costs.new_tensor(2 * set_weights(negatives, category_share))).mean()


@torch.no_grad()
def active_triplet_share(
    images: Tensor,
    recipes: Tensor,
    image_candidates: Tensor,
    recipe_candidates: Tensor,
    *,
    first_candidate: int,
    margin: float,
    mining_pool: int | None = None,
) -> Tensor:
    """Share of anchors whose pair is not nearer than their hardest negative by ``margin``.

    That is ``d(a, p) - d(a, n) + margin >= 0``. Equality counts: in a collapsed model, where
    all distances are equal, every triplet is active.

    Args:
        images: Unit rows of this worker, shape (B, D).
        recipes: Unit rows of this worker, shape (B, D).
        image_candidates: Unit rows of the global batch, shape (M, D).
        recipe_candidates: Unit rows of the global batch, shape (M, D).
        first_candidate: Candidates ``first_candidate`` .. ``+ B`` are this worker's rows.
        margin: m >= 0, in Euclidean distance.
        mining_pool: Most candidates of an anchor, see ``pools``; None for the global batch.

    Returns:
        Scalar tensor in [0, 1], without gradient; NaN if a distance is.

    Raises:
        ValueError: If shapes do not fit or ``M < 2``.
    """
    pools = MiningPools.of(
        images,
        recipes,
        image_candidates,
        recipe_candidates,
        first_candidate=first_candidate,
        mining_pool=mining_pool,
    )
    gaps = []
    for anchors, candidates in ((images, recipe_candidates), (recipes, image_candidates)):
        distances = pools.compare(pairwise_distances, anchors, candidates)
        rows = pools.rows(hardest_negatives(distances, pools.excluded))
        positives = row_distances(anchors, pools.own_rows(candidates))
        gaps.append(positives - row_distances(anchors, candidates[rows]) + margin)
    gap = torch.cat(gaps)  # (2B,)
    return torch.where(gap.isnan(), gap, (gap >= 0).to(gap)).mean()
