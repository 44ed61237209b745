"""TextRank: a term counts by the terms near which it stands, and by how these count."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class TextRankRater:
    """PageRank over the key terms of one recipe, joined where they stand near each other.

    The weight of an edge is how often both terms stand within ``window`` tokens of the recipe's
    text. A term without a neighbour, such as one that only the ingredient list has, keeps the
    share ``(1 - damping) / K`` that everyone has.

    Source: docs/method.md, rule 1.4; Mihalcea and Tarau 2004.
    """

    window: int = 5  # tokens, >= 2
    damping: float = 0.85  # in [0, 1)

    def rate(self, key_terms: Sequence[str], document_tokens: Sequence[str]) -> list[float]:
        """One score > 0 per key term, K in all; they sum to 1 where every term has a neighbour."""
        num = len(key_terms)
        if not num:
            return []
        weights = self._weights(key_terms, document_tokens)
        totals = weights.sum(axis=0)
        shares = np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)
        own = np.full(num, (1 - self.damping) / num)
        scores: list[float] = np.linalg.solve(np.eye(num) - self.damping * shares, own).tolist()
        return scores

    def rate_all(self, recipes: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[list[float]]:
        """Scores of each recipe's key terms."""
        return [self.rate(key_terms, document_tokens) for key_terms, document_tokens in recipes]

    def _weights(self, key_terms: Sequence[str], document_tokens: Sequence[str]) -> np.ndarray:
        """Number of windows that hold both terms, (K, K), symmetric, zeros on the diagonal."""
        numbers = {term: number for number, term in enumerate(key_terms)}
        places = [(p, numbers[t]) for p, t in enumerate(document_tokens) if t in numbers]
        counts: dict[tuple[int, int], int] = defaultdict(int)
        for first, (place, term) in enumerate(places):
            for later, other in places[first + 1 : first + self.window]:
                if later - place >= self.window:
                    break
                if other != term:
                    counts[term, other] += 1
        weights = np.zeros((len(key_terms), len(key_terms)))
        for (term, other), count in counts.items():
            weights[term, other] += count
            weights[other, term] += count
        return weights
