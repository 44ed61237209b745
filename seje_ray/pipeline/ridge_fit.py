"""The ridge regression that stands beside what a training learns; fitted before it begins.

Letters: N pairs, F pooled features, L dimensions of the lexical bag.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from seje_ray.artifact import Artifact
from seje_ray.baselines.ridge import PENALTIES, Spectrum
from seje_ray.calibration.lexical import Lexicon
from seje_ray.config import RunConfig
from seje_ray.features.inputs import Reads
from seje_ray.models.ridge import RidgeMap, bag_rows
from seje_ray.training.loaders import lexicon_for, require_pairs
from seje_ray.training.shard import Shard
from seje_ray.training.subset import nested_rows, rows_by_shard
from seje_ray.training.validation import ValEmbeddings, retrieval_metrics

BAGS = Reads(sentences=False, key_terms=False, lexical=True)


@dataclass(slots=True)
class Sums:
    """What is left of pairs (x, y) of F features and L numbers: enough to regress by."""

    count: int
    features: np.ndarray  # of x, (F,) float64
    targets: np.ndarray  # of y, (L,)
    squares: np.ndarray  # of x x', (F, F)
    products: np.ndarray  # of x y', (F, L)

    @classmethod
    def empty(cls, feature_dim: int, dim: int) -> "Sums":
        """Of no pairs."""
        squares, products = np.zeros((feature_dim, feature_dim)), np.zeros((feature_dim, dim))
        return cls(0, np.zeros(feature_dim), np.zeros(dim), squares, products)

    def add(self, features: np.ndarray, targets: np.ndarray) -> None:
        """Count pairs (n, F) and (n, L)."""
        x, y = features.astype(np.float64), targets.astype(np.float64)
        self.count += len(x)
        self.features += x.sum(0)
        self.targets += y.sum(0)
        self.squares += x.T @ x
        self.products += x.T @ y

    def maps(self) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
        """Each penalty of ``PENALTIES``, with the weights (L, F) and the bias (L,) that it gives.

        Features are regressed by as rows of zero mean and unit variance, onto centred targets.
        """
        mean = self.features / self.count
        variances = self.squares.diagonal() / self.count - mean**2
        # A column that never changes has only the rounding of its square left.
        is_constant = variances <= 1e-9 * np.maximum(mean**2, 1e-30)
        scale = np.sqrt(np.where(is_constant, 1.0, variances))
        gram = (self.squares / self.count - np.outer(mean, mean)) * self.count
        gram /= np.outer(scale, scale)
        gram[is_constant], gram[:, is_constant] = 0.0, 0.0
        products = (self.products - np.outer(mean, self.targets)) / scale[:, None]
        products[is_constant] = 0.0
        spectrum = Spectrum.of_gram(gram)
        rotated = spectrum.vectors.T @ products
        for penalty in PENALTIES:
            weights = spectrum.vectors @ (rotated / (spectrum.values + penalty)[:, None])
            weights /= scale[:, None]
            weights[is_constant] = 0.0  # but for rounding it is
            yield penalty, weights.T, -mean @ weights


def fit_ridge(run: RunConfig, calibrated: Artifact) -> tuple[RidgeMap, float]:
    """Regress from the stored features of each train pair's first photo to its lexical bag.

    Args:
        run: With a share for ridge.
        calibrated: Its data; the shards are read one after another.

    Returns:
        The map of the penalty that is best on val, and that penalty.

    Raises:
        ArtifactError: If a partition holds fewer than two pairs.

    Source: docs/method.md, rule 4.10.
    """
    require_pairs(calibrated)
    lexicon = lexicon_for(run, calibrated)
    assert lexicon is not None
    rows = nested_rows(calibrated.num_rows("train"), run.train.max_pairs, run.seed)
    sums: Sums | None = None
    for features, targets in _pairs(calibrated, "train", rows, lexicon):
        sums = sums or Sums.empty(features.shape[1], targets.shape[1])
        sums.add(features, targets)
    assert sums is not None
    val_rows = np.arange(calibrated.num_rows("val"))[: run.train.max_val_pairs]
    val = list(_pairs(calibrated, "val", val_rows, lexicon))
    seen, bags = (torch.from_numpy(np.concatenate(part)) for part in zip(*val, strict=True))
    found = RidgeMap(seen.shape[1], bags.shape[1])
    best = (-1.0, 0.0, found.state_dict())
    for penalty, weights, bias in sums.maps():
        state = {
            "weight": torch.from_numpy(weights).float(),
            "bias": torch.from_numpy(bias).float(),
        }
        found.load_state_dict(state)
        pairs = ValEmbeddings(found(seen), bag_rows(bags))
        score = retrieval_metrics(pairs, run.seed)["selection_score"]
        if score > best[0]:
            best = (score, penalty, state)
    found.load_state_dict(best[2])
    return found, best[1]


def _pairs(
    calibrated: Artifact, partition: str, rows: np.ndarray, lexicon: Lexicon
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Features (n, F) and bags (n, L) of the rows of each shard that has some, both float32."""
    from scipy.sparse import csr_matrix
    from sklearn.preprocessing import normalize

    shards = calibrated.shards(partition)
    within = rows_by_shard(rows, calibrated.counts(partition))
    for path, own in zip(shards, within, strict=True):
        if not len(own):
            continue
        shard = Shard(path, use_features=True, reads=BAGS)
        terms, weights = zip(*map(shard.bag, own), strict=True)
        ends = np.cumsum([0, *map(len, terms)])
        bags = csr_matrix(
            (np.concatenate(weights), np.concatenate(terms), ends),
            shape=(len(own), len(lexicon.terms)),
        )
        centred = (normalize(bags @ lexicon.vectors) - lexicon.mean) / lexicon.std
        features = np.stack([np.ravel(shard.image_features(row, 0)) for row in own])
        yield features.astype(np.float32), normalize(centred).astype(np.float32)
