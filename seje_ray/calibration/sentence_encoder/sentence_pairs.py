"""Numbered words of instructions, and batches of consecutive sentences.

Letters: B pairs, T tokens.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from seje_ray.calibration.corpus import Recipes
from seje_ray.recipe1m.text import tokenize

SPECIAL = ("<pad>", "<unknown>", "<end>", "<recipe>", "</recipe>")
PAD, UNKNOWN, END, RECIPE_START, RECIPE_END = range(5)
MAX_TOKENS = 30  # of a sentence; the rest is cut
BATCHES_PER_CHUNK = 64  # read, shuffled and sorted by length together


@dataclass(frozen=True)
class Vocabulary:
    """Words and their numbers; the first five are not words."""

    words: tuple[str, ...]

    @classmethod
    def fit(cls, corpus: Recipes, size: int) -> "Vocabulary":
        """The most frequent words of the instructions, at most ``size`` with special ones."""
        counts: Counter[str] = Counter()
        for recipe in corpus:
            for sentence in recipe.instructions:
                counts.update(tokenize(sentence)[:MAX_TOKENS])
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        return cls((*SPECIAL, *ordered[: max(0, size - len(SPECIAL))]))

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def numbers(self, sentence: str) -> list[int]:
        """Word numbers of a sentence, 1 to ``MAX_TOKENS`` of them; unknown ones are equal."""
        known = [self._numbers.get(word, UNKNOWN) for word in tokenize(sentence)[:MAX_TOKENS]]
        return known or [UNKNOWN]


@dataclass(frozen=True, slots=True)
class SentencePairBatch:
    """Consecutive sentences, padded at the right by ``PAD``."""

    sentences: np.ndarray  # (B, T) int64
    next_sentences: np.ndarray  # (B, T') int64, each closed by ``END``


def pair_batches(
    corpus: Recipes, vocabulary: Vocabulary, *, batch_size: int, generator: np.random.Generator
) -> Iterator[tuple[int, list[SentencePairBatch]]]:
    """One pass over the corpus in chunks of shuffled batches of similar length.

    The start and the end of a recipe count as sentences.

    Yields:
        How many recipes are read so far, and the next batches.

    Source: docs/method.md, rule 1.7.
    """
    pairs: list[tuple[list[int], list[int]]] = []
    num_recipes = 0
    for recipe in corpus:
        known = [vocabulary.numbers(sentence) for sentence in recipe.instructions]
        sentences = [[RECIPE_START], *known, [RECIPE_END]]
        pairs += pairwise(sentences)
        num_recipes += 1
        if len(pairs) >= batch_size * BATCHES_PER_CHUNK:
            yield num_recipes, _shuffled_batches(pairs, batch_size, generator)
            pairs = []
    if pairs:
        yield num_recipes, _shuffled_batches(pairs, batch_size, generator)


def padded(sequences: Sequence[Sequence[int]]) -> np.ndarray:
    """Sequences as rows (B, T) int64, padded at the right by ``PAD``."""
    rows = np.full((len(sequences), max(map(len, sequences))), PAD, np.int64)
    for row, sequence in zip(rows, sequences, strict=True):
        row[: len(sequence)] = sequence
    return rows


def _shuffled_batches(
    pairs: Sequence[tuple[list[int], list[int]]],
    batch_size: int,
    generator: np.random.Generator,
) -> list[SentencePairBatch]:
    drawn = [pairs[i] for i in generator.permutation(len(pairs))]
    drawn.sort(key=lambda pair: (len(pair[1]), len(pair[0])))
    batches = [drawn[i : i + batch_size] for i in range(0, len(drawn), batch_size)]
    return [
        SentencePairBatch(
            padded([sentence for sentence, _ in batches[i]]),
            padded([[*following, END] for _, following in batches[i]]),
        )
        for i in generator.permutation(len(batches))
    ]
