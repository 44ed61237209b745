"""Fits word2vec.

Letters: E word-vector dimensions.
"""

import zlib
from collections.abc import Iterable

import numpy as np
from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec

from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.console.report import Report


def fit_word_vectors(
    texts: Iterable[list[str]],
    *,
    dim: int,
    window: int,
    epochs: int,
    min_count: int,
    seed: int,
    num_threads: int = 1,
    progress: Report | None = None,
) -> WordVectors:
    """Fit word2vec: skip-gram with hierarchical softmax.

    Args:
        texts: Tokens of each train recipe (``key_terms.RecipeWords``); read epochs + 1 times.
        dim: E.
        window: Words on each side.
        epochs: Passes over the texts, >= 1.
        min_count: Occurrences that a word needs.
        seed: Of the initial vectors.
        num_threads: More than one is faster, and no longer gives the same bytes each time.
        progress: Called after each pass with (done, total, text).

    Returns:
        The vectors, most frequent word first; none where no word occurs often enough.

    Source: docs/method.md, rule 1.5.
    """
    model = Word2Vec(
        vector_size=dim,
        window=window,
        min_count=min_count,
        sg=1,
        hs=1,
        negative=0,
        seed=seed,
        workers=num_threads,
        hashfxn=_hash,
    )
    model.build_vocab(texts)
    if not len(model.wv):
        return WordVectors((), np.zeros((0, dim), np.float32))
    callbacks = [] if progress is None else [_EpochProgress(epochs, progress)]
    model.train(texts, total_examples=model.corpus_count, epochs=epochs, callbacks=callbacks)
    return WordVectors(model.wv.index_to_key, model.wv.vectors)


class _EpochProgress(CallbackAny2Vec):  # type: ignore[misc]
    """Calls ``progress`` after each epoch."""

    def __init__(self, epochs: int, progress: Report) -> None:
        self._epochs, self._progress, self._done = epochs, progress, 0

    def on_epoch_end(self, model: Word2Vec) -> None:
        self._done += 1
        self._progress(self._done, self._epochs, "")


def _hash(word: str) -> int:
    """The same in every process, other than ``hash``."""
    return zlib.crc32(word.encode())
