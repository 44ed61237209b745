"""Pairwise cosine loss: pairs that match come together, drawn ones that do not come apart.

Letters: B pairs of this worker, M pairs of the global batch, D dimensions.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.losses.pools import require_pairs


def draw_partners(num_pairs: int, positive_share: float, generator: torch.Generator) -> Tensor:
    """Which pair of the global batch each pair is compared with, (M,) int64.

    Args:
        num_pairs: M >= 2.
        positive_share: In [0, 1], probability of its own; im2recipe has 0.2. Each of the others
            is as probable as another.
        generator: On the CPU.

    Source: Salvador et al. 2017 (im2recipe), training.
    """
    is_positive = torch.rand(num_pairs, generator=generator) < positive_share
    own = torch.arange(num_pairs)
    others = torch.randint(0, num_pairs - 1, (num_pairs,), generator=generator)
    return torch.where(is_positive, own, others + (others >= own))


def pairwise_cosine(
    images: Tensor,
    recipes: Tensor,
    image_candidates: Tensor,
    recipe_candidates: Tensor,
    *,
    first_candidate: int,
    partners: Tensor,
    margin: float,
) -> Tensor:
    r"""Cosine embedding loss of this worker's images and recipes with their partners.

    Image i is compared with recipe ``partners[i]`` and recipe i with image ``partners[i]``; a
    comparison costs :math:`1 - \cos` where the two are one pair, else
    :math:`\max(0, \cos - m)`.

    Args:
        images: Unit rows of this worker, shape (B, D).
        recipes: Unit rows of this worker, shape (B, D); row i is the pair of image i.
        image_candidates: Unit rows of the global batch, shape (M, D).
        recipe_candidates: Unit rows of the global batch, shape (M, D).
        first_candidate: Candidates ``first_candidate`` .. ``+ B`` are this worker's rows.
        partners: Rows of the global batch for each of its rows, shape (M,), int64.
        margin: m in [-1, 1], in cosine similarity; im2recipe has 0.1.

    Returns:
        Scalar tensor, >= 0, the mean over the 2B comparisons.

    Raises:
        ValueError: If shapes do not fit.

    Source: Salvador et al. 2017 (im2recipe), the joint loss; they draw an image for each recipe,
    here a drawn pair serves both directions, so that neither modality is special.
    """
    require_pairs(images, recipes, image_candidates, recipe_candidates, first_candidate)
    if partners.shape != image_candidates.shape[:1]:
        raise ValueError(f"expected {len(image_candidates)} partners, got {tuple(partners.shape)}")
    own = torch.arange(first_candidate, first_candidate + len(images), device=images.device)
    chosen = partners.to(images.device)[own]
    losses = []
    for anchors, candidates in ((images, recipe_candidates), (recipes, image_candidates)):
        cosines = (anchors * candidates[chosen]).sum(dim=1)
        losses.append(torch.where(chosen == own, 1 - cosines, F.relu(cosines - margin)))
    return torch.stack(losses).mean()
