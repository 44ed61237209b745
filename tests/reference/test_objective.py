"""The objective against slow twins: value and gradient.

The twins are plain loops over the formulas of docs/method.md, rules 5.1 to 5.5.
"""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seje_ray.losses.category_alignment import category_alignment, category_weights
from seje_ray.losses.discriminator_alignment import wgan_discriminator_loss
from seje_ray.losses.triplet import active_triplet_share, double_negative_triplet
from tests.unit.losses.worker_pairs import pairs_of


def distance(a, b):
    return (a - b).square().sum().sqrt()


def slow_gaps(anchors, candidates, categories, kind):
    """d(a, p) - d(a, n) of each anchor, one at a time."""
    gaps = []
    for i, anchor in enumerate(anchors):
        others = [j for j in range(len(candidates)) if j != i]
        if kind == "category":
            different = [j for j in others if categories[i] == 0 or categories[j] != categories[i]]
            others = different or others
        nearest = min(float(distance(anchor, candidates[j]).detach()) for j in others)
        (j, *_) = [j for j in others if float(distance(anchor, candidates[j]).detach()) == nearest]
        gaps.append(distance(anchor, candidates[i]) - distance(anchor, candidates[j]))
    return gaps


def slow_triplet(images, recipes, categories, *, scale, margin, negatives):
    kinds = ["instance", "category"] if negatives == "both" else [negatives]
    means = []
    for kind in kinds:
        gaps = slow_gaps(images, recipes, categories, kind)
        gaps += slow_gaps(recipes, images, categories, kind)
        means.append(sum(torch.log1p(torch.exp(scale * (g + margin))) for g in gaps) / len(gaps))
    return sum(means) / len(means)


def unit_pairs(seed, num_pairs, dim=4):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(2, num_pairs, dim, generator=generator, dtype=torch.float64)
    return [x.clone().requires_grad_() for x in torch.nn.functional.normalize(rows, dim=2)]


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**16),
    categories=st.lists(st.integers(0, 3), min_size=2, max_size=8),
    scale=st.floats(0.5, 20),
    margin=st.floats(0, 1),
    negatives=st.sampled_from(["instance", "category", "both"]),
)
def test_triplet_equals_its_twin_in_value_and_gradient(seed, categories, scale, margin, negatives):
    pairs = unit_pairs(seed, len(categories))
    ids = torch.tensor(categories)
    constants = {"scale": scale, "margin": margin, "negatives": negatives}

    loss = double_negative_triplet(pairs_of(*pairs, ids), **constants)

    expected = slow_triplet(*pairs, categories, **constants)
    torch.testing.assert_close(loss, expected)
    for found, wanted in zip(
        torch.autograd.grad(loss, pairs), torch.autograd.grad(expected, pairs), strict=True
    ):
        torch.testing.assert_close(found, wanted)


@given(seed=st.integers(0, 2**16), num_pairs=st.integers(3, 8), data=st.data())
def test_parts_of_a_batch_average_to_the_whole(seed, num_pairs, data):
    """What step.py relies on: B-weighted losses of any split are the loss of the batch."""
    cut = data.draw(st.integers(1, num_pairs - 1))
    images, recipes = unit_pairs(seed, num_pairs)
    ids = torch.arange(num_pairs) % 3
    constants = {"scale": 7.0, "margin": 0.2, "negatives": "both"}

    def loss(first, last):
        own = slice(first, last)
        return double_negative_triplet(pairs_of(images, recipes, ids, own), **constants)

    def share(first, last):
        own = slice(first, last)
        return active_triplet_share(pairs_of(images, recipes, own=own), margin=0.2)

    for value in (loss, share):
        parts = (cut * value(0, cut) + (num_pairs - cut) * value(cut, num_pairs)) / num_pairs
        torch.testing.assert_close(parts, value(0, num_pairs))


def test_triplet_gradient_equals_finite_differences():
    ids = torch.tensor([1, 1, 2, 0, 0])

    def loss(images, recipes):
        return double_negative_triplet(
            pairs_of(images, recipes, ids),
            scale=3.0,
            margin=0.2,
            negatives="both",
        )

    assert torch.autograd.gradcheck(loss, unit_pairs(1, 5))


@pytest.mark.parametrize("margin", [0.05, 0.4])
def test_active_share_equals_its_twin(margin):
    images, recipes = unit_pairs(2, 7)
    gaps = slow_gaps(images, recipes, [0] * 7, "instance")
    gaps += slow_gaps(recipes, images, [0] * 7, "instance")
    expected = sum(float(g.detach()) + margin >= 0 for g in gaps) / 14

    share = active_triplet_share(pairs_of(images, recipes), margin=margin)

    assert float(share) == pytest.approx(expected)


def slow_cross_entropy(logits, category):
    values = logits.tolist()
    return math.log(sum(math.exp(v) for v in values)) - values[category]


@given(
    seed=st.integers(0, 2**16),
    categories=st.lists(st.integers(0, 4), min_size=1, max_size=7),
    background_weight=st.just(0.0) | st.floats(1e-3, 2),  # float32 rounds the least ones to 0
)
def test_category_alignment_equals_its_twin(seed, categories, background_weight):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, len(categories), 5, generator=generator)
    ids = torch.tensor(categories)

    loss = category_alignment(
        *logits,
        ids,
        background_weight=background_weight,
        weight_sum=category_weights(ids, background_weight).sum(),
    )

    weights = [background_weight if c == 0 else 1.0 for c in categories]
    total = sum(
        w * slow_cross_entropy(branch[i], c)
        for branch in logits
        for i, (w, c) in enumerate(zip(weights, categories, strict=True))
    )
    expected = total / sum(weights) if sum(weights) > 0 else 0.0
    assert float(loss) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_wgan_loss_equals_its_twin():
    """The slope of a two-layer tanh network, written out per point."""
    generator = torch.Generator().manual_seed(4)
    images, recipes = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    first = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    second = torch.randn(4, generator=generator, dtype=torch.float64)
    mix = torch.rand(5, 1, generator=generator, dtype=torch.float64)

    def score(row):
        return sum(
            math.tanh(sum(float(row[d] * first[d, h]) for d in range(3))) * float(second[h])
            for h in range(4)
        )

    def slope(row):
        hidden = [math.tanh(sum(float(row[d] * first[d, h]) for d in range(3))) for h in range(4)]
        return [
            sum(float(first[d, h]) * (1 - hidden[h] ** 2) * float(second[h]) for h in range(4))
            for d in range(3)
        ]

    penalty = 0.0
    for image, recipe, share in zip(images, recipes, mix, strict=True):
        length = math.hypot(*slope(share * image + (1 - share) * recipe))
        penalty += (length - 1) ** 2 / 5
    expected = sum(map(score, recipes)) / 5 - sum(map(score, images)) / 5 + 4.0 * penalty

    loss = wgan_discriminator_loss(
        lambda rows: torch.tanh(rows @ first) @ second, images, recipes, mix=mix, penalty_weight=4.0
    )

    assert float(loss.detach()) == pytest.approx(expected)
