"""Ranks of the true matches of queries. Shapes: N pairs, D dimensions."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seje_ray.errors import SejeError

Rows = Tensor | np.ndarray


class RetrievalError(SejeError):
    """Embeddings cannot be ranked; says why."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Per query: how many gallery items lie before its true match, and how many beside it."""

    num_better: Tensor  # (N,) int64, items more similar than the true match
    num_tied: Tensor  # (N,) int64, other items exactly as similar

    @property
    def mid_ranks(self) -> Tensor:
        """1-based ranks (N,), float64; ties count half."""
        return 1 + self.num_better.double() + self.num_tied.double() / 2


def true_match_ranks(queries: Rows, gallery: Rows, *, block_size: int = 1024) -> Ranks:
    """Rank each query's true match by cosine similarity; row ``i`` matches row ``i``.

    Similarities are summed in float64 and compared in float32: a sum's last digits depend on
    where in a matrix product it stands, and equal embeddings must tie exactly.

    Args:
        queries: Unit rows, shape (N, D).
        gallery: Unit rows, shape (N, D).
        block_size: Queries ranked at a time, >= 1; memory is ``block_size * N`` similarities.

    Raises:
        RetrievalError: If an embedding is not finite (a NaN would rank first).
        ValueError: If the shapes differ.
    """
    queries, gallery = (torch.as_tensor(rows).double() for rows in (queries, gallery))
    if queries.shape != gallery.shape or queries.ndim != 2:
        raise ValueError(
            "queries and gallery must both be (N, D), got "
            f"{tuple(queries.shape)} and {tuple(gallery.shape)}"
        )
    num_broken = int((~(queries.isfinite() & gallery.isfinite()).all(dim=1)).sum())
    if num_broken:
        raise RetrievalError(
            f"{num_broken} of {len(queries)} pairs have an embedding that is not finite; "
            "the model diverged, train again with a lower train.learning_rate"
        )
    better, tied = [], []
    for start in range(0, len(queries), block_size):
        similarities = (queries[start : start + block_size] @ gallery.T).float()  # (b, N)
        own = torch.arange(start, start + len(similarities), device=similarities.device)
        match = similarities.gather(1, own[:, None])  # of the same product, so ties are exact
        better.append((similarities > match).sum(dim=1))
        tied.append((similarities == match).sum(dim=1) - 1)
    if not better:
        none = torch.empty(0, dtype=torch.int64)
        return Ranks(none, none)
    return Ranks(torch.cat(better), torch.cat(tied))
