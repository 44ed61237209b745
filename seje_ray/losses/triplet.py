"""Triplet loss over a global batch with double negative sampling.

Letters: B pairs of this worker, M pairs of the global batch, D dimensions.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.losses.distances import pairwise_distances, row_distances
from seje_ray.losses.mining import (
    category_negatives,
    hardest_negatives,
    own_mask,
    same_category_mask,
)

Negatives = Literal["instance", "category", "both"]


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

    Source: METHOD 5, L_TRI; Hermans et al. 2017 (arXiv:1703.07737).
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
) -> Tensor:
    """Triplet loss of this worker's images and recipes against the global batch.

    Each of the 2B rows is an anchor, its pair the only positive. Its negatives are cross-modal:
    the nearest candidate that is not its pair (``instance``), the nearest one of another category
    (``category``), or the mean of both losses (``both``). Background (category 0) is never the
    same category; an anchor whose candidates all share its category takes its instance negative.

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

    Returns:
        Scalar tensor, the mean over the 2B anchors; NaN if an embedding of this worker is NaN.

    Raises:
        ValueError: If shapes do not fit, ``M < 2`` or ``negatives`` is unknown.

    Source: METHOD 5, L_TRI and double negative sampling.
    """
    if negatives not in ("instance", "category", "both"):
        raise ValueError(f"negatives must be instance, category or both, got {negatives!r}")
    _check(images, recipes, image_candidates, recipe_candidates, first_candidate)
    if (len(categories), len(candidate_categories)) != (len(images), len(image_candidates)):
        raise ValueError(
            f"expected {len(images)} and {len(image_candidates)} category ids, got "
            f"{len(categories)} and {len(candidate_categories)}"
        )
    is_own = own_mask(len(images), len(image_candidates), first_candidate, images)
    is_same = same_category_mask(categories, candidate_categories)
    losses = []
    for anchors, candidates in ((images, recipe_candidates), (recipes, image_candidates)):
        with torch.no_grad():
            distances = pairwise_distances(anchors, candidates)  # (B, M)
        positives = row_distances(anchors, _own_rows(candidates, anchors, first_candidate))
        chosen = []
        if negatives != "category":
            chosen.append(hardest_negatives(distances, is_own))
        if negatives != "instance":
            chosen.append(category_negatives(distances, is_own, is_same))
        losses += [
            soft_margin_triplet(
                positives, row_distances(anchors, candidates[rows]), scale=scale, margin=margin
            )
            for rows in chosen
        ]
    return torch.stack(losses).mean()


@torch.no_grad()
def active_triplet_share(
    images: Tensor,
    recipes: Tensor,
    image_candidates: Tensor,
    recipe_candidates: Tensor,
    *,
    first_candidate: int,
    margin: float,
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

    Returns:
        Scalar tensor in [0, 1], without gradient; NaN if a distance is.

    Raises:
        ValueError: If shapes do not fit or ``M < 2``.
    """
    _check(images, recipes, image_candidates, recipe_candidates, first_candidate)
    is_own = own_mask(len(images), len(image_candidates), first_candidate, images)
    gaps = []
    for anchors, candidates in ((images, recipe_candidates), (recipes, image_candidates)):
        negatives = hardest_negatives(pairwise_distances(anchors, candidates), is_own)
        positive_distances = row_distances(anchors, _own_rows(candidates, anchors, first_candidate))
        gaps.append(positive_distances - row_distances(anchors, candidates[negatives]) + margin)
    gap = torch.cat(gaps)  # (2B,)
    return torch.where(gap.isnan(), gap, (gap >= 0).to(gap)).mean()


def _own_rows(candidates: Tensor, anchors: Tensor, first_candidate: int) -> Tensor:
    """Rows of this worker among the candidates: the anchors' positives, (B, D)."""
    return candidates[first_candidate : first_candidate + len(anchors)]


def _check(
    images: Tensor,
    recipes: Tensor,
    image_candidates: Tensor,
    recipe_candidates: Tensor,
    first_candidate: int,
) -> None:
    for here, there in ((images, recipes), (image_candidates, recipe_candidates)):
        if here.shape != there.shape or here.ndim != 2:
            raise ValueError(
                "images and recipes must have one shape (rows, D), got "
                f"{tuple(here.shape)} and {tuple(there.shape)}"
            )
    num_pairs, num_candidates = len(images), len(image_candidates)
    if num_pairs < 1 or num_candidates < 2:
        raise ValueError(
            f"expected at least 1 pair and 2 candidates, got {num_pairs} and {num_candidates}"
        )
    if not 0 <= first_candidate <= num_candidates - num_pairs:
        raise ValueError(
            f"rows {first_candidate} to {first_candidate + num_pairs} are not among "
            f"{num_candidates} candidates"
        )
