"""Scores of key terms behind one interface."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Rater(Protocol):
    """Scores the key terms of one recipe."""

    def rate(self, key_terms: Sequence[str], document_tokens: Sequence[str]) -> list[float]:
        """One score >= 0 per key term.

        Args:
            key_terms: Distinct key terms of a recipe.
            document_tokens: Tokens of its title and instructions, entities as single tokens.
        """

    def save(self, folder: Path) -> None:
        """Write the fitted state into an existing folder."""
