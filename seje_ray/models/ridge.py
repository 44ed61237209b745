"""Ridge regression from photos to words, beside what is learnt.

Letters: B rows, F pooled features, L dimensions of the lexical bag, D learnt dimensions.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MIN_NORM = 1e-6  # a shorter row is divided by this: a zero row stays zero


class RidgeMap(nn.Module):
    """A fixed map from pooled features to the lexical bag of their recipe -> unit rows.

    Args:
        feature_dim: F.
        dim: L.

    Source: docs/method.md, rule 4.10.
    """

    def __init__(self, feature_dim: int, dim: int) -> None:
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor
        self.register_buffer("weight", torch.zeros(dim, feature_dim))
        self.register_buffer("bias", torch.zeros(dim))

    def forward(self, features: Tensor) -> Tensor:
        """Unit rows (B, L) of features (B, F)."""
        with torch.autocast(features.device.type, enabled=False):  # bf16 has too few digits here
            return bag_rows(F.linear(features.float(), self.weight, self.bias))


def bag_rows(rows: Tensor) -> Tensor:
    """The other side of ``RidgeMap``: lexical bags (B, L) as unit rows."""
    return F.normalize(rows.float(), dim=1, eps=MIN_NORM)


def beside_ridge(learnt: Tensor, ridge: Tensor, share: float) -> Tensor:
    """Unit rows (B, D) and (B, L) as unit rows (B, D + L).

    The scalar product of two is that of the learnt rows and that of ridge's, the latter with a
    weight of ``share`` in (0, 1).
    """
    return torch.cat([(1 - share) ** 0.5 * learnt.float(), share**0.5 * ridge], dim=1)


def learnt_part(rows: Tensor, dim: int) -> Tensor:
    """The learnt unit rows (B, D) of embeddings, with ridge beside them or without."""
    return rows if rows.shape[1] == dim else F.normalize(rows[:, :dim], dim=1, eps=MIN_NORM)
