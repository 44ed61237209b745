"""Pairs as the baselines take them, and how one setting of a baseline embeds them.

Letters: N pairs, F image features, T dimensions of a text.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Settings = dict[str, float]


@dataclass(frozen=True, slots=True)
class Pairs:
    """N pairs of one partition; row i of everything belongs to recipe ``ids[i]``."""

    ids: tuple[str, ...]
    images: np.ndarray  # (N, F) float32
    texts: np.ndarray  # (N, T) float32, unit rows

    def first(self, num_pairs: int) -> "Pairs":
        """The first pairs alone."""
        return Pairs(self.ids[:num_pairs], self.images[:num_pairs], self.texts[:num_pairs])


@dataclass(frozen=True, slots=True)
class Candidate:
    """One setting of a baseline, fitted on train."""

    settings: Settings
    embed: Callable[[Pairs], tuple[np.ndarray, np.ndarray]]
    """Unit image and recipe embeddings of pairs, both of shape (N, D) float32."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Mean and scale of each column of the train rows."""

    mean: np.ndarray  # (F,)
    scale: np.ndarray  # (F,), > 0

    @classmethod
    def of(cls, rows: np.ndarray) -> "Scaling":
        """Fit it; a column that never changes keeps its scale."""
        deviation = rows.std(axis=0, dtype=np.float64)
        return cls(rows.mean(axis=0, dtype=np.float64), np.where(deviation > 0, deviation, 1.0))

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Rows of zero mean and unit variance, as float32."""
        scaled: np.ndarray = ((rows - self.mean) / self.scale).astype(np.float32)
        return scaled


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1 as float32; a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: np.ndarray = (rows / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    return scaled
