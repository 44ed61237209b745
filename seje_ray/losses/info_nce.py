"""InfoNCE: name the own pair among the candidates, as a classification.

Letters: B pairs of this worker, M pairs of the global batch, D dimensions, L candidates of an
anchor.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.losses.distances import pairwise_cosines
from seje_ray.losses.pools import MiningPools


def info_nce(
    images: Tensor,
    recipes: Tensor,
    image_candidates: Tensor,
    recipe_candidates: Tensor,
    *,
    first_candidate: int,
    logit_scale: Tensor,
    mining_pool: int | None = None,
) -> Tensor:
    r"""Symmetric cross entropy of the own pair among the cross-modal candidates.

    .. math:: \operatorname{mean}_a -\log \frac{e^{s \cos(a, p)}}{\sum_c e^{s \cos(a, c)}}

    Args:
        images: Unit rows of this worker, shape (B, D).
        recipes: Unit rows of this worker, shape (B, D); row i is the pair of image i.
        image_candidates: Unit rows of the global batch, shape (M, D).
        recipe_candidates: Unit rows of the global batch, shape (M, D).
        first_candidate: Candidates ``first_candidate`` .. ``+ B`` are this worker's rows.
        logit_scale: s > 0, scalar tensor: one over the temperature. Gets a gradient.
        mining_pool: Most candidates of an anchor, see ``pools``; None for the global batch.

    Returns:
        Scalar tensor, >= 0, the mean over the 2B anchors; log L in a collapsed model.

    Raises:
        ValueError: If shapes do not fit or ``M < 2``.

    Source: Radford et al. 2021 (CLIP, arXiv:2103.00020), section 2.3 and figure 3.
    """
    pools = MiningPools.of(
        images,
        recipes,
        image_candidates,
        recipe_candidates,
        first_candidate=first_candidate,
        mining_pool=mining_pool,
    )
    losses = []
    for anchors, candidates in ((images, recipe_candidates), (recipes, image_candidates)):
        logits = logit_scale * pools.compare(pairwise_cosines, anchors, candidates)  # (B, L)
        logits = logits.masked_fill(pools.is_padding, -torch.inf)
        losses.append(F.cross_entropy(logits, pools.own_columns))
    return torch.stack(losses).mean()
