"""Ridge regression from image features to texts.

Letters: N pairs, F image features, T dimensions of a text.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seje_ray.baselines.pairs import Candidate, Pairs, Scaling, unit

DIMS = (64, 128, 256, 512)  # of the text; those that there are
PENALTIES = (1e1, 1e2, 3e2, 1e3, 3e3, 1e4, 3e4, 1e5)


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Eigenvalues of X'X, by which every penalty is solved at once."""

    vectors: np.ndarray  # (F, F)
    values: np.ndarray  # (F,), >= 0

    @classmethod
    def of(cls, rows: np.ndarray) -> "Spectrum":
        """Decompose X'X of rows X (N, F)."""
        return cls.of_gram(rows.T.astype(np.float64) @ rows.astype(np.float64))

    @classmethod
    def of_gram(cls, gram: np.ndarray) -> "Spectrum":
        """Decompose X'X (F, F) itself, float64."""
        values, vectors = np.linalg.eigh(gram)
        return cls(vectors, np.maximum(values, 0.0))

    def power(self, exponent: float, penalty: float) -> np.ndarray:
        """(X'X + penalty I) to a power, (F, F)."""
        found: np.ndarray = (self.vectors * (self.values + penalty) ** exponent) @ self.vectors.T
        return found


def candidates(train: Pairs) -> Iterator[Candidate]:
    """Ridge regressions onto the first dimensions of a text, made unit again and centred.

    Source: docs/method.md, rule 6.8.
    """
    scaling = Scaling.of(train.images)
    images = scaling.apply(train.images)
    spectrum = Spectrum.of(images)
    for dim in dims_of(train, DIMS):
        texts = unit(train.texts[:, :dim])
        centre = texts.mean(axis=0)
        rotated = spectrum.vectors.T @ (images.T @ (texts - centre)).astype(np.float64)
        for penalty in PENALTIES:
            weights = spectrum.vectors @ (rotated / (spectrum.values + penalty)[:, None])
            yield Candidate(
                {"dimensions": dim, "penalty": penalty},
                _Regression(scaling, weights.astype(np.float32), centre),
            )


def dims_of(train: Pairs, wanted: tuple[int, ...]) -> list[int]:
    """Those of the ``wanted`` dimensions that the texts have, and all they have."""
    available = train.texts.shape[1]
    return sorted({min(dim, available) for dim in wanted})


@dataclass(frozen=True, slots=True)
class _Regression:
    scaling: Scaling
    weights: np.ndarray  # (F, T)
    centre: np.ndarray  # (T,)

    def __call__(self, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
        texts = unit(pairs.texts[:, : len(self.centre)]) - self.centre
        return unit(self.scaling.apply(pairs.images) @ self.weights), unit(texts)
