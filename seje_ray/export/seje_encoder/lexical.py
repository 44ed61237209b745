"""The lexical bag: words of a recipe, and words in a row, weighted by TF-IDF.

Letters: K terms of a recipe, L dimensions of a term's vector.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .heads import MIN_NORM, Weights

_WORD = re.compile(r"\b\w\w+\b")


class TermBag:
    """Turns recipes into bags, and bags into rows.

    Args:
        settings: ``max_words`` of a term, and ``title_weight``, times that the title counts.
        terms: That count.
        stop_words: That are left out before.
        idf: Of the terms.
        weights: ``vectors`` of the terms, ``mean`` and ``std`` of the rows in training.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        terms: Sequence[str],
        stop_words: Sequence[str],
        idf: np.ndarray,
        weights: Weights,
    ) -> None:
        self._numbers = {term: number for number, term in enumerate(terms)}
        self._stop_words = frozenset(stop_words)
        self._settings, self._idf, self._weights = settings, idf, weights

    def of(self, recipe: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of a recipe's terms, (K,) int64, and their weights, (K,) float32."""
        titles = [recipe["title"]] * self._settings["title_weight"]
        text = " ".join([*titles, *recipe["ingredients"], *recipe["instructions"]]).lower()
        words = [word for word in _WORD.findall(text) if word not in self._stop_words]
        runs = (
            " ".join(words[start : start + length])
            for length in range(1, self._settings["max_words"] + 1)
            for start in range(len(words) - length + 1)
        )
        counts = Counter(self._numbers[run] for run in runs if run in self._numbers)
        numbers = np.array(sorted(counts), np.int64)
        weights = (1 + np.log([counts[n] for n in numbers])) * self._idf[numbers]
        return numbers, (weights / (np.linalg.norm(weights) or 1.0)).astype(np.float32)

    def row(self, numbers: np.ndarray, weights: np.ndarray) -> Tensor:
        """Sum of the terms' vectors, of unit length, then standardised: (1, L)."""
        vectors = self._weights["vectors"]
        own = vectors[torch.from_numpy(numbers).to(vectors.device)]
        summed = torch.from_numpy(weights).to(own) @ own
        unit = F.normalize(summed[None], dim=1, eps=MIN_NORM)
        return (unit - self._weights["mean"]) / self._weights["std"]
