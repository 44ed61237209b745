"""The interface of a rater."""

from collections.abc import Sequence
from typing import Protocol


class Rater(Protocol):
    """Scores the key terms of recipes."""

    def rate_all(self, recipes: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[list[float]]:
        """One score >= 0 per key term of each recipe.

        Args:
            recipes: Distinct key terms of each, and the tokens of its title and instructions,
                entities as single tokens.
        """
