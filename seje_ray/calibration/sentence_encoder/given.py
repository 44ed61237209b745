"""Sentence vectors that a user gave, found by recipe id and step."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from seje_ray.artifact import read_shard
from seje_ray.calibration.sentence_encoder import Steps, StepVectors

VECTORS = "sentence_vectors.npy"  # (N, dim) float32, in any order
INDEX = "sentence_index.npy"  # (2, N) uint64: sorted keys, and the row of each key's vector
STEP_FACTOR = 0x9E3779B97F4A7C15  # odd, so that the steps of a recipe have different keys


class GivenSentences:
    """N sentence vectors that stay on disk; only those that are asked for are read.

    Args:
        index: Sorted keys of the vectors, and their rows, (2, N) uint64, N >= 1.
        vectors: The vectors, (N, dim) float32.
    """

    def __init__(self, index: np.ndarray, vectors: np.ndarray) -> None:
        self._keys, self._rows = index
        self._vectors = vectors

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return int(self._vectors.shape[1])

    def __len__(self) -> int:
        return len(self._keys)

    def of(self, recipes: Sequence[Steps]) -> StepVectors:
        """Vectors of all steps by recipe id and step; the sentences themselves do not matter."""
        ids = [recipe.recipe_id for recipe in recipes for _ in recipe.sentences]
        steps = [step for recipe in recipes for step in range(len(recipe.sentences))]
        is_known, rows = self._find(ids, steps)
        vectors = np.zeros((len(ids), self.dim), np.float32)
        vectors[is_known] = self._vectors[rows]
        return StepVectors(vectors, ~is_known)

    def has(self, ids: Sequence[str], steps: Sequence[int]) -> np.ndarray:
        """Whether there is a vector of step ``steps[n]`` of recipe ``ids[n]``, (n,) bool."""
        return self._find(ids, steps)[0]

    def _find(
        self, ids: Sequence[str | None], steps: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mask of the steps that have a vector, and the rows of these vectors."""
        keys = step_keys([id_ or "" for id_ in ids], np.array(steps, np.int64))
        places = np.searchsorted(self._keys, keys)
        places[places == len(self)] = 0
        is_known = self._keys[places] == keys
        return is_known, self._rows[places[is_known]]

    @classmethod
    def load(cls, folder: Path) -> "GivenSentences":
        """Open the files of ``vector_file.import_sentence_vectors``."""
        index, vectors = (np.load(folder / name, mmap_mode="r") for name in (INDEX, VECTORS))
        return cls(index, vectors)


def step_keys(ids: Sequence[str], steps: np.ndarray) -> np.ndarray:
    """Keys by which steps of recipes are found, (N,) uint64.

    Two different steps among ten million have the same key once in 370,000 data sets.

    Args:
        ids: Recipe ids; no recipe has an empty one.
        steps: Numbers of the instructions, (N,) int64.
    """
    hashes = {id_: blake2b(id_.encode(), digest_size=8).digest() for id_ in set(ids)}
    of_ids = np.frombuffer(b"".join(hashes[id_] for id_ in ids), "<u8")
    keys: np.ndarray = of_ids + steps.astype(np.uint64) * np.uint64(STEP_FACTOR)
    return keys


class Agreement(NamedTuple):
    """Agreement of vectors and recipes; recipes without instructions do not count."""

    num_recipes: int
    num_known: int  # recipes whose first step has a vector
    num_longer: int  # recipes of which there are vectors of steps behind the last one


def agreement(given: GivenSentences, shards: Sequence[Path]) -> Agreement:
    """Look up every recipe of ``recipes/`` shards."""
    num_recipes = num_known = num_longer = 0
    for ids, counts in _step_counts(shards):
        num_recipes += len(ids)
        num_known += int(given.has(ids, [0] * len(ids)).sum())
        num_longer += int(given.has(ids, counts).sum())
    return Agreement(num_recipes, num_known, num_longer)


def _step_counts(shards: Sequence[Path]) -> Iterator[tuple[list[str], list[int]]]:
    """Ids and numbers of instructions by shard."""
    for path in shards:
        table = read_shard(path, ["id", "instructions"])
        counts = pc.list_value_length(table["instructions"])
        has_some = pc.greater(counts, 0)
        yield table["id"].filter(has_some).to_pylist(), counts.filter(has_some).to_pylist()
