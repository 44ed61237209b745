"""From instruction sentences to vectors behind one interface."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np


class SentenceEncoder(Protocol):
    """Gives one vector per sentence."""

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Vectors (number of sentences, dim), float32; each depends on its sentence only."""

    def save(self, folder: Path) -> None:
        """Write the fitted state into an existing folder."""
