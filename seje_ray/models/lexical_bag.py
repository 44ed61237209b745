"""The lexical bag as a part of the recipe side.

Letters: B recipes, K terms of the longest, V terms, L dimensions of a term's vector.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seje_ray.distributed.dropout import PaddedDropout
from seje_ray.models.ridge import MIN_NORM

SIZE = 0.05  # root mean square of the numbers that learning begins with; Adam's steps have one size


class LexicalBag(nn.Module):
    """Weighted sum of the vectors of a recipe's terms -> unit row -> standardised row.

    Args:
        num_terms: V.
        dim: L.
        is_learnt: Whether the vectors are trained; otherwise they stay as they begin.
        dropout: In [0, 1), share of a recipe's terms that a training step leaves out.

    Source: docs/method.md, rule 1.8.
    """

    def __init__(self, num_terms: int, dim: int, *, is_learnt: bool, dropout: float) -> None:
        super().__init__()
        self.output_dim = dim
        self.vectors: Tensor
        vectors = torch.zeros(num_terms, dim)
        if is_learnt:
            self.vectors = nn.Parameter(vectors)
        else:
            self.register_buffer("vectors", vectors)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(()))
        self.dropout = PaddedDropout(dropout)

    @torch.no_grad()
    def begin_with(self, vectors: Tensor, mean: Tensor, std: float) -> None:
        """Begin as what calibration found.

        Args:
            vectors: Shape (V, L); their common size does not matter, and is set to ``SIZE``.
            mean: Shape (L,), of unit rows.
            std: Of unit rows about their mean.
        """
        self.vectors.copy_(vectors * (SIZE / vectors.square().mean().sqrt()))
        self.mean.copy_(mean)
        self.std.fill_(std)

    def forward(self, terms: Tensor, weights: Tensor) -> Tensor:
        """Rows (B, L), near standardised over the train recipes.

        Args:
            terms: Numbers of terms, shape (B, K), int64.
            weights: Shape (B, K); 0 where a recipe has fewer terms.
        """
        kept = self.dropout(weights).to(self.vectors.dtype)
        rows = F.embedding_bag(terms, self.vectors, per_sample_weights=kept, mode="sum")
        return (F.normalize(rows, dim=1, eps=MIN_NORM) - self.mean) / self.std
