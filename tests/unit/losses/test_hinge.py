"""Points at known angles: every distance is known."""

import math

import pytest
import torch

from seje_ray.losses.hinge import hinge_triplet
from tests.unit.losses.worker_pairs import pairs_of

# Angles between image i (0, 45, 120 degrees) and recipe j (20, 80, 100 degrees):
#   image 0:   20  80 100       recipe 0:  20  25 100
#   image 1:   25  35  55       recipe 1:  80  35  40
#   image 2:  100  40  20       recipe 2: 100  55  20
IMAGE_DEGREES, RECIPE_DEGREES = (0, 45, 120), (20, 80, 100)


def circle(*degrees):
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def hinge(positive, negative, margin=0.5):
    """Hinge of two angles in degrees."""

    def chord(degrees):
        return 2 * math.sin(math.radians(degrees) / 2)

    return max(0.0, chord(positive) - chord(negative) + margin)


def loss_of(mining, ids=(1, 2, 3), *, negatives="instance", margin=0.5, own=slice(0, 3), **share):
    images, recipes = circle(*IMAGE_DEGREES), circle(*RECIPE_DEGREES)
    ids = torch.tensor(ids)
    loss = hinge_triplet(
        pairs_of(images, recipes, ids, own),
        margin=margin,
        negatives=negatives,
        mining=mining,
        **share,
    )
    return float(loss)


def test_average_by_hand():
    """Of the twelve triplets six violate a margin of 0.5; each anchor averages its own."""
    # Violation is chord(negative) < chord(positive) + 0.5: 50.1 degrees beyond 20, 66.8 beyond 35.
    anchors = [
        0.0,  # image 0: 80 and 100 are beyond 50.1
        (hinge(35, 25) + hinge(35, 55)) / 2,  # image 1
        hinge(20, 40),  # image 2: 100 is beyond
        hinge(20, 25),  # recipe 0
        hinge(35, 40),  # recipe 1: 80 is beyond 66.8
        0.0,  # recipe 2: 55 and 100 are beyond 50.1
    ]

    assert loss_of("average") == pytest.approx(sum(anchors) / 6)


def test_hardest_by_hand():
    """Image 1 takes recipe 0, nearer than its own pair."""
    pairs = [(20, 80), (35, 25), (20, 40), (20, 25), (35, 40), (20, 55)]

    assert loss_of("hardest") == pytest.approx(sum(hinge(*pair) for pair in pairs) / 6)
    assert loss_of("hardest", margin=0.8) == pytest.approx(
        sum(hinge(*pair, margin=0.8) for pair in pairs) / 6
    )


def test_semi_hard_by_hand():
    """Image 1 passes over recipe 0, which is nearer than its own pair, for recipe 2."""
    pairs = [(20, 80), (35, 55), (20, 40), (20, 25), (35, 40), (20, 55)]

    assert loss_of("semi_hard") == pytest.approx(sum(hinge(*pair) for pair in pairs) / 6)


def test_semi_hard_without_one_takes_the_farthest():
    """Pair 1 alone is asked: recipe 0, nearer than its own, is all that is left to its image."""
    found = loss_of("semi_hard", (1, 2, 2), negatives="category", own=slice(1, 2))

    assert found == pytest.approx((hinge(35, 25) + hinge(35, 80)) / 2)


@pytest.mark.parametrize("mining", ["average", "hardest", "semi_hard"])
def test_category_negatives_by_hand(mining):
    """Pairs 1 and 2 share a category, so both have pair 0 alone as a negative."""
    average = mining == "average"
    of_pair_0 = [0.0 if average else hinge(20, 80), hinge(20, 25)]
    expected = (
        sum(of_pair_0) + hinge(35, 25) + hinge(20, 100) + hinge(35, 80) + hinge(20, 100)
    ) / 6

    category = loss_of(mining, (1, 2, 2), negatives="category")

    assert category == pytest.approx(expected)
    both = loss_of(mining, (1, 2, 2), negatives="both")
    assert both == pytest.approx((category + loss_of(mining)) / 2)
    mostly = loss_of(mining, (1, 2, 2), negatives="both", category_share=0.8)
    assert mostly == pytest.approx(0.8 * category + 0.2 * loss_of(mining))


@pytest.mark.parametrize("mining", ["average", "hardest", "semi_hard"])
def test_beyond_the_margin_there_is_neither_loss_nor_gradient(mining):
    """Pairs coincide and lie 90 degrees apart, sqrt 2 > 1."""
    rows = circle(0, 90, 180).requires_grad_()
    ids = torch.tensor([1, 2, 3])

    loss = hinge_triplet(
        pairs_of(rows, rows, ids),
        margin=1.0,
        negatives="both",
        mining=mining,
    )
    loss.backward()

    assert float(loss.detach()) == 0.0
    assert torch.equal(rows.grad, torch.zeros(3, 2, dtype=torch.float64))


def test_unknown_mining_is_refused():
    with pytest.raises(ValueError, match="average, hardest or semi_hard, got 'easy'"):
        loss_of("easy")
