"""The parts of the training objective, and their sum."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class ObjectiveParts:
    """Scalar tensors; only ``total`` is meant for ``backward``."""

    total: Tensor
    retrieval: Tensor  # >= 0; the loss of loss.kind: SEJE's is L_TRI
    category_alignment: Tensor  # >= 0
    discriminator_alignment: Tensor  # unbounded


def combine(
    retrieval: Tensor,
    category_alignment: Tensor,
    discriminator_alignment: Tensor,
    *,
    category_weight: float,
    discriminator_weight: float,
) -> ObjectiveParts:
    """Weigh and add the parts.

    Args:
        retrieval: L_TRI, or what stands in its place.
        category_alignment: L_CA, both cross entropies.
        discriminator_alignment: L_DA of the recipe side.
        category_weight: lambda 1 >= 0.
        discriminator_weight: lambda 2 >= 0.

    Returns:
        The parts, unweighted, and ``total = L_TRI + lambda1 L_CA + lambda2 L_DA``.

    Source: docs/method.md, rule 5.1.
    """
    total = (
        retrieval
        + category_weight * category_alignment
        + discriminator_weight * discriminator_alignment
    )
    return ObjectiveParts(total, retrieval, category_alignment, discriminator_alignment)
