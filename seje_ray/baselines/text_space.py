"""Recipes as TF-IDF of words, reduced by a singular value decomposition."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from seje_ray.baselines.pairs import unit

TITLE_WEIGHT = 3  # a title counts as if it stood there so often
MAX_TERMS = 200_000  # the most frequent ones


def weighted_text(title: str, ingredients: Sequence[str], instructions: Sequence[str]) -> str:
    """One text of a recipe, its title repeated."""
    return "\n".join([*[title] * TITLE_WEIGHT, *ingredients, *instructions])


@dataclass(frozen=True, slots=True)
class TextSpace:
    """A fitted map from texts to unit vectors; the first d numbers are the space of d dimensions.

    Source: docs/method.md, rule 6.8.
    """

    tfidf: TfidfVectorizer
    svd: TruncatedSVD

    @classmethod
    def fit(cls, texts: Sequence[str], *, max_dim: int, seed: int) -> "TextSpace":
        """Fit it on the texts of train.

        Args:
            texts: At least three.
            max_dim: Dimensions, >= 1; fewer where the texts have no more.
            seed: Of the decomposition.

        Raises:
            ValueError: If no two of the texts share two different words.
        """
        tfidf = TfidfVectorizer(
            sublinear_tf=True,
            min_df=2,
            max_features=MAX_TERMS,
            dtype=np.float32,
        )
        matrix = tfidf.fit_transform(texts)
        if min(matrix.shape) < 2:
            raise ValueError(f"expected at least two terms, found {matrix.shape[1]}")
        dim = min(max_dim, min(matrix.shape) - 1)
        return cls(tfidf, TruncatedSVD(dim, random_state=seed).fit(matrix))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit rows (N, T) float32; zeros where no word is known."""
        return unit(self.svd.transform(self.tfidf.transform(texts)))
