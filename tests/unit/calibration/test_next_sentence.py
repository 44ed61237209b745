"""Next-sentence accuracy."""

import math

import numpy as np
import pytest

from seje_ray.calibration.sentence_encoder.next_sentence import next_sentence_accuracy


def recipes(num, step, seed, dim=8, length=6):
    """Each recipe's sentences follow each other by ``step``."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(num):
        vectors = [generator.normal(size=dim)]
        for _ in range(length - 1):
            vectors.append(step(vectors[-1], generator))
        found.append(np.array(vectors, np.float32))
    return found


def turned(vector, generator):
    return np.roll(vector, 1) * np.where(np.arange(len(vector)) % 2, -1, 1)


def test_vectors_that_determine_the_next_ones_find_them_all():
    """A rotation of the vector: nothing like it, and yet known."""
    found = next_sentence_accuracy(recipes(80, turned, 0), recipes(30, turned, 1), seed=0)

    assert found > 0.95


def test_vectors_that_say_nothing_are_at_chance():
    def drawn(vector, generator):
        return generator.normal(size=len(vector))

    found = next_sentence_accuracy(recipes(80, drawn, 0), recipes(300, drawn, 1), seed=0)

    assert found == pytest.approx(0.05, abs=0.02)


def test_constant_vectors_are_exactly_at_chance():
    same = [np.ones((5, 3), np.float32)] * 20

    assert next_sentence_accuracy(same, same, seed=0) == pytest.approx(0.05)


def test_the_same_seed_draws_the_same_candidates():
    train, held_out = recipes(40, turned, 0), recipes(20, lambda v, g: v + g.normal(size=8), 1)

    first, again = (next_sentence_accuracy(train, held_out, seed=3) for _ in range(2))

    assert first == again


@pytest.mark.parametrize("held_out", [[], [np.ones((1, 3))] * 50, [np.ones((3, 3))] * 2])
def test_too_few_pairs_have_no_accuracy(held_out):
    assert math.isnan(next_sentence_accuracy([np.ones((5, 3))] * 4, held_out, seed=0))
    assert math.isnan(next_sentence_accuracy([], [np.ones((5, 3))] * 9, seed=0))
