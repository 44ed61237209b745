"""A network that marks the ingredient in a raw line. Letters: T tokens of a line."""

import re
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .heads import Weights
from .towers import lstm_of
from .words import Words

NUM_BUCKETS = 2**14  # hashed pieces of words share these
MAX_TOKENS = 60  # of a line; the rest is cut
MARKS = ",;:()[]/-\u2013\u2014.*&+"  # punctuation before a token
LENGTHS = (1, 2, 3, 5, 8)  # longest word of each length class but the last
NUM_FLAGS = len(MARKS) + len(LENGTHS) + 3


class LineMarker:
    """Finds the ingredient of each line.

    Args:
        settings: ``threshold``, least confidence.
        weights: Of the network.
        words: Splits lines.
    """

    def __init__(self, settings: Mapping[str, Any], weights: Weights, words: Words) -> None:
        self._threshold: float = settings["threshold"]
        self._weights, self._words = weights, words
        self._lstm = lstm_of(weights, "lstm", bidirectional=True)

    def spans(self, lines: Sequence[str]) -> list[str | None]:
        """The marked words of each line, joined by ``_``; None where the network is not sure."""
        return [self._span(line) for line in lines]

    def _span(self, line: str) -> str | None:
        words = self._words.tokens(line)[:MAX_TOKENS]
        if not words:
            return None
        device = self._weights["pieces.weight"].device
        vectors = torch.stack([self._vector(word, device) for word in words])
        states, _ = self._lstm(torch.cat([vectors, _flags(line, words).to(device)], dim=1)[None])
        scores = F.linear(
            states[0], self._weights["logistic.weight"], self._weights["logistic.bias"]
        )[:, 0]
        named = [word for word, score in zip(words, scores.tolist(), strict=True) if score > 0]
        is_sure = float(F.logsigmoid(scores.abs()).sum().exp()) >= self._threshold
        return "_".join(named) if is_sure and self._names_something(named) else None

    def _names_something(self, named: Sequence[str]) -> bool:
        words = "_".join(self._words.ingredient(" ".join(named))).split("_")
        return any(word and word not in self._words.stop_words for word in words)

    def _vector(self, word: str, device: torch.device) -> Tensor:
        """Mean of the vectors of a word's pieces of 2 to 5 letters; of a number, of its form."""
        if word[:1].isdigit():
            pieces = {re.sub(r"\d", "0", word)}
        else:
            closed = f"<{word}>"
            starts = ((n, start) for n in (2, 3, 4, 5) for start in range(len(closed) - n + 1))
            pieces = {closed, *(closed[start : start + n] for n, start in starts)}
        buckets = [zlib.crc32(piece.encode()) % NUM_BUCKETS for piece in sorted(pieces)]
        return self._weights["pieces.weight"][torch.tensor(buckets, device=device)].mean(dim=0)


def _flags(line: str, words: Sequence[str]) -> Tensor:
    """Punctuation before each token and the kind of word that it is, (T, flags)."""
    plain = unicodedata.normalize("NFKC", line).replace("\u2044", "/").replace("\u2019", "'")
    plain = plain.lower()
    flags = torch.zeros(len(words), NUM_FLAGS)
    position = 0
    for row, word in zip(flags, words, strict=True):
        start = max(position, plain.find(word, position))
        for mark in set(plain[position:start]):
            if mark in MARKS:
                row[MARKS.index(mark)] = 1
        is_number = word[0].isdigit()
        kind = len(LENGTHS) + 1 if is_number else sum(len(word) > longest for longest in LENGTHS)
        row[len(MARKS) + kind] = 1
        row[len(MARKS) + len(LENGTHS) + 2] = not word.isalnum()
        position = start + len(word)
    return flags
