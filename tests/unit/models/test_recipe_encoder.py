import pytest
import torch

from seje_ray.models.recipe_encoder import RecipeEncoder


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return RecipeEncoder(6, 5, 4, 7, dropout=0.0).eval()


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

    found = encoder(longer, lengths, terms)

    torch.testing.assert_close(found, encoder(sentences, lengths, terms))


def test_recipe_does_not_depend_on_the_others(encoder):
    sentences, terms = recipes(3, 4)
    lengths = torch.tensor([4, 1, 2])

    whole = encoder(sentences, lengths, terms)

    for row, length in enumerate(lengths.tolist()):
        own = slice(row, row + 1)
        alone = encoder(sentences[own, :length], lengths[own], terms[own])
        torch.testing.assert_close(alone, whole[own])


def test_every_valid_sentence_matters_and_the_last_most(encoder):
    sentences, terms = recipes(1, 3)
    for step in range(3):
        changed = sentences.clone()
        changed[0, step] += 1.0
        before, after = (encoder(s, torch.tensor([3]), terms) for s in (sentences, changed))
        assert not torch.allclose(before, after)


def test_recipe_without_sentences_has_a_zero_state(encoder):
    sentences, terms = recipes(2, 3)

    found = encoder(sentences, torch.tensor([0, 0]), terms)

    hidden = torch.nn.functional.leaky_relu(encoder.key_terms(terms), 0.02)
    expected = encoder.projection(torch.cat([torch.zeros(2, 7), hidden], dim=1))
    torch.testing.assert_close(found, expected)
    assert found.isfinite().all()


def test_all_parameters_get_a_gradient_even_without_a_sentence(encoder):
    """DDP waits for every parameter; a step without sentences must not leave the LSTM out."""
    sentences, terms = recipes(2, 1)

    encoder.train()(sentences, torch.tensor([0, 0]), terms).square()[:, 0].sum().backward()

    grads = {name: p.grad for name, p in encoder.named_parameters()}
    assert all(grad is not None and grad.isfinite().all() for grad in grads.values())
    assert grads["lstm.weight_ih_l0"].abs().sum() == 0
    assert grads["key_terms.weight"].abs().sum() > 0


def test_padding_gets_no_gradient(encoder):
    sentences, terms = recipes(2, 4)
    sentences.requires_grad_()

    encoder(sentences, torch.tensor([2, 4]), terms)[:, 0].sum().backward()

    assert sentences.grad[0, 2:].abs().sum() == 0
    assert sentences.grad[0, :2].abs().sum() > 0


def test_dropout_is_that_of_the_last_linear_layer():
    assert RecipeEncoder(6, 5, 4, 7, dropout=0.25).projection.dropout.p == 0.25


def test_the_lstm_keeps_its_precision_under_autocast(encoder):
    """bfloat16 for the linear layers only: the states are those of float32."""
    sentences, terms = recipes(3, 4)
    lengths = torch.tensor([4, 1, 2])
    seen = []
    encoder.lstm.register_forward_hook(lambda *call: seen.append(call[-1][0]))

    plain = encoder(sentences, lengths, terms)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = encoder(sentences, lengths, terms)

    assert seen[1].dtype == torch.float32
    assert seen[1].equal(seen[0])
    assert mixed.dtype == torch.float32
    assert not mixed.equal(plain)
    torch.testing.assert_close(mixed, plain, atol=0.05, rtol=0.05)
