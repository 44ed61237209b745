"""Pairwise sigmoid loss: decide for each two on their own whether they are a pair.

Letters: ``pairs``.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.losses.distances import pairwise_cosines
from seje_ray.losses.pairs import GlobalPairs
from seje_ray.losses.row_parts import mean_over_rows


def pairwise_sigmoid(
    pairs: GlobalPairs,
    *,
    logit_scale: Tensor,
    logit_bias: Tensor,
    mining_pool: int | None = None,
) -> Tensor:
    """Sum over the candidates of an anchor of a logistic loss, pair or no pair.

    ``mean_a sum_c log(1 + exp(-z_ac (s cos(a, c) + b)))``

    with z = 1 if c is the pair of a, otherwise -1.

    Args:
        pairs: What is compared.
        logit_scale: s > 0, scalar tensor: one over the temperature. Gets a gradient.
        logit_bias: b, scalar tensor. Gets a gradient.
        mining_pool: Most candidates of an anchor, >= 3; None for the global batch.

    Returns:
        Scalar tensor, >= 0, the mean over the 2B anchors. Over the global batch every two are
        met from both sides, so this is the loss of the source: their sum over images and
        recipes, divided by M.

    Raises:
        ValueError: If ``mining_pool`` is less than 3.

    Source: Zhai et al. 2023 (SigLIP, arXiv:2303.15343), section 3.2.
    """

    def of_rows(part: GlobalPairs) -> Tensor:
        pools = part.pools(mining_pool)
        losses = []
        for anchors, candidates in part.directions:
            cosines = pools.compare(pairwise_cosines, anchors, candidates)  # (B, L)
            logits = logit_scale * cosines + logit_bias
            costs = F.softplus(torch.where(pools.is_own, -logits, logits))
            losses.append(costs.masked_fill(pools.is_padding, 0.0).sum(dim=1))
        return torch.stack(losses).mean()

    return mean_over_rows(of_rows, pairs, mining_pool, twice=True)
