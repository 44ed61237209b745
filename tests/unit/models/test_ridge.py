"""Ridge regression beside what is learnt: the parts of the model."""

import pytest
import torch
from torch.nn import functional as F

from seje_ray.models.heads import ImageHead, joint_head
from seje_ray.models.ridge import RidgeMap, bag_rows, beside_ridge, learnt_part


def unit_rows(num_rows, dim, seed):
    return F.normalize(torch.randn(num_rows, dim, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_similarities_are_weighed_by_the_share(share):
    """Rows stay unit rows, and the learnt part can be taken out of them again."""
    learnt, other = unit_rows(4, 3, 0), unit_rows(4, 3, 1)
    ridge, bags = unit_rows(4, 5, 2), unit_rows(4, 5, 3)
    images, recipes = beside_ridge(learnt, ridge, share), beside_ridge(other, bags, share)
    expected = (1 - share) * learnt @ other.T + share * ridge @ bags.T
    torch.testing.assert_close(images @ recipes.T, expected)
    torch.testing.assert_close(images.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(learnt_part(images, 3), learnt)
    assert learnt_part(learnt, 3) is learnt


def test_a_map_gives_unit_rows_and_zeros_stay_zero():
    """By hand: weights that swap two features, and a bias."""
    ridge = RidgeMap(2, 2)
    assert ridge(torch.ones(1, 2)).tolist() == [[0.0, 0.0]]
    state = {"weight": torch.tensor([[0.0, 1.0], [1.0, 0.0]]), "bias": torch.tensor([0.0, 1.0])}
    ridge.load_state_dict(state)
    torch.testing.assert_close(ridge(torch.tensor([[3.0, 3.0]])), torch.tensor([[0.6, 0.8]]))
    torch.testing.assert_close(bag_rows(torch.tensor([[0.0, 2.0]])), torch.tensor([[0.0, 1.0]]))
    assert not list(ridge.parameters())  # nothing of it is trained


def test_a_map_keeps_its_digits_in_mixed_precision():
    """As a GPU embeds: 2,000 features, of which bf16 would round each."""
    ridge, features = RidgeMap(2000, 4), torch.randn(3, 2000)
    ridge.weight.copy_(torch.randn(4, 2000))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = ridge(features)
    torch.testing.assert_close(found, ridge(features))


def test_a_head_has_it_beside_itself_in_evaluation_alone():
    """The loss sees what is learnt; nothing of the image category reaches the regression."""
    head = joint_head("projection", 6 + 2, 3, hidden_dim=4, dropout=0.0)
    ridge = RidgeMap(6, 5)
    ridge.weight.copy_(torch.randn(5, 6))
    both = ImageHead(head, ridge, 0.5)
    features, categories = torch.randn(4, 6), torch.randn(4, 2)
    assert both.train()(features, categories).shape == (4, 3)
    found = both.eval()(features, categories)
    torch.testing.assert_close(found[:, 3:], 0.5**0.5 * ridge(features))
    torch.testing.assert_close(found[:, :3], 0.5**0.5 * ImageHead(head)(features, categories))
