"""What holds for every retrieval loss: invariances, workers, pools, degenerate batches."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seje_ray.losses.pools import pool_bounds
from seje_ray.losses.triplet import active_triplet_share
from tests.unit.losses.every_loss import (
    KINDS,
    LOGIT_BIAS,
    LOGIT_SCALE,
    MARGIN,
    POOLED,
    SCALE,
    SEMANTIC_WEIGHT,
    loss_of,
    partners_of,
    unit_pairs,
)
from tests.unit.losses.worker_pairs import pairs_of

IDS = torch.tensor([0, 1, 1, 2, 2, 2, 0, 3, 1, 2, 1])
every_kind = pytest.mark.parametrize("kind", KINDS)
every_pooled_kind = pytest.mark.parametrize("kind", POOLED)


def softplus(value):
    return math.log1p(math.exp(value))


@every_kind
def test_swapped_modalities_lose_the_same(kind):
    images, recipes = unit_pairs(0, 11)

    torch.testing.assert_close(
        loss_of(kind, recipes, images, IDS), loss_of(kind, images, recipes, IDS)
    )


@every_kind
def test_the_order_of_pairs_does_not_matter(kind):
    images, recipes = unit_pairs(1, 11)
    order = torch.randperm(11, generator=torch.Generator().manual_seed(2))
    place = order.argsort()  # old row i is now row place[i]
    moved = place[partners_of(11)[order]]

    torch.testing.assert_close(
        loss_of(kind, images[order], recipes[order], IDS[order], partners=moved),
        loss_of(kind, images, recipes, IDS),
    )


@pytest.mark.parametrize("pool", [None, 3, 4, 7])
@every_kind
def test_parts_of_workers_average_to_the_whole(kind, pool):
    """Values and gradients, of workers that begin and end inside pools."""
    rows = [x.requires_grad_() for x in unit_pairs(3, 11)]
    counts = []
    whole = loss_of(kind, *rows, IDS, pool=pool, sum_counts=lambda c: counts.append(c) or c)
    expected = torch.autograd.grad(whole, rows)
    seen = []

    def global_counts(own):
        seen.append(own)
        return counts[0]

    for sizes in ((11,), (7, 4), (1, 5, 2, 3)):
        seen.clear()
        total, first = 0.0, 0
        for size in sizes:
            own = slice(first, first + size)
            part = loss_of(kind, *rows, IDS, own=own, pool=pool, sum_counts=global_counts)
            total, first = total + part * size / 11, first + size

        torch.testing.assert_close(total, whole)
        for found, wanted in zip(torch.autograd.grad(total, rows), expected, strict=True):
            torch.testing.assert_close(found, wanted)
        if kind == "adamine":
            assert torch.equal(sum(seen), counts[0])


@every_pooled_kind
def test_pools_are_batches_of_their_own(kind):
    """The loss over pools is that of each pool alone, averaged over the anchors."""
    images, recipes = unit_pairs(4, 11)
    counts = []

    def loss(rows, pool=None):
        def noted(own):
            counts.append(own)
            return torch.ones(2, dtype=torch.int64)  # sums instead of AdaMine's global means

        return loss_of(kind, images[rows], recipes[rows], IDS[rows], pool=pool, sum_counts=noted)

    whole = loss(slice(None), pool=4)

    edges = pool_bounds(11, 4)
    assert edges == [0, 3, 7, 11]
    parts = [loss(slice(*ends)) for ends in itertools.pairwise(edges)]
    weights = [1.0] * 3 if kind == "adamine" else [3 / 11, 4 / 11, 4 / 11]
    torch.testing.assert_close(whole, sum(w * part for w, part in zip(weights, parts, strict=True)))
    if kind == "adamine":
        assert torch.equal(counts[0], sum(counts[1:]))


@every_pooled_kind
def test_a_pool_of_the_whole_batch_is_no_pool_bit_for_bit(kind):
    rows = [x.float().requires_grad_() for x in unit_pairs(5, 11, dim=33)]

    without = loss_of(kind, *rows, IDS)
    expected = torch.autograd.grad(without, rows)

    for pool in (11, 12, 5000):
        loss = loss_of(kind, *rows, IDS, pool=pool)
        assert torch.equal(loss, without)
        for found, wanted in zip(torch.autograd.grad(loss, rows), expected, strict=True):
            assert torch.equal(found, wanted)


@every_pooled_kind
def test_a_smaller_pool_changes_the_loss(kind):
    images, recipes = unit_pairs(6, 11)

    assert loss_of(kind, images, recipes, IDS, pool=4) != loss_of(kind, images, recipes, IDS)


@every_pooled_kind
def test_another_pool_sends_no_gradient(kind):
    """Rows 0 to 2 are a pool: their loss knows nothing of row 8."""
    rows = [x.requires_grad_() for x in unit_pairs(7, 11)]

    loss_of(kind, *rows, IDS, own=slice(0, 3), pool=4).backward()

    for x in rows:
        assert (x.grad[:3].abs().sum(dim=1) > 0).any()
        assert torch.equal(x.grad[3:], torch.zeros(8, 4, dtype=torch.float64))


def collapsed_loss(kind, num_candidates):
    """All distances are 0 and all similarities 1."""
    logit = LOGIT_SCALE + LOGIT_BIAS
    return {
        "soft_margin": softplus(SCALE * MARGIN),
        "hinge_average": MARGIN,
        "hinge_hardest": MARGIN,
        "hinge_semi_hard": MARGIN,
        "adamine": MARGIN * (1 + SEMANTIC_WEIGHT),
        "pairwise_cosine": (1 - MARGIN) * 7 / 11,  # four of eleven meet their own pair
        "info_nce": math.log(num_candidates),
        "sigmoid": softplus(-logit) + (num_candidates - 1) * softplus(logit),
    }[kind]


@every_kind
def test_a_collapsed_model_loses_what_chance_does_and_gets_a_finite_gradient(kind):
    same = torch.full((11, 4), 0.5, requires_grad=True)

    loss = loss_of(kind, same, same, IDS)
    loss.backward()

    assert float(loss.detach()) == pytest.approx(collapsed_loss(kind, 11), rel=1e-5)
    assert same.grad.isfinite().all()


@pytest.mark.parametrize("kind", ["info_nce", "sigmoid"])
def test_padding_is_no_candidate(kind):
    """Six of ten anchors have three candidates, four have four."""
    same = torch.full((10, 4), 0.5)

    loss = loss_of(kind, same, same, IDS[:10], pool=4)

    # Pools of at most 4 are of 3, 3 and 4 rows.
    expected = (6 * collapsed_loss(kind, 3) + 4 * collapsed_loss(kind, 4)) / 10
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("pool", [None, 4])
@pytest.mark.parametrize("side", [0, 1])
@every_kind
def test_nan_of_an_own_row_makes_the_loss_nan(kind, side, pool):
    for row in range(11):
        rows = list(unit_pairs(8, 11))
        rows[side][row, 0] = torch.nan

        assert loss_of(kind, *rows, IDS, pool=pool).isnan(), row


@pytest.mark.parametrize("pool", [None, 3])
@every_kind
def test_one_pair_has_no_negative(kind, pool):
    images, recipes = unit_pairs(9, 1)

    with pytest.raises(ValueError, match="2 candidates, got 1 and 1"):
        loss_of(kind, images, recipes, IDS[:1], pool=pool)


@every_kind
def test_two_pairs_are_enough(kind):
    images, recipes = unit_pairs(9, 2)

    assert loss_of(kind, images, recipes, IDS[:2], pool=3).isfinite()


@pytest.mark.parametrize("category", [0, 5])
@pytest.mark.parametrize("kind", ["soft_margin", "hinge_average", "hinge_hardest"])
def test_one_category_leaves_the_instance_negatives(kind, category):
    images, recipes = unit_pairs(10, 11)
    same = torch.full((11,), category)

    found = loss_of(kind, images, recipes, same, negatives="category")

    assert torch.equal(found, loss_of(kind, images, recipes, IDS, negatives="instance"))


@pytest.mark.parametrize("kind", POOLED)
def test_a_pool_below_three_is_refused(kind):
    with pytest.raises(ValueError, match="at least 3 rows, got 2"):
        loss_of(kind, *unit_pairs(0, 11), IDS, pool=2)


@every_kind
def test_rows_that_are_not_among_the_candidates_are_refused(kind):
    images, recipes = unit_pairs(0, 4)

    with pytest.raises(ValueError, match=r"got \(4, 4\) and \(3, 4\)"):
        loss_of(kind, images, recipes[:3], IDS[:4])


@settings(max_examples=20)
@given(seed=st.integers(0, 2**16), pool=st.integers(3, 12))
def test_active_share_of_pools_is_the_mean_of_each_alone(seed, pool):
    images, recipes = unit_pairs(seed, 11)

    def share(rows, pool=None):
        pairs = pairs_of(images[rows], recipes[rows])
        return float(active_triplet_share(pairs, margin=0.3, mining_pool=pool))

    edges = pool_bounds(11, pool)
    parts = [
        (stop - start) * share(slice(start, stop)) for start, stop in itertools.pairwise(edges)
    ]
    assert share(slice(None), pool) == pytest.approx(sum(parts) / 11)
