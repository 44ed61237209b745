"""All random streams, one per purpose, so that no two purposes draw the same numbers.

A stream is a function of the run's seed, of what it is for, and of keys such as the epoch and the
step. Nothing depends on the process, its platform, or what was drawn before. Four things draw from
plain seeds, whose numbers are kept: a random frozen network (its stored features), the network of
the image categorizer where it has no weights, the galleries of the evaluation protocol, and the
embedded cookbook.
"""

from enum import IntEnum, unique

import numpy as np

STREAMS = 2  # version of all streams; another one draws other numbers of the same seed
STREAMS_BEFORE_PADDING = 1  # the same but for the terms of a lexical bag that training leaves out


@unique
class Stream(IntEnum):
    """Purposes of draws; a number is never used again for another one."""

    PAIR_ORDER = 1
    """Order of the train pairs; keys: epoch, or epoch and shard for the rows of one."""
    PHOTO_OF_PAIR = 2
    """A pair's photo and its crop; keys: epoch, shard, row."""
    BACKBONE_DROPOUT = 3
    """What an image network itself draws; keys: epoch, step, rank."""
    GRADIENT_PENALTY = 4
    """Where between its image and its recipe each pair is penalised; keys: epoch, step."""
    HEAD_DROPOUT = 5
    """Dropout of the heads, on the global batch; keys: epoch, step."""
    LOSS = 6
    """What a loss draws of the global batch; keys: epoch, step."""
    MICRO_BATCH = 7
    """What an image network draws in micro-batches; keys: epoch, step, rank, micro-batch."""
    MODEL_WEIGHTS = 8
    """Weights before training."""
    DISCRIMINATOR_WEIGHTS = 9
    """Weights of the discriminator before training."""
    SUGGESTION = 10
    """Settings of a trial; keys: its number."""
    EXAMPLES = 11
    """Test pairs that a report shows."""
    CATEGORY_MEMBERS = 12
    """Recipes of a category that a report shows; keys: category."""
    IMPORTANCE = 13
    """Shuffles that tell how much a setting matters."""
    NEXT_SENTENCE = 14
    """Candidates among which a sentence's vector has to find the next sentence."""
    SENTENCE_ENCODER_WEIGHTS = 15
    """Weights of the sentence encoder before its fit."""
    SENTENCE_ORDER = 16
    """Order of the sentence encoder's pairs; keys: epoch."""
    LINE_TAGGER_WEIGHTS = 17
    """Weights of the line tagger before its fit."""
    LINE_ORDER = 18
    """Order of the line tagger's lines, and its dropout; keys: epoch."""
    CATEGORIZER_WEIGHTS = 19
    """Weights of the image categorizer's layer before its fit."""
    CATEGORIZER_PHOTOS = 20
    """Order and crops of the image categorizer's photos; keys: epoch."""
    CATEGORIZER_FEATURES = 21
    """Order of the photos whose features are computed once; keys: epoch."""
    CATEGORIZER_DROPOUT = 22
    """What the image categorizer's network itself draws; keys: epoch, rank."""
    LEXICAL_SAMPLE = 23
    """Train recipes whose terms are counted, where there are more than are looked at."""
    TRAIN_SUBSET = 24
    """Which train pairs are used where not all are."""
    EMBEDDING_MAP = 25
    """Pairs that the map of a report shows."""
    PARTIAL_TEXTS = 26
    """Recipes that a step sees a part of, and which; keys: epoch, shard, row."""
    RECALL_QUERIES = 30
    """Vectors by which the recall of an index is measured."""


def generator(stream: Stream, seed: int, *keys: int) -> np.random.Generator:
    """NumPy's generator of a stream, at its beginning.

    Args:
        stream: What is drawn.
        seed: Of the run, >= 0.
        keys: Each >= 0, as the stream names them.
    """
    return np.random.default_rng(_sequence(stream, seed, keys))


def torch_seed(stream: Stream, seed: int, *keys: int) -> int:
    """A stream's seed for a generator of torch, in [0, 2^63); arguments as of ``generator``."""
    return int(_sequence(stream, seed, keys).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _sequence(stream: Stream, seed: int, keys: tuple[int, ...]) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(int(stream), *keys))
