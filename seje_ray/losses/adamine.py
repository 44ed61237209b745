"""AdaMine: triplets of pairs and triplets of categories, averaged over those that still cost.

A triplet costs ``max(0, d(a, p) - d(a, n) + m)``, d the cosine distance. An anchor's *instance
triplets* are its own pair with every other candidate. Its *semantic triplets* are every other
candidate of its category with every candidate of another category; background (category 0) has no
category and takes no part in them. Each of the two terms is the sum over the global batch divided
by the number of triplets that are not 0, and is 0 if there is none.

Source: Carvalho et al. 2018 (arXiv:1804.11146), the losses and the adaptive mining. Their code
takes one semantic positive for each anchor, and equally many negatives for all; here every one is
taken. Letters: ``pairs``.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.losses.distances import cosine_distances, pairwise_distances
from seje_ray.losses.mining import same_category
from seje_ray.losses.pairs import BACKGROUND, GlobalPairs
from seje_ray.losses.pools import MiningPools
from seje_ray.losses.row_parts import of_each_part, row_parts


def adamine(
    pairs: GlobalPairs,
    *,
    margin: float,
    semantic_weight: float,
    sum_counts: Callable[[Tensor], Tensor],
    mining_pool: int | None = None,
) -> Tensor:
    """Adaptive double-triplet loss of this worker's images and recipes.

    Args:
        pairs: What is compared.
        margin: m > 0, in cosine distance; AdaMine has 0.3.
        semantic_weight: lambda >= 0, of the semantic term.
        sum_counts: Turns this worker's counts of triplets, shape (2,) int64, into those of the
            global batch; called once.
        mining_pool: Most candidates of an anchor, >= 3; None for the global batch.

    Returns:
        Scalar tensor, >= 0: this worker's part of the loss times M / B. NaN if an embedding of
        this worker is NaN.

    Raises:
        ValueError: If ``mining_pool`` is less than 3.
    """

    def of_rows(part: GlobalPairs) -> tuple[Tensor, Tensor]:
        """Sum and number of the triplets of both terms that are not 0, (2,) each."""
        pools = part.pools(mining_pool)
        is_positive, is_negative = _semantic_roles(part, pools)
        sums, counts = [], []
        for anchors, candidates in part.directions:
            distances = cosine_distances(pools.compare(pairwise_distances, anchors, candidates))
            terms = (
                _instance_triplets(distances, pools, margin),
                _semantic_triplets(distances, is_positive, is_negative, margin),
            )
            sums.append(torch.stack([total for total, _ in terms]))
            counts.append(torch.stack([number for _, number in terms]))
        return torch.stack(sums).sum(dim=0), torch.stack(counts).sum(dim=0)

    found = of_each_part(of_rows, row_parts(pairs, mining_pool), twice=True)
    sums, counts = (torch.stack(one).sum(dim=0) for one in zip(*found, strict=True))
    means = sums / sum_counts(counts).clamp(min=1)  # counts of the global batch
    num_candidates = len(pairs.image_candidates)
    return (means[0] + semantic_weight * means[1]) * (num_candidates / len(pairs.images))


def _semantic_roles(pairs: GlobalPairs, pools: MiningPools) -> tuple[Tensor, Tensor]:
    """Masks of each anchor's semantic positives and semantic negatives, (B, L) bool."""
    is_same = same_category(pairs, pools)
    has_category = (pairs.categories != BACKGROUND)[:, None]
    has_category = has_category & (pools.values(pairs.candidate_categories) != BACKGROUND)
    return is_same & ~pools.excluded, has_category & ~is_same & ~pools.excluded


def _instance_triplets(
    distances: Tensor, pools: MiningPools, margin: float
) -> tuple[Tensor, Tensor]:
    """Sum of the hinges of own pair against all others, and how many are not 0."""
    hinges = F.relu(pools.own(distances)[:, None] + margin - distances)
    hinges = hinges.masked_fill(pools.excluded, 0.0)
    return hinges.sum(), hinges.count_nonzero()


def _semantic_triplets(
    distances: Tensor, is_positive: Tensor, is_negative: Tensor, margin: float
) -> tuple[Tensor, Tensor]:
    """Sum of the hinges of all positives against all negatives, and how many are not 0.

    Sorted rows tell for each positive how many negatives are within its margin, and for each
    negative how many positives reach it, so (B, L) is all that is held of L x L triplets.
    """
    reaches = distances + margin
    with torch.no_grad():
        negatives = distances.masked_fill(~is_negative, torch.inf).sort(dim=1).values
        positives = reaches.masked_fill(~is_positive, -torch.inf).sort(dim=1).values
        num_within = torch.searchsorted(negatives, reaches.contiguous())
        num_nearer = torch.searchsorted(positives, distances.contiguous(), right=True)
        num_reaching = positives.shape[1] - num_nearer
    costs = torch.where(is_positive, num_within * reaches, 0.0)
    gains = torch.where(is_negative, num_reaching * distances, 0.0)
    return costs.sum() - gains.sum(), (num_within * is_positive).sum()
