"""Nearest neighbours among the train pairs: a photo has the texts of the photos that look like it.

Letters: N pairs, M train pairs, F image features, T dimensions of a text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from seje_ray.baselines.pairs import Candidate, Pairs, Scaling, unit

NEIGHBOURS = (1, 5, 10, 20, 50)
TEXT_SHARES = (0.0, 0.5, 1.0)  # of the similarity of texts, beside that of photos
CHUNK = 1024  # queries that are compared with all of train at once


def candidates(train: Pairs) -> Iterator[Candidate]:
    """Means over the k nearest train pairs, for photos and, the other way round, for recipes.

    A photo gets the mean text of the k train photos that look most like it, a recipe the mean
    photo of the k train recipes that read most like it. A pair's similarity is that of the two
    texts and that of the two photos, weighted.

    Source: docs/method.md, rule 6.8.
    """
    scaling = Scaling.of(train.images)
    looks, texts = unit(scaling.apply(train.images)), train.texts
    counts = sorted({min(k, len(train.ids)) for k in NEIGHBOURS})
    for count, share in product(counts, TEXT_SHARES):
        yield Candidate(
            {"neighbours": count, "text share": share},
            _Neighbours(scaling, looks, texts, count, share),
        )


@dataclass(frozen=True, slots=True)
class _Neighbours:
    scaling: Scaling
    looks: np.ndarray  # (M, F), unit rows
    texts: np.ndarray  # (M, T), unit rows
    count: int
    share: float

    def __call__(self, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
        looks = unit(self.scaling.apply(pairs.images))
        found_texts = mean_of_nearest(looks, self.looks, self.texts, self.count)
        found_looks = mean_of_nearest(pairs.texts, self.texts, self.looks, self.count)
        centre = self.texts.mean(axis=0)
        images = self._joined(unit(found_texts - centre), looks)
        return images, self._joined(unit(pairs.texts - centre), unit(found_looks))

    def _joined(self, texts: np.ndarray, looks: np.ndarray) -> np.ndarray:
        return unit(np.concatenate([self.share**0.5 * texts, (1 - self.share) ** 0.5 * looks], 1))


def mean_of_nearest(
    queries: np.ndarray, keys: np.ndarray, values: np.ndarray, count: int
) -> np.ndarray:
    """Mean of the values of the ``count`` keys most similar to each query, (N, D).

    Args:
        queries: Unit rows (N, F).
        keys: Unit rows (M, F).
        values: Rows (M, D) of the keys.
        count: In [1, M]; which of equally similar keys are taken is not defined.
    """
    parts = [
        _means(queries[start : start + CHUNK] @ keys.T, values, count)
        for start in range(0, len(queries), CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, values.shape[1]), np.float32)


def _means(similarities: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    nearest = np.argpartition(-similarities, count - 1, axis=1)[:, :count]
    means: np.ndarray = np.stack([values[rows].mean(axis=0) for rows in nearest])
    return means
