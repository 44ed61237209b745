"""Categories and key terms of all calibrated recipes, counted."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import pyarrow.parquet as pq

from seje_ray.artifact import Artifact


class TermTally:
    """Categories and key terms of all calibrated recipes, counted in one pass."""

    def __init__(self) -> None:
        self.sizes: Counter[int] = Counter()
        self.sources: Counter[str] = Counter()
        self._terms: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))

    @classmethod
    def of(cls, calibrated: Artifact) -> "TermTally":
        """Read the shards, one at a time."""
        tally = cls()
        columns = ["category_id", "category_source", "key_terms", "key_term_scores"]
        for path in calibrated.shards():
            for row in pq.read_table(path, columns=columns).to_pylist():
                tally.add(**row)
        return tally

    def add(
        self,
        category_id: int,
        category_source: str,
        key_terms: Sequence[str],
        key_term_scores: Sequence[float],
    ) -> None:
        """Count one recipe."""
        self.sizes[category_id] += 1
        self.sources[category_source] += 1
        total = sum(key_term_scores) or 1.0
        for term, score in zip(key_terms, key_term_scores, strict=True):
            self._terms[category_id][term] += score / total

    def distinctive(self, category: int, num: int) -> dict[str, float]:
        """Terms with the highest share of the category's scores above that of all recipes, in %.

        The first ones are what tells the category from the others.
        """
        everywhere: Counter[str] = Counter()
        for terms in self._terms.values():
            everywhere.update(terms)
        size, total = self.sizes[category], sum(self.sizes.values())
        gain = {
            term: 100 * (score / size - everywhere[term] / total)
            for term, score in self._terms[category].items()
        }
        best = sorted(gain, key=lambda term: (-gain[term], term))[:num]
        return {term: gain[term] for term in best}
