"""The LSTM and f_term side by side, and heads on them."""

import pytest
import torch

from seje_ray.models.heads import Projection
from seje_ray.models.recipe_encoder import Bags, KeyTerms, RecipeEncoder, RecipeInputs
from seje_ray.models.recipe_lstm import RecipeLstm


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    head = Projection(11, 4, dropout=0.0)
    return RecipeEncoder(RecipeLstm(6, 7), KeyTerms(5, 4), head).eval()


def embed(encoder, sentences, lengths, terms):
    return encoder(RecipeInputs((sentences, lengths), terms))


def recipes(num_recipes, num_steps):
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(num_recipes, num_steps, 6, generator=generator),
        torch.randn(num_recipes, 5, generator=generator),
    )


def test_padding_never_matters(encoder):
    """Neither its length nor what stands in it."""
    sentences, terms = recipes(3, 4)
    lengths = torch.tensor([4, 1, 2])
    garbage = torch.full((3, 5, 6), 1e3)
    longer = torch.cat([sentences, garbage], dim=1)
    longer[1, 1:] = -7.0

    found = embed(encoder, longer, lengths, terms)

    torch.testing.assert_close(found, embed(encoder, sentences, lengths, terms))


def test_recipe_does_not_depend_on_the_others(encoder):
    sentences, terms = recipes(3, 4)
    lengths = torch.tensor([4, 1, 2])

    whole = embed(encoder, sentences, lengths, terms)

    for row, length in enumerate(lengths.tolist()):
        own = slice(row, row + 1)
        alone = embed(encoder, sentences[own, :length], lengths[own], terms[own])
        torch.testing.assert_close(alone, whole[own])


def test_every_valid_sentence_matters_and_the_last_most(encoder):
    sentences, terms = recipes(1, 3)
    for step in range(3):
        changed = sentences.clone()
        changed[0, step] += 1.0
        before, after = (embed(encoder, s, torch.tensor([3]), terms) for s in (sentences, changed))
        assert not torch.allclose(before, after)


def test_recipe_without_sentences_has_a_zero_state(encoder):
    sentences, terms = recipes(2, 3)

    found = embed(encoder, sentences, torch.tensor([0, 0]), terms)

    expected = encoder.projection(torch.cat([torch.zeros(2, 7), encoder.key_terms(terms)], dim=1))
    torch.testing.assert_close(found, expected)
    assert found.isfinite().all()


def test_all_parameters_get_a_gradient_even_without_a_sentence(encoder):
    """DDP waits for every parameter; a step without sentences must not leave the LSTM out."""
    sentences, terms = recipes(2, 1)

    embed(encoder.train(), sentences, torch.tensor([0, 0]), terms).square()[:, 0].sum().backward()

    grads = {name: p.grad for name, p in encoder.named_parameters()}
    assert all(grad is not None and grad.isfinite().all() for grad in grads.values())
    assert grads["tower.lstm.weight_ih_l0"].abs().sum() == 0
    assert grads["key_terms.weight"].abs().sum() > 0


def test_padding_gets_no_gradient(encoder):
    sentences, terms = recipes(2, 4)
    sentences.requires_grad_()

    embed(encoder, sentences, torch.tensor([2, 4]), terms)[:, 0].sum().backward()

    assert sentences.grad[0, 2:].abs().sum() == 0
    assert sentences.grad[0, :2].abs().sum() > 0


@pytest.mark.parametrize("left_out", ["tower", "key_terms"])
def test_a_part_that_is_not_there_needs_no_input(left_out):
    """The head sees the other part alone."""
    torch.manual_seed(0)
    sentences, terms = recipes(3, 4)
    lengths = torch.tensor([4, 1, 2])
    lstm, linear = RecipeLstm(6, 7), KeyTerms(5, 4)
    if left_out == "tower":
        encoder = RecipeEncoder(None, linear, Projection(4, 4, dropout=0.0)).eval()
        found, part = encoder(RecipeInputs(key_term_vectors=terms)), linear(terms)
    else:
        encoder = RecipeEncoder(lstm, None, Projection(7, 4, dropout=0.0)).eval()
        found, part = encoder(RecipeInputs((sentences, lengths))), lstm(sentences, lengths)

    torch.testing.assert_close(found, encoder.projection(part))


def test_weights_of_an_older_state_find_their_tower(encoder):
    """The LSTM's own names once stood where the parts' names stand."""
    state = encoder.state_dict()
    older = {name.removeprefix("tower."): value for name, value in state.items()}
    assert "lstm.weight_ih_l0" in older
    other = RecipeEncoder(RecipeLstm(6, 7), KeyTerms(5, 4), Projection(11, 4, dropout=0.0))

    other.load_state_dict(older)

    assert all(torch.equal(value, state[name]) for name, value in other.state_dict().items())


def test_the_lstm_keeps_its_precision_under_autocast(encoder):
    """bfloat16 for the linear layers only: the states are those of float32."""
    sentences, terms = recipes(3, 4)
    lengths = torch.tensor([4, 1, 2])
    seen = []
    encoder.tower.lstm.register_forward_hook(lambda *call: seen.append(call[-1][0]))

    plain = embed(encoder, sentences, lengths, terms)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = embed(encoder, sentences, lengths, terms)

    assert seen[1].dtype == torch.float32
    assert seen[1].equal(seen[0])
    assert mixed.dtype == torch.float32
    assert not mixed.equal(plain)
    torch.testing.assert_close(mixed, plain, atol=0.05, rtol=0.05)


def test_a_recipe_of_zeros_alone_has_no_content():
    """Sentences, f_term or a bag are some; numbers of sentences are none."""
    tower = (torch.zeros(5, 2, 6), torch.tensor([2, 0, 0, 0, 1]))
    terms, bags = torch.zeros(5, 5), Bags(torch.zeros(5, 3, dtype=torch.int64), torch.zeros(5, 3))
    tower[0][0, 1, 5], terms[2, 4], bags.weights[3, 0] = -1.0, 1e-9, 0.5
    whole = RecipeInputs(tower, terms, bags).have_content()
    assert whole.tolist() == [True, False, True, True, False]
    assert RecipeInputs((), terms).have_content().tolist() == [False, False, True, False, False]
    assert RecipeInputs(tower).have_content().tolist() == [True, False, False, False, False]
