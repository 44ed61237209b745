"""Batches of consecutive sentences."""

import numpy as np
import pytest

from seje_ray.calibration.sentence_encoder.sentence_pairs import (
    END,
    PAD,
    RECIPE_END,
    RECIPE_START,
    SPECIAL,
    UNKNOWN,
    Vocabulary,
    padded,
    pair_batches,
)


def all_pairs(corpus, vocabulary, **settings):
    """(sentence, next sentence) of all batches in order, padding removed."""
    generator = np.random.default_rng(settings.pop("seed", 0))
    return [
        tuple(tuple(int(n) for n in row if n != PAD) for row in rows)
        for _, batches in pair_batches(corpus, vocabulary, generator=generator, **settings)
        for batch in batches
        for rows in zip(batch.sentences, batch.next_sentences, strict=True)
    ]


def test_the_vocabulary_has_the_most_frequent_words_of_instructions(make_recipe):
    """stir 3, rice 2, then by alphabet add, the; the title does not count."""
    corpus = [make_recipe("Soup", ["salt"], ["Stir rice.", "Stir the rice.", "Add, stir"])]

    assert Vocabulary.fit(corpus, 100).words == (*SPECIAL, "stir", "rice", "add", "the")
    assert Vocabulary.fit(corpus, 7).words == (*SPECIAL, "stir", "rice")
    assert Vocabulary.fit([], 100).words == SPECIAL


def test_sentences_become_numbers_cut_at_thirty_tokens():
    vocabulary = Vocabulary((*SPECIAL, "stir"))

    assert vocabulary.numbers("Stir rice, stir!") == [5, UNKNOWN, 5]
    assert vocabulary.numbers("stir " * 40) == [5] * 30
    assert vocabulary.numbers("...") == [UNKNOWN]
    assert vocabulary.numbers("<pad>") == [UNKNOWN]  # a text cannot name a special word


def test_start_and_end_of_a_recipe_count_as_sentences(make_recipe):
    vocabulary = Vocabulary((*SPECIAL, "boil", "serve"))
    corpus = [make_recipe("A", [], ["Boil.", "Serve."]), make_recipe("B", [], [])]

    pairs = all_pairs(corpus, vocabulary, batch_size=3)

    assert sorted(pairs) == [
        ((RECIPE_START,), (RECIPE_END, END)),  # a recipe without instructions
        ((RECIPE_START,), (5, END)),
        ((5,), (6, END)),
        ((6,), (RECIPE_END, END)),
    ]  # fmt: skip


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_every_pair_comes_once_in_an_order_that_the_seed_decides(corpus, batch_size):
    vocabulary = Vocabulary.fit(corpus, 1000)

    first, again, other = (
        all_pairs(corpus, vocabulary, batch_size=batch_size, seed=seed) for seed in (1, 1, 2)
    )

    assert first == again != other
    assert sorted(first) == sorted(other)
    assert len(first) == 40 * 4  # three instructions and the start, each with what follows


def test_batches_hold_sentences_of_similar_length(make_recipe):
    corpus = [make_recipe(str(n), [], ["stir"] * 4 + ["stir " * 20] * 4) for n in range(8)]
    generator = np.random.default_rng(0)

    batches = [
        batch
        for _, group in pair_batches(
            corpus, Vocabulary.fit(corpus, 9), batch_size=8, generator=generator
        )
        for batch in group
    ]

    num_padded = sum(int((batch.next_sentences == PAD).sum()) for batch in batches)
    assert num_padded == 0  # 9 * 8 pairs: 40 short and 32 long ones, both multiples of 8


def test_padding_is_at_the_right():
    assert padded([[5, 6], [7]]).tolist() == [[5, 6], [7, PAD]]
