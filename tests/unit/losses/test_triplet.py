"""Points at known angles: every distance is known."""

import math

import pytest
import torch

from seje_ray.losses.triplet import (
    active_triplet_share,
    double_negative_triplet,
    soft_margin_triplet,
)
from tests.unit.losses.worker_pairs import pairs_of

# Images at 0 and 90 degrees, recipes at 0 and 180.
IMAGES = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
RECIPES = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])


def loss_of(images, recipes, categories, *, first=0, num_own=None, scale=2.0, margin=0.5, **kind):
    """The loss of a worker that holds ``num_own`` of the given pairs from ``first`` on."""
    own = slice(first, first + (len(images) if num_own is None else num_own))
    return double_negative_triplet(
        pairs_of(images, recipes, torch.tensor(categories), own),
        scale=scale,
        margin=margin,
        **{"negatives": "instance", **kind},
    )


def softplus(value):
    return math.log1p(math.exp(value))


def circle(*degrees):
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def chord(degrees):
    """Distance of two points of the unit circle that lie so far apart."""
    return 2 * math.sin(math.radians(degrees) / 2)


def test_soft_margin_by_hand():
    """Gaps 1 - 2 + 0.5 and 2 - 2 + 0.5 under scale 4."""
    loss = soft_margin_triplet(
        torch.tensor([1.0, 2.0]), torch.tensor([2.0, 2.0]), scale=4.0, margin=0.5
    )

    assert float(loss) == pytest.approx((softplus(-2.0) + softplus(2.0)) / 2)


def test_instance_negatives_by_hand():
    # d(image, recipe) = [[0, 2], [sqrt 2, sqrt 2]]; positives are the diagonal.
    # image anchors:  0 - 2       = -2        sqrt2 - sqrt2 = 0
    # recipe anchors: 0 - sqrt2   = -sqrt2    sqrt2 - 2     = sqrt2 - 2
    gaps = [-2.0, 0.0, -(2**0.5), 2**0.5 - 2]
    expected = sum(softplus(2.0 * (gap + 0.5)) for gap in gaps) / 4

    assert float(loss_of(IMAGES, RECIPES, [1, 2])) == pytest.approx(expected)


# Image i lies on recipe i; categories: 0 and 10 degrees share one, 90 has another.
POINTS = circle(0, 10, 90)
INSTANCE = [chord(10), chord(10), chord(80)]  # nearest other point of 0, 10 and 90
CATEGORY = [chord(90), chord(80), chord(80)]  # nearest of the other category


def expected_loss(negatives, scale=2.0, margin=0.5):
    """Positives lie at distance 0, and both directions are alike."""
    return sum(softplus(scale * (margin - d)) for d in negatives) / len(negatives)


def test_category_negatives_by_hand():
    loss = loss_of(POINTS, POINTS, [7, 7, 3], negatives="category")

    assert float(loss) == pytest.approx(expected_loss(CATEGORY))


def test_both_is_the_mean_of_the_two_losses():
    loss = loss_of(POINTS, POINTS, [7, 7, 3], negatives="both", scale=3.0, margin=0.1)

    instance = expected_loss(INSTANCE, scale=3.0, margin=0.1)
    category = expected_loss(CATEGORY, scale=3.0, margin=0.1)
    assert float(loss) == pytest.approx((instance + category) / 2)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_share_of_category_negatives_by_hand(share):
    """0 and 1 are the losses of one kind alone; it weighs nothing where one kind is taken."""
    instance, category = expected_loss(INSTANCE), expected_loss(CATEGORY)
    given = {"category_share": share}

    both = loss_of(POINTS, POINTS, [7, 7, 3], negatives="both", **given)

    assert float(both) == pytest.approx((1 - share) * instance + share * category)
    alone = loss_of(POINTS, POINTS, [7, 7, 3], negatives="category", **given)
    assert float(alone) == pytest.approx(category)


def test_a_share_beyond_its_range_is_refused():
    with pytest.raises(ValueError, match=r"category_share must be in \[0, 1\], got 1.5"):
        loss_of(POINTS, POINTS, [7, 7, 3], negatives="both", category_share=1.5)


def test_background_recipes_are_negatives_of_each_other():
    """0 and 10 degrees are both background: not the same category, so the nearest is taken."""
    loss = loss_of(POINTS, POINTS, [0, 0, 3], negatives="category")

    assert float(loss) == pytest.approx(expected_loss(INSTANCE))


def test_without_another_category_the_instance_negative_is_taken():
    loss = loss_of(POINTS, POINTS, [5, 5, 5], negatives="category")

    assert float(loss) == pytest.approx(expected_loss(INSTANCE))


def test_worker_looks_among_all_candidates_but_anchors_only_its_own():
    """The worker holds pairs 1 and 2; anchor 10 degrees finds 0 degrees on another worker."""
    loss = loss_of(POINTS, POINTS, [7, 7, 3], first=1, num_own=2)

    assert float(loss) == pytest.approx(expected_loss(INSTANCE[1:]))


def test_positive_is_the_own_pair_not_the_candidate_of_the_same_number():
    """Pair 1 of three, image at 40 and recipe at 50 degrees: d(a, p) is 10 degrees."""
    images, recipes = circle(0, 40, 120), circle(0, 50, 120)

    loss = loss_of(images, recipes, [1, 2, 3], first=1, num_own=1)

    gaps = [chord(10) - chord(40), chord(10) - chord(50)]  # nearest others: recipe 0, image 0
    assert float(loss) == pytest.approx(sum(softplus(2 * (gap + 0.5)) for gap in gaps) / 2)


@pytest.mark.parametrize("negatives", ["instance", "category", "both"])
def test_collapsed_model_loses_log_of_one_plus_the_margin_and_gets_a_finite_gradient(negatives):
    """All distances are 0: every triplet costs softplus(scale * margin)."""
    same = torch.full((5, 4), 0.5, requires_grad=True)

    loss = loss_of(same, same, [1, 1, 2, 0, 0], scale=4.0, margin=0.25, negatives=negatives)
    loss.backward()

    assert float(loss.detach()) == pytest.approx(softplus(1.0))
    assert torch.equal(same.grad, torch.zeros(5, 4))


@pytest.mark.parametrize("negatives", ["instance", "category", "both"])
@pytest.mark.parametrize("row", [0, 1, 2])
@pytest.mark.parametrize("side", [0, 1])
def test_nan_embedding_makes_the_loss_nan(negatives, row, side):
    sides = [POINTS.clone(), POINTS.clone()]
    sides[side][row, 0] = torch.nan

    assert loss_of(*sides, [7, 7, 3], negatives=negatives).isnan()


def test_order_of_pairs_and_swap_of_modalities_do_not_matter():
    generator = torch.Generator().manual_seed(3)
    images, recipes = torch.nn.functional.normalize(
        torch.randn(2, 9, 4, generator=generator, dtype=torch.float64), dim=2
    )
    ids = [0, 1, 1, 2, 2, 2, 0, 3, 1]
    order = torch.randperm(9, generator=generator)

    loss = loss_of(images, recipes, ids, negatives="both")

    moved = [ids[i] for i in order]
    torch.testing.assert_close(loss_of(recipes, images, ids, negatives="both"), loss)
    torch.testing.assert_close(
        loss_of(images[order], recipes[order], moved, negatives="both"), loss
    )


def test_unknown_negatives_are_refused():
    with pytest.raises(ValueError, match="instance, category or both, got 'hard'"):
        loss_of(IMAGES, RECIPES, [1, 2], negatives="hard")


def test_one_pair_has_no_negative():
    with pytest.raises(ValueError, match="2 candidates, got 1 and 1"):
        loss_of(IMAGES[:1], RECIPES[:1], [1])
    with pytest.raises(ValueError, match="2 candidates, got 1 and 1"):
        active_triplet_share(pairs_of(IMAGES[:1], RECIPES[:1]), margin=0.0)


@pytest.mark.parametrize(
    ("margin", "share"),
    [
        (0.1, 0.25),  # gaps -2, 0, -sqrt 2, sqrt 2 - 2 = -0.59: 0 alone is within the margin
        (0.6, 0.5),  # and -0.59
        (1.5, 0.75),  # and -1.41
        (2.0, 1.0),
    ],
)
def test_active_share_by_hand(margin, share):
    found = active_triplet_share(pairs_of(IMAGES, RECIPES), margin=margin)

    assert float(found) == share


def test_active_share_of_a_part_of_the_batch():
    """The worker's one pair is number 1: gaps 0 and sqrt 2 - 2."""
    found = active_triplet_share(pairs_of(IMAGES, RECIPES, own=slice(1, 2)), margin=0.1)

    assert float(found) == 0.5


def test_in_a_collapsed_model_every_triplet_is_active():
    same = torch.full((4, 3), 0.5)

    share = active_triplet_share(pairs_of(same, same), margin=0.0)

    assert float(share) == 1.0


def test_active_share_of_nan_is_nan_and_carries_no_gradient():
    broken = IMAGES.clone().requires_grad_()
    share = active_triplet_share(pairs_of(broken, RECIPES), margin=0.1)
    assert not share.requires_grad

    images = torch.full((2, 2), torch.nan)
    assert active_triplet_share(pairs_of(images, RECIPES), margin=0.1).isnan()
