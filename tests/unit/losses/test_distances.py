import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seje_ray.losses.distances import (
    cosine_distances,
    pairwise_cosines,
    pairwise_distances,
    row_distances,
)


def test_distances_by_hand():
    """A 3-4-5 triangle, and a point on top of another."""
    anchors = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    candidates = torch.tensor([[3.0, 4.0], [0.0, 4.0], [3.0, 0.0]])

    expected = torch.tensor([[5.0, 4.0, 3.0], [0.0, 3.0, 4.0]])
    torch.testing.assert_close(pairwise_distances(anchors, candidates), expected)
    torch.testing.assert_close(row_distances(anchors, candidates[:2]), torch.tensor([5.0, 3.0]))


@given(
    rows=hnp.arrays(
        np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=st.floats(-2, 2, width=16)
    )
)
def test_distances_equal_plain_ones(rows):
    candidates = rows[::-1].copy()

    found = pairwise_distances(torch.from_numpy(rows), torch.from_numpy(candidates))

    expected = [[math.dist(a, b) for b in candidates] for a in rows]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    paired = row_distances(torch.from_numpy(rows), torch.from_numpy(candidates))
    torch.testing.assert_close(paired, found.diagonal())


def test_near_equal_rows_keep_their_digits():
    """In float32 the square root of 2 - 2 cos knows nothing below about 3e-4."""
    anchors = torch.nn.functional.normalize(torch.arange(1.0, 65.0)[None], dim=1).repeat(40, 1)
    candidates = anchors.clone()
    candidates[:, 0] += 1e-5

    distances = pairwise_distances(anchors, candidates)

    torch.testing.assert_close(distances, torch.full((40, 40), 1e-5), rtol=1e-3, atol=0.0)


def test_distance_does_not_depend_on_the_other_rows():
    """What lets any number of workers mine the same negatives."""
    rows = torch.randn(60, 33, generator=torch.Generator().manual_seed(0))

    whole = pairwise_distances(rows, rows.flip(0))

    assert torch.equal(pairwise_distances(rows[7:9], rows.flip(0)), whole[7:9])


@pytest.mark.parametrize("distance", [pairwise_distances, row_distances])
def test_gradient_at_distance_zero_is_zero(distance):
    rows = torch.tensor([[0.6, 0.8]], requires_grad=True)

    distance(rows, rows.detach().clone()).sum().backward()

    assert torch.equal(rows.grad, torch.zeros(1, 2))


def test_gradient_is_the_unit_difference():
    """d |a - b| / da = (a - b) / |a - b|, here (3, 4) / 5."""
    rows = torch.tensor([[3.0, 4.0]], requires_grad=True)

    row_distances(rows, torch.zeros(1, 2)).sum().backward()

    torch.testing.assert_close(rows.grad, torch.tensor([[0.6, 0.8]]))


def test_gradient_of_all_distances_is_torchs():
    """Ours is a matrix product; torch's own holds every difference on CUDA."""
    generator = torch.Generator().manual_seed(0)
    anchors, candidates, weights = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((5, 3), (4, 3), (5, 4))
    )
    both = [anchors.requires_grad_(), candidates.requires_grad_()]

    found = torch.autograd.grad((pairwise_distances(*both) * weights).sum(), both)

    expected = torch.autograd.grad((torch.cdist(*both) * weights).sum(), both)
    for ours, torchs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, torchs)


@pytest.mark.parametrize("compare", [pairwise_distances, pairwise_cosines])
def test_groups_are_compared_within_themselves(compare):
    rows = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    anchors, candidates = rows[0], rows[1, :, :2]

    found = compare(anchors, candidates)

    assert found.shape == (3, 4, 2)
    for group in range(3):
        torch.testing.assert_close(found[group], compare(anchors[group], candidates[group]))


def test_cosines_by_hand():
    """Unit rows 60 and 180 degrees apart: cosines 1/2 and -1, distances 1 and 2."""
    anchors = torch.tensor([[1.0, 0.0]])
    candidates = torch.tensor([[0.5, 0.75**0.5], [-1.0, 0.0]])

    cosines = pairwise_cosines(anchors, candidates)

    torch.testing.assert_close(cosines, torch.tensor([[0.5, -1.0]]))
    distances = cosine_distances(pairwise_distances(anchors, candidates))
    torch.testing.assert_close(distances, 1 - cosines)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\(B, D\) and candidates \(M, D\), got \(2, 3\) and"):
        pairwise_distances(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"\(B, D\), got \(2, 3\) and \(1, 3\)"):
        row_distances(torch.zeros(2, 3), torch.zeros(1, 3))
    with pytest.raises(ValueError, match="2 groups of anchors, 1 of candidates"):
        pairwise_distances(torch.zeros(2, 4, 3), torch.zeros(1, 5, 3))
