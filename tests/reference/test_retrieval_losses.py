"""The losses of ``loss.kind`` against slow twins: one anchor and one triplet at a time.

Values and gradients, on the rows before they are normalised: a cosine distance and half a squared
distance agree on the unit sphere, and differ in the direction that normalising takes away.
"""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seje_ray.losses.distances import pairwise_distances
from seje_ray.losses.pools import pool_bounds
from tests.unit.losses.every_loss import (
    KINDS,
    LOGIT_BIAS,
    LOGIT_SCALE,
    MARGIN,
    SCALE,
    SEMANTIC_WEIGHT,
    SHARE,
    loss_of,
    partners_of,
    unit_pairs,
)


def distance(a, b):
    return (a - b).square().sum().sqrt()


def cosine_distance(a, b):
    return 1 - (a * b).sum()


def relu(value):
    return value if float(value.detach()) > 0 else 0.0 * value


def mean(values):
    return sum(values) / len(values)


def is_same(ids, i, j):
    return ids[i] == ids[j] != 0


def sets_of_negatives(i, others, ids, negatives):
    of_another = [j for j in others if not is_same(ids, i, j)] or others
    return {"instance": [others], "category": [of_another], "both": [others, of_another]}[negatives]


def mined(anchor, candidates, i, among, kind):
    """What one anchor of a triplet loss costs with the negatives ``among``."""
    positive = distance(anchor, candidates[i])
    by_distance = sorted(among, key=lambda j: float(distance(anchor, candidates[j]).detach()))
    gaps = [positive - distance(anchor, candidates[j]) for j in by_distance]
    if kind == "soft_margin":
        return torch.log1p(torch.exp(SCALE * (gaps[0] + MARGIN)))
    if kind == "hinge_hardest":
        return relu(gaps[0] + MARGIN)
    if kind == "hinge_semi_hard":
        beyond = [gap for gap in gaps if float(gap.detach()) < 0]
        return relu((beyond[0] if beyond else gaps[-1]) + MARGIN)
    violating = [gap + MARGIN for gap in gaps if float(gap.detach()) + MARGIN > 0]
    return mean(violating) if violating else 0.0 * positive


def slow_triplets(kind, sides, ids, edges, negatives):
    costs = []
    for anchors, candidates in sides:
        for start, stop in pairwise(edges):
            for i in range(start, stop):
                others = [j for j in range(start, stop) if j != i]
                sets = sets_of_negatives(i, others, ids, negatives)
                parts = [mined(anchors[i], candidates, i, s, kind) for s in sets]
                shares = [1 - SHARE, SHARE] if negatives == "both" else [1.0]
                costs.append(sum(w * part for w, part in zip(shares, parts, strict=True)))
    return mean(costs)


def slow_adamine(sides, ids, edges):
    instance, semantic = [], []
    for anchors, candidates in sides:
        for start, stop in pairwise(edges):
            for i in range(start, stop):
                others = [j for j in range(start, stop) if j != i]
                instance += [(anchors[i], candidates[i], candidates[n]) for n in others]
                semantic += [
                    (anchors[i], candidates[p], candidates[n])
                    for p in others
                    for n in others
                    if is_same(ids, i, p) and ids[n] != 0 and not is_same(ids, i, n)
                ]
    total = 0.0 * sum(anchors.sum() for anchors, _ in sides)  # a tensor where nothing costs
    for weight, triplets in ((1.0, instance), (SEMANTIC_WEIGHT, semantic)):
        costs = [cosine_distance(a, p) - cosine_distance(a, n) + MARGIN for a, p, n in triplets]
        active = [cost for cost in costs if float(cost.detach()) > 0]
        total = total + weight * (sum(active) / max(1, len(active)))
    return total


def slow_contrastive(kind, sides, edges, scale, bias):
    costs = []
    for anchors, candidates in sides:
        for start, stop in pairwise(edges):
            for i in range(start, stop):
                logits = {j: scale * (anchors[i] @ candidates[j]) for j in range(start, stop)}
                if kind == "info_nce":
                    costs.append(torch.log(sum(map(torch.exp, logits.values()))) - logits[i])
                    continue
                signed = [
                    (z if j == i else -z) for j, z in ((j, x + bias) for j, x in logits.items())
                ]
                costs.append(sum(torch.log1p(torch.exp(-z)) for z in signed))
    return mean(costs)


def slow_pairwise(sides):
    partners = partners_of(len(sides[0][0])).tolist()
    costs = []
    for anchors, candidates in sides:
        for i, j in enumerate(partners):
            cosine = anchors[i] @ candidates[j]
            costs.append(1 - cosine if i == j else relu(cosine - MARGIN))
    return mean(costs)


def slow_loss(kind, images, recipes, ids, pool, negatives, scale, bias):
    sides = ((images, recipes), (recipes, images))
    edges = pool_bounds(len(images), pool)
    if kind == "pairwise_cosine":
        return slow_pairwise(sides)
    if kind in ("info_nce", "sigmoid"):
        return slow_contrastive(kind, sides, edges, scale, bias)
    if kind == "adamine":
        return slow_adamine(sides, ids, edges)
    return slow_triplets(kind, sides, ids, edges, negatives)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**16),
    ids=st.lists(st.integers(0, 3), min_size=2, max_size=9),
    pool=st.one_of(st.none(), st.integers(3, 9)),
    negatives=st.sampled_from(["instance", "category", "both"]),
)
def test_loss_equals_its_twin_in_value_and_gradient(kind, seed, ids, pool, negatives):
    raw = [x.requires_grad_() for x in unit_pairs(seed, len(ids))]
    pairs = [torch.nn.functional.normalize(x, dim=1) for x in raw]
    scale = torch.tensor(LOGIT_SCALE, dtype=torch.float64, requires_grad=True)
    bias = torch.tensor(LOGIT_BIAS, dtype=torch.float64, requires_grad=True)
    inputs = [*raw, scale, bias]

    found = loss_of(
        kind, *pairs, torch.tensor(ids),
        pool=pool, negatives=negatives, logit_scale=scale, logit_bias=bias,
    )  # fmt: skip

    expected = slow_loss(kind, *pairs, ids, pool, negatives, scale, bias)
    torch.testing.assert_close(found, expected)
    gradients = zip(
        torch.autograd.grad(found, inputs, allow_unused=True, retain_graph=True),
        torch.autograd.grad(expected, inputs, allow_unused=True),
        strict=True,
    )
    for ours, theirs in gradients:
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("pool", [None, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_equals_finite_differences(kind, pool):
    ids = torch.tensor([1, 1, 2, 0, 2, 1, 2])

    def loss(images, recipes):
        return loss_of(kind, images, recipes, ids, pool=pool)

    assert torch.autograd.gradcheck(loss, [x.requires_grad_() for x in unit_pairs(5, 7)])


def test_gradient_of_all_distances_equals_finite_differences():
    """Ours is a matrix product, in groups too."""
    anchors, candidates = torch.randn(
        2, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    ).requires_grad_()

    assert torch.autograd.gradcheck(pairwise_distances, [anchors, candidates[:, :2]])
