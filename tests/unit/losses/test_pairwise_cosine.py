import math

import pytest
import torch
from torch.nn import functional as F

from seje_ray.losses.pairwise_cosine import draw_partners, pairwise_cosine
from tests.unit.losses.every_loss import unit_pairs
from tests.unit.losses.worker_pairs import pairs_of

# Images at 0 and 60 degrees, recipes at 60 and 0: cosines 1/2 with the own one, 1 with the other.
IMAGES = torch.tensor([[1.0, 0.0], [0.5, math.sqrt(3) / 2]])
RECIPES = IMAGES.flip(0)


def loss_of(partners, margin=0.25, own=slice(0, 2)):
    loss = pairwise_cosine(
        pairs_of(IMAGES, RECIPES, own=own),
        partners=torch.tensor(partners),
        margin=margin,
    )
    return float(loss)


def test_loss_by_hand():
    """Pair 0 meets its own (1 - 1/2, both ways), pair 1 the other (1 - margin, both ways)."""
    assert loss_of([0, 0]) == pytest.approx((0.5 + 0.75) / 2)
    assert loss_of([0, 1]) == pytest.approx(0.5)
    assert loss_of([1, 0], margin=0.5) == pytest.approx(0.5)


def test_worker_reads_the_partners_of_its_own_rows():
    """The worker holds pair 1, which meets pair 0."""
    assert loss_of([0, 0], own=slice(1, 2)) == pytest.approx(0.75)


def test_mismatch_within_the_margin_is_free():
    """Opposite rows, and perpendicular ones: cosines -1 and 0, both below 0.1."""
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    recipes = torch.tensor([[0.0, -1.0], [0.0, 1.0]])

    loss = pairwise_cosine(
        pairs_of(images, recipes),
        partners=torch.tensor([1, 0]),
        margin=0.1,
    )
    loss.backward()

    assert float(loss.detach()) == 0.0
    assert torch.equal(images.grad, torch.zeros(2, 2))


@pytest.mark.parametrize("margin", [-0.2, 0.1, 0.7])
def test_loss_is_torchs_cosine_embedding_loss_of_both_directions(margin):
    images, recipes = unit_pairs(0, 9)
    partners = draw_partners(9, 0.4, torch.Generator().manual_seed(3))
    targets = torch.where(partners == torch.arange(9), 1, -1)
    assert set(targets.tolist()) == {1, -1}

    found = pairwise_cosine(pairs_of(images, recipes), partners=partners, margin=margin)

    expected = [
        F.cosine_embedding_loss(anchors, others[partners], targets, margin=margin)
        for anchors, others in ((images, recipes), (recipes, images))
    ]
    torch.testing.assert_close(found, sum(expected) / 2)


def test_shares_of_the_draw():
    """Of 20,000 pairs a fifth meet their own, within five standard deviations (0.014)."""
    partners = draw_partners(20_000, 0.2, torch.Generator().manual_seed(0))

    own = partners == torch.arange(20_000)
    assert abs(own.double().mean() - 0.2) < 0.015
    assert partners.min() >= 0
    assert partners.max() < 20_000


@pytest.mark.parametrize(("share", "is_own"), [(0.0, False), (1.0, True)])
def test_ends_of_the_share(share, is_own):
    partners = draw_partners(500, share, torch.Generator().manual_seed(0))

    assert ((partners == torch.arange(500)) == is_own).all()


def test_mismatches_are_uniform_over_the_others():
    """Pair 1 of three meets 0 and 2 alike, and never itself."""
    generator = torch.Generator().manual_seed(0)

    drawn = torch.stack([draw_partners(3, 0.0, generator) for _ in range(2000)])

    assert drawn[:, 1].unique().tolist() == [0, 2]
    assert abs((drawn[:, 1] == 0).double().mean() - 0.5) < 0.06


def test_same_seed_draws_the_same():
    draws = [draw_partners(50, 0.3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]

    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_partners_of_other_batches_are_refused():
    with pytest.raises(ValueError, match=r"expected 2 partners, got \(3,\)"):
        loss_of([0, 1, 2])
