"""From the instructions of recipes to one vector each, behind one interface."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np


class SentenceEncoder(Protocol):
    """A network that gives one vector per sentence, whichever recipe it is from."""

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Vectors (number of sentences, dim), float32; each depends on its sentence only."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Instructions of one recipe that get a vector each: its first ones, in order."""

    recipe_id: str | None  # None if the recipe is none of the data set
    sentences: Sequence[str]


class StepVectors(NamedTuple):
    """Vectors of the steps of several recipes, one recipe after the other."""

    vectors: np.ndarray  # (number of steps, dim) float32; zeros where missing
    is_missing: np.ndarray  # (number of steps,) bool


class SentenceVectors(Protocol):
    """Gives f_sent."""

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""

    def of(self, recipes: Sequence[Steps]) -> StepVectors:
        """Vectors of all steps; those of a recipe do not depend on the other recipes."""


class EncodedSentences:
    """Sentence vectors that a network gives for any text, so that none is missing.

    Args:
        encoder: The network.
    """

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return self._encoder.dim

    def of(self, recipes: Sequence[Steps]) -> StepVectors:
        """Vectors of all steps; those of a recipe do not depend on the other recipes."""
        sentences = [sentence for recipe in recipes for sentence in recipe.sentences]
        return StepVectors(self._encoder.encode(sentences), np.zeros(len(sentences), bool))
