import math

import pytest
import torch

from seje_ray.losses.info_nce import info_nce
from tests.unit.losses.every_loss import unit_pairs
from tests.unit.losses.worker_pairs import pairs_of

# Cosines of image i (rows) and recipe j (columns): [[1, 0], [0, -1]].
IMAGES = torch.eye(2)
RECIPES = torch.tensor([[1.0, 0.0], [0.0, -1.0]])


def loss_of(scale, own=slice(0, 2)):
    return info_nce(
        pairs_of(IMAGES, RECIPES, own=own),
        logit_scale=torch.as_tensor(scale),
    )


def test_loss_by_hand():
    """With e^s = 2 pair 0 is named with 2 / (2 + 1), pair 1 with (1/2) / (1/2 + 1), both ways."""
    loss = loss_of(math.log(2))

    assert float(loss) == pytest.approx((math.log(3 / 2) + math.log(3)) / 2)


def test_worker_names_its_pair_among_all():
    assert float(loss_of(math.log(2), slice(1, 2))) == pytest.approx(math.log(3))


def test_gradient_of_the_scale_by_hand():
    """d/ds of -log softmax is the mean cosine under the softmax less the own one."""
    scale = torch.tensor(math.log(2), requires_grad=True)

    loss_of(scale).backward()

    # pair 0: 2/3 * 1 + 1/3 * 0 - 1; pair 1: 2/3 * 0 + 1/3 * -1 + 1
    assert float(scale.grad) == pytest.approx((-1 / 3 + 2 / 3) / 2)


def test_large_scales_stay_finite():
    """100 is CLIP's largest: pair 1 pays the whole gap of 100."""
    assert float(loss_of(100.0)) == pytest.approx(50.0)


def test_more_candidates_cost_more():
    images, recipes = unit_pairs(0, 12)

    def loss(pool):
        return info_nce(
            pairs_of(images, recipes),
            logit_scale=torch.tensor(5.0),
            mining_pool=pool,
        )

    assert loss(3) < loss(6) < loss(None)
