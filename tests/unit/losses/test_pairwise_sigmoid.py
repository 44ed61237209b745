import math

import pytest
import torch

from seje_ray.losses.pairwise_sigmoid import pairwise_sigmoid
from tests.unit.losses.every_loss import unit_pairs
from tests.unit.losses.worker_pairs import pairs_of

# Cosines of image i (rows) and recipe j (columns): [[1, 0], [0, -1]].
IMAGES = torch.eye(2)
RECIPES = torch.tensor([[1.0, 0.0], [0.0, -1.0]])


def softplus(value):
    return math.log1p(math.exp(value))


def loss_of(scale, bias, own=slice(0, 2)):
    return pairwise_sigmoid(
        pairs_of(IMAGES, RECIPES, own=own),
        logit_scale=torch.as_tensor(scale),
        logit_bias=torch.as_tensor(bias),
    )


def test_loss_by_hand():
    """Logits are 3 - 1 and -3 - 1 for the pairs, -1 for the rest: their sum over two images."""
    expected = (softplus(-2) + softplus(4) + 2 * softplus(-1)) / 2

    assert float(loss_of(3.0, -1.0)) == pytest.approx(expected)


def test_worker_judges_its_pair_with_all():
    assert float(loss_of(3.0, -1.0, slice(1, 2))) == pytest.approx(softplus(4) + softplus(-1))


def test_gradients_of_scale_and_bias_by_hand():
    """d softplus(x) is the sigmoid; with e^s = 2, b = 0 the logits are log 2, -log 2, 0 and 0."""
    scale = torch.tensor(math.log(2), requires_grad=True)
    bias = torch.tensor(0.0, requires_grad=True)

    loss_of(scale, bias).backward()

    # pair 0: -(1/3) * 1; pair 1: -(2/3) * -1; the others: 1/2 * 0
    assert float(scale.grad) == pytest.approx((-1 / 3 + 2 / 3) / 2)
    # pair 0: -1/3; pair 1: -2/3; the others: 1/2 each
    assert float(bias.grad) == pytest.approx((-1 / 3 - 2 / 3 + 1 / 2 + 1 / 2) / 2, abs=1e-7)


def test_loss_is_the_sum_of_the_source_over_its_images():
    """SigLIP meets every two once, here each is met from both sides and halved."""
    images, recipes = unit_pairs(0, 7)
    logits = 4.0 * images @ recipes.T - 2.0
    signs = 2 * torch.eye(7) - 1

    found = pairwise_sigmoid(
        pairs_of(images, recipes),
        logit_scale=torch.tensor(4.0),
        logit_bias=torch.tensor(-2.0),
    )

    expected = -torch.nn.functional.logsigmoid(signs * logits).sum() / 7
    torch.testing.assert_close(found, expected)
