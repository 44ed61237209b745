import math

import pytest
import torch

from seje_ray.losses.discriminator_alignment import (
    bce_alignment,
    bce_discriminator_loss,
    wgan_alignment,
    wgan_discriminator_loss,
)

IMAGES = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
RECIPES = torch.tensor([[0.0, -1.0], [0.0, 1.0]])
MIX = torch.tensor([[0.25], [0.5]])


def linear(weights, bias):
    return lambda rows: rows @ weights + bias


def test_wgan_alignment_wants_high_scores():
    assert float(wgan_alignment(torch.tensor([1.0, 4.0]))) == -2.5


def test_wgan_loss_of_a_linear_discriminator_by_hand():
    """Its slope is (3, 4) everywhere, of length 5: the penalty is (5 - 1)^2 = 16."""
    discriminator = linear(torch.tensor([3.0, 4.0]), 2.0)
    # recipes: -4 + 2 and 4 + 2, mean 2; images: 3 + 2 and 4 + 2, mean 5.5
    expected = 2.0 - 5.5 + 0.5 * 16.0

    loss = wgan_discriminator_loss(discriminator, IMAGES, RECIPES, mix=MIX, penalty_weight=0.5)

    assert float(loss.detach()) == pytest.approx(expected)


def test_penalty_trains_the_discriminator():
    """d/dw of 0.5 (|w| - 1)^2 = (|w| - 1) w / |w| = 4 (0.6, 0.8); plus the scores' part."""
    weights = torch.tensor([3.0, 4.0], requires_grad=True)

    wgan_discriminator_loss(
        linear(weights, 0.0), IMAGES, RECIPES, mix=MIX, penalty_weight=0.5
    ).backward()

    scores_part = RECIPES.mean(0) - IMAGES.mean(0)
    torch.testing.assert_close(weights.grad, scores_part + 4.0 * torch.tensor([0.6, 0.8]))


def test_penalty_is_taken_between_image_and_recipe():
    """|x|^2 has the slope 2x, so its length tells where it was taken."""
    loss = wgan_discriminator_loss(
        lambda rows: rows.square().sum(1), IMAGES, RECIPES, mix=MIX, penalty_weight=3.0
    )

    # points: 0.25 (1, 0) + 0.75 (0, -1), of length sqrt 10 / 4; and (0, 1), of length 1
    penalty = ((math.sqrt(10) / 2 - 1) ** 2 + (2 - 1) ** 2) / 2
    assert float(loss.detach()) == pytest.approx(3.0 * penalty)  # all scores are 1, they cancel


def test_flat_discriminator_has_a_finite_gradient():
    weights = torch.zeros(2, requires_grad=True)

    loss = wgan_discriminator_loss(
        linear(weights, 0.0), IMAGES, RECIPES, mix=MIX, penalty_weight=10.0
    )
    loss.backward()

    assert float(loss.detach()) == 10.0  # (0 - 1)^2
    assert weights.grad.isfinite().all()


def test_penalty_gradient_equals_finite_differences():
    generator = torch.Generator().manual_seed(5)
    images, recipes = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)
    mix = torch.rand(4, 1, generator=generator, dtype=torch.float64)
    first, second = (
        torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in ((3, 5), (5,))
    )

    def loss(first, second):
        return wgan_discriminator_loss(
            lambda rows: torch.tanh(rows @ first) @ second,
            images,
            recipes,
            mix=mix,
            penalty_weight=10.0,
        )

    assert torch.autograd.gradcheck(loss, (first, second))


def test_bce_by_hand():
    """Logit log 3 is the probability 3/4 of an image."""
    three = math.log(3.0)

    # recipes taken for images with 3/4 and 1/2
    assert float(bce_alignment(torch.tensor([three, 0.0]))) == pytest.approx(
        (math.log(4 / 3) + math.log(2)) / 2
    )
    # images seen as such with 3/4; recipes seen as such with 1/4 and 1/2
    loss = bce_discriminator_loss(torch.tensor([three, three]), torch.tensor([three, 0.0]))
    assert float(loss) == pytest.approx(math.log(4 / 3) + (math.log(4) + math.log(2)) / 2)


def test_scores_of_any_size_stay_finite():
    """The log of an unbounded score, as once released, is NaN for every negative one."""
    scores = torch.tensor([-1e4, 1e4], requires_grad=True)

    losses = [wgan_alignment(scores), bce_alignment(scores), bce_discriminator_loss(scores, scores)]
    sum(losses).backward()

    assert all(loss.isfinite() for loss in losses)
    assert scores.grad.isfinite().all()


@pytest.mark.parametrize("alignment", [wgan_alignment, bce_alignment])
def test_nan_scores_show(alignment):
    assert alignment(torch.tensor([1.0, torch.nan])).isnan()


@pytest.mark.parametrize("alignment", [wgan_alignment, bce_alignment])
def test_recipe_side_raises_its_scores(alignment):
    scores = torch.tensor([-2.0, 0.0, 3.0], requires_grad=True)

    alignment(scores).backward()

    assert (scores.grad < 0).all()  # descent goes up
