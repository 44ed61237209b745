"""Distances and similarities of embeddings.

Letters: B anchors, M candidates, D dimensions, G groups.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def pairwise_distances(anchors: Tensor, candidates: Tensor) -> Tensor:
    """Distance of each anchor to each candidate, (B, M), in [0, 2] for unit rows.

    Differences are taken row by row, not by way of a matrix product: near-equal rows keep their
    digits, and an entry does not depend on which other rows are asked for, so that workers
    that hold different anchors pick the same negatives as one worker with all of them. The
    gradient, 0 at distance 0, is a matrix product and holds no (B, M, D) differences.

    Args:
        anchors: Shape (B, D), or (G, B, D) for G groups, each compared within itself.
        candidates: Shape (M, D), or (G, M, D); same dtype and device.

    Returns:
        Shape (B, M), or (G, B, M).

    Raises:
        ValueError: If the rows have different dimensions, or there are not as many groups.
    """
    both = (anchors.ndim, candidates.ndim)
    if both not in ((2, 2), (3, 3)) or anchors.shape[-1] != candidates.shape[-1]:
        raise ValueError(
            "anchors must be (B, D) and candidates (M, D), got "
            f"{tuple(anchors.shape)} and {tuple(candidates.shape)}"
        )
    if anchors.shape[:-2] != candidates.shape[:-2]:
        raise ValueError(f"{len(anchors)} groups of anchors, {len(candidates)} of candidates")
    distances: Tensor = _PairwiseDistances.apply(anchors, candidates)
    return distances


class _PairwiseDistances(torch.autograd.Function):
    """torch.cdist; its own backward pass holds all differences where it runs on CUDA."""

    @staticmethod
    def forward(ctx: Any, anchors: Tensor, candidates: Tensor) -> Tensor:
        mode = "donot_use_mm_for_euclid_dist"
        distances = torch.cdist(anchors, candidates, compute_mode=mode)
        ctx.save_for_backward(anchors, candidates, distances)
        return distances

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        # d |a - c| / da = (a - c) / |a - c|
        anchors, candidates, distances = ctx.saved_tensors
        weights = (grads[0] / distances).masked_fill(distances == 0, 0.0)
        to_anchors = weights.sum(-1, keepdim=True) * anchors - weights @ candidates
        to_candidates = weights.sum(-2)[..., None] * candidates - weights.mT @ anchors
        return to_anchors, to_candidates


def pairwise_cosines(anchors: Tensor, candidates: Tensor) -> Tensor:
    """Cosine similarity of unit rows, shapes as in ``pairwise_distances``: a matrix product.

    Its last digits depend on how many rows there are, so it is for losses that choose nothing.
    """
    return anchors @ candidates.mT


def cosine_distances(distances: Tensor) -> Tensor:
    """Cosine distance ``1 - cos`` of unit rows from their Euclidean one: its square / 2.

    Args:
        distances: In [0, 2], any shape.

    Returns:
        In [0, 2], the same shape.
    """
    return distances.square() / 2


def row_distances(rows: Tensor, others: Tensor) -> Tensor:
    """Distance of row ``i`` to row ``i``, (B,); its gradient at distance 0 is 0, not NaN.

    Args:
        rows: Shape (B, D).
        others: Shape (B, D), same dtype and device.

    Raises:
        ValueError: If the shapes differ.
    """
    if rows.shape != others.shape or rows.ndim != 2:
        raise ValueError(f"both must be (B, D), got {tuple(rows.shape)} and {tuple(others.shape)}")
    distances: Tensor = torch.linalg.vector_norm(rows - others, dim=1)
    return distances
