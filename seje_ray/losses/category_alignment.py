"""Category alignment: both embeddings of a pair tell its category. C categories, B pairs."""

import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.losses.pairs import BACKGROUND


def category_weights(category_ids: Tensor, background_weight: float) -> Tensor:
    """Weight of each pair: 1, or ``background_weight`` where it has no category.

    Args:
        category_ids: Any shape; 0 is background.
        background_weight: >= 0.

    Returns:
        float32, shape of ``category_ids``.
    """
    ones = torch.ones(category_ids.shape, device=category_ids.device)
    return ones.masked_fill(category_ids == BACKGROUND, background_weight)


def category_alignment(
    image_logits: Tensor,
    recipe_logits: Tensor,
    category_ids: Tensor,
    *,
    background_weight: float,
    weight_sum: Tensor,
) -> Tensor:
    """Weighted cross entropy of the image branch plus that of the recipe branch.

    Args:
        image_logits: Shape (B, C), unbounded.
        recipe_logits: Shape (B, C), unbounded.
        category_ids: Shape (B,), in 0..C-1; 0 is background.
        background_weight: >= 0, weight of background pairs.
        weight_sum: What the weighted sums are divided by, >= 0: the sum of the weights on one
            worker, their global sum / W on each of W. Where it is 0 the loss is 0.

    Returns:
        Scalar tensor, >= 0.

    Raises:
        ValueError: If shapes do not fit.

    Source: docs/method.md, rule 5.4.
    """
    if image_logits.shape != recipe_logits.shape or len(image_logits) != len(category_ids):
        raise ValueError(
            "expected logits (B, C) twice and B category ids, got "
            f"{tuple(image_logits.shape)}, {tuple(recipe_logits.shape)} and {len(category_ids)}"
        )
    weights = category_weights(category_ids, background_weight)
    ids = category_ids.long()
    image_entropies = F.cross_entropy(image_logits, ids, reduction="none")
    recipe_entropies = F.cross_entropy(recipe_logits, ids, reduction="none")
    total = (weights * (image_entropies + recipe_entropies)).sum()
    return total / torch.where(weight_sum > 0, weight_sum, 1.0)
