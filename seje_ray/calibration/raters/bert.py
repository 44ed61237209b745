"""BERT: a term counts by how near its vector is to that of the whole recipe."""

from collections.abc import Callable, Sequence

import numpy as np

from seje_ray.calibration.entities import JOIN

MAX_CACHED_TERMS = 200_000  # vectors kept, of terms that come again and again
Encode = Callable[[Sequence[str]], np.ndarray]  # N texts -> unit vectors (N, H)


class BertRater:
    """Cosine of the vectors of term and recipe, negative ones clipped to 0.

    Args:
        encode: Gives unit vectors, such as ``TextModel.encode``.

    Source: docs/method.md, rule 1.4; KeyBERT's reading of the paper's "bert".
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._cached: dict[str, np.ndarray] = {}

    def rate_all(self, recipes: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[list[float]]:
        """One score in [0, 1] per key term of each recipe."""
        if not recipes:
            return []
        terms = self._vectors(dict.fromkeys(term for known, _ in recipes for term in known))
        texts = self._encode([" ".join(tokens).replace(JOIN, " ") for _, tokens in recipes])
        return [
            [max(0.0, float(terms[term] @ text)) for term in known]
            for (known, _), text in zip(recipes, texts, strict=True)
        ]

    def _vectors(self, terms: dict[str, None]) -> dict[str, np.ndarray]:
        """Vectors of terms; those that are new are computed together."""
        new = [term for term in terms if term not in self._cached]
        if len(self._cached) + len(new) > MAX_CACHED_TERMS:
            self._cached, new = {}, list(terms)
        if new:
            vectors = self._encode([term.replace(JOIN, " ") for term in new])
            self._cached.update(zip(new, vectors, strict=True))
        return self._cached
