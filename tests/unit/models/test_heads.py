"""The small heads: image head, category head, discriminator."""

import pytest
import torch

from seje_ray.models.category_head import CategoryHead
from seje_ray.models.discriminator import Discriminator
from seje_ray.models.image_head import ImageHead


def test_image_head_sees_features_first_and_then_the_category_vector():
    torch.manual_seed(0)
    head = ImageHead(3, 2, 4, dropout=0.0).eval()
    features, category_vectors = torch.randn(5, 3), torch.randn(5, 2)

    found = head(features, category_vectors)

    expected = head.projection(torch.cat([features, category_vectors], dim=1))
    assert torch.equal(found, expected)
    assert found.shape == (5, 4)


def test_image_head_drops_out_what_it_is_told():
    assert ImageHead(3, 2, 4, dropout=0.25).projection.dropout.p == 0.25


def test_category_head_is_linear():
    head = CategoryHead(2, 3)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]))
        head.linear.bias.copy_(torch.tensor([0.0, 0.0, 5.0]))

    assert head(torch.tensor([[3.0, 4.0]])).tolist() == [[3.0, 8.0, 12.0]]


def test_discriminator_scores_each_row_on_its_own_and_without_bound():
    torch.manual_seed(0)
    network = Discriminator(4)
    rows = torch.randn(6, 4)

    scores = network(rows)

    assert scores.shape == (6,)
    torch.testing.assert_close(network(rows[2:3]), scores[2:3])
    with torch.no_grad():
        network.layers[-1].bias.fill_(1e6)
    assert network(rows).min() > 9e5


@pytest.mark.parametrize("dim", [1, 7])
def test_discriminator_takes_one_row(dim):
    assert Discriminator(dim)(torch.ones(1, dim)).shape == (1,)
