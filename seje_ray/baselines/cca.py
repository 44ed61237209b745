"""Canonical correlation analysis of image features and texts, regularised on both sides.

Letters: N pairs, F image features, T dimensions of a text, K components.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from seje_ray.baselines.pairs import Candidate, Pairs, Scaling, unit
from seje_ray.baselines.ridge import Spectrum

IMAGE_SHRINKAGES = (0.3, 1.0, 3.0, 10.0)  # in the mean eigenvalue of the images
TEXT_SHRINKAGES = (0.1, 0.3, 1.0, 3.0)  # and of the texts
POWERS = (1.0, 2.0)  # of its correlation that a component is scaled with
MAX_COMPONENTS = 512
TINY = 1e-9  # so that a side that never changes has an inverse, too


def candidates(train: Pairs) -> Iterator[Candidate]:
    """Components of images and texts that correlate most on train, scaled by how much they do.

    Source: docs/method.md, rule 6.8.
    """
    scaling = Scaling.of(train.images)
    centre = train.texts.mean(axis=0)
    images, texts = scaling.apply(train.images), train.texts - centre
    of_images, of_texts = Spectrum.of(images), Spectrum.of(texts)
    crossed = images.T.astype(np.float64) @ texts
    for image_shrinkage, text_shrinkage in product(IMAGE_SHRINKAGES, TEXT_SHRINKAGES):
        left, right = _root(of_images, image_shrinkage), _root(of_texts, text_shrinkage)
        u, correlations, v = np.linalg.svd(left @ crossed @ right, full_matrices=False)
        for power in POWERS:
            scale = (correlations**power)[:MAX_COMPONENTS]
            yield Candidate(
                {
                    "image shrinkage": image_shrinkage,
                    "text shrinkage": text_shrinkage,
                    "power": power,
                },
                _Components(
                    scaling,
                    centre,
                    (left @ u[:, :MAX_COMPONENTS] * scale).astype(np.float32),
                    (right @ v.T[:, :MAX_COMPONENTS] * scale).astype(np.float32),
                ),
            )


def _root(spectrum: Spectrum, shrinkage: float) -> np.ndarray:
    """The inverse square root of a side's covariance, with a share of its mean eigenvalue added."""
    return spectrum.power(-0.5, shrinkage * float(spectrum.values.mean()) + TINY)


@dataclass(frozen=True, slots=True)
class _Components:
    scaling: Scaling
    centre: np.ndarray  # (T,)
    of_images: np.ndarray  # (F, K)
    of_texts: np.ndarray  # (T, K)

    def __call__(self, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
        images = self.scaling.apply(pairs.images) @ self.of_images
        return unit(images), unit((pairs.texts - self.centre) @ self.of_texts)
