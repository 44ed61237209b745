"""word2vec vectors of words and entities.

Letters: V vocabulary, E word-vector dimensions.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from seje_ray.artifact import write_json
from seje_ray.calibration.entities import JOIN
from seje_ray.errors import ArtifactError

WHITENING_FLOOR = 0.01  # of the mean variance; keeps noise in empty directions small


class WordVectors:
    """Words and their vectors.

    Args:
        words: V distinct words; an entity of several words is joined by ``_``.
        matrix: Their vectors, (V, E) float32.
    """

    def __init__(self, words: Sequence[str], matrix: np.ndarray) -> None:
        if matrix.ndim != 2 or len(words) != len(matrix):
            raise ValueError(f"{len(words)} words need a (V, E) matrix, got {matrix.shape}")
        self.words = tuple(words)
        self.matrix = np.ascontiguousarray(matrix, dtype=np.float32)
        self._rows = {word: row for row, word in enumerate(self.words)}

    @property
    def dim(self) -> int:
        """Dimensions E."""
        return int(self.matrix.shape[1])

    def __len__(self) -> int:
        return len(self.words)

    def vector(self, term: str) -> np.ndarray | None:
        """Vector of a word or phrase, (E,) float32.

        A phrase that is no word of the vocabulary has the mean of its words' vectors; words
        that are unknown do not count. None if no vector can be given: the term is missing.

        Args:
            term: A word, or words joined by ``_`` or spaces.

        Source: docs/method.md, rule 1.5.
        """
        parts = term.replace(JOIN, " ").split()
        row = self._rows.get(JOIN.join(parts))
        if row is not None:
            found: np.ndarray = self.matrix[row]
            return found
        return self.mean(parts) if any(part in self._rows for part in parts) else None

    def mean(self, tokens: Iterable[str]) -> np.ndarray:
        """Mean vector of the tokens that are known, (E,) float32; zeros if none is."""
        rows = [self._rows[token] for token in tokens if token in self._rows]
        if not rows:
            return np.zeros(self.dim, np.float32)
        mean: np.ndarray = self.matrix[rows].mean(axis=0, dtype=np.float32)
        return mean

    @cached_property
    def vocabulary_hash(self) -> str:
        """sha256 over the words and the bytes of their vectors."""
        content = hashlib.sha256("\n".join(self.words).encode())
        content.update(str(self.matrix.shape).encode())
        content.update(self.matrix.astype("<f4").tobytes())
        return content.hexdigest()

    def whitened(self) -> "WordVectors":
        """The same words with centred vectors of uncorrelated dimensions.

        Vectors fitted on few texts lie in a narrow cone, and a network that reads their means
        learns slowly: over the embedded cookbook the variance of f_term's directions spans a
        factor of 100,000 before and 5,000 after, most of it in the last few.

        Source: ours; Mu and Viswanath 2018 (arXiv:1702.01417) remove the cone's axes likewise.
        """
        if len(self) < 2:
            return self
        centred = self.matrix.astype(np.float64) - self.matrix.mean(axis=0, dtype=np.float64)
        variances, directions = np.linalg.eigh(centred.T @ centred / len(self))
        scale = np.sqrt(np.maximum(variances, 0) + WHITENING_FLOOR * variances.mean())
        return WordVectors(self.words, (centred @ directions / scale).astype(np.float32))

    def save(self, folder: Path) -> None:
        """Write ``word_vectors.safetensors`` and ``words.json`` into an existing folder."""
        save_file({"vectors": self.matrix}, folder / "word_vectors.safetensors")
        stored = {"words": self.words, "vocabulary_hash": self.vocabulary_hash}
        write_json(folder / "words.json", stored)

    @classmethod
    def load(cls, folder: Path) -> "WordVectors":
        """Read what ``save`` wrote.

        Raises:
            ArtifactError: If words and vectors do not belong together.
        """
        stored = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        matrix = load_file(folder / "word_vectors.safetensors")["vectors"]
        expected = stored["vocabulary_hash"]
        found = "none"
        if len(matrix) == len(stored["words"]):
            vectors = cls(stored["words"], matrix)
            found = vectors.vocabulary_hash
            if found == expected:
                return vectors
        raise ArtifactError(
            f"{folder}: words.json and word_vectors.safetensors do not belong together: expected "
            f"vocabulary {expected[:12]}, found {found[:12]}; run `seje-ray calibrate` again"
        )
