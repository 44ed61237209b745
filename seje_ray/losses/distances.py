"""Euclidean distances of embeddings. Shapes: B anchors, M candidates, D dimensions."""

import torch
from torch import Tensor


def pairwise_distances(anchors: Tensor, candidates: Tensor) -> Tensor:
    """Distance of each anchor to each candidate, (B, M), in [0, 2] for unit rows.

    Differences are taken row by row, not by way of a matrix product: near-equal rows keep their
    digits, and an entry does not depend on which other rows are asked for, so that workers
    that hold different anchors pick the same negatives as one worker with all of them.

    Args:
        anchors: Shape (B, D).
        candidates: Shape (M, D), same dtype and device.

    Raises:
        ValueError: If the rows have different dimensions.
    """
    if anchors.ndim != 2 or candidates.ndim != 2 or anchors.shape[1] != candidates.shape[1]:
        raise ValueError(
            "anchors must be (B, D) and candidates (M, D), got "
            f"{tuple(anchors.shape)} and {tuple(candidates.shape)}"
        )
    return torch.cdist(anchors, candidates, compute_mode="donot_use_mm_for_euclid_dist")


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
