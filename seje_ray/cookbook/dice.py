"""A fast, named source of random choices: a few hundred cheap draws per recipe."""

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice")

BLOCK = 32  # uniform numbers drawn at a time; one call per number would cost ten times as much


class Dice:
    """Random choices that depend on ``key`` alone.

    Args:
        key: Non-negative integers, e.g. (seed, recipe index, purpose).
    """

    def __init__(self, key: Sequence[int]) -> None:
        self._generator = np.random.default_rng(tuple(key))
        self._block: list[float] = []

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return a number in [low, high)."""
        if not self._block:
            self._block = self._generator.random(BLOCK).tolist()
        return low + (high - low) * self._block.pop()

    def turn_page(self) -> None:
        """Start a new block, so that what follows does not depend on how much was drawn before."""
        self._block = []

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.uniform() < probability

    def integer(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def choice(self, options: Sequence[Choice]) -> Choice:
        """Return one of the options, all equally likely."""
        return options[int(self.uniform() * len(options))]

    def weighted(self, options: Sequence[Choice], cumulative: Sequence[float]) -> Choice:
        """Return one of the options; ``cumulative`` are the running sums of their weights."""
        return options[bisect(cumulative, self.uniform() * cumulative[-1])]

    def some(self, options: Sequence[Choice], count: int) -> list[Choice]:
        """Return ``count`` different options in random order."""
        rest = list(options)
        return [rest.pop(int(self.uniform() * len(rest))) for _ in range(count)]


def zipf_cumulative(count: int, exponent: float = 1.1) -> tuple[float, ...]:
    """Return the running sums of the weights ``rank ** -exponent``, rank from 1 to ``count``."""
    return tuple(accumulate(rank**-exponent for rank in range(1, count + 1)))
