"""Both branches against docs/method.md, rules 4.1 to 4.4, in NumPy.

One recipe and one step at a time.
"""

import numpy as np
import torch

from seje_ray.models.heads import CategoryHead, Discriminator, ImageHead, Projection
from seje_ray.models.joint_embedding import JointEmbedding
from seje_ray.models.recipe_encoder import KeyTerms, RecipeEncoder, RecipeInputs
from seje_ray.models.recipe_lstm import RecipeLstm


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def leaky(x, slope):
    return np.where(x > 0, x, slope * x)


def last_lstm_state(steps, weights, prefix):
    """Input, forget, cell and output gate, in torch's order."""
    in_weight, state_weight = weights[prefix + "weight_ih_l0"], weights[prefix + "weight_hh_l0"]
    bias = weights[prefix + "bias_ih_l0"] + weights[prefix + "bias_hh_l0"]
    state = cell = np.zeros(state_weight.shape[1])
    for step in steps:
        i, f, g, o = np.split(in_weight @ step + state_weight @ state + bias, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        state = sigmoid(o) * np.tanh(cell)
    return state


def project(rows, weights, prefix):
    """Linear, BatchNorm over the batch, LeakyReLU 0.02, unit length."""
    rows = rows @ weights[prefix + "linear.weight"].T
    rows = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5)
    rows = rows * weights[prefix + "norm.weight"] + weights[prefix + "norm.bias"]
    rows = leaky(rows, 0.02)
    return rows / np.sqrt((rows**2).sum(1, keepdims=True))


def test_model_equals_its_twin():
    torch.manual_seed(0)
    model = JointEmbedding(
        None,
        ImageHead(Projection(12, 8, dropout=0.0)),
        RecipeEncoder(RecipeLstm(6, 9), KeyTerms(5, 8), Projection(17, 8, dropout=0.0)),
        CategoryHead(8, 4),
    ).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    lengths = [3, 0, 1, 4]
    features, f_cat = torch.randn(4, 7).double(), torch.randn(4, 5).double()
    f_sent, f_term = torch.randn(4, 4, 6).double(), torch.randn(4, 5).double()

    with torch.no_grad():
        output = model(features, f_cat, RecipeInputs((f_sent, torch.tensor(lengths)), f_term))

    images = project(
        np.concatenate([features.numpy(), f_cat.numpy()], 1), weights, "image_head.projection."
    )
    states = np.stack(
        [
            last_lstm_state(steps[:length], weights, "recipe_encoder.tower.lstm.")
            for steps, length in zip(f_sent.numpy(), lengths, strict=True)
        ]
    )
    prefix = "recipe_encoder.key_terms."
    terms = leaky(f_term.numpy() @ weights[prefix + "weight"].T + weights[prefix + "bias"], 0.02)
    recipes = project(np.concatenate([states, terms], 1), weights, "recipe_encoder.projection.")
    head = weights["category_head.linear.weight"].T
    bias = weights["category_head.linear.bias"]
    expected = (images, recipes, images @ head + bias, recipes @ head + bias)
    for found, wanted in zip(output[:4], expected, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted)


def test_discriminator_equals_its_twin():
    torch.manual_seed(1)
    network = Discriminator(6).double()
    weights = [value.numpy() for value in network.state_dict().values()]
    rows = torch.randn(3, 6).double()

    expected = rows.numpy()
    for number in (0, 2):
        expected = leaky(expected @ weights[number].T + weights[number + 1], 0.2)
    expected = expected @ weights[4].T + weights[5]
    assert [w.shape for w in weights[::2]] == [(512, 6), (256, 512), (1, 256)]
    np.testing.assert_allclose(network(rows).detach().numpy(), expected[:, 0])
