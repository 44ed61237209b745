"""Hubs: rows that are near to everything, and so found for everybody; and a correction for them.

Letters: N rows, M rows of the bank, D dimensions.
"""

import torch
from torch import Tensor

EXTRA_DIMS = 4  # that a corrected row has beyond its own
CHUNK = 1024  # rows that are compared with the bank at once


def hubness(rows: Tensor, bank: Tensor, num_neighbours: int) -> Tensor:
    """Mean cosine of each row with its nearest rows of the other kind's bank, (N,) float32.

    Args:
        rows: Unit rows, (N, D).
        bank: Unit rows of the other modality, (M, D), M >= 1: train pairs, never the gallery.
        num_neighbours: k >= 1; cut to M.

    Source: Conneau et al. 2018 (CSLS, arXiv:1710.04087), section 2.3.
    """
    k = min(num_neighbours, len(bank))
    parts = [
        torch.topk(part @ bank.T, k, dim=1).values.mean(dim=1) for part in torch.split(rows, CHUNK)
    ]
    return torch.cat(parts)


def corrected_pairs(
    images: Tensor,
    recipes: Tensor,
    bank: tuple[Tensor, Tensor],
    *,
    weight: float,
    num_neighbours: int,
) -> tuple[Tensor, Tensor]:
    """Image and recipe rows (N, D + 4) of pairs, corrected by a bank.

    Args:
        images: Unit rows, (N, D).
        recipes: Unit rows, (N, D).
        bank: Image rows and recipe rows of train pairs.
        weight: >= 0, of both hubnesses.
        num_neighbours: That each is a mean of.

    Source: docs/method.md, rule 10.17.
    """
    image_bank, recipe_bank = bank
    return (
        corrected_images(images, hubness(images, recipe_bank, num_neighbours), weight),
        corrected_recipes(recipes, hubness(recipes, image_bank, num_neighbours), weight),
    )


def corrected_images(images: Tensor, hubs: Tensor | None, weight: float) -> Tensor:
    """Unit image rows whose cosine with ``corrected_recipes`` ranks as the corrected similarity.

    ``cos' = (cos(x, y) - weight * (hub(x) + hub(y))) / (2 + weight^2)``

    Args:
        images: Unit rows x, (N, D).
        hubs: (N,), of ``hubness``; None for queries alone: what is the same for all items of a
            gallery changes no rank.
        weight: >= 0.

    Returns:
        Shape (N, D + 4).
    """
    one, hub, rest = _numbers(images, hubs, weight)
    zero = torch.zeros_like(one)
    return _unit(torch.cat([images, one, hub, rest, zero], dim=1), weight)


def corrected_recipes(recipes: Tensor, hubs: Tensor | None, weight: float) -> Tensor:
    """Unit recipe rows; as ``corrected_images``, which see."""
    one, hub, rest = _numbers(recipes, hubs, weight)
    zero = torch.zeros_like(one)
    return _unit(torch.cat([recipes, hub, one, zero, rest], dim=1), weight)


def plain_cosine(one: Tensor, other: Tensor, weight: float) -> float:
    """Cosine of two unit vectors (D,) of which the corrected rows (D + 4,) are given.

    Args:
        one: A row of ``corrected_images`` or ``corrected_recipes``.
        other: Likewise.
        weight: That both were corrected by.
    """
    length = 2 + weight**2
    return float(one[:-EXTRA_DIMS].double() @ other[:-EXTRA_DIMS].double()) * length


def _numbers(rows: Tensor, hubs: Tensor | None, weight: float) -> tuple[Tensor, Tensor, Tensor]:
    """Columns (N, 1): ones, the correction, and what makes all rows equally long."""
    hub = torch.zeros(len(rows)) if hubs is None else hubs.clamp(-1, 1)
    rest = weight * (1 - hub.square()).sqrt()
    return rows.new_ones(len(rows), 1), (-weight * hub)[:, None].to(rows), rest[:, None].to(rows)


def _unit(rows: Tensor, weight: float) -> Tensor:
    length: float = (2 + weight**2) ** 0.5
    return rows / length
