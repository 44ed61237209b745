"""The skip-instructions encoder."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seje_ray.calibration.sentence_encoder.sentence_pairs import (
    END,
    PAD,
    SPECIAL,
    Vocabulary,
    padded,
)
from seje_ray.calibration.sentence_encoder.skip_instructions import (
    SkipInstructions,
    fit_skip_instructions,
)
from seje_ray.errors import DivergedError

SETTINGS = {"dim": 12, "vocabulary_size": 60, "batch_size": 16, "learning_rate": 0.01, "seed": 3}
WORDS = ("boil", "rice", "bake", "cake", "serve", "stir")
SENTENCES = st.lists(
    st.lists(st.sampled_from([*WORDS, "zzz"]), max_size=6).map(" ".join), min_size=1, max_size=9
)


@pytest.fixture(scope="module")
def encoder():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SkipInstructions(Vocabulary((*SPECIAL, *WORDS)), 8).eval()


def weights(model):
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


@given(sentences=SENTENCES, seed=st.integers(0, 99))
def test_a_vector_does_not_depend_on_the_sentences_beside_it(encoder, sentences, seed):
    alone = np.concatenate([encoder.encode([sentence]) for sentence in sentences])
    order = np.random.default_rng(seed).permutation(len(sentences))

    together = encoder.encode([sentences[i] for i in order])

    np.testing.assert_allclose(together, alone[order], atol=1e-6)


def test_a_vector_is_the_state_after_the_last_word(encoder):
    """A plain twin: one LSTM cell, word by word."""
    numbers = encoder.vocabulary.numbers("boil rice zzz stir")
    cell = torch.nn.LSTMCell(8, 8)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell.load_state_dict({name: getattr(encoder.encoder, f"{name}_l0") for name in names})
    state = (torch.zeros(1, 8), torch.zeros(1, 8))
    for number in numbers:
        state = cell(encoder.embedding.weight[number][None], state)

    vector = encoder.encode(["boil rice zzz stir", "a much longer sentence than the other"])[0]

    np.testing.assert_allclose(vector, state[0][0].detach().numpy(), atol=1e-6)


def test_the_loss_is_the_mean_surprise_of_each_next_word(encoder):
    """A plain twin: the decoder starts with the vector, and reads the true words one by one."""
    sentences, following = [[5, 6], [7]], [[8, END], [9, 10, 5, END]]
    surprises = []
    for sentence, words in zip(sentences, following, strict=True):
        state = encoder.sentence_vectors(torch.tensor([sentence]))[None]
        memory = torch.zeros_like(state)
        for before, word in zip([END, *words], words, strict=False):
            embedded = encoder.embedding(torch.tensor([[before]]))
            output, (state, memory) = encoder.decoder(embedded, (state, memory))
            surprises.append(-encoder.next_words.log_prob(output[0])[0, word])

    loss = encoder(torch.from_numpy(padded(sentences)), torch.from_numpy(padded(following)))

    torch.testing.assert_close(loss, torch.stack(surprises).mean())


def test_no_sentences_give_no_vectors_and_an_empty_one_gives_a_vector(encoder):
    assert encoder.encode([]).shape == (0, 8)
    vectors = encoder.encode(["", "!?"])
    assert vectors.shape == (2, 8)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()


def test_padding_has_no_gradient(encoder):
    rows = torch.from_numpy(padded([[5, 6, 7], [5]]))

    encoder(rows, rows).backward()

    assert encoder.embedding.weight.grad[PAD].abs().max() == 0
    assert encoder.embedding.weight.grad[5].abs().max() > 0
    encoder.zero_grad()


def test_training_learns_what_follows(corpus):
    """An untrained network's loss is near ln V; the corpus leaves little to guess."""
    model = fit_skip_instructions(corpus, epochs=12, **SETTINGS)

    losses = [epoch["loss"] for epoch in model.history]
    assert len(losses) == 12
    assert losses[0] == pytest.approx(math.log(len(model.vocabulary)), rel=0.2)
    assert losses[-1] < losses[0] / 2


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(corpus):
    first, again = (fit_skip_instructions(corpus, epochs=1, **SETTINGS) for _ in range(2))
    other = fit_skip_instructions(corpus, epochs=1, **{**SETTINGS, "seed": 4})

    assert weights(first) == weights(again) != weights(other)
    assert first.history == again.history


def test_each_epoch_has_an_order_of_its_own(corpus):
    """Weights that hardly move: epochs differ only in which sentences share a batch."""
    still = {**SETTINGS, "learning_rate": 1e-30, "batch_size": 7}

    losses = [e["loss"] for e in fit_skip_instructions(corpus, epochs=3, **still).history]

    assert len(set(losses)) == 3
    assert losses == pytest.approx([losses[0]] * 3, rel=0.05)


def test_fitting_leaves_the_global_generator_alone(corpus):
    before = torch.random.get_rng_state()

    fit_skip_instructions(corpus, epochs=1, **SETTINGS)

    assert torch.equal(torch.random.get_rng_state(), before)


def test_no_epochs_give_the_random_weights_of_the_seed(corpus):
    first, again = (fit_skip_instructions(corpus, epochs=0, **SETTINGS) for _ in range(2))

    assert weights(first) == weights(again)
    assert first.history == []
    assert first.encode(["stir"]).shape == (1, 12)


@pytest.mark.parametrize("corpus_of", [lambda c: [], lambda c: c[:1]])
def test_hardly_any_recipes_are_enough_to_fit(corpus, corpus_of):
    model = fit_skip_instructions(corpus_of(corpus), epochs=1, **SETTINGS)

    assert np.isfinite(model.encode(["stir rice"])).all()


class StoppedError(Exception):
    """Stands for a killed process."""


def test_a_resumed_fit_equals_an_uninterrupted_one(corpus, tmp_path):
    def stop_in_third_epoch(done, total, text):
        if done > 2 * total / 3:
            raise StoppedError

    whole = fit_skip_instructions(corpus, epochs=3, **SETTINGS)
    with pytest.raises(StoppedError):
        fit_skip_instructions(
            corpus, epochs=3, **SETTINGS, state_folder=tmp_path, progress=stop_in_third_epoch
        )
    told = []
    resumed = fit_skip_instructions(
        corpus,
        epochs=3,
        **SETTINGS,
        state_folder=tmp_path,
        progress=lambda done, total, text: told.append((done, total)),
    )

    assert weights(resumed) == weights(whole)
    assert resumed.history == whole.history
    assert told == [(120, 120)]  # forty recipes in each of three epochs; two are not done again


def test_a_loss_that_is_not_finite_raises(corpus):
    with pytest.raises(DivergedError, match="not finite"):
        fit_skip_instructions(corpus, epochs=5, **{**SETTINGS, "learning_rate": math.inf})


def test_an_encoder_survives_the_disk(corpus, tmp_path):
    model = fit_skip_instructions(corpus, epochs=1, **SETTINGS)
    model.save(tmp_path)

    loaded = SkipInstructions.load(tmp_path)

    assert weights(loaded) == weights(model)
    assert (loaded.vocabulary, loaded.history) == (model.vocabulary, model.history)
    sentences = ["stir the rice", "bake"]
    assert loaded.encode(sentences).tobytes() == model.encode(sentences).tobytes()
