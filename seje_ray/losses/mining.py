"""Which candidate is an anchor's hardest negative. Shapes: B anchors, M candidates."""

import torch
from torch import Tensor

BACKGROUND = 0  # category of recipes without one; never the same category as anything


def own_mask(num_anchors: int, num_candidates: int, first_candidate: int, like: Tensor) -> Tensor:
    """True where candidate ``j`` is anchor ``i``'s own pair, (B, M); on the device of ``like``."""
    anchor = torch.arange(num_anchors, device=like.device)[:, None]
    candidate = torch.arange(num_candidates, device=like.device)[None]
    return candidate == anchor + first_candidate


def same_category_mask(categories: Tensor, candidate_categories: Tensor) -> Tensor:
    """True where both have one category, (B, M).

    Background recipes have no category in common, so they are the same as none, not even as
    each other.

    Args:
        categories: Category ids of the anchors, shape (B,).
        candidate_categories: Category ids of the candidates, shape (M,).

    Source: METHOD 5, double negative sampling.
    """
    same = categories[:, None] == candidate_categories[None]
    return same & (categories != BACKGROUND)[:, None]


def hardest_negatives(distances: Tensor, excluded: Tensor) -> Tensor:
    """Index of each anchor's nearest candidate that is not excluded, (B,) int64.

    The first one of equally near ones; a NaN distance counts as nearest, so that it reaches
    the loss instead of being passed over.

    Args:
        distances: Shape (B, M).
        excluded: Shape (B, M), bool; at least one False in each row.
    """
    return distances.masked_fill(excluded, torch.inf).argmin(dim=1)


def category_negatives(distances: Tensor, is_own: Tensor, is_same_category: Tensor) -> Tensor:
    """Index of each anchor's nearest candidate of another category, (B,) int64.

    An anchor without any gets its hardest negative of all.

    Args:
        distances: Shape (B, M).
        is_own: Shape (B, M), bool; each anchor's own pair.
        is_same_category: Shape (B, M), bool.
    """
    excluded = is_own | is_same_category
    has_none = excluded.all(dim=1, keepdim=True)
    return hardest_negatives(distances, torch.where(has_none, is_own, excluded))
