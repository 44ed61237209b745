"""InfoNCE: name the own pair among the candidates, as a classification. Letters: ``pairs``."""

import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.losses.distances import pairwise_cosines
from seje_ray.losses.pairs import GlobalPairs
from seje_ray.losses.row_parts import mean_over_rows


def info_nce(
    pairs: GlobalPairs,
    *,
    logit_scale: Tensor,
    mining_pool: int | None = None,
) -> Tensor:
    """Symmetric cross entropy of the own pair among the cross-modal candidates.

    ``mean_a -log(exp(s cos(a, p)) / sum_c exp(s cos(a, c)))``

    Args:
        pairs: What is compared.
        logit_scale: s > 0, scalar tensor: one over the temperature. Gets a gradient.
        mining_pool: Most candidates of an anchor, >= 3; None for the global batch.

    Returns:
        Scalar tensor, >= 0, the mean over the 2B anchors; log L in a collapsed model.

    Raises:
        ValueError: If ``mining_pool`` is less than 3.

    Source: Radford et al. 2021 (CLIP, arXiv:2103.00020), section 2.3 and figure 3.
    """

    def of_rows(part: GlobalPairs) -> Tensor:
        pools = part.pools(mining_pool)
        losses = []
        for anchors, candidates in part.directions:
            logits = logit_scale * pools.compare(pairwise_cosines, anchors, candidates)  # (B, L)
            logits = logits.masked_fill(pools.is_padding, -torch.inf)
            losses.append(F.cross_entropy(logits, pools.own_columns))
        return torch.stack(losses).mean()

    return mean_over_rows(of_rows, pairs, mining_pool, twice=True)
