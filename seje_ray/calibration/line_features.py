"""Features of an ingredient line for the line tagger: hashed pieces of words, punctuation.

Letters: B lines, T tokens, W different words, F flags.
"""

import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np

from seje_ray.recipe1m.text import tokenize

NUM_BUCKETS = 2**14  # hashed pieces share these
MAX_TOKENS = 60  # of a line; the rest is cut
DROPPED_WORD = ""  # stands for a word that training hides
PIECE_LENGTHS = (2, 3, 4, 5)
MARKS = ",;:()[]/-\u2013\u2014.*&+"  # punctuation before a token that is a flag of its own
LENGTHS = (1, 2, 3, 5, 8)  # longest word of each length class but the last
NUM_FLAGS = len(MARKS) + len(LENGTHS) + 3  # and: longer, a number, broken or not whole
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class IngredientLine:
    """Tokens of an ingredient line, at most ``MAX_TOKENS``, and bits that say more of each."""

    words: tuple[str, ...]  # as ``tokenize`` gives them
    flags: tuple[int, ...]  # F bits per word


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Lines of equally many tokens, so that nothing is padded."""

    pieces: np.ndarray  # int64, buckets of all W words, one word after the other
    starts: np.ndarray  # (W,) int64, where each word's pieces begin
    words: np.ndarray  # (B, T) int64, in [0, W)
    flags: np.ndarray  # (B, T, F) float32, 0 or 1


def read_line(line: str) -> IngredientLine:
    """Tokens of ``line`` with the punctuation before each and the kind of word it is."""
    words = tuple(tokenize(line)[:MAX_TOKENS])
    plain = unicodedata.normalize("NFKC", line).replace("\u2044", "/").replace("\u2019", "'")
    plain = plain.lower()
    flags = []
    position = 0
    for word in words:
        start = max(position, plain.find(word, position))
        flags.append(_marks(plain[position:start]) | _kind(word) << len(MARKS))
        position = start + len(word)
    return IngredientLine(words, tuple(flags))


def line_batch(lines: Sequence[IngredientLine]) -> LineBatch:
    """Arrays of at least one line; all have the same number of tokens, at least one."""
    numbers: dict[str, int] = {}
    rows = [[numbers.setdefault(word, len(numbers)) for word in line.words] for line in lines]
    pieces = [word_pieces(word) for word in numbers]
    ends = np.cumsum([len(of_word) for of_word in pieces], dtype=np.int64)
    bits = np.array([line.flags for line in lines], np.int64)
    flags = bits[..., None] >> np.arange(NUM_FLAGS) & 1
    return LineBatch(
        np.fromiter(chain.from_iterable(pieces), np.int64, count=ends[-1]),
        np.concatenate([[0], ends[:-1]]),
        np.array(rows, np.int64),
        flags.astype(np.float32),
    )


def batches_by_length(lengths: Iterable[int], batch_size: int) -> list[list[int]]:
    """Indices of the lines of each batch: equal lengths together, those of length 0 nowhere."""
    by_length: dict[int, list[int]] = {}
    for index, length in enumerate(lengths):
        by_length.setdefault(length, []).append(index)
    return [
        indices[start : start + batch_size]
        for length, indices in sorted(by_length.items())
        if length > 0
        for start in range(0, len(indices), batch_size)
    ]


@lru_cache(maxsize=2**16)
def word_pieces(word: str) -> tuple[int, ...]:
    """Buckets of a word and of its pieces of 2 to 5 letters; of a number, of its form only."""
    if word[:1].isdigit():
        return (_bucket(_DIGIT.sub("0", word)),)
    closed = f"<{word}>"
    pieces = {
        closed[start : start + length]
        for length in PIECE_LENGTHS
        for start in range(len(closed) - length + 1)
    }
    return tuple(_bucket(piece) for piece in sorted(pieces | {closed}))


def _bucket(piece: str) -> int:
    return zlib.crc32(piece.encode()) % NUM_BUCKETS


@lru_cache(maxsize=2**12)
def _marks(gap: str) -> int:
    return sum(1 << MARKS.index(mark) for mark in set(gap) if mark in MARKS)


@lru_cache(maxsize=2**16)
def _kind(word: str) -> int:
    """Bits: length class of a word, or number, and whether it has more than digits or letters."""
    whole = not word.isalnum()
    if word[0].isdigit():
        return 1 << len(LENGTHS) + 1 | whole << len(LENGTHS) + 2
    length = sum(len(word) > longest for longest in LENGTHS)
    return 1 << length | whole << len(LENGTHS) + 2
