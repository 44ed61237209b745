"""TF-IDF: a term counts by its frequency in the recipe and its rarity in the train recipes."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seje_ray.artifact import write_json


@dataclass(frozen=True, slots=True)
class TfidfRater:
    """Term frequency times smooth inverse document frequency.

    The idf of a term in ``df`` of ``n`` train recipes is ``ln((1 + n) / (1 + df)) + 1``; the
    term frequency is its count in the recipe, at least 1. Scores are not normalised.

    Source: docs/method.md, rule 1.4; as scikit-learn's ``TfidfVectorizer(norm=None)``.
    """

    num_recipes: int
    document_frequencies: dict[str, int]

    @classmethod
    def fit(cls, recipes: Iterable[tuple[Sequence[str], Sequence[str]]]) -> "TfidfRater":
        """Count in how many recipes each term occurs.

        Args:
            recipes: Key terms and document tokens of each train recipe.
        """
        counts: Counter[str] = Counter()
        num_recipes = 0
        for key_terms, document_tokens in recipes:
            counts.update({*key_terms, *document_tokens})
            num_recipes += 1
        return cls(num_recipes, dict(sorted(counts.items())))

    def idf(self, term: str) -> float:
        """Inverse document frequency, >= 1."""
        df = self.document_frequencies.get(term, 0)
        return math.log((1 + self.num_recipes) / (1 + df)) + 1

    def rate(self, key_terms: Sequence[str], document_tokens: Sequence[str]) -> list[float]:
        """One score >= 1 per key term."""
        counts = Counter(document_tokens)
        return [max(1, counts[term]) * self.idf(term) for term in key_terms]

    def rate_all(self, recipes: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[list[float]]:
        """Scores of each recipe's key terms."""
        return [self.rate(key_terms, document_tokens) for key_terms, document_tokens in recipes]

    def save(self, folder: Path) -> None:
        """Write ``tfidf.json``."""
        write_json(
            folder / "tfidf.json",
            {
                "num_recipes": self.num_recipes,
                "document_frequencies": self.document_frequencies,
            },
        )

    @classmethod
    def load(cls, folder: Path) -> "TfidfRater":
        """Read what ``save`` wrote."""
        return cls(**json.loads((folder / "tfidf.json").read_text(encoding="utf-8")))
