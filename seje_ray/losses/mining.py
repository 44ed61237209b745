"""Choice of an anchor's negative among its candidates. Letters: ``pairs``."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from seje_ray.losses.distances import pairwise_distances, row_distances
from seje_ray.losses.pairs import BACKGROUND, GlobalPairs
from seje_ray.losses.pools import MiningPools

Negatives = Literal["instance", "category", "both"]
# from distances (B, L) and who is no negative, (B, L) bool, to a column (B,) of each anchor
Choice = Callable[[Tensor, Tensor], Tensor]


def same_category(pairs: GlobalPairs, pools: MiningPools) -> Tensor:
    """True where anchor and candidate have one category, (B, L) by the columns of ``pools``.

    Background recipes have no category in common, so they are the same as none, not even as
    each other.

    Source: docs/method.md, rule 5.3.
    """
    same = pairs.categories[:, None] == pools.values(pairs.candidate_categories)
    return same & (pairs.categories != BACKGROUND)[:, None]


def excluded_candidates(
    excluded: Tensor, is_same_category: Tensor, negatives: Negatives
) -> list[Tensor]:
    """Masks of candidates that are no negatives, (B, L) bool, one per set of negatives.

    Args:
        excluded: Shape (B, L), bool; what is never a negative, as the anchor's own pair.
        is_same_category: Shape (B, L), bool.
        negatives: "instance" for all others; "category" for those of another category, and for
            all others if there is none; "both" for the one and the other.

    Raises:
        ValueError: If ``negatives`` is unknown.

    Source: docs/method.md, rule 5.3.
    """
    if negatives not in get_args(Negatives):
        raise ValueError(f"negatives must be instance, category or both, got {negatives!r}")
    of_another = excluded | is_same_category
    has_none = of_another.all(dim=1, keepdim=True)
    of_another = torch.where(has_none, excluded, of_another)
    return {
        "instance": [excluded],
        "category": [of_another],
        "both": [excluded, of_another],
    }[negatives]


def set_weights(negatives: Negatives, category_share: float) -> list[float]:
    """Weight of the loss over each set of ``excluded_candidates``; their mean is 1.

    Args:
        negatives: As there.
        category_share: Of the loss over category negatives in the whole, in [0, 1]; unused but
            for "both".

    Raises:
        ValueError: If ``category_share`` is out of range.
    """
    if not 0 <= category_share <= 1:
        raise ValueError(f"category_share must be in [0, 1], got {category_share}")
    return [2 * (1 - category_share), 2 * category_share] if negatives == "both" else [1.0]


def hardest_negatives(distances: Tensor, excluded: Tensor) -> Tensor:
    """Index of each anchor's nearest candidate that is not excluded, (B,) int64.

    The first one of equally near ones; a NaN distance counts as nearest, so that it reaches
    the loss instead of being passed over.

    Args:
        distances: Shape (B, L).
        excluded: Shape (B, L), bool; at least one False in each row.
    """
    return distances.masked_fill(excluded, torch.inf).argmin(dim=1)


def semi_hard_negatives(distances: Tensor, positive_distances: Tensor, excluded: Tensor) -> Tensor:
    """Index of each anchor's nearest candidate beyond its positive, (B,) int64.

    Where no candidate is farther than the positive, the farthest one: the least hard of those
    that are harder than semi-hard. A NaN distance counts as that of the candidate to be taken.

    Args:
        distances: Shape (B, L).
        positive_distances: Shape (B,).
        excluded: Shape (B, L), bool; at least one False in each row.

    Source: Schroff et al. 2015 (arXiv:1503.03832), triplet selection, which does not say what an
    anchor without a semi-hard negative gets.
    """
    too_near = excluded | (distances <= positive_distances[:, None])
    has_none = too_near.all(dim=1)
    nearest_beyond = hardest_negatives(distances, too_near)
    return torch.where(has_none, hardest_negatives(-distances, excluded), nearest_beyond)


def mined_distances(
    anchors: Tensor,
    candidates: Tensor,
    pools: MiningPools,
    sets: Sequence[Tensor],
    choose: Choice = hardest_negatives,
) -> tuple[Tensor, list[Tensor]]:
    """d(a, p), and d(a, n) of the negative that is chosen in each set; (B,) each, with gradient.

    Args:
        anchors: Shape (B, D).
        candidates: Shape (M, D).
        pools: Which of them an anchor sees.
        sets: Who is no negative, shape (B, L), bool, as ``excluded_candidates`` gives it.
        choose: Which of the others is the negative.
    """
    with torch.no_grad():
        distances = pools.compare(pairwise_distances, anchors, candidates)  # (B, L)
    positives = row_distances(anchors, pools.own_rows(candidates))
    chosen = [pools.rows(choose(distances, excluded)) for excluded in sets]
    return positives, [row_distances(anchors, candidates[rows]) for rows in chosen]
