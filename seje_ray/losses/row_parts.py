"""Losses of many pairs, a part of this worker's rows at a time. Letters: ``pairs``.

A worker holds its own B rows against all M candidates, never M x M numbers. Where B x L is much,
these are taken in parts: the more rows, the more parts, and what is held at once stays as it is.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from seje_ray.losses.pairs import GlobalPairs

MOST_NUMBERS = 2**22  # of a matrix (rows, L): 16 MB in float32, all rows of a batch of 2,048
Result = TypeVar("Result")


def row_parts(pairs: GlobalPairs, mining_pool: int | None = None) -> list[GlobalPairs]:
    """This worker's rows in parts of nearly equal size, one after another; all if they are few.

    Args:
        pairs: What is compared.
        mining_pool: Most candidates of an anchor; None for the global batch.
    """
    num_pairs, num_seen = len(pairs.images), len(pairs.image_candidates)
    if mining_pool is not None:
        num_seen = min(num_seen, mining_pool)
    num_parts = min(num_pairs, -(-num_pairs * num_seen // MOST_NUMBERS))
    if num_parts == 1:
        return [pairs]
    rows = zip(
        pairs.images.tensor_split(num_parts),
        pairs.recipes.tensor_split(num_parts),
        pairs.categories.tensor_split(num_parts),
        strict=True,
    )
    parts, first = [], pairs.first_candidate
    for images, recipes, categories in rows:
        candidates = (pairs.image_candidates, pairs.recipe_candidates)
        known = pairs.candidate_categories
        parts.append(GlobalPairs(images, recipes, *candidates, categories, known, first))
        first += len(images)
    return parts


def of_each_part(
    loss: Callable[[GlobalPairs], Result], parts: list[GlobalPairs], *, twice: bool
) -> list[Result]:
    """What ``loss`` gives for each part.

    Args:
        loss: Of tensors, all that need a gradient.
        parts: From ``row_parts``.
        twice: Compute the matrices of a part again for its gradient, where there are several,
            and do not hold them until then; for a loss whose gradient goes through all of them.
    """
    if len(parts) == 1 or not twice:
        return [loss(part) for part in parts]
    return [checkpoint(loss, part, use_reentrant=False, preserve_rng_state=False) for part in parts]


def mean_over_rows(
    loss: Callable[[GlobalPairs], Tensor],
    pairs: GlobalPairs,
    mining_pool: int | None = None,
    *,
    twice: bool = False,
) -> Tensor:
    """A loss that is a mean over anchors, from its parts; arguments as for those."""
    parts = row_parts(pairs, mining_pool)
    means = torch.stack(of_each_part(loss, parts, twice=twice))
    if len(parts) == 1:
        return means[0]
    weights = [len(part.images) / len(pairs.images) for part in parts]
    return (means * means.new_tensor(weights)).sum()
