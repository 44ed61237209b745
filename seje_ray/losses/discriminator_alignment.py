"""Discriminator alignment: image and recipe embeddings become one distribution.

The discriminator scores images (real) above recipes (fake); the recipe side is trained to get
images' scores. Scores are unbounded. Letters: B pairs, D dimensions.

Source: docs/method.md, rule 5.5.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def wgan_alignment(recipe_scores: Tensor) -> Tensor:
    """Loss of the recipe side against a Wasserstein discriminator.

    Args:
        recipe_scores: Scores of recipe embeddings, shape (B,), unbounded.

    Returns:
        Scalar tensor, minus the mean score, unbounded.
    """
    return -recipe_scores.mean()


def wgan_discriminator_loss(
    discriminator: Callable[[Tensor], Tensor],
    images: Tensor,
    recipes: Tensor,
    *,
    mix: Tensor,
    penalty_weight: float,
) -> Tensor:
    """Loss of a Wasserstein discriminator, gradient penalty included.

    The penalty is the mean of (norm of the score's gradient - 1) squared, at one point on the
    line between each image and its recipe.

    Args:
        discriminator: From (B, D) to scores (B,); each row on its own.
        images: Image embeddings, shape (B, D).
        recipes: Recipe embeddings, shape (B, D).
        mix: Share of the image in each point, in [0, 1], shape (B, 1).
        penalty_weight: >= 0; the paper has 10.

    Returns:
        Scalar tensor, unbounded, differentiable in the discriminator's parameters.

    Source: docs/method.md, rule 5.5; Gulrajani et al. 2017 (arXiv:1704.00028).
    """
    points = (mix * images + (1 - mix) * recipes).detach().requires_grad_(True)
    (slopes,) = torch.autograd.grad(discriminator(points).sum(), points, create_graph=True)
    penalty = (torch.linalg.vector_norm(slopes, dim=1) - 1).square().mean()
    difference = discriminator(recipes).mean() - discriminator(images).mean()
    loss: Tensor = difference + penalty_weight * penalty
    return loss


def bce_alignment(recipe_scores: Tensor) -> Tensor:
    """Loss of the recipe side against a classifier: it should be taken for images.

    Args:
        recipe_scores: Logits of recipe embeddings, shape (B,), unbounded.

    Returns:
        Scalar tensor, >= 0.
    """
    return F.softplus(-recipe_scores).mean()


def bce_discriminator_loss(image_scores: Tensor, recipe_scores: Tensor) -> Tensor:
    """Loss of a classifying discriminator: the cross entropies of both sides, added.

    Args:
        image_scores: Logits of image embeddings, shape (B,), unbounded.
        recipe_scores: Logits of recipe embeddings, shape (B,), unbounded.

    Returns:
        Scalar tensor, >= 0; 2 log 2 where it cannot tell.
    """
    return F.softplus(-image_scores).mean() + F.softplus(recipe_scores).mean()
