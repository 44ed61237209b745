"""f_term: the word vectors of a recipe's key terms, weighted by their scores.

Letters: K key terms, E word-vector dimensions.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from seje_ray.calibration.word_vectors import WordVectors

Normalisation = Literal["weighted_mean", "sum", "l2"]


def key_term_vector(
    key_terms: Sequence[str],
    scores: Sequence[float],
    word_vectors: WordVectors,
    *,
    normalisation: Normalisation = "weighted_mean",
) -> tuple[np.ndarray, int]:
    """Score-weighted word vector of the key terms.

    Args:
        key_terms: K terms.
        scores: One per term, >= 0.
        word_vectors: E dimensions each.
        normalisation: Divide the weighted sum by the sum of its weights, by nothing, or by its
            length.

    Returns:
        The vector, (E,) float32, zeros if every term is missing or every score is 0; and the
        number of terms without a word vector, which carry no weight.

    Source: docs/method.md, rule 1.6.
    """
    vectors = [word_vectors.vector(term) for term in key_terms]
    known = [
        (score, vector) for score, vector in zip(scores, vectors, strict=True) if vector is not None
    ]
    num_missing = len(vectors) - len(known)
    if not known:
        return np.zeros(word_vectors.dim, np.float32), num_missing
    weights = np.array([score for score, _ in known], np.float64)
    total = weights @ np.array([vector for _, vector in known], np.float64)
    divisor = {
        "weighted_mean": float(weights.sum()),
        "sum": 1.0,
        "l2": float(np.linalg.norm(total)),
    }[normalisation]
    return (total / divisor if divisor else total).astype(np.float32), num_missing
