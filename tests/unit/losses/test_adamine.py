"""Points at known angles: every cosine is known."""

import math

import pytest
import torch

from seje_ray.losses.adamine import adamine
from tests.unit.losses.worker_pairs import pairs_of

# Angles between image i (0, 60, 90, 180 degrees) and recipe j (0, 90, 120, 120 degrees):
#   image 0:   0  90 120 120      recipe 0:   0  60  90 180
#   image 1:  60  30  60  60      recipe 1:  90  30   0  90
#   image 2:  90   0  30  30      recipe 2: 120  60  30  60
#   image 3: 180  90  60  60      recipe 3: 120  60  30  60
IMAGE_DEGREES, RECIPE_DEGREES = (0, 60, 90, 180), (0, 90, 120, 120)


def circle(*degrees):
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def hinge(positive, negative, margin=0.3):
    """Hinge of two angles in degrees, in cosine distance."""
    return max(0.0, math.cos(math.radians(negative)) - math.cos(math.radians(positive)) + margin)


def loss_of(ids, *, weight=0.25, margin=0.3, own=slice(0, 4), sum_counts=lambda counts: counts):
    images, recipes = circle(*IMAGE_DEGREES), circle(*RECIPE_DEGREES)
    ids = torch.tensor(ids)
    loss = adamine(
        pairs_of(images, recipes, ids, own),
        margin=margin,
        semantic_weight=weight,
        sum_counts=sum_counts,
    )
    return float(loss)


# Instance triplets that cost something, all (own angle, other angle):
#   image 0: none; image 1: none of 60 (1/2 against 0.87 - 0.3); image 2: own 30, other 0 and 30;
#   image 3: own 60, other 60; recipe 0: none; recipe 1: own 30, other 0; recipe 2: none of 60
#   against 30; recipe 3: own 60, other 60 and 30.
INSTANCE = [(30, 0), (30, 30), (60, 60), (30, 0), (60, 60), (60, 30)]


def test_instance_term_is_the_mean_over_the_triplets_that_cost():
    """Six of the 24 triplets cost something, and their sum is divided by six."""
    expected = sum(hinge(*pair) for pair in INSTANCE) / 6
    assert all(hinge(*pair) > 0 for pair in INSTANCE)

    assert loss_of((0, 0, 0, 0)) == pytest.approx(expected)


# Categories 5, 5, 7 and background: semantic anchors are pairs 0 and 1, whose only positive is
# the other one and whose only negative is pair 2; pair 2 has no positive, pair 3 no category.
#   image 0: positive 90, negative 120   image 1: positive 60, negative 60
#   recipe 0: positive 60, negative 90   recipe 1: positive 90, negative 0
SEMANTIC = [(60, 60), (90, 0)]  # those that cost: 0.3, and 1 - 0 + 0.3


def test_semantic_term_by_hand():
    """Two of the four triplets of categories cost something."""
    assert [hinge(90, 120), hinge(60, 90)] == [0.0, 0.0]
    instance = sum(hinge(*pair) for pair in INSTANCE) / 6
    semantic = (0.3 + 1.3) / 2

    assert loss_of((5, 5, 7, 0)) == pytest.approx(instance + 0.25 * semantic)
    assert loss_of((5, 5, 7, 0), weight=0.0) == pytest.approx(instance)


def test_every_positive_meets_every_negative():
    """Categories 5, 5, 5 and 7: three anchors a side, each with two positives, one negative."""
    of_images = [(90, 120), (120, 120), (60, 60), (60, 60), (90, 30), (0, 30)]
    of_recipes = [(60, 180), (90, 180), (90, 90), (0, 90), (120, 60), (60, 60)]
    costs = [hinge(*pair) for pair in of_images + of_recipes]
    semantic = sum(costs) / sum(cost > 0 for cost in costs)
    instance = sum(hinge(*pair) for pair in INSTANCE) / 6

    assert loss_of((5, 5, 5, 7)) == pytest.approx(instance + 0.25 * semantic)


def test_margin_by_hand():
    """All 24 instance triplets, one at a time, under another margin."""
    costs = []
    for i, image in enumerate(IMAGE_DEGREES):
        for j, recipe in enumerate(RECIPE_DEGREES):
            if i != j:
                costs.append(hinge(abs(image - RECIPE_DEGREES[i]), abs(image - recipe), 0.9))
                costs.append(hinge(abs(recipe - IMAGE_DEGREES[j]), abs(recipe - image), 0.9))

    expected = sum(costs) / sum(cost > 0 for cost in costs)
    assert loss_of((0, 0, 0, 0), margin=0.9) == pytest.approx(expected)


def test_worker_divides_by_the_counts_of_all_workers():
    """Pair 3 alone: three of the six triplets are its own, and it stands for a quarter."""
    counts = []

    def sum_counts(own):
        counts.append(own.tolist())
        return torch.tensor([6, 2])

    found = loss_of((5, 5, 7, 0), own=slice(3, 4), sum_counts=sum_counts)

    assert counts == [[3, 0]]
    expected = (hinge(60, 60) + hinge(60, 60) + hinge(60, 30)) / 6
    assert found / 4 == pytest.approx(expected)  # a quarter of the anchors


@pytest.mark.parametrize("ids", [(0, 0, 0, 0), (5, 5, 5, 5), (5, 6, 7, 8)])
def test_without_semantic_triplets_the_instance_term_is_left(ids):
    """All background, all one category, all different: no positive, or no negative."""
    assert loss_of(ids) == loss_of((0, 0, 0, 0), weight=0.0)


def test_triplet_at_exactly_the_margin_costs_nothing():
    """Distances 0 and 2 with margin 2: the two rows at 0 degrees pay 2 for one another alone."""
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    ids = torch.tensor([1, 1, 2])

    loss = adamine(
        pairs_of(rows, rows, ids),
        margin=2.0,
        semantic_weight=0.5,
        sum_counts=lambda counts: counts,
    )

    assert float(loss) == 2.0


def test_nothing_that_costs_is_no_loss_and_no_gradient():
    rows = circle(0, 90, 180).requires_grad_()
    ids = torch.tensor([1, 1, 2])

    loss = adamine(
        pairs_of(rows, rows, ids),
        margin=0.5,
        semantic_weight=0.0,
        sum_counts=lambda counts: counts,
    )
    loss.backward()

    assert float(loss.detach()) == 0.0
    assert torch.equal(rows.grad, torch.zeros(3, 2, dtype=torch.float64))
