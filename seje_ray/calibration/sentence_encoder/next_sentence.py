"""Measures how much a sentence's vector tells about the next sentence.

Letters: P pairs of consecutive sentences, H dimensions.
"""

from collections.abc import Sequence

import numpy as np

from seje_ray.random_streams import Stream, generator

NUM_CANDIDATES = 20  # the true next sentence and others
MAX_PAIRS = 4000  # of each partition


def next_sentence_accuracy(
    train: Sequence[np.ndarray], held_out: Sequence[np.ndarray], *, seed: int
) -> float:
    """Share of sentences whose true next one is the nearest of ``NUM_CANDIDATES``.

    A ridge regression from a sentence's vector to the next one's is fitted on train recipes: what
    follows a sentence is seldom like it. Candidates are drawn from all next sentences of the
    held-out recipes and compared with the prediction by cosine; a tie of n shares the hit. Chance
    is ``1 / NUM_CANDIDATES``, and so is what constant vectors reach.

    Args:
        train: Sentence vectors of each recipe, (its sentences, H).
        held_out: The same of recipes that neither the encoder nor the map was fitted on.
        seed: Of the candidates.

    Returns:
        The share, or NaN if there are not enough pairs.
    """
    from sklearn.linear_model import Ridge

    before, after = _pairs(train)
    queries, answers = _pairs(held_out)
    if len(before) < 2 or len(answers) < NUM_CANDIDATES:
        return float("nan")
    centre, scale = before.mean(axis=0), before.std(axis=0) + 1e-6
    predicted = (
        Ridge(alpha=len(before) / 10)
        .fit((before - centre) / scale, after)
        .predict((queries - centre) / scale)
    )
    mean = after.mean(axis=0)
    predicted, answers = _unit(predicted - mean), _unit(answers - mean)
    draws = generator(Stream.NEXT_SENTENCE, seed)
    hits = 0.0
    for row, vector in enumerate(predicted):
        others = draws.choice(len(answers) - 1, NUM_CANDIDATES - 1, replace=False)
        others += others >= row
        similar, own = answers[others] @ vector, answers[row] @ vector
        if own >= similar.max() - 1e-9:
            hits += 1 / (1 + (np.abs(similar - own) <= 1e-9).sum())
    return hits / len(predicted)


def _pairs(recipes: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of consecutive sentences, (P, H) each; of the first recipes, up to a limit."""
    before: list[np.ndarray] = []
    after: list[np.ndarray] = []
    for vectors in recipes:
        before.extend(vectors[:-1])
        after.extend(vectors[1:])
        if len(before) >= MAX_PAIRS:
            break
    return np.array(before, np.float64), np.array(after, np.float64)


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.maximum(lengths, 1e-12)
    return unit
