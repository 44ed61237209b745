"""Pairwise cosine loss: pairs that match come together, drawn ones that do not come apart.

Letters: ``pairs``.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seje_ray.losses.pairs import GlobalPairs


def draw_partners(num_pairs: int, positive_share: float, generator: torch.Generator) -> Tensor:
    """The pair of the global batch that each pair is compared with, (M,) int64.

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
    pairs: GlobalPairs,
    *,
    partners: Tensor,
    margin: float,
) -> Tensor:
    """Cosine embedding loss of images and recipes with their partners.

    Image i is compared with recipe ``partners[i]`` and recipe i with image ``partners[i]``; a
    comparison costs ``1 - cos`` if the two are one pair, and otherwise
    ``max(0, cos - m)``.

    Args:
        pairs: What is compared.
        partners: Rows of the global batch for each of its rows, shape (M,), int64.
        margin: m in [-1, 1], in cosine similarity; im2recipe has 0.1.

    Returns:
        Scalar tensor, >= 0, the mean over the 2B comparisons.

    Raises:
        ValueError: If there are not M partners.

    Source: Salvador et al. 2017 (im2recipe), the joint loss; they draw an image for each recipe,
    here a drawn pair serves both directions, so that neither modality is special.
    """
    num_candidates, device = len(pairs.image_candidates), pairs.images.device
    if partners.shape != (num_candidates,):
        raise ValueError(f"expected {num_candidates} partners, got {tuple(partners.shape)}")
    first = pairs.first_candidate
    own = torch.arange(first, first + len(pairs.images), device=device)
    chosen = partners.to(device)[own]
    losses = []
    for anchors, candidates in pairs.directions:
        cosines = (anchors * candidates[chosen]).sum(dim=1)
        losses.append(torch.where(chosen == own, 1 - cosines, F.relu(cosines - margin)))
    return torch.stack(losses).mean()
