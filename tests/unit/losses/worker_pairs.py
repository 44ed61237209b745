"""Global pairs from two matrices."""

import torch
from torch import Tensor

from seje_ray.losses.pairs import BACKGROUND, GlobalPairs


def pairs_of(
    images: Tensor,
    recipes: Tensor,
    categories: Tensor | None = None,
    own: slice = slice(None),
) -> GlobalPairs:
    """What the worker compares that holds the rows ``own`` of a global batch."""
    ids = torch.full((len(images),), BACKGROUND) if categories is None else categories
    first = own.start or 0
    return GlobalPairs(images[own], recipes[own], images, recipes, ids[own], ids, first)
