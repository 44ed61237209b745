"""The last layers of both sides: from features to unit rows.

Letters: n rows, F features, D dimensions of the joint space.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

Weights = Mapping[str, Tensor]  # by name

SLOPE = 0.02  # of LeakyReLU
MIN_NORM = 1e-6  # a shorter row is divided by this: a zero row stays zero


def part(weights: Weights, name: str) -> dict[str, Tensor]:
    """Weights below ``name``, without it."""
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def unit_rows(kind: str, weights: Weights, features: Tensor) -> Tensor:
    """Unit rows (n, D) of features (n, F) by a head: projection, residual or published."""
    linear = weights["linear.weight"]
    if kind == "projection":
        rows = F.leaky_relu(_standardised(weights, F.linear(features, linear)), SLOPE)
    elif kind == "residual":
        num_raw = len(weights.get("norm.running_mean", ()))  # the rest comes standardised
        raw, ready = features.tensor_split([num_raw], dim=1)
        features = torch.cat([_standardised(weights, raw), ready], dim=1) if num_raw else ready
        hidden = F.gelu(F.linear(features, weights["mlp.1.weight"], weights["mlp.1.bias"]))
        added = F.linear(hidden, weights["mlp.4.weight"], weights["mlp.4.bias"])
        rows = F.linear(features, linear) + added
    else:
        rows = F.linear(features, linear)
    return F.normalize(rows, dim=1, eps=MIN_NORM)


def beside_ridge(share: float, rows: Tensor, ridge: Tensor) -> Tensor:
    """Unit rows (n, D), and those of a ridge regression (n, L) beside them: unit rows (n, D + L).

    Args:
        share: Of the similarity that is ridge's.
        rows: Of the head.
        ridge: Of any length.
    """
    unit = F.normalize(ridge, dim=1, eps=MIN_NORM)
    return torch.cat([(1 - share) ** 0.5 * rows, share**0.5 * unit], dim=1)


def _standardised(weights: Weights, rows: Tensor) -> Tensor:
    return F.batch_norm(
        rows,
        weights["norm.running_mean"],
        weights["norm.running_var"],
        weights.get("norm.weight"),
        weights.get("norm.bias"),
    )
