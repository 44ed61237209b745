"""Nearest neighbours of one query. Shapes: N gallery items, D dimensions."""

import torch

from seje_ray.retrieval.ranking import RetrievalError, Rows


def nearest(query: Rows, gallery: Rows, num_results: int) -> list[tuple[int, float]]:
    """Row numbers and similarities of the nearest gallery items, nearest first.

    Equally near items come in row order.

    Args:
        query: Unit vector, shape (D,).
        gallery: Unit rows, shape (N, D).
        num_results: >= 1; cut to N.

    Returns:
        (row, cosine similarity in [-1, 1]) of each result.

    Raises:
        RetrievalError: If a similarity is not finite.
        ValueError: If the shapes do not fit, or ``num_results < 1``.
    """
    vector, rows = torch.as_tensor(query), torch.as_tensor(gallery)
    if vector.ndim != 1 or rows.ndim != 2 or rows.shape[1] != len(vector):
        raise ValueError(
            "query must be (D,) and gallery (N, D), got "
            f"{tuple(vector.shape)} and {tuple(rows.shape)}"
        )
    if num_results < 1:
        raise ValueError(f"num_results must be >= 1, got {num_results}")
    similarities = (rows.double() @ vector.double()).float()
    if not similarities.isfinite().all():
        raise RetrievalError("the query or an item of the gallery has a number that is not finite")
    order = torch.argsort(similarities, descending=True, stable=True)[:num_results]
    return [(int(row), float(similarities[row])) for row in order]
