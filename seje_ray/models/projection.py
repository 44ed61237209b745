"""The last layers of both branches: into the joint space, onto the unit sphere."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seje_ray.models.needless_bias import BiasAndNorm, accept_biases

SLOPE = 0.02  # of LeakyReLU: docs/method.md, rules 4.1 and 4.2
MIN_NORM = 1e-6  # a shorter row is divided by this: a zero row stays zero


class Projection(nn.Module):
    """Linear -> BatchNorm -> LeakyReLU -> unit rows.

    Args:
        input_dim: Features per row.
        embedding_dim: D.
        dropout: In [0, 1), of the features.

    Source: docs/method.md, rules 4.1 and 4.2.
    """

    def __init__(self, input_dim: int, embedding_dim: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(input_dim, embedding_dim, bias=False)  # the norm's own is enough
        self.norm = nn.BatchNorm1d(embedding_dim)
        accept_biases(self, [BiasAndNorm("linear", "norm")])  # of older checkpoints

    def forward(self, features: Tensor) -> Tensor:
        """Turn features (B, input_dim) into unit rows (B, D), of float32 or more."""
        rows = F.leaky_relu(self.norm(self.linear(self.dropout(features))), SLOPE)
        rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
        return F.normalize(rows, dim=1, eps=MIN_NORM)
